// What each user did lately, by catalogue row: the input of fold-in, of the seen items and of rules about interactions.
import { grown } from '../lib/grown.ts'
import { IdIndexes } from '../lib/id-indexes.ts'
import { haveRead } from '../lib/touch.ts'

/** The newest interactions of a user that are kept one by one. */
export const DEFAULT_HISTORY_LENGTH = 500
/** Of a user's interactions before those, at most this many pairs of item and interaction are remembered, with the newest time of each. */
const MAX_OLDER_COUNT = 10_000
/** Interactions of a system; a code has to fit one byte. */
export const MAX_INTERACTION_KIND_COUNT = 256

/** Of an entry: time (8 bytes), row (4), weight (4), code (1). */
export const HISTORY_ENTRY_BYTES = 17
const ROW_AT = 8
const WEIGHT_AT = 12
const CODE_AT = 16

/** Entries that are asked of memory together. */
export const SEGMENT_LENGTH = 65_536
export const SMALLEST_BLOCK_LENGTH = 4

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
  readonly bytes: Uint8Array
  readonly view: DataView
}

/**
 * Histories in blocks of 4, 8, 16 ... entries inside segments of 65,536, so that a million users are some hundreds of arrays and not four million. A block that has become too small is exchanged for one of
 * twice the length and given to someone else. With millions of users it is memory beyond the processor's own that takes the time: the fields of an entry lie together, so that taking one in, or reading a whole
 * history, goes to one place and not to four.
 */
export class UserHistories {
  readonly #maxLength: number
  readonly #users = new IdIndexes()
  readonly #segments: Segment[] = []
  #nextInSegment = SEGMENT_LENGTH
  /** Addresses of blocks nobody uses, by binary logarithm of their length. */
  readonly #freeBlocks: number[][] = []
  /** Of user u, at 2u the address of the block (segment * SEGMENT_LENGTH + place) and at 2u + 1 length + block length * LENGTH_UNIT; that is 0 without a block. */
  #blocks = new Uint32Array(0)
  readonly #olderByUser = new Map<number, Map<number, number>>()
  readonly #deletedTimesMs = new Map<number, number>()
  /** What `historyOf` gives. */
  #read = noHistory(64)

  constructor(maxLength: number = DEFAULT_HISTORY_LENGTH) {
    this.#maxLength = maxLength
  }

  /** Users that ever did something. */
  get userCount(): number {
    return this.#users.count
  }

  /**
   * Looks many users up at once and reaches for the ends of their histories, which are all over the memory: what is added to them next has not to wait for each one.
   * @param users filled with their numbers for `add`; -1 for those nobody knows
   */
  lookUp(userIds: readonly string[], users: Int32Array): void {
    this.#users.indexesOf(userIds, users)
    const blocks = this.#blocks
    let touched = 0
    for (let n = 0; n < userIds.length; n++) if (users[n]! >= 0) touched += blocks[users[n]! * 2]!
    for (let n = 0; n < userIds.length; n++) {
      const user = users[n]!
      if (user < 0 || this.#lengthOf(user) === 0) continue
      touched += this.#segmentOf(user).bytes[this.#startOf(user) + this.#lengthOf(user) * HISTORY_ENTRY_BYTES - 1]!
    }
    haveRead(touched)
  }

  /**
   * Interactions may come in any order of event time; equal times keep the order they come in. One that a deletion of the user covers is dropped.
   * @param known what `lookUp` said of the user; it stays true
   */
  add(userId: string, entry: HistoryEntry, known = -1): void {
    const user = known < 0 ? this.#userFor(userId) : known
    const deletedMs = this.#deletedTimesMs.get(user)
    if (deletedMs !== undefined && entry.eventTimeMs <= deletedMs) return
    if (this.#lengthOf(user) === this.#maxLength) {
      const { view } = this.#segmentOf(user)
      const start = this.#startOf(user)
      const oldest = {
        eventTimeMs: view.getFloat64(start, true),
        row: view.getInt32(start + ROW_AT, true),
        interactionCode: view.getUint8(start + CODE_AT),
      }
      if (entry.eventTimeMs < oldest.eventTimeMs) {
        this.#rememberOlder(user, entry)
        return
      }
      this.#rememberOlder(user, oldest)
      this.#dropOldest(user, 1)
    }
    if (this.#lengthOf(user) === this.#blockLengthOf(user)) this.#enlarge(user)
    this.#insert(user, entry)
  }

  /** Forgets what the user did up to that moment, also where it comes in later. */
  remove(userId: string, eventTimeMs: number): void {
    const user = this.#userFor(userId)
    this.#deletedTimesMs.set(user, Math.max(this.#deletedTimesMs.get(user) ?? 0, eventTimeMs))
    const length = this.#lengthOf(user)
    if (length > 0) {
      const { view } = this.#segmentOf(user)
      const start = this.#startOf(user)
      let count = 0
      while (count < length && view.getFloat64(start + count * HISTORY_ENTRY_BYTES, true) <= eventTimeMs) count++
      this.#dropOldest(user, count)
    }
    const older = this.#olderByUser.get(user)
    for (const [key, newestMs] of older ?? []) if (newestMs <= eventTimeMs) older!.delete(key)
  }

  /** Users of whom something is known now, in the order in which they were first heard of. */
  *userIds(): Generator<string> {
    let user = 0
    for (const userId of this.#users.ids()) if (this.#lengthOf(user++) > 0) yield userId
  }

  /** Up to when what the user did was deleted; -Infinity where it never was. */
  deletedTimeMsOf(userId: string): number {
    return this.#deletedTimesMs.get(this.#users.indexOf(userId)) ?? Number.NEGATIVE_INFINITY
  }

  /** Undefined for a user who did nothing. Good until the next change and the next call, which reads into the same arrays. */
  historyOf(userId: string): UserHistory | undefined {
    const user = this.#users.indexOf(userId)
    const length = user < 0 ? 0 : this.#lengthOf(user)
    if (length === 0) return undefined
    if (length > this.#read.rows.length) this.#read = noHistory(Math.max(length, this.#read.rows.length * 2))
    const { rows, eventTimesMs, interactionCodes, weights } = this.#read
    const { view } = this.#segmentOf(user)
    for (let i = 0, at = this.#startOf(user); i < length; i++, at += HISTORY_ENTRY_BYTES) {
      eventTimesMs[i] = view.getFloat64(at, true)
      rows[i] = view.getInt32(at + ROW_AT, true)
      weights[i] = view.getFloat32(at + WEIGHT_AT, true)
      interactionCodes[i] = view.getUint8(at + CODE_AT)
    }
    return { rows, eventTimesMs, interactionCodes, weights, start: 0, end: length }
  }

  /** Calls back with what was before the entries of `historyOf`: each item and interaction once, with the newest time. */
  forEachOlder(userId: string, visit: (row: number, interactionCode: number, eventTimeMs: number) => void): void {
    const older = this.#olderByUser.get(this.#users.indexOf(userId))
    if (older === undefined) return
    for (const [key, eventTimeMs] of older) {
      visit(Math.floor(key / MAX_INTERACTION_KIND_COUNT), key % MAX_INTERACTION_KIND_COUNT, eventTimeMs)
    }
  }

  #userFor(userId: string): number {
    const user = this.#users.indexFor(userId)
    this.#blocks = grown(this.#blocks, user * 2 + 2)
    return user
  }

  #lengthOf(user: number): number {
    return this.#blocks[user * 2 + 1]! % LENGTH_UNIT
  }

  #blockLengthOf(user: number): number {
    return Math.floor(this.#blocks[user * 2 + 1]! / LENGTH_UNIT)
  }

  #segmentOf(user: number): Segment {
    return this.#segments[Math.floor(this.#blocks[user * 2]! / SEGMENT_LENGTH)]!
  }

  /** In bytes, in its segment. */
  #startOf(user: number): number {
    return (this.#blocks[user * 2]! % SEGMENT_LENGTH) * HISTORY_ENTRY_BYTES
  }

  #insert(user: number, { row, eventTimeMs, interactionCode, weight }: HistoryEntry): void {
    const { view, bytes } = this.#segmentOf(user)
    const start = this.#startOf(user)
    const end = start + this.#lengthOf(user) * HISTORY_ENTRY_BYTES
    let at = end
    while (at > start && view.getFloat64(at - HISTORY_ENTRY_BYTES, true) > eventTimeMs) at -= HISTORY_ENTRY_BYTES
    if (at < end) bytes.copyWithin(at + HISTORY_ENTRY_BYTES, at, end)
    view.setFloat64(at, eventTimeMs, true)
    view.setInt32(at + ROW_AT, row, true)
    view.setFloat32(at + WEIGHT_AT, weight, true)
    view.setUint8(at + CODE_AT, interactionCode)
    this.#blocks[user * 2 + 1]!++
  }

  #dropOldest(user: number, count: number): void {
    const start = this.#startOf(user)
    const end = start + this.#lengthOf(user) * HISTORY_ENTRY_BYTES
    this.#segmentOf(user).bytes.copyWithin(start, start + count * HISTORY_ENTRY_BYTES, end)
    this.#blocks[user * 2 + 1]! -= count
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
    const length = this.#lengthOf(user)
    const blockLength = Math.max(SMALLEST_BLOCK_LENGTH, length * 2)
    const address = this.#takeBlock(blockLength)
    if (length > 0) {
      const from = this.#startOf(user)
      const entries = this.#segmentOf(user).bytes.subarray(from, from + length * HISTORY_ENTRY_BYTES)
      const to = this.#segments[Math.floor(address / SEGMENT_LENGTH)]!
      to.bytes.set(entries, (address % SEGMENT_LENGTH) * HISTORY_ENTRY_BYTES)
      ;(this.#freeBlocks[Math.log2(length)] ??= []).push(this.#blocks[user * 2]!)
    }
    this.#blocks[user * 2] = address
    this.#blocks[user * 2 + 1] = length + blockLength * LENGTH_UNIT
  }

  #takeBlock(length: number): number {
    const free = this.#freeBlocks[Math.log2(length)]?.pop()
    if (free !== undefined) return free
    if (this.#nextInSegment + length > SEGMENT_LENGTH) {
      const bytes = new Uint8Array(SEGMENT_LENGTH * HISTORY_ENTRY_BYTES)
      this.#segments.push({ bytes, view: new DataView(bytes.buffer) })
      this.#nextInSegment = 0
    }
    const address = (this.#segments.length - 1) * SEGMENT_LENGTH + this.#nextInSegment
    this.#nextInSegment += length
    return address
  }
}

/** Lengths are below it: a history has at most 32,768 entries. */
const LENGTH_UNIT = 65_536

const noHistory = (length: number): Omit<UserHistory, 'start' | 'end'> => ({
  rows: new Int32Array(length),
  eventTimesMs: new Float64Array(length),
  interactionCodes: new Uint8Array(length),
  weights: new Float32Array(length),
})
