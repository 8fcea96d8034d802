// Holds the sample of served features against the offline store. What was served can differ for two reasons: the stream engine had not yet taken an
// event that was available (lag), or something is wrong. Which of the two is decided by computing it a second time, from those events alone that the
// engine had taken.
import { join } from 'node:path'
import type { Plan } from '../../config/plan.ts'
import { type ServedFeatures, type ServedReading, servedVersion } from '../../domain/served-features.ts'
import type { DifferenceCause, SkewReport } from '../../domain/skew-report.ts'
import type { Clock } from '../../lib/clock.ts'
import { appendedTimeMsOf, type EventLog } from '../../ports/event-log.ts'
import type { OfflineStore } from '../../ports/offline-store.ts'
import type { ServedFeaturesStore } from '../../ports/served-features-store.ts'
import { differenceOf } from './compare-readings.ts'
import { EarliestTimes } from './earliest-times.ts'
import { type Differing, FeatureTally, spreadOf } from './feature-tally.ts'
import { WantedEvents, writeHistory } from './history-files.ts'
import { recompute } from './recompute.ts'

/** Values that are compared at once; each takes some hundred bytes. */
const CHUNK_READING_COUNT = 500_000
/** Places of the engine whose state is computed to judge by; each costs a join. Those that most differences depend on come first. */
const JUDGED_PLACE_COUNT_MAX = 50

export interface SkewMeasurement {
  readonly plan: Plan
  readonly log: EventLog
  readonly served: ServedFeaturesStore
  readonly offline: OfflineStore
  readonly clock: Clock
  /** For files in between; empty or not there. Whoever gave it removes it. */
  readonly folder: string
  /** Rows served from the one moment on and before the other. */
  readonly fromMs: number
  readonly toMs: number
  /** Places of the engine that are judged; 50 by default. */
  readonly judgedPlaceCountMax?: number
}

/**
 * One pass over the log for the rows' histories, a join for every some thousand rows, and another pass with up to 50 small joins where some of these
 * rows lagged.
 * @throws MillraceError of the offline store and of the store of served features
 */
export async function measureSkew(measurement: SkewMeasurement): Promise<SkewReport> {
  const { plan, log, served, offline, clock, folder, fromMs } = measurement
  // What is served from now on knows events that are not read below.
  const toMs = Math.min(measurement.toMs, clock.now())
  const wanted = new WantedEvents(plan.data.features)
  const places = new Set<number>()
  for await (const rows of served.read({ fromMs, toMs })) {
    for (const row of rows) {
      wanted.add(row)
      if (row.nextOffset !== undefined) places.add(row.nextOffset)
    }
  }
  const { firstOffset, nextOffset } = await log.bounds()
  const earliest = new EarliestTimes(places)
  const [files] = await writeHistory({
    log,
    offline,
    wanted,
    folder: join(folder, 'history'),
    ends: [nextOffset],
    seen: (events) => earliest.add(events),
  })

  const comparison = new Comparison(measurement, { earliest, firstOffset })
  const chunkLength = Math.max(100, Math.floor(CHUNK_READING_COUNT / Math.max(1, plan.data.features.length)))
  for await (const rows of chunks(served.read({ fromMs, toMs }), chunkLength)) {
    // A server may have added rows meanwhile: they wait for the next measurement.
    await comparison.compare(
      rows.filter((row) => wanted.hasKey(row)),
      files!,
    )
  }
  return { measuredAtMs: clock.now(), fromMs, toMs, firstOffset, ...comparison.result() }
}

interface KnownLog {
  readonly earliest: EarliestTimes
  /** Retention has removed what came before. */
  readonly firstOffset: number
}

class Comparison {
  readonly #measurement: SkewMeasurement
  readonly #known: KnownLog
  readonly #tallies: ReadonlyMap<string, FeatureTally>
  readonly #versions: ReadonlyMap<string, string>
  readonly #lagsMs: number[] = []
  #rowCount = 0
  #otherVersionCount = 0
  #chunkCount = 0
  #judgeableCount: number

  constructor(measurement: SkewMeasurement, known: KnownLog) {
    this.#measurement = measurement
    this.#known = known
    this.#judgeableCount = measurement.judgedPlaceCountMax ?? JUDGED_PLACE_COUNT_MAX
    const { features } = measurement.plan.data
    this.#tallies = new Map(features.map((definition) => [definition.name, new FeatureTally(definition)]))
    this.#versions = new Map(features.map((definition) => [definition.name, servedVersion(definition)]))
  }

  /** @param files everything that was known at the end of the log */
  async compare(rows: readonly ServedFeatures[], files: Parameters<typeof recompute>[1]['files']): Promise<void> {
    const { folder } = this.#measurement
    const chunk = join(folder, `chunk-${this.#chunkCount++}`)
    const recomputed = await recompute(rows, { ...this.#measurement, files, target: join(chunk, 'all.parquet') })
    const lagging: Differing[] = []
    this.#rowCount += rows.length
    for (const [r, row] of rows.entries()) {
      const differing = row.readings.flatMap((reading) => this.#compareOne(row, reading, recomputed[r]!(reading.name)))
      if (differing.length === 0) continue
      const lacked = this.#lackedAnEvent(row)
      if (lacked === true) lagging.push(...differing)
      else this.#countAll(differing, lacked === undefined ? 'unjudged' : 'unexplained')
    }
    if (lagging.length > 0) await this.#judge(lagging, chunk)
  }

  result(): Pick<SkewReport, 'rowCount' | 'otherVersionCount' | 'lagMs' | 'features'> {
    return {
      rowCount: this.#rowCount,
      otherVersionCount: this.#otherVersionCount,
      lagMs: spreadOf(this.#lagsMs),
      features: [...this.#tallies.values()]
        .map((tally) => tally.skew())
        .filter(({ comparedCount }) => comparedCount > 0),
    }
  }

  #compareOne(row: ServedFeatures, served: ServedReading, recomputed: Differing['recomputed']): Differing[] {
    if (this.#versions.get(served.name) !== served.version) {
      this.#otherVersionCount++
      return []
    }
    this.#tallies.get(served.name)!.countCompared()
    const difference = differenceOf(served, recomputed)
    return difference === undefined ? [] : [{ row, served, recomputed, difference }]
  }

  /** Whether an event that the engine had not taken counts for the moment of the row; undefined where that cannot be known. */
  #lackedAnEvent({ momentMs, nextOffset }: ServedFeatures): boolean | undefined {
    if (nextOffset === undefined || nextOffset < this.#known.firstOffset) return undefined
    return this.#known.earliest.of(nextOffset) < momentMs
  }

  /** How long the first event that the engine had not taken had been in the log; 0 where it came later, and declares to have been known before. */
  async #lagMsOf({ momentMs, nextOffset }: ServedFeatures): Promise<number> {
    const [next] = await this.#measurement.log.read(nextOffset!, 1)
    return next === undefined ? 0 : Math.max(0, momentMs - appendedTimeMsOf(next))
  }

  /** Computes each row a second time, from what the engine had taken when it was served. */
  async #judge(lagging: readonly Differing[], chunk: string): Promise<void> {
    const { plan, log, offline } = this.#measurement
    const byPlace = [...Map.groupBy(lagging, ({ row }) => row.nextOffset!)].sort(([, a], [, b]) => b.length - a.length)
    for (const [, found] of byPlace.slice(this.#judgeableCount)) this.#countAll(found, 'unjudged')
    const judged = byPlace.slice(0, this.#judgeableCount).sort(([a], [b]) => a - b)
    this.#judgeableCount -= judged.length
    if (judged.length === 0) return

    const wanted = new WantedEvents(plan.data.features)
    for (const [, found] of judged) for (const { row } of found) wanted.add(row)
    const ends = judged.map(([place]) => place)
    const known = await writeHistory({ log, offline, wanted, folder: join(chunk, 'history'), ends })
    for (const [n, [, found]] of judged.entries()) {
      const rows = [...new Set(found.map(({ row }) => row))]
      const features = new Set(found.map(({ served }) => served.name))
      const target = join(chunk, `${n}.parquet`)
      const recomputed = await recompute(rows, { plan, offline, files: known[n]!, features, target })
      const ofRow = new Map(rows.map((row, r) => [row, recomputed[r]!]))
      for (const differing of found) {
        const { served, row } = differing
        const isLag = differenceOf(served, ofRow.get(row)!(served.name)) === undefined
        this.#count(differing, isLag ? 'lag' : 'unexplained')
        if (isLag) this.#lagsMs.push(await this.#lagMsOf(row))
      }
    }
  }

  #countAll(found: readonly Differing[], cause: DifferenceCause): void {
    for (const differing of found) this.#count(differing, cause)
  }

  #count(differing: Differing, cause: DifferenceCause): void {
    this.#tallies.get(differing.served.name)!.countDiffering(differing, cause)
  }
}

async function* chunks<T>(batches: AsyncIterable<readonly T[]>, length: number): AsyncGenerator<readonly T[]> {
  let chunk: T[] = []
  for await (const batch of batches) {
    for (const one of batch) {
      chunk.push(one)
      if (chunk.length < length) continue
      yield chunk
      chunk = []
    }
  }
  if (chunk.length > 0) yield chunk
}
