// What each user was shown lately, by catalogue row: what `rotate` counts. Memory is bounded twice, for each user and for all of them.

/** Shown items of one user that are remembered, the newest, whatever their lists. */
export const SHOWN_PER_USER_MAX = 2000
/** Shown items that there is room for, of all users together: 256 MB. */
const ROOM_MAX = 2 ** 25
const FIRST_LENGTH = 32

/**
 * Rings of pairs of row and second, 8 bytes a shown item: one user takes 16 KB at most, and half a kilobyte at least. Nothing that is older than the window is added. Users that were
 * shown nothing during the window are let go, and where there is no more room, those that were shown nothing for longest: they see again what they have seen.
 */
export class ShownItems {
  readonly #perUser: number
  readonly #windowMs: number
  readonly #roomMax: number
  /** Of all rings. */
  #room = 0
  /** In the order in which they were last shown something. */
  readonly #users = new Map<string, Ring>()
  #newestMs = 0

  /** @param perUser at most `SHOWN_PER_USER_MAX`; 0: nothing is remembered */
  constructor(perUser: number, windowMs: number, roomMax: number = ROOM_MAX) {
    this.#perUser = Math.min(perUser, SHOWN_PER_USER_MAX)
    this.#windowMs = windowMs
    this.#roomMax = roomMax
  }

  /** Whether anybody wants to know: else no row has to be looked up. */
  get isKept(): boolean {
    return this.#perUser > 0
  }

  get userCount(): number {
    return this.#users.size
  }

  /** @param rows of the items of one list, in any order */
  add(userId: string, rows: readonly number[], eventTimeMs: number): void {
    this.#newestMs = Math.max(this.#newestMs, eventTimeMs)
    if (!this.isKept || eventTimeMs <= this.#newestMs - this.#windowMs) return
    const ring = this.#users.get(userId) ?? new Ring()
    const room = this.#users.has(userId) ? ring.room : 0
    // Taken out first, so that it comes last: the first one is who was shown nothing for longest.
    this.#users.delete(userId)
    this.#users.set(userId, ring)
    const second = Math.floor(eventTimeMs / 1000)
    for (const row of rows) ring.push(row, second, this.#perUser)
    ring.newestMs = Math.max(ring.newestMs, eventTimeMs)
    this.#room += ring.room - room
    this.#letGo()
  }

  /** Forgets what the user was shown up to that moment. */
  remove(userId: string, eventTimeMs: number): void {
    const ring = this.#users.get(userId)
    if (ring === undefined) return
    if (ring.newestMs <= eventTimeMs) this.#drop(userId, ring)
    else ring.forget(Math.floor(eventTimeMs / 1000))
  }

  /** All that is remembered of the user, to be read in a loop; undefined where there is nothing. Good until the next change. */
  of(userId: string): ShownRing | undefined {
    return this.#users.get(userId)
  }

  #letGo(): void {
    for (const [userId, ring] of this.#users) {
      if (this.#room <= this.#roomMax && ring.newestMs > this.#newestMs - this.#windowMs) return
      this.#drop(userId, ring)
    }
  }

  #drop(userId: string, { room }: Ring): void {
    this.#users.delete(userId)
    this.#room -= room
  }
}

/** In the place of a row. */
export const FORGOTTEN = -1

/** Pairs 0 to below `count`; the latest one to come is before `next`, and those before it follow, around the end. */
export interface ShownRing {
  /** Row, or `FORGOTTEN`, and second, unsigned, in turn. */
  readonly pairs: Int32Array
  readonly next: number
  readonly count: number
}

class Ring implements ShownRing {
  #pairs = new Int32Array(FIRST_LENGTH * 2)
  #next = 0
  #count = 0
  newestMs = 0

  /** Shown items that it has room for. */
  get room(): number {
    return this.#pairs.length / 2
  }

  get pairs(): Int32Array {
    return this.#pairs
  }

  get next(): number {
    return this.#next
  }

  get count(): number {
    return this.#count
  }

  push(row: number, second: number, lengthMax: number): void {
    const length = this.#pairs.length / 2
    // Until it is as long as it may be it never wraps, so that growing is a copy.
    if (this.#count === length && length < lengthMax) {
      const larger = new Int32Array(Math.min(length * 2, lengthMax) * 2)
      larger.set(this.#pairs)
      this.#next = length
      this.#pairs = larger
    }
    const capacity = Math.min(this.#pairs.length / 2, lengthMax)
    if (this.#next >= capacity) this.#next = 0
    this.#pairs[this.#next * 2] = row
    this.#pairs[this.#next * 2 + 1] = second
    this.#next++
    this.#count = Math.min(this.#count + 1, capacity)
  }

  forget(second: number): void {
    for (let i = 0; i < this.#count; i++) if (this.#secondAt(i) <= second) this.#pairs[i * 2] = FORGOTTEN
  }

  /** Unsigned, so that it lasts until 2106. */
  #secondAt(place: number): number {
    return this.#pairs[place * 2 + 1]! >>> 0
  }
}
