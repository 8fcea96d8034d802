// How fast history becomes a training set, and in how much memory: the sixteen features of a shop for every label, by the SQL that is compiled from
// their definitions, beside SQL written by hand for these sixteen alone. Each run has a process of its own.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { duckDbOfflineStore } from '../src/adapters/duckdb/offline-store.ts'
import type { StoredEvent } from '../src/ports/event-log.ts'
import { type Bench, type Figure, median, spreadOf } from './figure.ts'
import { makeJoinData } from './join-data.ts'
import type { JoinRun } from './join-run.ts'

const RATIO_BAR = 1.5
const MEMORY_BAR_BYTES = 4 * 2 ** 30
/** Of DuckDB; the rest of the bar is for the process around it. */
const DUCKDB_MEMORY_BYTES = 2.5 * 2 ** 30

const program = fileURLToPath(new URL('./join-run.ts', import.meta.url))

const bench: Bench = async ({ smoke, log }) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-join-'))
  const eventCount = Number(process.env.MILLRACE_EVENTS ?? (smoke ? 20_000 : 10_000_000))
  const labelCount = Number(process.env.MILLRACE_LABELS ?? eventCount / 10)
  const runCount = smoke ? 1 : 3
  const note = `${eventCount} events, ${labelCount} labels, 16 features, 2 threads, DuckDB within ${DUCKDB_MEMORY_BYTES / 2 ** 30} GiB`
  try {
    log(`making ${eventCount} events and ${labelCount} labels`)
    await makeJoinData(folder, { eventCount, labelCount })
    const run = (how: 'compiled' | 'by-hand'): JoinRun => {
      const output = execFileSync(process.execPath, [program, how, folder, String(DUCKDB_MEMORY_BYTES)], {
        encoding: 'utf8',
      })
      const result = JSON.parse(output) as JoinRun
      log(`${how}: ${result.seconds.toFixed(1)} s, ${Math.round(result.peakBytes / 2 ** 20)} MiB`)
      return result
    }
    const pairs = Array.from({ length: runCount }, () => ({ compiled: run('compiled'), byHand: run('by-hand') }))
    return [
      ...joinFigures(pairs, { eventCount, labelCount, note }),
      await writeFigure(folder, smoke ? 20_000 : 1_000_000),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Sizes {
  readonly eventCount: number
  readonly labelCount: number
  readonly note: string
}

function joinFigures(
  pairs: readonly { readonly compiled: JoinRun; readonly byHand: JoinRun }[],
  { eventCount, labelCount, note }: Sizes,
): Figure[] {
  const seconds = pairs.map(({ compiled }) => compiled.seconds)
  const ratio = median(pairs.map(({ compiled, byHand }) => compiled.seconds / byHand.seconds))
  const peakBytes = Math.max(...pairs.map(({ compiled }) => compiled.peakBytes))
  return [
    {
      name: 'point-in-time join',
      value: median(seconds),
      unit: 's',
      spread: spreadOf(seconds),
      peer: 'SQL by hand',
      peerValue: median(pairs.map(({ byHand }) => byHand.seconds)),
      ratio,
      bar: `<= ${RATIO_BAR} x`,
      ok: ratio <= RATIO_BAR,
      note,
    },
    { name: 'label rows joined', value: labelCount / median(seconds), unit: 'rows/s', note },
    { name: 'events behind them', value: eventCount / median(seconds), unit: 'events/s', note },
    {
      name: 'peak memory of the join',
      value: peakBytes / 2 ** 20,
      unit: 'MiB',
      peer: 'SQL by hand',
      peerValue: Math.max(...pairs.map(({ byHand }) => byHand.peakBytes)) / 2 ** 20,
      bar: '<= 4096 MiB',
      ok: peakBytes <= MEMORY_BAR_BYTES,
      note,
    },
  ]
}

/** From events of the log to Parquet files. */
async function writeFigure(folder: string, eventCount: number): Promise<Figure> {
  const store = duckDbOfflineStore({ temporaryFolder: join(folder, 'temporary'), memoryBytes: DUCKDB_MEMORY_BYTES })
  const startMs = performance.now()
  await store.writeEvents(madeEvents(eventCount), join(folder, 'written'))
  const seconds = (performance.now() - startMs) / 1000
  await store.close()
  return {
    name: 'events written to Parquet',
    value: eventCount / seconds,
    unit: 'events/s',
    note: `${eventCount} events of one week`,
  }
}

async function* madeEvents(eventCount: number): AsyncGenerator<readonly StoredEvent[]> {
  const stepMs = (7 * 86_400_000) / eventCount
  for (let begin = 0; begin < eventCount; begin += 1000) {
    yield Array.from({ length: Math.min(1000, eventCount - begin) }, (_, n) => {
      const offset = begin + n
      const availableTimeMs = Date.UTC(2026, 0, 1) + Math.floor(offset * stepMs)
      return {
        offset,
        availableTimeMs,
        event: {
          kind: 'interaction',
          id: `event-${offset}`,
          interaction: 'view',
          userId: `user-${(offset * 7919) % 10_007}`,
          itemId: `item-${(offset * 104_729) % 5_003}`,
          eventTimeMs: availableTimeMs - 1000,
          values: { durationSeconds: offset % 600 },
        },
      }
    })
  }
}

export default bench
