// Reads the sources as text, for the checks of the repository's shape.
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

export const repositoryRoot = fileURLToPath(new URL('..', import.meta.url))

export interface SourceFile {
  /** From the repository's root, with forward slashes. */
  readonly path: string
  readonly text: string
  /** The text without comments, strings kept, line breaks kept. */
  readonly code: string
}

export interface Import {
  /** As written, such as `../lib/clock.ts` or `fastify`. */
  readonly specifier: string
  /** From the repository's root; undefined for packages. */
  readonly target: string | undefined
  readonly isTypeOnly: boolean
  /** Loaded when the code gets there, not with the file. */
  readonly isDynamic: boolean
}

/** Every TypeScript file below the folders, sorted by path. */
export function sourceFiles(...folders: readonly string[]): readonly SourceFile[] {
  return folders
    .flatMap((folder) =>
      readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts') && !file.includes('node_modules'))
        .map((file) => `${folder}/${file.replaceAll('\\', '/')}`),
    )
    .sort()
    .map((path) => {
      const text = readFileSync(join(repositoryRoot, path), 'utf8')
      return { path, text, code: withoutComments(text) }
    })
}

/** What a file imports and re-exports, dynamic imports of a literal included. */
export function importsOf(file: SourceFile): readonly Import[] {
  const statements = /^[ \t]*(?:import|export)\s+(type\s)?(?:[\w*{}\s,$]+?\sfrom\s+)?(['"])([^'"]+)\2/gm
  const dynamic = /\bimport\(\s*()(['"])([^'"]+)\2/g
  const read = (match: RegExpExecArray, isDynamic: boolean): Import => {
    const specifier = match[3]!
    const target = specifier.startsWith('.') ? posix.join(posix.dirname(file.path), specifier) : undefined
    return { specifier, target, isTypeOnly: match[1] !== undefined && match[1] !== '', isDynamic }
  }
  return [
    ...[...file.code.matchAll(statements)].map((match) => read(match, false)),
    ...[...file.code.matchAll(dynamic)].map((match) => read(match, true)),
  ]
}

/** Comments become spaces. Strings and templates are skipped over, so that `'http://x'` holds no comment. */
export function withoutComments(text: string): string {
  const tokens = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`/g
  return text.replace(tokens, (token) =>
    token.startsWith('//') || token.startsWith('/*') ? token.replace(/[^\n]/g, ' ') : token,
  )
}
