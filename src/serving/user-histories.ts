// What each user did lately, by catalogue row: the input of fold-in, of the seen items and of rules about interactions.
import { grown } from '../lib/grown.ts'

/** The newest interactions of a user that are kept one by one. */
export const DEFAULT_HISTORY_LENGTH = 500
/** Of a user's interactions before those, at most this many pairs of item and interaction are remembered, with the newest time of each. */
const MAX_OLDER_COUNT = 10_000
/** Interactions of a system; a code has to fit one byte. */
export const MAX_INTERACTION_KIND_COUNT = 256

const SEGMENT_LENGTH = 65_536
const SMALLEST_BLOCK_LENGTH = 4

export interface HistoryEntry {
  readonly row: number
  readonly eventTimeMs: number
  /** Place of the interaction in the plan. */
  readonly interactionCode: number
  /** The interaction's weight times the event's own. */
  readonly weight: number
}

/** A user's entries, oldest first: places `start` to `end` of the arrays, which belong to everybody and must not be changed. */
export interface UserHistory {
  readonly rows: Int32Array
  readonly eventTimesMs: Float64Array
  readonly interactionCodes: Uint8Array
  readonly weights: Float32Array
  readonly start: number
  readonly end: number
}

interface Segment {
  readonly rows: Int32Array
  readonly eventTimesMs: Float64Array
  readonly interactionCodes: Uint8Array
  readonly weights: Float32Array
}

/**
 * Histories in blocks of 4, 8, 16 ... entries inside segments of 65,536, so that a million users are some dozens of arrays and not four
 * million: 17 bytes an entry. A block that has become too small is exchanged for one of twice the length and given to someone else.
 */
export class UserHistories {
  readonly #maxLength: number
  readonly #users = new Map<string, number>()
  readonly #segments: Segment[] = []
  #nextInSegment = SEGMENT_LENGTH
  /** Addresses of blocks nobody uses, by binary logarithm of their length. */
  readonly #freeBlocks: number[][] = []
  /** By user index; an address is segment * SEGMENT_LENGTH + place. */
  #addresses = new Uint32Array(0)
  #lengths = new Uint16Array(0)
  /** 0 for a user without a block. */
  #blockLengths = new Uint16Array(0)
  readonly #olderByUser = new Map<number, Map<number, number>>()
  readonly #deletedTimesMs = new Map<number, number>()

  constructor(maxLength: number = DEFAULT_HISTORY_LENGTH) {
    this.#maxLength = maxLength
  }

  /** Users that ever did something. */
  get userCount(): number {
    return this.#users.size
  }

  /** Interactions may come in any order of event time; equal times keep the order they come in. One that a deletion of the user covers is dropped. */
  add(userId: string, entry: HistoryEntry): void {
    const user = this.#userFor(userId)
    const deletedMs = this.#deletedTimesMs.get(user)
    if (deletedMs !== undefined && entry.eventTimeMs <= deletedMs) return
    if (this.#lengths[user] === this.#maxLength) {
      const { rows, eventTimesMs, interactionCodes, start } = this.#locate(user)
      if (entry.eventTimeMs < eventTimesMs[start]!) {
        this.#rememberOlder(user, entry)
        return
      }
      const oldest = { row: rows[start]!, eventTimeMs: eventTimesMs[start]!, interactionCode: interactionCodes[start]! }
      this.#rememberOlder(user, oldest)
      this.#dropOldest(user, 1)
    }
    if (this.#lengths[user] === this.#blockLengths[user]) this.#enlarge(user)
    this.#insert(user, entry)
  }

  /** Forgets what the user did up to that moment, also where it comes in later. */
  remove(userId: string, eventTimeMs: number): void {
    const user = this.#userFor(userId)
    this.#deletedTimesMs.set(user, Math.max(this.#deletedTimesMs.get(user) ?? 0, eventTimeMs))
    if (this.#lengths[user]! > 0) {
      const { eventTimesMs, start, end } = this.#locate(user)
      let kept = start
      while (kept < end && eventTimesMs[kept]! <= eventTimeMs) kept++
      this.#dropOldest(user, kept - start)
    }
    const older = this.#olderByUser.get(user)
    for (const [key, newestMs] of older ?? []) if (newestMs <= eventTimeMs) older!.delete(key)
  }

  /** Users of whom something is known now, in the order in which they were first heard of. */
  *userIds(): Generator<string> {
    for (const [userId, user] of this.#users) if (this.#lengths[user]! > 0) yield userId
  }

  /** Up to when what the user did was deleted; -Infinity where it never was. */
  deletedTimeMsOf(userId: string): number {
    const user = this.#users.get(userId)
    return (user === undefined ? undefined : this.#deletedTimesMs.get(user)) ?? Number.NEGATIVE_INFINITY
  }

  /** Undefined for a user who did nothing. Good until the next change. */
  historyOf(userId: string): UserHistory | undefined {
    const user = this.#users.get(userId)
    return user === undefined || this.#lengths[user] === 0 ? undefined : this.#locate(user)
  }

  /** Calls back with what was before the entries of `historyOf`: each item and interaction once, with the newest time. */
  forEachOlder(userId: string, visit: (row: number, interactionCode: number, eventTimeMs: number) => void): void {
    const user = this.#users.get(userId)
    if (user === undefined) return
    const older = this.#olderByUser.get(user)
    if (older === undefined) return
    for (const [key, eventTimeMs] of older) {
      visit(Math.floor(key / MAX_INTERACTION_KIND_COUNT), key % MAX_INTERACTION_KIND_COUNT, eventTimeMs)
    }
  }

  #userFor(userId: string): number {
    let user = this.#users.get(userId)
    if (user !== undefined) return user
    user = this.#users.size
    this.#users.set(userId, user)
    this.#addresses = grown(this.#addresses, user + 1)
    this.#lengths = grown(this.#lengths, user + 1)
    this.#blockLengths = grown(this.#blockLengths, user + 1)
    return user
  }

  #locate(user: number): UserHistory {
    const address = this.#addresses[user]!
    const { rows, eventTimesMs, interactionCodes, weights } = this.#segments[Math.floor(address / SEGMENT_LENGTH)]!
    const start = address % SEGMENT_LENGTH
    return { rows, eventTimesMs, interactionCodes, weights, start, end: start + this.#lengths[user]! }
  }

  #insert(user: number, entry: HistoryEntry): void {
    const { rows, eventTimesMs, interactionCodes, weights, start, end } = this.#locate(user)
    // One by one: late interactions are late by few places, where four calls of copyWithin would cost more than the loop.
    let place = end
    for (; place > start && eventTimesMs[place - 1]! > entry.eventTimeMs; place--) {
      rows[place] = rows[place - 1]!
      eventTimesMs[place] = eventTimesMs[place - 1]!
      interactionCodes[place] = interactionCodes[place - 1]!
      weights[place] = weights[place - 1]!
    }
    rows[place] = entry.row
    eventTimesMs[place] = entry.eventTimeMs
    interactionCodes[place] = entry.interactionCode
    weights[place] = entry.weight
    this.#lengths[user]!++
  }

  #dropOldest(user: number, count: number): void {
    const { rows, eventTimesMs, interactionCodes, weights, start, end } = this.#locate(user)
    for (const array of [rows, eventTimesMs, interactionCodes, weights]) array.copyWithin(start, start + count, end)
    this.#lengths[user]! -= count
  }

  #rememberOlder(user: number, { row, interactionCode, eventTimeMs }: Omit<HistoryEntry, 'weight'>): void {
    let older = this.#olderByUser.get(user)
    if (older === undefined) this.#olderByUser.set(user, (older = new Map()))
    const key = row * MAX_INTERACTION_KIND_COUNT + interactionCode
    const newestMs = Math.max(older.get(key) ?? 0, eventTimeMs)
    // Deleted first, so that the map's order is the order of the latest eviction and the first key is the one to let go.
    older.delete(key)
    older.set(key, newestMs)
    if (older.size > MAX_OLDER_COUNT) older.delete(older.keys().next().value!)
  }

  #enlarge(user: number): void {
    const length = this.#blockLengths[user]!
    const address = this.#takeBlock(Math.max(SMALLEST_BLOCK_LENGTH, length * 2))
    if (length > 0) {
      const from = this.#locate(user)
      const to = this.#segments[Math.floor(address / SEGMENT_LENGTH)]!
      const start = address % SEGMENT_LENGTH
      to.rows.set(from.rows.subarray(from.start, from.end), start)
      to.eventTimesMs.set(from.eventTimesMs.subarray(from.start, from.end), start)
      to.interactionCodes.set(from.interactionCodes.subarray(from.start, from.end), start)
      to.weights.set(from.weights.subarray(from.start, from.end), start)
      ;(this.#freeBlocks[Math.log2(length)] ??= []).push(this.#addresses[user]!)
    }
    this.#addresses[user] = address
    this.#blockLengths[user] = Math.max(SMALLEST_BLOCK_LENGTH, length * 2)
  }

  #takeBlock(length: number): number {
    const free = this.#freeBlocks[Math.log2(length)]?.pop()
    if (free !== undefined) return free
    if (this.#nextInSegment + length > SEGMENT_LENGTH) {
      this.#segments.push({
        rows: new Int32Array(SEGMENT_LENGTH),
        eventTimesMs: new Float64Array(SEGMENT_LENGTH),
        interactionCodes: new Uint8Array(SEGMENT_LENGTH),
        weights: new Float32Array(SEGMENT_LENGTH),
      })
      this.#nextInSegment = 0
    }
    const address = (this.#segments.length - 1) * SEGMENT_LENGTH + this.#nextInSegment
    this.#nextInSegment += length
    return address
  }
}
