// Puts a list that somebody else made in order for a user: by the model's ranker where it has one, with rows as in training, else by its generators, else by what
// is popular. No rule of a placement has a say, and nothing is left out.

import type { FeatureValue } from '../domain/feature.ts'
import type { RankedListItem, RankRequest, RankResponse, Rung } from '../domain/recommendation.ts'
import type { Problem } from '../lib/errors.ts'
import { settlesWithin } from '../lib/within.ts'
import { CandidatePool } from '../models/ranking/candidate-pool.ts'
import { FeatureEncoder } from '../models/ranking/feature-encoder.ts'
import type { ServingModel, ServingRanker } from '../models/serving-model.ts'
import type { History, ItemSet } from '../ports/candidate-generator.ts'
import type { LiveFeatures } from './candidate-ranking.ts'
import type { Funnel } from './funnel.ts'
import type { LiveState } from './live-state.ts'
import { recentProblems, repeatedProblems, throwProblems } from './request-check.ts'

export const MAX_RANKED_COUNT = 1_000

export interface ListRankingOptions {
  readonly live: LiveState
  readonly newRequestId: () => string
  /** How long reading the features and scoring may take together. */
  readonly budgetMs: number
  readonly features?: LiveFeatures | undefined
  /** Told why the ranker had no say though the model has one. */
  readonly onFailure?: ((error: unknown) => void) | undefined
}

export class ListRanking {
  readonly #options: ListRankingOptions
  /** Made for the model that was asked last. */
  #asking: ModelLists | undefined

  constructor(options: ListRankingOptions) {
    this.#options = options
  }

  /**
   * @param funnel of the model in charge
   * @throws MillraceError REQUEST_INVALID with every problem
   */
  async rank(request: RankRequest, funnel: Funnel): Promise<RankResponse> {
    const { live, newRequestId } = this.#options
    checkList(request, live)
    const { catalogue } = live
    const isKnown = (itemId: string): boolean => {
      const row = catalogue.rowOf(itemId)
      return row !== undefined && catalogue.isLive(row)
    }
    const known = request.itemIds.filter(isKnown)
    const unknown = request.itemIds.filter((itemId) => !isKnown(itemId))
    const ordered = await this.#order(request, known, funnel)
    return {
      requestId: newRequestId(),
      modelVersion: funnel.model?.version ?? 'none',
      rung: ordered.rung,
      items: [...ordered.items, ...unknown.map((itemId) => ({ itemId }))],
      unknown,
    }
  }

  /** Of a model that is no longer in charge nothing is kept. */
  forget(): void {
    this.#asking = undefined
  }

  async #order(request: RankRequest, itemIds: readonly string[], funnel: Funnel): Promise<Ordered> {
    const { live, features, budgetMs, onFailure } = this.#options
    if (funnel.model === undefined) return this.#byPopularity(itemIds)
    if (this.#asking?.funnel !== funnel) this.#asking = new ModelLists(funnel, funnel.model, live, features)
    const lists = this.#asking
    const list = lists.listOf(request, itemIds)
    const generated = lists.byGenerators(list)
    if (funnel.model.ranker !== undefined && itemIds.length > 0) {
      try {
        const columns = lists.columns(list)
        const scoring = funnel.whileRanking(() => lists.score(columns, list))
        if (!(await settlesWithin(scoring, budgetMs)))
          throw new Error(`features and ranking took longer than ${budgetMs} ms`)
        // What the ranker finds equal stays in the order of the generators.
        const places = new Map(generated.items.map(({ itemId }, place) => [itemId, place]))
        return { rung: 'full', items: byScore(itemIds, await scoring, (itemId) => places.get(itemId)!) }
      } catch (error) {
        onFailure?.(error)
      }
    }
    if (generated.items.every(({ score }) => score === undefined)) return this.#byPopularity(itemIds)
    return { items: generated.items, rung: generated.hasFailed ? 'popular' : 'unranked' }
  }

  #byPopularity(itemIds: readonly string[]): Ordered {
    const { popularity, catalogue } = this.#options.live
    const counts = Float64Array.from(itemIds, (itemId) => popularity.countOf(catalogue.rowOf(itemId)!))
    const places = new Map(itemIds.map((itemId, place) => [itemId, place]))
    return { rung: 'popular', items: byScore(itemIds, counts, (itemId) => places.get(itemId)!) }
  }
}

interface Ordered {
  readonly rung: Rung
  readonly items: readonly RankedListItem[]
}

/** A question: items that the catalogue knows, and who asks. */
interface List {
  readonly itemIds: readonly string[]
  /** Of each; at least `modelItemCount` for one that the model has not learned. */
  readonly indexes: readonly number[]
  readonly userId: string | undefined
  readonly history: History
}

/** What one model says of lists: one visitor after another in the same arrays, of which nothing survives a wait. */
class ModelLists {
  readonly funnel: Funnel
  readonly #model: ServingModel
  readonly #live: LiveState
  readonly #features: LiveFeatures | undefined
  readonly #pool: CandidatePool | undefined
  readonly #listed: ItemSet

  constructor(funnel: Funnel, model: ServingModel, live: LiveState, features: LiveFeatures | undefined) {
    this.funnel = funnel
    this.#model = model
    this.#live = live
    this.#features = features
    const itemCount = model.itemIds.length
    this.#listed = new Uint32Array(Math.ceil(itemCount / 32))
    const { ranker } = model
    if (ranker === undefined) return
    const proposing = new Map(ranker.generatorNames.map((name) => [name, model.generators.get(name)!]))
    this.#pool = new CandidatePool(proposing, { itemCount, perGenerator: ranker.perGenerator })
  }

  listOf(request: RankRequest, itemIds: readonly string[]): List {
    this.funnel.liveItems()
    const indexes = itemIds.map((itemId) => this.#indexOf(itemId))
    return { itemIds, indexes, userId: request.userId, history: this.#historyOf(request) }
  }

  /** The first generator orders what it knows of the list, the next one what is left, and the rest stays as it was given. */
  byGenerators({ itemIds, indexes, history }: List): { items: readonly RankedListItem[]; hasFailed: boolean } {
    const items: RankedListItem[] = []
    let hasFailed = false
    const left = new Map(indexes.map((index, n) => [index, itemIds[n]!]))
    const out = { itemIndexes: new Int32Array(itemIds.length), scores: new Float32Array(itemIds.length) }
    for (const generator of this.#model.generators.values()) {
      if (history.itemIndexes.length === 0 && !generator.supportsEmptyHistory) continue
      try {
        const count = this.#onlyOf([...left.keys()], (allowed) => generator.generate(history, left.size, allowed, out))
        for (let i = 0; i < count; i++) {
          const itemId = left.get(out.itemIndexes[i]!)
          if (itemId === undefined || !Number.isFinite(out.scores[i]!)) continue
          left.delete(out.itemIndexes[i]!)
          items.push({ itemId, score: out.scores[i]! })
        }
      } catch {
        hasFailed = true
      }
    }
    return { items: [...items, ...Array.from(left.values(), (itemId) => ({ itemId }))], hasFailed }
  }

  /**
   * One a feature of the ranker, by place in the list: what the generators say, as in training with what was seen left out, unless it is in the list; missing for what
   * none of them proposes. The system's features are not there yet.
   */
  columns({ indexes, history }: List): readonly Float32Array[] {
    const pool = this.#pool!
    const allowed = this.funnel.liveItems()
    const listed = new Set(indexes)
    try {
      for (const index of history.itemIndexes) if (!listed.has(index)) allowed.withhold(index)
      pool.gather(history, allowed.modelWords, () => {})
    } finally {
      allowed.restore()
    }
    const none = pool.rowOfNone(history)
    const places = indexes.map((index) => (this.#isLearned(index) ? pool.placeOf(index) : -1))
    return this.#ranker.ranker.featureNames.map((name) => {
      const column = pool.columnNames.indexOf(name)
      if (column < 0) return new Float32Array(indexes.length).fill(Number.NaN)
      return Float32Array.from(places, (place) => (place < 0 ? none[column]! : pool.columns[column]![place]!))
    })
  }

  /** @throws what reading features and scoring throw; an Error for a score that is not finite */
  async score(columns: readonly Float32Array[], { itemIds, userId }: List): Promise<Float64Array> {
    const { ranker } = this.#ranker
    await this.#fillFeatures(columns, userId, itemIds)
    const scores = new Float64Array(itemIds.length)
    if (ranker.scoreColumns) ranker.scoreColumns(columns, itemIds.length, scores)
    else await ranker.score(rowsOf(columns, itemIds.length), itemIds.length, scores)
    if (!scores.every(Number.isFinite)) throw new Error('the ranker gave a score that is not finite')
    return scores
  }

  /** Read for this list alone, so that they are there of items that are newer than the model, too. */
  async #fillFeatures(
    columns: readonly Float32Array[],
    userId: string | undefined,
    itemIds: readonly string[],
  ): Promise<void> {
    const { systemFeatures, dictionaries, ranker } = this.#ranker
    const wanted = systemFeatures.filter((name) => ranker.featureNames.includes(name))
    if (wanted.length === 0) return
    if (this.#features === undefined) throw new Error('the features that the ranker looks at are not kept here')
    const encoder = new FeatureEncoder(wanted, dictionaries)
    const numberOf = (f: number, value: FeatureValue | undefined): number => encoder.number(f, value)
    const read = this.#features.columnsOf({ names: wanted, itemIds, numberOf })
    try {
      const of = wanted.map((name) => columns[ranker.featureNames.indexOf(name)]!)
      await read.fill(userId, Int32Array.from(itemIds.keys()), of)
    } finally {
      read.close()
    }
  }

  /** What is known of the user, then what the request says of the moments before it; of the model's items only. */
  #historyOf({ userId, recent = [] }: RankRequest): History {
    const indexes: number[] = []
    const weights: number[] = []
    const add = (row: number, weight: number): void => {
      const index = this.funnel.indexes.indexOf(row)
      if (!this.#isLearned(index)) return
      indexes.push(index)
      weights.push(weight)
    }
    const known = userId === undefined ? undefined : this.#live.histories.historyOf(userId)
    if (known) for (let i = known.start; i < known.end; i++) add(known.rows[i]!, known.weights[i]!)
    for (const { itemId, interaction } of recent) {
      const row = this.#live.catalogue.rowOf(itemId)
      if (row !== undefined) add(row, this.#live.weightOf(this.#codeOf(interaction)))
    }
    return { itemIndexes: Int32Array.from(indexes), weights: Float32Array.from(weights) }
  }

  /** The one with the smallest weight where none is said. */
  #codeOf(interaction: string | undefined): number {
    const codes = this.#live.interactionCodes
    if (interaction !== undefined) return codes.get(interaction)!
    return [...codes.values()].reduce((best, code) =>
      this.#live.weightOf(code) < this.#live.weightOf(best) ? code : best,
    )
  }

  #indexOf(itemId: string): number {
    return this.funnel.indexes.indexOf(this.#live.catalogue.rowOf(itemId)!)
  }

  #isLearned(index: number): boolean {
    return index < this.funnel.indexes.modelItemCount
  }

  get #ranker(): ServingRanker {
    return this.#model.ranker!
  }

  /** Asks with a set of these items only, those that the model knows. */
  #onlyOf<T>(indexes: readonly number[], ask: (allowed: ItemSet) => T): T {
    const learned = indexes.filter((index) => this.#isLearned(index))
    try {
      for (const index of learned) this.#listed[index >> 5]! |= 1 << (index & 31)
      return ask(this.#listed)
    } finally {
      for (const index of learned) this.#listed[index >> 5] = 0
    }
  }
}

/** Best first; what is equal, by the place that is given. */
function byScore(
  itemIds: readonly string[],
  scores: Float64Array,
  placeOf: (itemId: string) => number,
): readonly RankedListItem[] {
  return itemIds
    .map((itemId, n) => ({ itemId, score: scores[n]!, place: placeOf(itemId) }))
    .sort((a, b) => b.score - a.score || a.place - b.place)
    .map(({ itemId, score }) => ({ itemId, score }))
}

/** Rows x columns, row-major. */
function rowsOf(columns: readonly Float32Array[], rowCount: number): Float32Array {
  const rows = new Float32Array(rowCount * columns.length)
  for (const [c, column] of columns.entries()) {
    for (let row = 0; row < rowCount; row++) rows[row * columns.length + c] = column[row]!
  }
  return rows
}

/** @throws MillraceError REQUEST_INVALID */
function checkList({ itemIds, userId, recent }: RankRequest, live: LiveState): void {
  const problems: Problem[] = []
  if (itemIds.length < 1 || itemIds.length > MAX_RANKED_COUNT) {
    problems.push({ where: '/itemIds', message: `found ${itemIds.length} items, expected 1 to ${MAX_RANKED_COUNT}.` })
  } else {
    problems.push(...repeatedProblems(itemIds))
  }
  if (userId === '') {
    problems.push({
      where: '/userId',
      message: 'found an empty text, expected an id.',
      fix: 'Leave it out for an anonymous visitor.',
    })
  }
  problems.push(...recentProblems(recent, live.interactionCodes))
  throwProblems(problems)
}
