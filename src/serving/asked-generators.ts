// The model's generators, asked for a list: how many candidates, which ones first, and what becomes of one that fails.
import type { SteadySet } from '../lib/steady-sets.ts'
import type { ServingModel } from '../models/serving-model.ts'
import type { CandidateGenerator, Candidates, ItemSet } from '../ports/candidate-generator.ts'
import { proposeAlike } from './alike.ts'
import type { Answer } from './answer.ts'
import type { GeneratorFailure } from './generator-failure.ts'
import type { ItemBitmap } from './item-bitmap.ts'
import type { ItemIndexes } from './item-indexes.ts'
import { askedNow, askedRows, type Question } from './question.ts'
import type { Visitor } from './visitor.ts'

/** A list that stays short is tried again with this many times the candidates. */
export const WIDENING = 4
/** The first of a generator's candidates that are taken for each item of the list. Rules seldom turn away more, and what is not looked at need not be sorted. */
export const HEAD_PER_ITEM = 3

/** Candidates from place `from` to k of the list that is as good as the one of `headOf`. */
interface Portion {
  readonly k: number
  readonly headOf: number
  readonly from: number
}

/** All of them. */
export const whole = (k: number): Portion => ({ k, headOf: k, from: 0 })

/** Where a generator's items go, and which ones it may propose. */
export interface Asked {
  readonly answer: Answer
  readonly question: Question
  readonly words: ItemSet
  /** Of the words, where others ask with the same ones. */
  readonly steady?: SteadySet
}

export class AskedGenerators {
  readonly #model: ServingModel | undefined
  readonly #indexes: ItemIndexes
  readonly #visitor: Visitor
  #candidates: Candidates = { itemIndexes: new Int32Array(0), scores: new Float32Array(0) }
  #failures: GeneratorFailure[] = []

  constructor(model: ServingModel | undefined, indexes: ItemIndexes, visitor: Visitor) {
    this.#model = model
    this.#indexes = indexes
    this.#visitor = visitor
  }

  /** @param failures of steps before, which come first */
  begin(failures: readonly GeneratorFailure[] = []): void {
    this.#failures = [...failures]
  }

  /** Since `begin`. */
  get failures(): readonly GeneratorFailure[] {
    return this.#failures
  }

  /** What was proposed last; good until the next proposal. */
  get itemIndexes(): Int32Array {
    return this.#candidates.itemIndexes
  }

  /** The leading generator orders the list, the others fill what it leaves open; once more with more candidates where rules left too few. */
  offerAll(answer: Answer, question: Question, allowed: ItemBitmap): void {
    const { placement, limit } = question
    if (this.#model === undefined) return
    const k = Math.max(placement.plan.candidateCount, limit)
    const asked: Asked = { answer, question, words: allowed.modelWords, steady: allowed }
    let canWiden = false
    for (const name of askedNow(question)) {
      if (answer.isClosed) return
      canWiden = this.#offerHeadFirst(name, asked, k) === k || canWiden
    }
    if (answer.isClosed || !canWiden) return
    for (const name of askedNow(question)) this.offerFrom(name, asked, whole(k * WIDENING))
  }

  /** The same list as offering all k at once gives: what the head leaves open is filled by the rest. */
  #offerHeadFirst(name: string, asked: Asked, k: number): number {
    const headCount = HEAD_PER_ITEM * asked.question.limit
    if (headCount * 2 > k) return this.offerFrom(name, asked, whole(k))
    const count = this.offerFrom(name, asked, { k: headCount, headOf: k, from: 0 })
    if (asked.answer.isClosed || count < headCount) return count
    return this.offerFrom(name, asked, { k, headOf: k, from: headCount })
  }

  /** How many items the generator proposed; those before `from` were offered already. */
  offerFrom(name: string, asked: Asked, { k, headOf, from }: Portion): number {
    const { answer } = asked
    const model = this.#model!
    const generator = model.generators.get(name)
    if (generator === undefined) {
      this.#failures.push({
        generator: name,
        error: new Error(`the model ${model.version} was trained without "${name}"`),
      })
      return 0
    }
    if (this.#candidates.itemIndexes.length < k) {
      this.#candidates = { itemIndexes: new Int32Array(k), scores: new Float32Array(k) }
    }
    const { itemIndexes, scores } = this.#candidates
    try {
      const count = this.#propose(generator, asked, k, headOf)
      for (let i = from; i < count && !answer.isClosed; i++) answer.offer(itemIndexes[i]!, scores[i]!, name)
      return count
    } catch (error) {
      this.#failures.push({ generator: name, error })
      return 0
    }
  }

  #propose(generator: CandidateGenerator, { question, words, steady }: Asked, k: number, headOf: number): number {
    const asked = askedRows(question)
    if (asked.length > 0) {
      const indexes = asked.map((row) => this.#indexes.indexOf(row))
      const known = indexes.filter((index) => index < this.#indexes.modelItemCount)
      return proposeAlike(generator, known, asked.length > 1, { k, headOf, allowed: words, out: this.#candidates })
    }
    const { history } = this.#visitor
    if (history.itemIndexes.length === 0 && !generator.supportsEmptyHistory) return 0
    return generator.generate(history, k, words, this.#candidates, { headOf, steady })
  }
}
