// Millions of ids as dense indexes, in a few arrays instead of a `Map` of strings: the collector has nothing to walk through, no id keeps alive the text it was cut from, and there is no end at the 16.7 million
// entries that a `Map` holds. Open addressing with linear probing; the slots hold the whole hash, so that other ids are seldom looked at and a larger table is filled without reading any.
import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { grown } from './grown.ts'

/** Ids lie one after another in pages of so many bytes, so that growing copies none of them. */
const PAGE_BYTES = 65_536
/** Numbers of a slot: hash, index + 1 (0 where it is free) and address. */
const SLOT_LENGTH = 3
const SLOT_BYTES = SLOT_LENGTH * 4
const FIRST_SLOT_COUNT = 16

/** Of what `count` ids take, in bytes. @param idLength characters of an id, all of ASCII */
export function idIndexesBytes(count: number, idLength: number): number {
  let slotCount = FIRST_SLOT_COUNT
  while (isFull(count, slotCount)) slotCount *= 2
  return slotCount * SLOT_BYTES + Math.ceil((count * (idLength + 1)) / PAGE_BYTES) * PAGE_BYTES
}

/** At three quarters a probe looks at two and a half slots, which lie beside each other. */
const isFull = (count: number, slotCount: number): boolean => count * 4 > slotCount * 3

interface Page {
  readonly bytes: Uint8Array
  /** Bytes of it that are taken. */
  length: number
}

/** Indexes are given out from 0 on, in the order in which ids are first heard of, and never change. Ids are told apart by their UTF-16 units. */
export class IdIndexes {
  #slots = new Uint32Array(FIRST_SLOT_COUNT * SLOT_LENGTH)
  #mask = FIRST_SLOT_COUNT - 1
  #count = 0
  readonly #pages: Page[] = []
  /** Ids that are looked for, as they would be kept, and where the last one ends. */
  #wanted = new Uint8Array(0)
  #wantedEnd = 0
  /** Drawn for each table, so that whoever sends ids cannot choose those that meet in one slot; one for each place of the longest id so far, and for its length. */
  #keys = new Int32Array(0)
  /** Of `indexesOf`: hashes of the ids, where they are in `#wanted`, and the first byte of what is in their slots. */
  #hashes = new Uint32Array(0)
  #starts = new Uint32Array(0)
  #firstBytes = new Uint8Array(0)

  /** Ids that have an index. */
  get count(): number {
    return this.#count
  }

  /** -1 for an id that has none. */
  indexOf(id: string): number {
    const slot = this.#slotOf(this.#read(id, 0), 0)
    return this.#slots[slot + 1]! - 1
  }

  /**
   * What `indexOf` says of each, in far less time where there are millions: each step is done for all of them, so that the processor waits for many places of memory at once. Some hundreds of ids
   * are best; thousands push each other out of its caches.
   *
   * @param indexes filled from its beginning
   */
  indexesOf(ids: readonly string[], indexes: Int32Array): void {
    this.#hashes = grown(this.#hashes, ids.length)
    this.#starts = grown(this.#starts, ids.length + 1)
    this.#firstBytes = grown(this.#firstBytes, ids.length)
    const hashes = this.#hashes
    const firstBytes = this.#firstBytes
    const starts = this.#starts
    for (let n = 0; n < ids.length; n++) {
      hashes[n] = this.#read(ids[n]!, starts[n]!)
      starts[n + 1] = this.#wantedEnd
    }
    const slots = this.#slots
    const mask = this.#mask
    // Without a branch that depends on what is read: a wrong guess would end the reaching ahead.
    for (let n = 0; n < ids.length; n++) indexes[n] = slots[(hashes[n]! & mask) * SLOT_LENGTH + 1]!
    for (let n = 0; n < ids.length; n++) {
      let slot = (hashes[n]! & mask) * SLOT_LENGTH
      if (indexes[n] !== 0) while (slots[slot + 1] !== 0 && slots[slot] !== hashes[n]) slot = this.#slotAfter(slot)
      indexes[n] = slot
    }
    // A step of its own for one byte: it is the first to reach for the ids, which are all over the memory.
    for (let n = 0; n < ids.length; n++) {
      const address = slots[indexes[n]! + 2]!
      firstBytes[n] = this.#pages[Math.floor(address / PAGE_BYTES)]?.bytes[address % PAGE_BYTES] ?? 0
    }
    for (let n = 0; n < ids.length; n++) {
      const slot = indexes[n]!
      const start = starts[n]!
      const isFound =
        slots[slot + 1] === 0 ||
        (firstBytes[n] === this.#wanted[start] && this.#isWanted(slots[slot + 2]!, start, starts[n + 1]!))
      // Two ids with one hash are next to never.
      indexes[n] = isFound ? slots[slot + 1]! - 1 : this.indexOf(ids[n]!)
    }
  }

  /** The id's index; the next one where it had none. */
  indexFor(id: string): number {
    const hash = this.#read(id, 0)
    const slot = this.#slotOf(hash, 0)
    const known = this.#slots[slot + 1]!
    if (known > 0) return known - 1
    this.#slots[slot] = hash
    this.#slots[slot + 1] = ++this.#count
    this.#slots[slot + 2] = this.#append()
    if (isFull(this.#count, this.#mask + 1)) this.#enlarge()
    return this.#count - 1
  }

  /** In the order of their indexes; those that are added meanwhile come last. */
  *ids(): Generator<string> {
    for (const page of this.#pages) {
      for (let start = 0; start < page.length; ) {
        const end = page.bytes.indexOf(0, start)
        yield textOf(page.bytes, start, end)
        start = end + 1
      }
    }
  }

  /** Where the id that was read last is, or the free slot where it would be. @param start of what was read */
  #slotOf(hash: number, start: number): number {
    const slots = this.#slots
    let slot = (hash & this.#mask) * SLOT_LENGTH
    while (
      slots[slot + 1] !== 0 &&
      (slots[slot] !== hash || !this.#isWanted(slots[slot + 2]!, start, this.#wantedEnd))
    ) {
      slot = this.#slotAfter(slot)
    }
    return slot
  }

  #slotAfter(slot: number): number {
    return slot + SLOT_LENGTH < this.#slots.length ? slot + SLOT_LENGTH : 0
  }

  #isWanted(address: number, start: number, end: number): boolean {
    const { bytes } = this.#pages[Math.floor(address / PAGE_BYTES)]!
    const wanted = this.#wanted
    let at = address % PAGE_BYTES
    for (let n = start; n < end; n++) if (bytes[at++] !== wanted[n]) return false
    return true
  }

  #append(): number {
    const length = this.#wantedEnd
    let page = this.#pages.at(-1)
    if (page === undefined || page.length + length > PAGE_BYTES) {
      page = { bytes: new Uint8Array(Math.max(PAGE_BYTES, length)), length: 0 }
      this.#pages.push(page)
      assert(this.#pages.length * PAGE_BYTES <= 2 ** 32, 'the ids of one table take at most 4 GiB')
    }
    const start = page.length
    page.bytes.set(this.#wanted.subarray(0, length), start)
    page.length += length
    return (this.#pages.length - 1) * PAGE_BYTES + start
  }

  #enlarge(): void {
    const before = this.#slots
    const slots = new Uint32Array(before.length * 2)
    const mask = this.#mask * 2 + 1
    for (let from = 0; from < before.length; from += SLOT_LENGTH) {
      if (before[from + 1] === 0) continue
      let to = (before[from]! & mask) * SLOT_LENGTH
      while (slots[to + 1] !== 0) to = to + SLOT_LENGTH < slots.length ? to + SLOT_LENGTH : 0
      slots[to] = before[from]!
      slots[to + 1] = before[from + 1]!
      slots[to + 2] = before[from + 2]!
    }
    this.#slots = slots
    this.#mask = mask
  }

  /**
   * Writes the id as it is kept and gives its hash: the sum of its UTF-16 units, each times the key of its place (multilinear hashing: Lemire & Kaser, "Strongly universal string hashing is fast", 2014;
   * with 32 bits instead of 64, two ids of ASCII have the same sum by a chance of 2^-26 at most), mixed by the finaliser of MurmurHash3, since slots go by its lowest bits.
   */
  #read(id: string, start: number): number {
    const { length } = id
    if (length >= this.#keys.length) this.#drawKeys(length)
    if (start + length * 3 >= this.#wanted.length) this.#wanted = grown(this.#wanted, start + length * 3 + 1)
    const wanted = this.#wanted
    const keys = this.#keys
    let sum = Math.imul(length, keys[length]!)
    let seen = 0
    for (let n = 0; n < length; n++) {
      const unit = id.charCodeAt(n)
      // Below 0 for a unit of 0.
      seen |= unit | (unit - 1)
      wanted[start + n] = unit
      sum = (sum + Math.imul(unit, keys[n]!)) | 0
    }
    const end = seen >>> 0 < 0x80 ? start + length : writeUnits(id, wanted, start)
    wanted[end] = 0
    this.#wantedEnd = end + 1
    sum = Math.imul(sum ^ (sum >>> 16), 0x85ebca6b)
    sum = Math.imul(sum ^ (sum >>> 13), 0xc2b2ae35)
    return (sum ^ (sum >>> 16)) >>> 0
  }

  #drawKeys(length: number): void {
    const before = this.#keys
    this.#keys = new Int32Array(Math.max(64, before.length * 2, length + 1))
    randomFillSync(this.#keys)
    this.#keys.set(before)
  }
}

/**
 * Every unit on its own in one to three bytes, as UTF-8 would write that number, but 0 in two of them, so that a 0 ends the id; halves of surrogate pairs stay what they are.
 * @returns where it ends
 */
function writeUnits(id: string, bytes: Uint8Array, start: number): number {
  let at = start
  for (let n = 0; n < id.length; n++) {
    const unit = id.charCodeAt(n)
    if (unit > 0 && unit < 0x80) {
      bytes[at++] = unit
      continue
    }
    if (unit < 0x800) bytes[at++] = 0xc0 | (unit >> 6)
    else {
      bytes[at++] = 0xe0 | (unit >> 12)
      bytes[at++] = 0x80 | ((unit >> 6) & 0x3f)
    }
    bytes[at++] = 0x80 | (unit & 0x3f)
  }
  return at
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  const units: number[] = []
  for (let at = start; at < end; ) {
    const first = bytes[at++]!
    if (first < 0x80) units.push(first)
    else if (first < 0xe0) units.push(((first & 0x1f) << 6) | (bytes[at++]! & 0x3f))
    else units.push(((first & 0x0f) << 12) | ((bytes[at++]! & 0x3f) << 6) | (bytes[at++]! & 0x3f))
  }
  let text = ''
  for (let n = 0; n < units.length; n += UNITS_AT_ONCE)
    text += String.fromCharCode(...units.slice(n, n + UNITS_AT_ONCE))
  return text
}

/** A call takes only so many arguments. */
const UNITS_AT_ONCE = 10_000
