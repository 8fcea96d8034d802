// The rows of one question after another: the candidates that a model's generators propose, each with what they say of it and what its features were then.
import type { FeatureSource } from '../domain/feature-source.ts'
import type { InteractionSequences } from '../domain/interaction-sequences.ts'
import { CandidatePool } from '../models/ranking/candidate-pool.ts'
import { type Dictionaries, FeatureEncoder, isRankable } from '../models/ranking/feature-encoder.ts'
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
  const definitions = features?.definitions.filter(isRankable) ?? []
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
    this.columnNames = [...this.pool.columnNames, ...encoder.names]
    const position = new Map(features?.definitions.map(({ name }, f) => [name, f]))
    this.#encoded = encoder.names.map((name) => position.get(name)!)
    this.#alignment = itemAlignment(itemIds, model.itemIds)
    this.#unseen = new Uint32Array(Math.ceil(model.itemIds.length / 32)).fill(0xffffffff)
  }

  /** Questions have to be asked in the order of their moments. What a user had chosen before is no candidate. */
  async ask(question: Moment): Promise<AskedRows> {
    const { model } = this.#options
    const history = this.#historyAt(question)
    const count = this.#gather(history, new Set())
    const { itemIndexes, values } = this.pool
    const [width, poolWidth] = [this.columnNames.length, this.pool.columnNames.length]
    const rows = this.#room(count)
    for (let i = 0; i < count; i++) rows.set(values.subarray(i * poolWidth, (i + 1) * poolWidth), i * width)
    await this.#addFeatures(
      question,
      Array.from(itemIndexes, (item) => model.itemIds[item]!),
      rows,
    )
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
    const { values } = this.pool
    const [width, poolWidth] = [this.columnNames.length, this.pool.columnNames.length]
    const rows = this.#room(items.length)
    const ofNone = this.pool.rowOfNone(history)
    for (const [i, item] of items.entries()) {
      const place = this.pool.placeOf(item)
      rows.set(place < 0 ? ofNone : values.subarray(place * poolWidth, (place + 1) * poolWidth), i * width)
    }
    await this.#addFeatures(question, itemIds, rows)
    return rows
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

  #room(rowCount: number): Float32Array {
    const length = rowCount * this.columnNames.length
    if (this.#rows.length < length) this.#rows = new Float32Array(length)
    return this.#rows.subarray(0, length)
  }

  async #addFeatures({ momentMs, userIndex }: Moment, itemIds: readonly string[], rows: Float32Array): Promise<void> {
    const { userIds, features, encoder } = this.#options
    if (features === undefined || encoder.names.length === 0 || itemIds.length === 0) return
    const [width, poolWidth] = [this.columnNames.length, this.pool.columnNames.length]
    const readings = await features.read(momentMs, userIds[userIndex]!, itemIds)
    const picked = new Array(this.#encoded.length)
    for (let i = 0; i < itemIds.length; i++) {
      const reading = readings[i]!
      for (let f = 0; f < picked.length; f++) picked[f] = reading[this.#encoded[f]!]
      encoder.encode(picked, rows, i * width + poolWidth)
    }
  }

  /** -1 for an item that the model does not know. */
  #modelIndexOf(itemId: string): number {
    this.#modelIndexes ??= new Map(this.#options.model.itemIds.map((id, index) => [id, index]))
    return this.#modelIndexes.get(itemId) ?? -1
  }
}
