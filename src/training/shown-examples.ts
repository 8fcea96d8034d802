// Lists that were shown, window by window, with their rows as they were served where these can still be read.
import type { ImpressionTable } from '../domain/impression-table.ts'
import type { Rng } from '../lib/rng.ts'
import type { ImpressionFacts } from '../models/bundle.ts'
import type { RankingWindow } from './ranking-questions.ts'
import { type RankerColumns, type ServedModel, type ServedTranslation, servedTranslation } from './served-columns.ts'
import type { ShownQuestion, ShownQuestions } from './shown-questions.ts'

/** What was shown, and by whom. */
export interface ShownHistory {
  readonly table: ImpressionTable
  /** What is known of a model by its version; undefined where its bundle is gone or has no ranker. */
  readonly modelOf: (version: string) => Promise<ServedModel | undefined>
  /** Neither an impression nor what was done after it of then or later is looked at. Left out: everything is. */
  readonly beforeMs?: number
}

export interface ShownList {
  readonly question: ShownQuestion
  /** Items x columns of now, row-major; undefined where they have to be computed as of the moment. */
  readonly rows: Float32Array | undefined
}

export class ShownExamples {
  readonly #questions: ShownQuestions
  readonly #history: ShownHistory
  readonly #columns: RankerColumns
  readonly #models = new Map<string, Promise<KnownModel | undefined>>()
  #askedCount = 0
  #servedCount = 0

  constructor(questions: ShownQuestions, history: ShownHistory, columns: RankerColumns) {
    this.#questions = questions
    this.#history = history
    this.#columns = columns
  }

  /** So far. */
  get facts(): ImpressionFacts {
    return { ...this.#questions.facts, askedCount: this.#askedCount, servedCount: this.#servedCount }
  }

  /** @returns by moment */
  async in(
    window: RankingWindow,
    options: { readonly questionsPerUser: number; readonly rng: Rng },
  ): Promise<readonly ShownList[]> {
    const questions = this.#questions.in(window, options)
    const models = new Map<ShownQuestion, KnownModel>()
    for (const question of questions) {
      const model = await this.#modelOf(question)
      if (model !== undefined) models.set(question, model)
    }
    const served = await this.#history.table.served.read([...models.keys()].map(({ impression }) => impression))
    const lists = questions.map((question) => {
      const rows = served.get(question.impression)
      return { question, rows: rows && models.get(question)!.translate(rows, question.itemIds.length) }
    })
    this.#askedCount += lists.length
    this.#servedCount += lists.filter(({ rows }) => rows !== undefined).length
    return lists
  }

  /** Undefined where there are no rows, or none that could be used. */
  async #modelOf({ impression, momentMs }: ShownQuestion): Promise<KnownModel | undefined> {
    const { modelIndexes, modelVersions } = this.#history.table
    const version = modelVersions[modelIndexes[impression]!]
    if (version === undefined) return undefined
    let known = this.#models.get(version)
    if (known === undefined) this.#models.set(version, (known = this.#known(version)))
    const model = await known
    // What was not trained yet cannot have served: its rows know of later, whatever the sender says.
    return model !== undefined && model.asOfMs <= momentMs ? model : undefined
  }

  async #known(version: string): Promise<KnownModel | undefined> {
    const model = await this.#history.modelOf(version)
    const translate = model && servedTranslation(model, this.#columns)
    return translate && { translate, asOfMs: model.asOfMs }
  }
}

interface KnownModel {
  readonly translate: ServedTranslation
  readonly asOfMs: number
}

/** When the newest list was shown; -Infinity for none. */
export const newestShownMs = ({ timesMs }: ImpressionTable): number =>
  timesMs.reduce((newest, timeMs) => Math.max(newest, timeMs), Number.NEGATIVE_INFINITY)
