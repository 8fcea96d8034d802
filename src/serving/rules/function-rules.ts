// Rules that are code of the system file, with a guard around them: an answer never fails for one. A rule that throws, or answers nonsense, has no say in the answer, and is told of.
import type { AttributeValue } from '../../domain/event.ts'
import type { RecommendRequest } from '../../domain/recommendation.ts'
import type { RuleContext, RuleItem } from '../../domain/rule-function.ts'
import { grown } from '../../lib/grown.ts'
import type { Answer, Gate } from '../answer.ts'
import type { Catalogue } from '../catalogue.ts'
import type { ItemIndexes } from '../item-indexes.ts'
import type { NamedFunction } from './placement-rules.ts'
import type { RuleTracer } from './rule-tracer.ts'

/** A rule that had no say in an answer. */
export interface RuleFailure {
  readonly rule: string
  readonly error: unknown
}

/** Factors that a function may answer. */
const FACTOR_MIN = 0.01
const FACTOR_MAX = 100
/** In the place of a factor: the item is not shown. */
export const LEFT_OUT = 0

export class FunctionRules {
  readonly #indexes: ItemIndexes
  readonly #item: SeenItem
  #rules: readonly NamedFunction[] = []
  #context: RuleContext = { userId: undefined, placement: '', limit: 0, nowMs: 0 }
  #trace: RuleTracer | undefined
  /** By rule: whether it has failed in this answer. */
  readonly #hasFailed: boolean[] = []
  #failures: RuleFailure[] = noFailures
  #verdicts = new Float64Array(0)
  #lastPlace = 0

  constructor(catalogue: Catalogue, indexes: ItemIndexes) {
    this.#indexes = indexes
    this.#item = new SeenItem(catalogue)
  }

  begin(
    rules: readonly NamedFunction[],
    { userId, placement }: RecommendRequest,
    { limit, nowMs, trace }: { readonly limit: number; readonly nowMs: number; readonly trace: RuleTracer | undefined },
  ): void {
    this.#rules = rules
    this.#trace = trace
    this.#failures = noFailures
    this.#lastPlace = 0
    if (rules.length === 0) return
    this.#context = { userId, placement, limit, nowMs }
    this.#hasFailed.length = 0
    for (const _ of rules) this.#hasFailed.push(false)
  }

  /** Of this answer so far. */
  get failures(): readonly RuleFailure[] {
    return this.#failures
  }

  /**
   * Asks every rule about every candidate.
   * @param factors by candidate: multiplied by what the rules say, or `LEFT_OUT`
   * @returns whether any factor was changed
   */
  judge(candidates: Answer, factors: Float64Array): boolean {
    const { count, itemIndexes } = candidates
    this.#lastPlace = count + 1
    this.#verdicts = grown(this.#verdicts, count)
    let isChanged = false
    for (let r = 0; r < this.#rules.length; r++) {
      const verdicts = this.#verdicts
      for (let i = 0; i < count && !this.#hasFailed[r]; i++) {
        const row = this.#indexes.rowOf(itemIndexes[i]!)
        verdicts[i] = this.#ask(r, row, candidates.scoreAt(i), i + 1, candidates.generatorAt(i))
      }
      // Half of what it says would be harder to understand than nothing of it.
      if (this.#hasFailed[r]) continue
      for (let i = 0; i < count; i++) {
        if (verdicts[i] === 1) continue
        isChanged = true
        if (verdicts[i] === LEFT_OUT) this.#trace?.removed(this.#rules[r]!.position, itemIndexes[i]!)
        factors[i]! *= verdicts[i]!
      }
    }
    return isChanged
  }

  /** For items that were no candidates: whether the rules keep them. Undefined where there are none. */
  get gate(): Gate | undefined {
    return this.#rules.length === 0 ? undefined : this.#keeps
  }

  readonly #keeps: Gate = (index, score, generator) => {
    const row = this.#indexes.rowOf(index)
    for (let r = 0; r < this.#rules.length; r++) {
      if (this.#hasFailed[r] || this.#ask(r, row, score, this.#lastPlace, generator) !== LEFT_OUT) continue
      this.#trace?.removed(this.#rules[r]!.position, index)
      return false
    }
    return true
  }

  /** A factor; 1 from a rule that fails with this item. */
  #ask(r: number, row: number, score: number, place: number, generator: string): number {
    try {
      this.#item.become(row, score, place, generator)
      const verdict: unknown = this.#rules[r]!.apply(this.#item, this.#context)
      if (verdict === true) return 1
      if (verdict === false) return LEFT_OUT
      if (typeof verdict === 'number' && verdict >= FACTOR_MIN && verdict <= FACTOR_MAX) return verdict
      throw nonsense(verdict)
    } catch (error) {
      const { name, position } = this.#rules[r]!
      this.#hasFailed[r] = true
      this.#failures = [...this.#failures, { rule: name, error }]
      this.#trace?.failed(position, String(error))
      return 1
    }
  }
}

const noFailures: RuleFailure[] = []

function nonsense(verdict: unknown): Error {
  const isPromise = typeof (verdict as Promise<unknown> | null)?.then === 'function'
  // It is not waited for; if it fails as well, that must not end the process.
  if (isPromise) void Promise.resolve(verdict).catch(() => {})
  const found = isPromise ? 'a promise' : typeof verdict === 'number' ? verdict : `a value of type ${typeof verdict}`
  return new Error(`found ${found}, expected true, false or a number from ${FACTOR_MIN} to ${FACTOR_MAX}`)
}

/** One object for one item after another. */
class SeenItem implements RuleItem {
  readonly attributes: Readonly<Record<string, AttributeValue | undefined>>
  score = 0
  place = 0
  generator = ''
  readonly #catalogue: Catalogue
  #row = 0

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue
    const read = (name: string) => () => catalogue.columns.get(name)!.get(this.#row) ?? undefined
    this.attributes = Object.defineProperties(
      {},
      Object.fromEntries([...catalogue.columns.keys()].map((name) => [name, { get: read(name), enumerable: true }])),
    )
  }

  get itemId(): string {
    return this.#catalogue.idOf(this.#row)
  }

  become(row: number, score: number, place: number, generator: string): void {
    this.#row = row
    this.score = score
    this.place = place
    this.generator = generator
  }
}
