// Every interaction in the log, in columns, with dense indexes: what splits, training sets and statistics are cut from.
import { type Csr, csrFromTriplets } from '../lib/csr.ts'
import { sequencesOf } from './interaction-sequences.ts'
import { type ItemChange, type ItemChanges, itemAttributesAsOf } from './item-attributes.ts'
import type { TrainingData } from './training-data.ts'

export interface InteractionTable {
  readonly userIds: readonly string[]
  readonly itemIds: readonly string[]
  /** One entry per interaction, in no promised order. */
  readonly userIndexes: Int32Array
  readonly itemIndexes: Int32Array
  /** The interaction's own weight times the event's. */
  readonly weights: Float32Array
  readonly eventTimesMs: Float64Array
  /** By item: from when on it was known, by an interaction or as part of the catalogue; -Infinity where nobody says. */
  readonly itemKnownMs: Float64Array
  /** What became known of the items, whenever it was: whoever cuts the table by time keeps all of it. Left out where no generator asks for it. */
  readonly itemChanges?: ItemChanges
}

/** Collects interactions one by one; memory grows by doubling, 24 bytes an interaction besides the ids. */
export class InteractionTableBuilder {
  readonly #users = new IdIndex()
  readonly #items = new IdIndex()
  #userIndexes = new Int32Array(1024)
  #itemIndexes = new Int32Array(1024)
  #weights = new Float32Array(1024)
  #eventTimesMs = new Float64Array(1024)
  #count = 0
  /** By item index; an item may be told of more than once. */
  readonly #itemKnownMs: number[] = []
  readonly #itemChanges: ItemChange[] = []
  readonly #itemAttributes: readonly string[]

  /** @param itemAttributes those that `changeItem` is told of */
  constructor(itemAttributes: readonly string[] = []) {
    this.#itemAttributes = itemAttributes
  }

  add(userId: string, itemId: string, weight: number, eventTimeMs: number): void {
    if (this.#count === this.#weights.length) this.#grow()
    this.#userIndexes[this.#count] = this.#users.indexOf(userId)
    this.#itemIndexes[this.#count] = this.#knownItem(itemId, eventTimeMs)
    this.#weights[this.#count] = weight
    this.#eventTimesMs[this.#count] = eventTimeMs
    this.#count++
  }

  /** Makes a user known who has not done anything yet. */
  addUser(userId: string): void {
    this.#users.indexOf(userId)
  }

  /** Makes an item known that nobody has interacted with yet. @param sinceMs left out: as long as anybody can ask */
  addItem(itemId: string, sinceMs = Number.NEGATIVE_INFINITY): void {
    this.#knownItem(itemId, sinceMs)
  }

  /** What became known of an item. Makes it known, too, unless it is deleted. */
  changeItem(itemId: string, change: Omit<ItemChange, 'itemIndex'>): void {
    const sinceMs = Math.max(change.eventTimeMs, change.availableTimeMs)
    if (change.change !== 'delete') this.addItem(itemId, sinceMs)
    if (this.#itemAttributes.length === 0) return
    this.#itemChanges.push({ ...change, itemIndex: this.#knownItem(itemId, sinceMs) })
  }

  build(): InteractionTable {
    return {
      userIds: this.#users.ids,
      itemIds: this.#items.ids,
      userIndexes: this.#userIndexes.slice(0, this.#count),
      itemIndexes: this.#itemIndexes.slice(0, this.#count),
      weights: this.#weights.slice(0, this.#count),
      eventTimesMs: this.#eventTimesMs.slice(0, this.#count),
      itemKnownMs: Float64Array.from(this.#itemKnownMs),
      ...(this.#itemAttributes.length > 0 && {
        itemChanges: { names: this.#itemAttributes, changes: this.#itemChanges },
      }),
    }
  }

  #knownItem(itemId: string, sinceMs: number): number {
    const index = this.#items.indexOf(itemId)
    this.#itemKnownMs[index] = Math.min(this.#itemKnownMs[index] ?? Number.POSITIVE_INFINITY, sinceMs)
    return index
  }

  #grow(): void {
    const length = this.#count * 2
    const enlarge = <T extends Int32Array | Float32Array | Float64Array>(from: T, to: T): T => {
      to.set(from)
      return to
    }
    this.#userIndexes = enlarge(this.#userIndexes, new Int32Array(length))
    this.#itemIndexes = enlarge(this.#itemIndexes, new Int32Array(length))
    this.#weights = enlarge(this.#weights, new Float32Array(length))
    this.#eventTimesMs = enlarge(this.#eventTimesMs, new Float64Array(length))
  }
}

/** The interactions that happened from `fromMs` (inclusive) to `beforeMs` (exclusive). Indexes keep their meaning. */
export function interactionsBetween(table: InteractionTable, fromMs: number, beforeMs: number): InteractionTable {
  return interactionsWhere(table, (i) => table.eventTimesMs[i]! >= fromMs && table.eventTimesMs[i]! < beforeMs)
}

/** The interactions that are kept, by their place in the columns. Indexes keep their meaning. */
export function interactionsWhere(table: InteractionTable, isKept: (place: number) => boolean): InteractionTable {
  const kept: number[] = []
  for (let i = 0; i < table.eventTimesMs.length; i++) if (isKept(i)) kept.push(i)
  return {
    ...table,
    userIndexes: Int32Array.from(kept, (i) => table.userIndexes[i]!),
    itemIndexes: Int32Array.from(kept, (i) => table.itemIndexes[i]!),
    weights: Float32Array.from(kept, (i) => table.weights[i]!),
    eventTimesMs: Float64Array.from(kept, (i) => table.eventTimesMs[i]!),
  }
}

/**
 * What was known before a moment, under indexes of its own: neither interactions nor users or items of which anybody heard only later, not even their number. What
 * a model of that moment may learn from.
 */
export function knownBefore(table: InteractionTable, asOfMs: number): InteractionTable {
  const { userIds, itemIds, itemKnownMs, itemChanges } = table
  const builder = new InteractionTableBuilder(itemChanges?.names)
  for (let i = 0; i < table.eventTimesMs.length; i++) {
    const timeMs = table.eventTimesMs[i]!
    if (timeMs >= asOfMs) continue
    builder.add(userIds[table.userIndexes[i]!]!, itemIds[table.itemIndexes[i]!]!, table.weights[i]!, timeMs)
  }
  // In an order that later events have no part in.
  const items = Array.from(itemIds.keys()).filter((item) => itemKnownMs[item]! < asOfMs)
  items.sort((a, b) => (itemIds[a]! < itemIds[b]! ? -1 : 1))
  for (const item of items) builder.addItem(itemIds[item]!, itemKnownMs[item]!)
  for (const { itemIndex, ...change } of itemChanges?.changes ?? []) {
    if (Math.max(change.eventTimeMs, change.availableTimeMs) < asOfMs) builder.changeItem(itemIds[itemIndex]!, change)
  }
  return builder.build()
}

/** When the newest interaction happened; -Infinity for none. */
export function newestTimeMs({ eventTimesMs }: InteractionTable): number {
  let newest = Number.NEGATIVE_INFINITY
  for (const timeMs of eventTimesMs) if (timeMs > newest) newest = timeMs
  return newest
}

/** users x items, the value being the sum of weights. */
export function itemsByUserOf(table: InteractionTable): Csr {
  return csrFromTriplets(
    { rows: table.userIndexes, columns: table.itemIndexes, values: table.weights },
    { rowCount: table.userIds.length, columnCount: table.itemIds.length },
  )
}

/** What a model may learn from. The caller has cut the table at `asOfMs`. */
export function trainingDataOf(table: InteractionTable, asOfMs: number): TrainingData {
  const itemsByUser = itemsByUserOf(table)
  return {
    userIds: table.userIds,
    itemIds: table.itemIds,
    itemsByUser,
    sequences: sequencesOf(table, table.userIds.length),
    newestTimesMs: newestTimesOf(table, itemsByUser),
    ...(table.itemChanges && {
      itemAttributes: itemAttributesAsOf(table.itemChanges, table.itemIds.length, asOfMs),
    }),
    asOfMs,
  }
}

/** For every entry of the matrix the newest event time behind it, in its order. */
function newestTimesOf(table: InteractionTable, itemsByUser: Csr): Float64Array {
  const newestTimesMs = new Float64Array(itemsByUser.columns.length)
  for (let i = 0; i < table.userIndexes.length; i++) {
    const entry = entryOf(itemsByUser, table.userIndexes[i]!, table.itemIndexes[i]!)
    if (table.eventTimesMs[i]! > newestTimesMs[entry]!) newestTimesMs[entry] = table.eventTimesMs[i]!
  }
  return newestTimesMs
}

/** Binary search for the entry of one cell, which must exist. */
function entryOf(matrix: Csr, row: number, column: number): number {
  let low = matrix.offsets[row]!
  let high = matrix.offsets[row + 1]! - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (matrix.columns[middle]! < column) low = middle + 1
    else high = middle
  }
  return low
}

/** Outside ids to dense indexes, in order of first sight. */
class IdIndex {
  readonly ids: string[] = []
  readonly #indexes = new Map<string, number>()

  indexOf(id: string): number {
    const known = this.#indexes.get(id)
    if (known !== undefined) return known
    const index = this.ids.length
    this.#indexes.set(id, index)
    this.ids.push(id)
    return index
  }
}
