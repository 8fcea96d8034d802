// Imports one file in a process of its own, and tells how long it took and how much memory it needed at most.
import { readFileSync } from 'node:fs'
import { openApp } from '../src/app.ts'
import { importFile } from '../src/data/import.ts'
import { ingestSystem } from './ingest-system.ts'

const {
  path,
  source: sourceName,
  dataDir,
} = JSON.parse(process.argv[2]!) as {
  readonly path: string
  readonly source: 'csv' | 'csvGzip' | 'jsonl' | 'parquet'
  readonly dataDir: string
}

export interface ImportReport {
  readonly acceptedCount: number
  readonly eventsPerSecond: number
  /** Peak of the memory that is the process's own; absent where the system does not tell. */
  readonly ownMemoryMb?: number
  /** Peak of all resident memory: with the pages of the log's file that the system keeps, and takes back when it needs them. */
  readonly residentMb?: number
}

const app = await openApp({ system: ingestSystem, dataDir })
const source = app.plan.data.sources[sourceName]!
if (source.kind !== 'file') throw new Error(`${sourceName} is no file`)
let ownKb = 0
const watch = setInterval(() => {
  ownKb = Math.max(ownKb, statusKb('RssAnon') ?? 0)
}, 50)
const account = await importFile({ sourceName, source, path, isDefined: true }, app)
clearInterval(watch)
const residentKb = statusKb('VmHWM')
await app.close()
console.log(
  JSON.stringify({
    acceptedCount: account.acceptedCount,
    eventsPerSecond: account.acceptedCount / (account.elapsedMs / 1000),
    ...(ownKb > 0 && { ownMemoryMb: ownKb / 1024 }),
    ...(residentKb !== undefined && { residentMb: residentKb / 1024 }),
  } satisfies ImportReport),
)

/** A line of what Linux tells of this process, in KiB. */
function statusKb(name: string): number | undefined {
  try {
    const line = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))
    return line ? Number(line[1]) : undefined
  } catch {
    return undefined
  }
}
