// The trials of a search, one line each, so that a search that was killed goes on where it was. The first line says what was searched.
import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { MillraceError } from '../../lib/errors.ts'

export interface TrialFile<Search, Trial> {
  readonly search: Search
  /** In the order in which they were appended. */
  readonly trials: readonly Trial[]
}

/** @returns undefined where there is no file, or none whose first line was finished; what a crash left half-written at its end is not there */
export function readTrialFile<Search, Trial>(path: string): TrialFile<Search, Trial> | undefined {
  if (!existsSync(path)) return undefined
  const text = readFileSync(path, 'utf8')
  const lines = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .slice(0, -1)
  const [search, ...trials] = lines.map((line, i) => parsed(path, line, i + 1))
  return search === undefined ? undefined : { search: search as Search, trials: trials as Trial[] }
}

/** Begins a file of its own, in the place of an older one. */
export function createTrialFile(path: string, search: unknown): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, '')
  append(path, search)
}

/** Returns once the trial is on the disk. */
export function appendTrial(path: string, trial: unknown): void {
  const text = readFileSync(path)
  const end = text.lastIndexOf('\n') + 1
  if (end < text.length) truncateSync(path, end)
  append(path, trial)
}

function append(path: string, value: unknown): void {
  const file = openSync(path, 'a')
  try {
    appendFileSync(file, `${JSON.stringify(value)}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function parsed(path: string, line: string, number: number): unknown {
  try {
    return JSON.parse(line)
  } catch (cause) {
    throw new MillraceError('TUNING_OTHER_PLAN', `${path}:${number}: the line is no trial of a search.`, {
      fix: 'Start over with --restart.',
      cause,
    })
  }
}
