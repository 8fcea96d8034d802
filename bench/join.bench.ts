// How fast history becomes a training set, and in how much memory: the sixteen features of a shop for every label, by the SQL that is compiled from
// their definitions, beside SQL written by hand for these sixteen alone. Each run has a process of its own.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { duckDbOfflineStore } from '../src/adapters/duckdb/offline-store.ts'
import type { StoredEvent } from '../src/ports/event-log.ts'
import { type Bench, type Figure, median, spreadOf } from './figure.ts'
import { joinAttributes, joinDefinitions, joinPaths, makeJoinData } from './join-data.ts'
import type { JoinRun } from './join-run.ts'

const RATIO_BAR = 1.5
const MEMORY_BAR_BYTES = 4 * 2 ** 30
/** Of DuckDB; the rest of the bar is for the process around it. */
const DUCKDB_MEMORY_BYTES = 2.5 * 2 ** 30
/** For the SQL by hand, where that does not suffice: it works on everything at once. */
const BY_HAND_MEMORY_BYTES = 8 * 2 ** 30

const program = fileURLToPath(new URL('./join-run.ts', import.meta.url))

interface Size {
  readonly eventCount: number
  readonly labelCount: number
  readonly pairCount: number
}

const bench: Bench = async ({ smoke, log }) => {
  const eventCount = Number(process.env.MILLRACE_EVENTS ?? (smoke ? 20_000 : 10_000_000))
  const full = { eventCount, labelCount: Number(process.env.MILLRACE_LABELS ?? eventCount / 10), pairCount: 1 }
  // Pairs at a tenth of the size, for the spread that one pair has not.
  const tenth = { eventCount: eventCount / 10, labelCount: full.labelCount / 10, pairCount: 3 }
  const folder = mkdtempSync(join(tmpdir(), 'millrace-join-'))
  try {
    return [
      ...(await sizeFigures(join(folder, 'full'), full, log)),
      ...(smoke ? [] : await sizeFigures(join(folder, 'tenth'), tenth, log)),
      await oneLabelFigure(join(folder, 'one'), smoke ? 20_000 : 400_000),
      await writeFigure(folder, smoke ? 20_000 : 1_000_000),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Pair {
  readonly compiled: JoinRun
  readonly byHand: JoinRun
}

async function sizeFigures(folder: string, size: Size, log: (line: string) => void): Promise<Figure[]> {
  const { eventCount, labelCount, pairCount } = size
  log(`making ${eventCount} events and ${labelCount} labels`)
  await makeJoinData(folder, { eventCount, labelCount })
  let byHandBytes = DUCKDB_MEMORY_BYTES
  const byHand = (): JoinRun => {
    const done = run('by-hand', folder, byHandBytes)
    if (done !== 'memory exhausted') return done
    log(`by-hand: more than ${gib(byHandBytes)}`)
    byHandBytes = BY_HAND_MEMORY_BYTES
    return whole(run('by-hand', folder, byHandBytes))
  }
  const pairs: Pair[] = []
  for (let n = 0; n < pairCount; n++) {
    const compiled = whole(run('compiled', folder, DUCKDB_MEMORY_BYTES))
    pairs.push({ compiled, byHand: byHand() })
    for (const [how, { seconds, peakBytes }] of Object.entries(pairs.at(-1)!) as [string, JoinRun][])
      log(`${how}: ${seconds.toFixed(1)} s, ${gib(peakBytes)}`)
  }
  rmSync(folder, { recursive: true, force: true })
  return joinFigures(pairs, size, byHandBytes)
}

function run(how: 'compiled' | 'by-hand', folder: string, memoryBytes: number): JoinRun | 'memory exhausted' {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, how, folder, String(memoryBytes)], {
    encoding: 'utf8',
  })
  if (status === 0) return JSON.parse(stdout) as JoinRun
  if (stderr.includes('OFFLINE_MEMORY_EXHAUSTED')) return 'memory exhausted'
  throw new Error(`${how} ended with ${status}: ${stderr}`)
}

function whole(done: JoinRun | 'memory exhausted'): JoinRun {
  if (done === 'memory exhausted') throw new Error('The join does not fit the memory that it was given.')
  return done
}

const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(2)} GiB`

function joinFigures(pairs: readonly Pair[], { eventCount, labelCount }: Size, byHandBytes: number): Figure[] {
  const seconds = pairs.map(({ compiled }) => compiled.seconds)
  const ratio = median(pairs.map(({ compiled, byHand }) => compiled.seconds / byHand.seconds))
  const peakBytes = Math.max(...pairs.map(({ compiled }) => compiled.peakBytes))
  const size = `${labelCount} labels, ${eventCount} events`
  const byHandNote =
    byHandBytes === DUCKDB_MEMORY_BYTES
      ? 'and so the SQL by hand'
      : `the SQL by hand within ${gib(byHandBytes)}, as it ran out of memory with as little`
  const note = `16 features, 2 threads, DuckDB within ${gib(DUCKDB_MEMORY_BYTES)}, ${byHandNote}; pairs of runs: ${pairs.length}`
  return [
    {
      name: `point-in-time join, ${size}`,
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
    { name: 'label rows joined', value: labelCount / median(seconds), unit: 'rows/s', note: size },
    { name: 'events behind them', value: eventCount / median(seconds), unit: 'events/s', note: size },
    {
      name: `peak memory of the join, ${size}`,
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

/** What somebody waits for who asks what the features of one user and one item were. */
async function oneLabelFigure(folder: string, eventCount: number): Promise<Figure> {
  await makeJoinData(folder, { eventCount, labelCount: 10 })
  const { interactions, changes } = joinPaths(folder)
  const store = duckDbOfflineStore({ temporaryFolder: join(folder, 'temporary') })
  const timesMs: number[] = []
  for (let n = 0; n < 7; n++) {
    const startMs = performance.now()
    await store.joinFeatures({
      files: [
        { path: interactions, table: 'interactions' },
        { path: changes, table: 'changes' },
      ],
      definitions: joinDefinitions(),
      attributes: joinAttributes,
      labels: [[{ userId: `user-${n}`, itemId: `item-${n}`, momentMs: Date.UTC(2026, 2, 20) }]],
      target: join(folder, 'one.parquet'),
    })
    timesMs.push(performance.now() - startMs)
  }
  await store.close()
  return {
    name: 'join of one label',
    value: median(timesMs),
    unit: 'ms',
    spread: spreadOf(timesMs),
    note: `16 features of one user and one item, ${eventCount} events in one file`,
  }
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
