// Writes a new project to a folder: the template's files and the sample data. Never over what is there.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MillraceError } from '../lib/errors.ts'
import { SAMPLE_DAYS, sampleShop } from './sample-shop.ts'

const packageFolder = fileURLToPath(new URL('../..', import.meta.url))
const templateFolder = join(packageFolder, 'templates', 'shop')

const DAY_MS = 86_400_000

/** npm leaves a file called .gitignore out of a package, so the template carries it under another name. */
const storedNames: Readonly<Record<string, string>> = { gitignore: '.gitignore' }

export interface NewProject {
  /** Absolute. Made where it does not exist. */
  readonly folder: string
  /** Lower-case letters, digits and hyphens. */
  readonly name: string
  /** Who answers for the four components, until someone divides them. */
  readonly owner: string
  /** The sample's newest interaction happened shortly before. */
  readonly nowMs: number
}

/**
 * @returns the files that were written, relative to the folder
 * @throws MillraceError INIT_WOULD_OVERWRITE when one of them is there already, INIT_CANNOT_WRITE
 */
export function writeProject(project: NewProject): readonly string[] {
  const files = projectFiles(project)
  refuseToOverwrite(project.folder, Object.keys(files))
  try {
    for (const [name, content] of Object.entries(files)) {
      const path = join(project.folder, name)
      mkdirSync(dirname(path), { recursive: true })
      // "wx" fails where the file appeared in the meantime.
      writeFileSync(path, content, { flag: 'wx' })
    }
  } catch (error) {
    throw new MillraceError('INIT_CANNOT_WRITE', `${project.folder}: ${(error as Error).message}`, {
      fix: 'Choose a folder that can be written to.',
      cause: error,
    })
  }
  return Object.keys(files)
}

function projectFiles(project: NewProject): Record<string, string> {
  const { version } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'))
  const since = new Date(project.nowMs - (SAMPLE_DAYS + 1) * DAY_MS).toISOString().slice(0, 10)
  const values: Readonly<Record<string, string>> = { name: project.name, owner: project.owner, version, since }
  const files: Record<string, string> = {}
  for (const stored of readdirSync(templateFolder)) {
    const template = readFileSync(join(templateFolder, stored), 'utf8')
    files[storedNames[stored] ?? stored] = template.replace(/\{\{(\w+)\}\}/g, (_, key: string) => values[key] ?? '')
  }
  for (const [name, rows] of Object.entries(sampleShop(1, project.nowMs))) files[join('data', name)] = rows
  return files
}

function refuseToOverwrite(folder: string, names: readonly string[]): void {
  if (existsSync(folder) && !statSync(folder).isDirectory()) {
    throw new MillraceError('INIT_WOULD_OVERWRITE', `${folder} is a file, expected a folder or nothing.`, {
      fix: 'Choose another folder.',
    })
  }
  const existing = names.filter((name) => existsSync(join(folder, name)))
  if (existing.length === 0) return
  throw new MillraceError(
    'INIT_WOULD_OVERWRITE',
    `${folder} already holds ${existing.join(', ')}. Nothing was written.`,
    {
      fix: 'Choose an empty folder: millrace init my-shop.',
    },
  )
}
