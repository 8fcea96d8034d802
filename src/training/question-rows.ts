// The rows of one question after another: the candidates that a model's generators propose, each with what they say of it and what its features were then.
import type { FeatureReading } from '../domain/feature.ts'
import type { FeatureSource } from '../domain/feature-source.ts'
import type { InteractionSequences } from '../domain/interaction-sequences.ts'
import { rankableAs } from '../domain/rankable-feature.ts'
import { CandidatePool } from '../models/ranking/candidate-pool.ts'
import { fillRows, rowColumnNames } from '../models/ranking/candidate-rows.ts'
import { type Dictionaries, FeatureEncoder } from '../models/ranking/feature-encoder.ts'
import type { ServingModel } from '../models/serving-model.ts'
import type { ItemSet } from '../ports/candidate-generator.ts'
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
  async ask({ userIndex, momentMs, historyEnd }: RankingQuestion): Promise<AskedRows> {
    const { sequences, encoder } = this.#options
    const start = sequences.offsets[userIndex]!
    const chosen = {
      itemIndexes: sequences.itemIndexes.subarray(start, historyEnd),
      weights: sequences.weights.subarray(start, historyEnd),
    }
    const history = historyOfModel(chosen, this.#alignment)
    for (const item of history.itemIndexes) this.#unseen[item >> 5]! &= ~(1 << (item & 31))
    const count = this.pool.gather(history, this.#unseen)
    for (const item of history.itemIndexes) this.#unseen[item >> 5]! |= 1 << (item & 31)
    const { itemIndexes, values } = this.pool
    const width = this.columnNames.length
    if (this.#rows.length < count * width) this.#rows = new Float32Array(count * width)
    const readings = encoder.names.length === 0 || count === 0 ? [] : await this.#readings(momentMs, userIndex)
    fillRows(values, this.pool.columnNames.length, encoder, readings, this.#rows)
    const { fromModel } = this.#alignment
    return { itemIndexes: itemIndexes.map((item) => fromModel[item]!), rows: this.#rows.subarray(0, count * width) }
  }

  /** Of the pool's candidates, in the order of the encoder's names. */
  async #readings(momentMs: number, userIndex: number): Promise<FeatureReading[][]> {
    const { userIds, model, features } = this.#options
    const ids = Array.from(this.pool.itemIndexes, (item) => model.itemIds[item]!)
    const readings = await features!.read(momentMs, userIds[userIndex]!, ids)
    return readings.map((reading) => this.#encoded.map((feature) => reading[feature]!))
  }
}
