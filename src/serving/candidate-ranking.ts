// The candidates of all generators in the order of the model's ranker. Gathering is one step without a pause; reading features and, for some kinds, scoring
// wait for others, and meanwhile other visitors are asked about: what a request needs after the wait is its own.
import assert from 'node:assert'
import type { FeatureMoment, FeatureValue } from '../domain/feature.ts'
import { Deadlines } from '../lib/deadlines.ts'
import { descendingOrder } from '../lib/descending-order.ts'
import type { SteadySet } from '../lib/steady-sets.ts'
import { CandidatePool } from '../models/ranking/candidate-pool.ts'
import { FeatureEncoder } from '../models/ranking/feature-encoder.ts'
import type { ServingModel, ServingRanker } from '../models/serving-model.ts'
import type { History, ItemSet } from '../ports/candidate-generator.ts'
import { Breaker } from './breaker.ts'
import type { GeneratorFailure } from './generator-failure.ts'
import { RankingMemories, type RankingMemory } from './ranking-memory.ts'

/** Features of now, from wherever they are kept. */
export interface LiveFeatures {
  /** Those that one model looks at. */
  columnsOf(wanted: WantedColumns): LiveColumns
}

export interface WantedColumns {
  /** Of features of the system. */
  readonly names: readonly string[]
  /** By number of the item. */
  readonly itemIds: readonly string[]
  /** What a value of a feature, by its place among the names, is as a number. */
  readonly numberOf: (feature: number, value: FeatureValue | undefined) => number
}

export interface LiveColumns {
  /**
   * @param out one a feature, in the order of the names: filled with one number an item, in their order; what lies behind stays as it is
   * @returns what they know of the log, where that can be said
   * @throws anything: the answer is made without the ranker then
   */
  fill(userId: string | undefined, items: Int32Array, out: readonly Float32Array[]): Promise<FeatureMoment | undefined>
  /** Prepares for requests, as far as that can be done before them. */
  warm(): Promise<void>
  /** Nobody asks any more. */
  close(): void
}

/** What one visitor may be shown, before it is in order. */
export interface GatheredCandidates {
  /** The best of every generator first. */
  readonly itemIndexes: Int32Array
  /** One a column of the ranker, by candidate: what the generators say; its features are not there yet. They may be longer. */
  readonly columns: readonly Float32Array[]
  /** By candidate: the place among the ranker's generators of the one that put it furthest up. */
  readonly proposers: Uint8Array
  /** By candidate: its number in the order of proposal, which decides between equal scores, as where the ranked list is measured and explained. */
  readonly proposedAs: Int32Array
  readonly failures: readonly GeneratorFailure[]
  /** What it took to have them. */
  readonly gatheredMs: number
  /** Where they are, and where their order goes. */
  readonly memory: RankingMemory
}

/** Best first. */
export interface RankedCandidates {
  readonly itemIndexes: Int32Array
  readonly scores: Float64Array
  /** The place among `generatorNames` of the one that put the candidate furthest up. */
  readonly proposers: Uint8Array
  readonly generatorNames: readonly string[]
  /** What the ranker saw: one a column, the candidates in another order: that of `places`. They may be longer. */
  readonly columns: readonly Float32Array[]
  /** Where in the columns each candidate is. */
  readonly places: Int32Array
  /** What its features know; undefined where it has none, or nobody can say. */
  readonly features: FeatureMoment | undefined
  readonly failures: readonly GeneratorFailure[]
  readonly stepMs: StepMs
  /** Whoever calls it, once, says that nobody looks at the arrays any more: those of another request are put there. Without it they stay as they are. */
  release(): void
}

/** What each step of a ranked answer took, in milliseconds; waiting included. */
export interface StepMs {
  readonly candidates: number
  /** Until the candidates of those were there who had come at the same time. */
  readonly others: number
  readonly features: number
  readonly ranking: number
}

export interface RankingLimits {
  /** The generators whose candidates may be shown; the others only say what they think of these. */
  readonly generatorNames: readonly string[]
  /** Candidates that are put in order. */
  readonly countMax: number
  /** Of the allowed items, where others have asked with the same set. */
  readonly steady?: SteadySet
}

export class CandidateRanking {
  readonly #ranker: ServingRanker
  readonly #pool: CandidatePool
  /** Undefined where the ranker looks at no feature, or there are none here. */
  readonly #columns: LiveColumns | undefined
  readonly #lacksFeatures: boolean
  /** By column of the ranker: the pool's; -1 where it is a feature. */
  readonly #poolColumns: readonly number[]
  /** By feature that is asked for: the ranker's column. */
  readonly #featureColumns: readonly number[]
  readonly #breaker = new Breaker()
  readonly #deadlines = new Deadlines()
  readonly #memories: RankingMemories
  /** Scratch: places in the pool, and whose they are. */
  readonly #proposed: { readonly places: Int32Array; readonly proposers: Uint8Array }
  #underwayCount = 0
  #isRetired = false

  /** @param features undefined where the system has none; then a ranker that wants some always fails */
  constructor(
    { itemIds, generators }: Pick<ServingModel, 'itemIds' | 'generators'>,
    ranker: ServingRanker,
    features: LiveFeatures | undefined,
  ) {
    this.#ranker = ranker
    const proposing = new Map(ranker.generatorNames.map((name) => [name, generators.get(name)!]))
    this.#pool = new CandidatePool(proposing, { itemCount: itemIds.length, perGenerator: ranker.perGenerator })
    const { featureNames } = ranker.ranker
    const { columnNames } = this.#pool
    const encoder = new FeatureEncoder(
      ranker.systemFeatures.filter((name) => featureNames.includes(name)),
      ranker.dictionaries,
    )
    const unknown = featureNames.filter((name) => !columnNames.includes(name) && !encoder.names.includes(name))
    assert(unknown.length === 0, `the ranker looks at ${unknown.join(', ')}, which nobody gives`)
    this.#poolColumns = featureNames.map((name) => columnNames.indexOf(name))
    this.#featureColumns = encoder.names.map((name) => featureNames.indexOf(name))
    const { capacity } = this.#pool
    this.#proposed = { places: new Int32Array(capacity), proposers: new Uint8Array(capacity) }
    this.#memories = new RankingMemories(capacity, featureNames.length)
    const { names } = encoder
    this.#lacksFeatures = names.length > 0 && features === undefined
    if (names.length > 0) {
      this.#columns = features?.columnsOf({ names, itemIds, numberOf: (f, value) => encoder.number(f, value) })
      // Where that fails, the first request says so.
      this.#columns?.warm().catch(() => {})
    }
  }

  /** Whether ranking has failed so often of late that it is left alone for a while. */
  isResting(nowMs: number): boolean {
    return this.#breaker.isResting(nowMs)
  }

  gather(
    history: History,
    allowed: ItemSet | undefined,
    { generatorNames, countMax, steady }: RankingLimits,
  ): GatheredCandidates {
    const begunMs = performance.now()
    const pool = this.#pool
    const failures: GeneratorFailure[] = []
    pool.gather(history, allowed, (generator, error) => failures.push({ generator, error }), steady)
    const proposed = this.#proposed
    const bestCount = pool.bestPlaces(numbersOf(generatorNames, pool.generatorNames), countMax, proposed)
    const keptCount = Math.min(bestCount, countMax)
    const memory = this.#memories.take()
    const { proposedAs: places, itemIndexes, proposers, columns } = memory.arrays(keptCount)
    const { itemIndexes: pooledItems } = pool
    for (let i = 0; i < keptCount; i++) {
      const place = proposed.places[i]!
      places[i] = place
      itemIndexes[i] = pooledItems[place]!
      proposers[i] = proposed.proposers[i]!
    }
    for (let column = 0; column < columns.length; column++) {
      const from = this.#poolColumns[column]!
      if (from < 0) continue
      const to = columns[column]!
      if (from < pool.firstOfHistory) copyChosen(pool.columns[from]!, places, to)
      else to.fill(pool.columns[from]![0]!, 0, keptCount)
    }
    const gatheredMs = performance.now() - begunMs
    return { itemIndexes, columns, proposedAs: places, proposers, failures, gatheredMs, memory }
  }

  /**
   * @param waitMs how long reading the features and scoring may take together
   * @throws what either of them threw; an Error where they took too long and where a score is not finite
   */
  async order(
    candidates: GatheredCandidates,
    { userId, nowMs, waitMs }: { readonly userId: string | undefined; readonly nowMs: number; readonly waitMs: number },
  ): Promise<RankedCandidates> {
    try {
      // It goes on where nobody waits for it any more.
      const ranked = await this.#deadlines.within(this.#order(candidates, userId), waitMs)
      if (ranked === undefined) throw new Error(`features and ranking took longer than ${waitMs} ms`)
      this.#breaker.succeeded()
      return ranked
    } catch (error) {
      this.#breaker.failed(nowMs)
      throw error
    }
  }

  /** Runs something else that uses the ranker, which stays open until that has ended. */
  async whileOpen<T>(use: () => Promise<T>): Promise<T> {
    this.#underwayCount++
    try {
      return await use()
    } finally {
      this.#ended()
    }
  }

  /** Nothing is gathered from now on; the ranker is closed when what is under way has ended. */
  retire(): void {
    this.#isRetired = true
    this.#columns?.close()
    this.#closeWhenIdle()
  }

  /** Something that uses the ranker has come to its end, and only when all has may it be closed. */
  #ended(): void {
    this.#underwayCount--
    if (this.#isRetired) this.#closeWhenIdle()
  }

  #closeWhenIdle(): void {
    if (this.#underwayCount > 0) return
    // What cannot be given back is lost with the process.
    void Promise.try(() => this.#ranker.ranker.close?.()).catch(() => {})
  }

  async #order(
    { itemIndexes, columns, proposers, proposedAs, failures, gatheredMs, memory }: GatheredCandidates,
    userId: string | undefined,
  ): Promise<RankedCandidates> {
    this.#underwayCount++
    try {
      const count = itemIndexes.length
      if (this.#lacksFeatures) throw new Error('the features that the ranker looks at are not kept here')
      const gatheredAtMs = performance.now()
      // Who came at the same time is asked about first: every step has code and data of its own, and is faster for all of them in a row.
      await undefined
      const begunMs = performance.now()
      const featureColumns = this.#featureColumns.map((column) => columns[column]!)
      const features = await this.#columns?.fill(userId, itemIndexes, featureColumns)
      const { scores, places, orderedItems, orderedScores, orderedProposers } = memory.arrays(count)
      const filledMs = performance.now()
      const { ranker } = this.#ranker
      if (ranker.scoreColumns) ranker.scoreColumns(columns, count, scores)
      else await ranker.score(rowsOf(columns, count), count, scores)
      for (let n = 0; n < count; n++) {
        if (!Number.isFinite(scores[n]!)) throw new Error('the ranker gave a score that is not finite')
      }
      descendingOrder(scores, proposedAs, places)
      for (let n = 0; n < count; n++) {
        const place = places[n]!
        orderedItems[n] = itemIndexes[place]!
        orderedScores[n] = scores[place]!
        orderedProposers[n] = proposers[place]!
      }
      return {
        itemIndexes: orderedItems,
        scores: orderedScores,
        proposers: orderedProposers,
        generatorNames: this.#pool.generatorNames,
        columns,
        places,
        features,
        failures,
        stepMs: {
          candidates: gatheredMs,
          others: begunMs - gatheredAtMs,
          features: filledMs - begunMs,
          ranking: performance.now() - filledMs,
        },
        release: () => this.#memories.give(memory),
      }
    } finally {
      this.#ended()
    }
  }
}

/** The numbers of the named ones, ascending. */
function numbersOf(names: readonly string[], all: readonly string[]): readonly number[] {
  const numbers: number[] = []
  for (let n = 0; n < all.length; n++) if (names.includes(all[n]!)) numbers.push(n)
  return numbers
}

function copyChosen(from: Float32Array, places: Int32Array, to: Float32Array): void {
  for (let n = 0; n < places.length; n++) to[n] = from[places[n]!]!
}

/** Rows x columns, row-major. */
function rowsOf(columns: readonly Float32Array[], rowCount: number): Float32Array {
  const rows = new Float32Array(rowCount * columns.length)
  columns.forEach((values, column) => {
    for (let row = 0, at = column; row < rowCount; row++, at += columns.length) rows[at] = values[row]!
  })
  return rows
}
