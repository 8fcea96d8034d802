// How many items of each group a list holds, for rules of "at most so many".
import { grown } from '../lib/grown.ts'

/** At most `count` items of one group. */
export interface AtMost {
  readonly attribute: string
  readonly count: number
  readonly groupOf: (row: number) => number
  /** In the placement's rules. */
  readonly position: number
}

/** One list after another, in the same arrays: a list's number stands beside every count, so that nothing has to be cleared. */
export class GroupCounts {
  /** By rule and group. */
  readonly #counts: Int32Array[] = []
  readonly #lists: Uint32Array[] = []
  #list = 0

  begin(): void {
    if (this.#list === 0xffffffff) {
      for (const lists of this.#lists) lists.fill(0)
      this.#list = 0
    }
    this.#list++
  }

  of(rule: number, group: number): number {
    return this.#lists[rule]?.[group] === this.#list ? this.#counts[rule]![group]! : 0
  }

  add(rule: number, group: number): void {
    const count = this.of(rule, group)
    if (!(group < (this.#lists[rule]?.length ?? 0))) this.#reserve(rule, group + 1)
    this.#counts[rule]![group] = count + 1
    this.#lists[rule]![group] = this.#list
  }

  #reserve(rule: number, length: number): void {
    this.#counts[rule] = grown(this.#counts[rule] ?? new Int32Array(0), length)
    this.#lists[rule] = grown(this.#lists[rule] ?? new Uint32Array(0), length)
  }
}
