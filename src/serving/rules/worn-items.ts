// What a user was shown again and again without doing anything with it.
import type { ItemBitmap } from '../item-bitmap.ts'
import type { ItemIndexes } from '../item-indexes.ts'
import type { LiveState } from '../live-state.ts'
import type { Question } from '../question.ts'
import { FORGOTTEN, type ShownRing } from '../shown-items.ts'
import type { ArrangingRules, Rotation } from './placement-rules.ts'
import type { RuleTracer } from './rule-tracer.ts'

/** A power of two, as all that follow. */
const FIRST_SLOT_COUNT = 1024

/** Twenty times the length of a usual ring: few different rows come to stand together. */
const SIEVE_LENGTH = 4096

export class WornItems {
  readonly #live: LiveState
  readonly #indexes: ItemIndexes
  readonly #rows = new RowTable()
  /** By what is left of a row: times that any such row was shown, whenever. Most users were shown nothing so often, and this is the end of it then. */
  readonly #sieve = new Uint16Array(SIEVE_LENGTH)

  constructor(live: LiveState, indexes: ItemIndexes) {
    this.#live = live
    this.#indexes = indexes
  }

  /** Items that the user was shown often enough are not allowed; from `fromCount` on are those withheld that may fill the end of the list. */
  withhold(
    { request, nowMs, limit }: Question,
    allowed: ItemBitmap,
    { rotations, pins }: ArrangingRules,
    trace?: RuleTracer,
  ): { readonly outCount: number; readonly fromCount: number } {
    const { userId } = request
    const before = allowed.withheldCount
    if (userId === undefined || rotations.length === 0) return { outCount: 0, fromCount: before }
    const stays = (index: number): boolean =>
      pins.some(
        ({ itemId, at, fromMs, untilMs }) =>
          at <= limit && nowMs >= fromMs && nowMs < untilMs && this.#indexes.indexOfId(itemId) === index,
      )
    const withhold = (rotation: Rotation): void => {
      trace?.acts(rotation.position)
      this.#forEach(userId, rotation, nowMs, (row) => {
        const index = this.#indexes.indexOf(row)
        if (allowed.has(index) && !stays(index) && allowed.withhold(index)) trace?.removed(rotation.position, index)
      })
    }
    for (const rotation of rotations) if (rotation.to === 'out') withhold(rotation)
    const fromCount = allowed.withheldCount
    for (const rotation of rotations) if (rotation.to === 'end') withhold(rotation)
    return { outCount: fromCount - before, fromCount }
  }

  /** Calls back once with every row that the user was shown as often as the rule says, since they last did something with it. */
  #forEach(userId: string, { shownCount, withinMs }: Rotation, nowMs: number, visit: (row: number) => void): void {
    const ring = this.#live.shown.of(userId)
    if (ring === undefined || !this.#isSieved(ring, shownCount)) return
    const sinceMs = nowMs - withinMs
    const rows = this.#rows
    rows.clear()
    this.#readInteractions(userId, sinceMs, shownCount)
    const { pairs, next, count } = ring
    for (let n = 1; n <= count; n++) {
      const place = next - n
      const i = place < 0 ? place + count : place
      const row = pairs[i * 2]!
      if (row === FORGOTTEN || this.#sieve[sieved(row)]! < shownCount) continue
      const second = pairs[i * 2 + 1]! >>> 0
      if (second * 1000 <= sinceMs || second * 1000 > nowMs) continue
      const slot = rows.slotOf(row)
      if (rows.lastSeconds[slot]! >= second) continue
      if (++rows.shownCounts[slot]! === shownCount) visit(row)
    }
  }

  /** Whether any row can have been shown so often. */
  #isSieved({ pairs, count }: ShownRing, shownCount: number): boolean {
    const sieve = this.#sieve
    sieve.fill(0)
    let most = 0
    // One that was forgotten counts as any other: nobody asks about it.
    for (let i = 0; i < count; i++) most = Math.max(most, ++sieve[sieved(pairs[i * 2]!)]!)
    return most >= shownCount
  }

  #readInteractions(userId: string, sinceMs: number, shownCount: number): void {
    const { histories } = this.#live
    const history = histories.historyOf(userId)
    if (history === undefined) return
    const { rows, eventTimesMs, start, end } = history
    let i = end
    while (i > start && eventTimesMs[i - 1]! > sinceMs) {
      i--
      if (this.#sieve[sieved(rows[i]!)]! >= shownCount) this.#interacted(rows[i]!, eventTimesMs[i]!)
    }
    // All that are kept one by one are younger: those before them may be, too.
    if (i > start) return
    histories.forEachOlder(userId, (row, _interaction, eventTimeMs) => {
      if (eventTimeMs > sinceMs) this.#interacted(row, eventTimeMs)
    })
  }

  #interacted(row: number, eventTimeMs: number): void {
    const rows = this.#rows
    const slot = rows.slotOf(row)
    rows.lastSeconds[slot] = Math.max(rows.lastSeconds[slot]!, Math.floor(eventTimeMs / 1000))
  }
}

// Knuth's multiplicative hash: rows that follow each other do not collide.
const hashed = (row: number): number => Math.imul(row, 0x9e3779b1) >>> 8

const sieved = (row: number): number => hashed(row) & (SIEVE_LENGTH - 1)

/**
 * A table of the few hundred rows that one user has to do with, by open addressing: it stays in the processor's nearest memory, where arrays over all items do not. A question's
 * number stands beside every row, so that nothing has to be cleared.
 */
class RowTable {
  #rows = new Int32Array(FIRST_SLOT_COUNT)
  #questions = new Uint32Array(FIRST_SLOT_COUNT)
  /** By slot: times shown; the second of the last interaction, or 0. */
  shownCounts = new Uint16Array(FIRST_SLOT_COUNT)
  lastSeconds = new Uint32Array(FIRST_SLOT_COUNT)
  #question = 0
  #usedCount = 0

  clear(): void {
    this.#usedCount = 0
    if (this.#question === 0xffffffff) {
      this.#questions.fill(0)
      this.#question = 0
    }
    this.#question++
  }

  /** The row's slot, empty where it is new; good until the next new row. */
  slotOf(row: number): number {
    const mask = this.#rows.length - 1
    let slot = hashed(row) & mask
    while (this.#questions[slot] === this.#question) {
      if (this.#rows[slot] === row) return slot
      slot = (slot + 1) & mask
    }
    if (this.#usedCount * 2 >= this.#rows.length) {
      this.#enlarge()
      return this.slotOf(row)
    }
    this.#usedCount++
    this.#questions[slot] = this.#question
    this.#rows[slot] = row
    this.shownCounts[slot] = 0
    this.lastSeconds[slot] = 0
    return slot
  }

  #enlarge(): void {
    const [rows, questions, shownCounts, lastSeconds] = [
      this.#rows,
      this.#questions,
      this.shownCounts,
      this.lastSeconds,
    ]
    const slotCount = rows.length * 4
    this.#rows = new Int32Array(slotCount)
    this.#questions = new Uint32Array(slotCount)
    this.shownCounts = new Uint16Array(slotCount)
    this.lastSeconds = new Uint32Array(slotCount)
    this.#usedCount = 0
    for (let from = 0; from < rows.length; from++) {
      if (questions[from] !== this.#question) continue
      const slot = this.slotOf(rows[from]!)
      this.shownCounts[slot] = shownCounts[from]!
      this.lastSeconds[slot] = lastSeconds[from]!
    }
  }
}
