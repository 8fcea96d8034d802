// Notes down what rules do to one answer. Made only where somebody asked for it; all others pass over it with one test.
import type { PlacementPlan } from '../../config/plan.ts'
import {
  type AddedItem,
  type MovedItem,
  type RuleEffect,
  type RuleTrace,
  TRACED_COUNT_MAX,
} from '../../domain/rule-trace.ts'
import { describeRule } from './describe-rule.ts'

interface Notes {
  removed: Set<string>
  /** Where it is more than the ids that are noted. */
  removedCount: number
  /** Without a place where that is known at the end only. */
  moved: { index: number; from: number; to?: number }[]
  /** With the index in the place of the id's place: where it stands is known at the end. */
  added: { index: number; propensity?: number }[]
  missingCount: number
  failure?: string
}

export class RuleTracer {
  readonly #plan: Pick<PlacementPlan, 'rules'>
  readonly #idOf: (index: number) => string
  /** In the order in which the rules acted. */
  readonly #notes = new Map<number, Notes>()
  candidateCount = 0

  constructor(plan: Pick<PlacementPlan, 'rules'>, { idOf }: { readonly idOf: (index: number) => string }) {
    this.#plan = plan
    this.#idOf = idOf
  }

  /** The rule acts now, whether or not it does something. */
  acts(position: number): void {
    this.#of(position)
  }

  removed(position: number, index: number): void {
    // One item is turned away as often as it is proposed.
    this.#of(position).removed.add(this.#idOf(index))
  }

  /** Of a rule that says what may be shown at all. */
  removedOfAll(position: number, count: number, itemIds: readonly string[]): void {
    const notes = this.#of(position)
    notes.removedCount = count
    notes.removed = new Set(itemIds)
  }

  /** Places from 1. @param to left out for the place in the list */
  moved(position: number, index: number, from: number, to?: number): void {
    if (from !== to) this.#of(position).moved.push({ index, from, ...(to !== undefined && { to }) })
  }

  added(position: number, index: number, propensity?: number): void {
    this.#of(position).added.push({ index, ...(propensity !== undefined && { propensity }) })
  }

  missing(position: number, count: number): void {
    this.#of(position).missingCount = count
  }

  failed(position: number, failure: string): void {
    this.#of(position).failure = failure
  }

  /** @param placeOf an item's place in the list, from 1 */
  trace(placeOf: (index: number) => number): RuleTrace {
    const effects = [...this.#notes].map(
      ([position, { removed, removedCount, moved, added, ...notes }]): RuleEffect => {
        const rule = this.#plan.rules[position]!
        return {
          position,
          kind: rule.kind,
          description: describeRule(rule),
          ...notes,
          removed: [...removed].slice(0, TRACED_COUNT_MAX),
          removedCount: Math.max(removedCount, removed.size),
          moved: moved
            .slice(0, TRACED_COUNT_MAX)
            .map(({ index, from, to = placeOf(index) }): MovedItem => ({ itemId: this.#idOf(index), from, to }))
            .filter(({ from, to }) => from !== to),
          added: added.map(
            ({ index, ...propensity }): AddedItem => ({
              itemId: this.#idOf(index),
              place: placeOf(index),
              ...propensity,
            }),
          ),
        }
      },
    )
    return { candidateCount: this.candidateCount, effects }
  }

  #of(position: number): Notes {
    let notes = this.#notes.get(position)
    if (notes === undefined) {
      notes = { removed: new Set(), removedCount: 0, moved: [], added: [], missingCount: 0 }
      this.#notes.set(position, notes)
    }
    return notes
  }
}
