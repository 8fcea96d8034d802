// How fast data gets into the log, durably: from files, over HTTP, while processes are killed; and how much memory a large file needs.
// Every figure is of the whole way: bytes, rows, validation, ids, the log on disk.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, createWriteStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { createGzip } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { runKillTrials } from '../test/kill/kill-trials.ts'
import { type Bench, type Figure, median, spreadOf } from './figure.ts'
import type { ImportReport } from './ingest-import.ts'
import { asCsv, csvHeader, saleRows, writeBodies, writeCsvFile } from './ingest-system.ts'
import { runLoad } from './load.ts'

const SEED = 1
const FILE_BAR = 50_000
const HTTP_BAR = 20_000
const EVENTS_PER_REQUEST = 500
const MEMORY_BAR_MB = 500

const bench: Bench = async ({ smoke, log }) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-ingest-'))
  try {
    const rowCount = smoke ? 5000 : 500_000
    log(`writing ${rowCount} rows in four formats`)
    const paths = await writeFiles(folder, rowCount)
    const figures: Figure[] = []
    const add = (...measured: Figure[]): void => {
      for (const { name, value, unit } of measured) log(`${name}: ${Math.round(value)} ${unit}`)
      figures.push(...measured)
    }
    for (const [source, path] of Object.entries(paths)) {
      log(`importing ${source}`)
      add(await fileFigure(folder, { source, path, rowCount, runCount: smoke ? 1 : source === 'csv' ? 5 : 3 }))
    }
    log('events over HTTP')
    add(await httpFigure(folder, { smoke }))
    log('killing')
    add(...(await killFigures(smoke ? 2 : 30)))
    if (!smoke) {
      log('importing a file of 1 GB')
      add(...(await memoryFigures(folder, 2 ** 30)))
    }
    return figures
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
export default bench

async function writeFiles(folder: string, rowCount: number): Promise<Record<string, string>> {
  const path = (name: string): string => join(folder, name)
  const rows = [...saleRows(rowCount, SEED)]
  writeFileSync(path('rows.csv'), csvHeader + rows.map(asCsv).join(''))
  await pipeline(createReadStream(path('rows.csv')), createGzip({ level: 1 }), createWriteStream(path('rows.csv.gz')))
  writeFileSync(path('rows.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const names = Object.keys(rows[0]!) as (keyof (typeof rows)[0])[]
  const columnData = names.map((name) => ({ name, data: rows.map((row) => row[name]) }))
  writeFileSync(path('rows.parquet'), new Uint8Array(parquetWriteBuffer({ columnData })))
  return {
    csv: path('rows.csv'),
    csvGzip: path('rows.csv.gz'),
    jsonl: path('rows.jsonl'),
    parquet: path('rows.parquet'),
  }
}

async function fileFigure(
  folder: string,
  {
    source,
    path,
    rowCount,
    runCount,
  }: { readonly source: string; readonly path: string; readonly rowCount: number; readonly runCount: number },
): Promise<Figure> {
  const rates: number[] = []
  for (let run = 0; run < runCount; run++) {
    const report = await importInProcess(folder, { source, path })
    if (report.acceptedCount !== rowCount)
      throw new Error(`${report.acceptedCount} of ${rowCount} rows of ${path} were accepted`)
    rates.push(report.eventsPerSecond)
  }
  const value = median(rates)
  return {
    name: `ingest-file-${source}`,
    value,
    unit: 'events/s',
    spread: spreadOf(rates),
    // The bar is for files in general, so each format has to meet it.
    bar: `>= ${FILE_BAR}`,
    ok: value >= FILE_BAR,
    note: `${rowCount} rows of 8 columns without ids into an empty log, a new process per run; on disk when it ends`,
  }
}

/** Into an empty log. */
async function importInProcess(
  folder: string,
  { source, path }: { readonly source: string; readonly path: string },
): Promise<ImportReport> {
  const dataDir = mkdtempSync(join(folder, 'data-'))
  const script = fileURLToPath(new URL('./ingest-import.ts', import.meta.url))
  const child = spawn(process.execPath, [script, JSON.stringify({ path, source, dataDir })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    output += part
  })
  const [code] = (await once(child, 'close')) as [number]
  rmSync(dataDir, { recursive: true })
  if (code !== 0) throw new Error(`the import of ${path} ended with ${code}`)
  return JSON.parse(output) as ImportReport
}

async function httpFigure(folder: string, { smoke }: { readonly smoke: boolean }): Promise<Figure> {
  const bodiesFile = join(folder, 'bodies.jsonl')
  const bodyCount = smoke ? 400 : 6000
  writeBodies(bodiesFile, { bodyCount, eventCount: EVENTS_PER_REQUEST, seed: SEED })
  const rates: number[] = []
  for (let run = 0; run < (smoke ? 1 : 3); run++) {
    const dataDir = mkdtempSync(join(folder, 'data-'))
    const server = await startIngestServer(dataDir)
    const load = await runLoad({
      port: server.port,
      path: '/v1/events',
      bodiesFile,
      connectionCount: 8,
      warmupMs: smoke ? 100 : 500,
      durationMs: smoke ? 300 : 5000,
      seed: SEED,
    })
    const storedCount = await server.stop()
    rmSync(dataDir, { recursive: true })
    if (load.failureCount > 0) throw new Error(`${load.failureCount} requests were not answered with 200`)
    // Once every body has been sent, they come again as duplicates, which cost less: then the figure would flatter.
    if (storedCount >= bodyCount * EVENTS_PER_REQUEST)
      throw new Error(`all ${storedCount} events were sent; prepare more`)
    rates.push(load.requestsPerSecond * EVENTS_PER_REQUEST)
  }
  const value = median(rates)
  return {
    name: 'ingest-http',
    value,
    unit: 'events/s',
    spread: spreadOf(rates),
    bar: `>= ${HTTP_BAR}`,
    ok: value >= HTTP_BAR,
    note: `batches of ${EVENTS_PER_REQUEST} over 8 connections to one process that also follows the log, client on the same machine; each answer after its events are on disk`,
  }
}

async function startIngestServer(dataDir: string): Promise<{ readonly port: number; stop(): Promise<number> }> {
  const script = fileURLToPath(new URL('./ingest-server.ts', import.meta.url))
  const child = spawn(process.execPath, [script, JSON.stringify({ dataDir })], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines: string[] = []
  const closed = once(child, 'close')
  const ready = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      lines.push(...text.split('\n').filter((line) => line !== ''))
      resolve()
    })
  })
  await Promise.race([ready, closed])
  if (lines.length === 0) throw new Error('the server ended before it was ready')
  return {
    port: JSON.parse(lines[0]!).port,
    stop: async () => {
      child.stdin.end()
      await closed
      return JSON.parse(lines[1]!).storedCount
    },
  }
}

async function killFigures(killCount: number): Promise<Figure[]> {
  const report = await runKillTrials({ killCount, seed: SEED })
  const note = `${report.acknowledgedCount} events acknowledged by two processes at once, ${killCount} times one of them killed with -9; ${report.gapCount} gaps in the offsets`
  const figure = (name: string, value: number): Figure => ({
    name,
    value,
    unit: 'events',
    bar: '<= 0',
    ok: value === 0 && report.gapCount === 0 && report.acknowledgedCount > 0,
    note,
  })
  return [figure('ingest-kill-lost', report.lostCount), figure('ingest-kill-doubled', report.doubledCount)]
}

async function memoryFigures(folder: string, bytes: number): Promise<Figure[]> {
  const path = join(folder, 'large.csv')
  await writeCsvFile(path, { bytes, seed: SEED })
  const report = await importInProcess(folder, { source: 'csv', path })
  const figures: Figure[] = [
    {
      name: 'ingest-large-file',
      value: report.eventsPerSecond,
      unit: 'events/s',
      bar: `>= ${FILE_BAR}`,
      ok: report.eventsPerSecond >= FILE_BAR,
      note: `${report.acceptedCount} rows, 1 GiB of CSV, one run`,
    },
  ]
  if (report.ownMemoryMb === undefined || report.residentMb === undefined) return figures
  figures.push({
    name: 'ingest-large-file-memory',
    value: report.ownMemoryMb,
    unit: 'MB',
    bar: `<= ${MEMORY_BAR_MB}`,
    ok: report.ownMemoryMb <= MEMORY_BAR_MB,
    note: `peak of the process's own memory while it imports 1 GiB; ${Math.round(report.residentMb)} MB with the pages of the log's file that the system keeps while nobody else needs them`,
  })
  return figures
}
