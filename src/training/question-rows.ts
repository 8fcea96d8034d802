// The rows of one question after another: the candidates that a model's generators propose, each with what they say of it and what its features were then.
import type { FeatureReading } from '../domain/feature.ts'
import type { FeatureSource } from '../domain/feature-source.ts'
import type { InteractionSequences } from '../domain/interaction-sequences.ts'
import { rankableAs } from '../domain/rankable-feature.ts'
import { CandidatePool } from '../models/ranking/candidate-pool.ts'
import { fillRows, rowColumnNames } from '../models/ranking/candidate-rows.ts'
import { type Dictionaries, FeatureEncoder } from '../models/ranking/feature-encoder.ts'
import type { ServingModel } from '../models/serving-model.ts'
import type { History, ItemSet } from '../ports/candidate-generator.ts'
import { historyOfModel, type ItemAlignment, itemAlignment } from './item-alignment.ts'
import type { RankingQuestion } from './ranking-questions.ts'

export interface QuestionRowsOptions {
  readonly userIds: readonly string[]
  readonly itemIds: readonly string[]
  readonly sequences: InteractionSequences
  /** Of the moment: it may know fewer items than the sequences, under other indexes. */
  readonly model: Pick<ServingModel, 'itemIds' | 'generators'>
  readonly perGenerator: number
  /** Left out where the system has no features. */
  readonly features?: FeatureSource | undefined
  /** Shared by all windows of a training. */
  readonly encoder: FeatureEncoder
}

/** An encoder for what a ranker can use of a source; without dictionaries it learns them. */
export function encoderFor(features: FeatureSource | undefined, dictionaries?: Dictionaries): FeatureEncoder {
  const definitions = features?.definitions.filter((definition) => rankableAs(definition) !== undefined) ?? []
  return new FeatureEncoder(
    definitions.map(({ name }) => name),
    dictionaries,
  )
}

/** Who is asked about, and when. */
type Moment = Pick<RankingQuestion, 'userIndex' | 'momentMs' | 'historyEnd'>

export interface AskedRows {
  /** The candidates, in the order in which generators proposed them, by the indexes of `itemIds`; -1 for one that is not there. */
  readonly itemIndexes: Int32Array
  /** Candidates x columns, row-major; a view that the next question overwrites. */
  readonly rows: Float32Array
}

export class QuestionRows {
  readonly columnNames: readonly string[]
  readonly pool: CandidatePool
  readonly #options: QuestionRowsOptions
  readonly #encoded: readonly number[]
  readonly #alignment: ItemAlignment
  /** In the model's items. */
  readonly #unseen: ItemSet
  #rows = new Float32Array(0)
  #modelIndexes: ReadonlyMap<string, number> | undefined

  constructor(options: QuestionRowsOptions) {
    const { model, itemIds, perGenerator, features, encoder } = options
    this.#options = options
    this.pool = new CandidatePool(model.generators, { itemCount: model.itemIds.length, perGenerator })
    this.columnNames = rowColumnNames(this.pool, encoder)
    const position = new Map(features?.definitions.map(({ name }, f) => [name, f]))
    this.#encoded = encoder.names.map((name) => position.get(name)!)
    this.#alignment = itemAlignment(itemIds, model.itemIds)
    this.#unseen = new Uint32Array(Math.ceil(model.itemIds.length / 32)).fill(0xffffffff)
  }

  /** Questions have to be asked in the order of their moments. What a user had chosen before is no candidate. */
  async ask(question: Moment): Promise<AskedRows> {
    const { model } = this.#options
    const history = this.#historyAt(question)
    this.#gather(history, new Set())
    const { itemIndexes } = this.pool
    const ids = Array.from(itemIndexes, (item) => model.itemIds[item]!)
    const rows = await this.#rowsOf(question, ids, this.pool.rows())
    const { fromModel } = this.#alignment
    return { itemIndexes: itemIndexes.map((item) => fromModel[item]!), rows }
  }

  /**
   * The rows of given items, in their order, as they would have been among the candidates of that moment: what no generator proposed has none of their columns. One
   * that the user had chosen before is a candidate where it is given.
   * @returns items x columns, row-major; a view that the next question overwrites
   */
  async askAbout(question: Moment, itemIds: readonly string[]): Promise<Float32Array> {
    const history = this.#historyAt(question)
    const items = itemIds.map((itemId) => this.#modelIndexOf(itemId))
    this.#gather(history, new Set(items))
    const poolWidth = this.pool.columnNames.length
    const ofNone = this.pool.rowOfNone(history)
    const values = new Float32Array(items.length * poolWidth)
    for (const [i, item] of items.entries()) {
      const place = this.pool.placeOf(item)
      values.set(place < 0 ? ofNone : this.pool.rowOf(place), i * poolWidth)
    }
    return this.#rowsOf(question, itemIds, values)
  }

  #historyAt({ userIndex, historyEnd }: Moment): History {
    const { sequences } = this.#options
    const start = sequences.offsets[userIndex]!
    const chosen = {
      itemIndexes: sequences.itemIndexes.subarray(start, historyEnd),
      weights: sequences.weights.subarray(start, historyEnd),
    }
    return historyOfModel(chosen, this.#alignment)
  }

  /** @param again items of the history that may be candidates all the same */
  #gather(history: History, again: ReadonlySet<number>): number {
    for (const item of history.itemIndexes) if (!again.has(item)) this.#unseen[item >> 5]! &= ~(1 << (item & 31))
    const count = this.pool.gather(history, this.#unseen)
    for (const item of history.itemIndexes) this.#unseen[item >> 5]! |= 1 << (item & 31)
    return count
  }

  /** @param values items x columns of the pool. @returns a view that the next question overwrites */
  async #rowsOf(
    { momentMs, userIndex }: Moment,
    itemIds: readonly string[],
    values: Float32Array,
  ): Promise<Float32Array> {
    const { encoder } = this.#options
    const length = itemIds.length * this.columnNames.length
    if (this.#rows.length < length) this.#rows = new Float32Array(length)
    const isRead = encoder.names.length > 0 && itemIds.length > 0
    const readings = isRead ? await this.#readings(momentMs, userIndex, itemIds) : []
    fillRows(values, this.pool.columnNames.length, encoder, readings, this.#rows)
    return this.#rows.subarray(0, length)
  }

  /** -1 for an item that the model does not know. */
  #modelIndexOf(itemId: string): number {
    this.#modelIndexes ??= new Map(this.#options.model.itemIds.map((id, index) => [id, index]))
    return this.#modelIndexes.get(itemId) ?? -1
  }

  /** By item, in the order of the encoder's names. */
  async #readings(momentMs: number, userIndex: number, itemIds: readonly string[]): Promise<FeatureReading[][]> {
    const { userIds, features } = this.#options
    const readings = await features!.read(momentMs, userIds[userIndex]!, itemIds)
    return readings.map((reading) => this.#encoded.map((feature) => reading[feature]!))
  }
}
