// Finds and runs the system file. Whatever is wrong with it is told with its place in the file, not with a stack trace.
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { MillraceError } from '../lib/errors.ts'
import { describe } from './inspection.ts'
import { isSystem, type System } from './system.ts'

/** Names of a system file, the preferred one first. */
export const systemFileNames = [
  'millrace.config.ts',
  'millrace.config.mts',
  'millrace.config.js',
  'millrace.config.mjs',
]

/**
 * The system of a file, or of the nearest system file in a folder and those above it.
 *
 * @param path a file or a folder; the working directory where it is left out
 * @throws MillraceError CONFIG_NOT_FOUND, CONFIG_NOT_LOADED, CONFIG_NO_SYSTEM, CONFIG_INVALID
 */
export async function loadSystem(path = '.'): Promise<System & Required<Pick<System, 'folder' | 'file'>>> {
  const file = findSystemFile(resolve(path))
  const shownFile = relative(process.cwd(), file) || file
  const loaded = await importFile(file, shownFile)
  if (!isSystem(loaded.default)) throw noSystem(loaded, shownFile)
  return { ...loaded.default, folder: dirname(file), file }
}

function findSystemFile(path: string): string {
  if (existsSync(path) && statSync(path).isFile()) return path
  for (let folder = path; ; folder = dirname(folder)) {
    const found = systemFileNames.map((name) => join(folder, name)).find((file) => existsSync(file))
    if (found !== undefined) return found
    if (folder === dirname(folder)) break
  }
  const isFolder = existsSync(path)
  throw new MillraceError(
    'CONFIG_NOT_FOUND',
    isFolder ? `There is no ${systemFileNames[0]} in ${path} or in a folder above.` : `There is no file ${path}.`,
    { fix: 'Run "millrace init" to make a new project, or go to the folder of one.' },
  )
}

async function importFile(file: string, shownFile: string): Promise<{ readonly default?: unknown }> {
  try {
    return await import(/* @vite-ignore */ pathToFileURL(file).href)
  } catch (error) {
    if (error instanceof MillraceError) {
      const { fix, problems } = error
      throw new MillraceError(error.code, `${shownFile}: ${error.message}`, {
        ...(fix !== undefined && { fix }),
        problems,
        cause: error,
      })
    }
    throw notLoaded(error, file, shownFile)
  }
}

function notLoaded(error: unknown, file: string, shownFile: string): MillraceError {
  const message = error instanceof Error ? error.message : `it threw ${describe(error)}.`
  if (error instanceof SyntaxError) {
    const { place, excerpt } = syntaxErrorPlace(error, file)
    return new MillraceError('CONFIG_NOT_LOADED', `${shownFile}${place}: ${message}${excerpt}`, {
      fix: 'Correct the syntax. Only TypeScript that can be stripped is allowed: no enum, no namespace, no parameter properties.',
      cause: error,
    })
  }
  const isMissingModule = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND'
  return new MillraceError('CONFIG_NOT_LOADED', `${shownFile}${thrownAt(error, file)}: ${message}`, {
    fix: isMissingModule ? 'Run "npm install", and check the spelling of the import.' : 'Correct the system file.',
    cause: error,
  })
}

/** `:line:column` and the line itself, as far as Node.js tells them. */
function syntaxErrorPlace(error: SyntaxError, file: string): { place: string; excerpt: string } {
  // Errors of plain JavaScript tell their place only when Node.js prints them itself.
  const report = hasPlace(error.stack)
    ? error.stack
    : spawnSync(process.execPath, ['--check', file], { encoding: 'utf8' }).stderr
  if (!hasPlace(report)) return { place: '', excerpt: '' }
  const lines = report.split('\n')
  const line = /:(\d+)$/.exec(lines[0]!)![1]
  const caret = lines.findIndex((text) => /^\s*\^+\s*$/.test(text))
  if (caret < 1) return { place: `:${line}`, excerpt: '' }
  return {
    place: `:${line}:${lines[caret]!.indexOf('^') + 1}`,
    excerpt: `\n  ${lines[caret - 1]}\n  ${lines[caret]!.trimEnd()}`,
  }
}

const hasPlace = (report: string | undefined): report is string => report !== undefined && /^\S.*:\d+\n/.test(report)

/** `:line:column` of the system file's own frame nearest to the throw. */
function thrownAt(error: unknown, file: string): string {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  const frame = stack.split('\n').find((line) => line.includes(pathToFileURL(file).href))
  const match = /:(\d+):(\d+)\)?$/.exec(frame ?? '')
  return match ? `:${match[1]}:${match[2]}` : ''
}

function noSystem(loaded: { readonly default?: unknown }, shownFile: string): MillraceError {
  const names = Object.keys(loaded).filter((name) => name !== 'default')
  const found = 'default' in loaded ? `its default export is ${describe(loaded.default)}` : 'it has no default export'
  const exported = names.length > 0 ? ` It exports ${names.join(', ')}.` : ''
  return new MillraceError(
    'CONFIG_NO_SYSTEM',
    `${shownFile}: ${found}, expected what defineSystem returns.${exported}`,
    {
      fix: 'Write "export default defineSystem({ ... })".',
    },
  )
}
