// Served features in files of JSON lines. Each opening writes files of its own, so processes never write into each other's lines; when a file is full, the
// oldest ones are removed until all of them fit what the store may hold.
import { createReadStream } from 'node:fs'
import { appendFile, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { FeatureValue } from '../../domain/feature.ts'
import type { ServedFeatures, ServedReading } from '../../domain/served-features.ts'
import type { SkewReport } from '../../domain/skew-report.ts'
import type { ServedFeaturesStore } from '../../ports/served-features-store.ts'
import { fileStoreError } from './disk-room.ts'

/** What goes at once when the store is full. */
const FILE_COUNT = 10
const READ_BATCH_COUNT = 1000
const FILE_ENDING = '.jsonl'
const REPORT_FILE = 'report.json'

export interface ServedFeaturesStoreOptions {
  /** Created by the first row. */
  readonly folder: string
  /** Of all files, reports apart; about, since a file is never cut. */
  readonly maxBytes: number
}

export function openServedFeaturesStore({ folder, maxBytes }: ServedFeaturesStoreOptions): ServedFeaturesStore {
  /** The file that is written to, and what it holds. */
  let current: { readonly path: string; bytes: number } | undefined
  const opening = openingCount++
  let fileCount = 0

  /** In the order of time, and no other opening's. */
  const nextPath = (momentMs: number): string =>
    join(folder, `${String(momentMs).padStart(16, '0')}-${process.pid}-${opening}-${fileCount++}${FILE_ENDING}`)

  return {
    async append(rows) {
      if (rows.length === 0) return
      const text = Buffer.from(rows.map(lineOf).join(''))
      try {
        if (current === undefined || current.bytes >= maxBytes / FILE_COUNT) {
          await mkdir(folder, { recursive: true })
          await removeOldest(folder, maxBytes - maxBytes / FILE_COUNT)
          current = { path: nextPath(rows[0]!.momentMs), bytes: 0 }
        }
        await appendFile(current.path, text)
        current.bytes += text.length
      } catch (error) {
        // Its last line may be cut short: nothing may follow it.
        current = undefined
        throw storeError(error, folder)
      }
    },

    async *read({ fromMs, toMs }) {
      for (const { name } of await files(folder)) {
        for await (const rows of rowsOf(join(folder, name))) {
          const wanted = rows.filter(({ momentMs }) => momentMs >= fromMs && momentMs < toMs)
          if (wanted.length > 0) yield wanted
        }
      }
    },

    async saveReport(report) {
      const target = join(folder, REPORT_FILE)
      try {
        await mkdir(folder, { recursive: true })
        await writeFile(`${target}.${process.pid}`, `${JSON.stringify(report)}\n`)
        await rename(`${target}.${process.pid}`, target)
      } catch (error) {
        throw storeError(error, folder)
      }
    },

    async lastReport() {
      try {
        return JSON.parse(await readFile(join(folder, REPORT_FILE), 'utf8')) as SkewReport
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw storeError(error, folder)
      }
    },

    close: async () => {},
  }
}

/** Openings of this process so far: names of files tell them apart. */
let openingCount = 0

async function removeOldest(folder: string, keptBytes: number): Promise<void> {
  const present = await files(folder)
  let bytes = present.reduce((sum, file) => sum + file.bytes, 0)
  for (const file of present) {
    if (bytes <= keptBytes) return
    await rm(join(folder, file.name), { force: true })
    bytes -= file.bytes
  }
}

/** By the moment of their first row. */
async function files(folder: string): Promise<{ readonly name: string; readonly bytes: number }[]> {
  try {
    const names = (await readdir(folder)).filter((name) => name.endsWith(FILE_ENDING)).sort()
    const sizes = await Promise.all(names.map(async (name) => ({ name, bytes: await sizeOf(join(folder, name)) })))
    return sizes.filter(({ bytes }) => bytes > 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw storeError(error, folder)
  }
}

/** 0 where another process has removed it meanwhile. */
async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
}

async function* rowsOf(path: string): AsyncGenerator<ServedFeatures[]> {
  let rows: ServedFeatures[] = []
  try {
    for await (const line of linesOf(path)) {
      const row = rowIn(line)
      if (row === undefined) continue
      rows.push(row)
      if (rows.length < READ_BATCH_COUNT) continue
      yield rows
      rows = []
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw storeError(error, path)
  }
  if (rows.length > 0) yield rows
}

/** Not by `readline`: it ends lines at U+2028 as well, which JSON leaves as it is. */
async function* linesOf(path: string): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of createReadStream(path, 'utf8')) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop()!
    yield* lines
  }
  yield rest
}

/** A map has a form of its own in JSON; every other value is itself. */
type StoredValue = Exclude<FeatureValue, ReadonlyMap<string, number>> | { readonly map: readonly [string, number][] }

const lineOf = ({ readings, ...row }: ServedFeatures): string =>
  `${JSON.stringify({ ...row, readings: readings.map(({ value, ...reading }) => ({ ...reading, value: stored(value) })) })}\n`

const stored = (value: FeatureValue | undefined): StoredValue | undefined =>
  value instanceof Map
    ? { map: [...(value as ReadonlyMap<string, number>)] }
    : (value as Exclude<FeatureValue, ReadonlyMap<string, number>> | undefined)

function rowIn(line: string): ServedFeatures | undefined {
  let row: ServedFeatures
  try {
    row = JSON.parse(line) as ServedFeatures
  } catch {
    // Cut short by a crash or a full disk.
    return undefined
  }
  return { ...row, readings: row.readings.map(withValue) }
}

function withValue({ value, ...reading }: ServedReading): ServedReading {
  const isMap = typeof value === 'object' && !Array.isArray(value)
  return { ...reading, value: isMap ? new Map((value as unknown as { map: [string, number][] }).map) : value }
}

const storeError = (error: unknown, place: string): Error =>
  fileStoreError(error, place, {
    forRoom: 'Free some disk space, or set data.skew.maxBytes lower.',
    forUse: 'Check that this user may write to it; it may be removed, and only the sample of served features is lost.',
  })
