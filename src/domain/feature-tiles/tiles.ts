// The events of one entity, for one formula, as tiles of one hop each, with their total beside them: what the stream engine changes and stores. Most
// events fall into the newest hop or begin the next one. So a change decodes and encodes the newest tile and the total alone; older tiles are carried
// along as the bytes they came as, until a late event falls into them or the window lets go of some.
import { ByteReader, type ByteWriter } from '../../lib/bytes.ts'
import { hopMsOf } from '../feature.ts'
import type { Contribution, TileFamily } from './tile-family.ts'
import type { Validity } from './validity.ts'

/** What both sides have to know to understand a list of tiles. */
export interface TileForm {
  readonly family: TileFamily<unknown>
  readonly windowMs: number
  readonly hopMs: number
}

export const tileForm = (family: TileFamily<unknown>, windowMs: number): TileForm => ({
  family,
  windowMs,
  hopMs: hopMsOf(windowMs),
})

/** The first hop, counted from 1970, that the window holds at a moment: `windowStartMs` in hops. */
export const firstHopAt = ({ windowMs, hopMs }: TileForm, asOfMs: number): number =>
  Math.floor((asOfMs - windowMs) / hopMs)

export const hopOf = ({ hopMs }: TileForm, timeMs: number): number => Math.floor(timeMs / hopMs)

interface OlderTile {
  readonly hop: number
  readonly tile: unknown
}

// The bytes: number of tiles, then, unless that is 0: first hop, hops to the last, newest time within the last hop. One tile: its content. Several: the
// total, the last tile, and each of the others, ascending, as its distance in hops from the first, and its content. A reader whose window has lost none
// of the tiles stops after the total. Every word of a tile is one of the total, and the total keeps the order of its words while events are added; so
// the older tiles, where words are numbers, stay good behind a total that has grown.

/** Changed in place. */
export class Tiles {
  readonly #form: TileForm
  /** Of the newest tile; -Infinity where there is none. */
  #lastHop = Number.NEGATIVE_INFINITY
  #last: unknown
  #newestMs = 0
  /** Of the oldest tile. */
  #firstHop = 0
  /** Those before the newest, ascending; behind those that still are bytes. */
  #older: OlderTile[] = noOlder
  /** All tiles together; undefined where there is one at most, or where it has to be made anew. */
  #total: unknown
  /** Older tiles as bytes: `#olderCount` of them, from `#olderAt` to `#endAt`. The window's bytes begin at `#startAt`. */
  #bytes: Uint8Array | undefined
  #olderCount = 0
  #startAt = 0
  #olderAt = 0
  #endAt = 0

  constructor(form: TileForm) {
    this.#form = form
  }

  get isEmpty(): boolean {
    return this.#lastHop === Number.NEGATIVE_INFINITY
  }

  /** From when on no window holds any of it; -Infinity where there is nothing. */
  get endMs(): number {
    return endMsOf(this.#form, this.#lastHop)
  }

  add(event: Contribution): void {
    const { family, hopMs } = this.#form
    const hop = Math.floor(event.timeMs / hopMs)
    if (hop === this.#lastHop) {
      if (event.timeMs > this.#newestMs) this.#newestMs = event.timeMs
      family.add(this.#last, event)
    } else if (hop > this.#lastHop) this.#begin(hop, event)
    else if (family.needsNewestOnly) return
    else this.#addLate(hop, event)
    if (this.#total !== undefined) family.add(this.#total, event)
  }

  /** Lets go of tiles before that hop. */
  dropBefore(firstHop: number): void {
    const { family } = this.#form
    if (this.isEmpty || this.#firstHop >= firstHop) return
    if (this.#lastHop < firstHop) {
      this.#lastHop = Number.NEGATIVE_INFINITY
      this.#older = noOlder
      this.#olderCount = 0
      this.#total = undefined
      return
    }
    this.#decodeOlder()
    let count = 0
    while (count < this.#older.length && this.#older[count]!.hop < firstHop) count++
    const dropped = this.#older.slice(0, count)
    this.#older = this.#older.slice(count)
    this.#firstHop = this.#older[0]?.hop ?? this.#lastHop
    if (this.#older.length === 0 || family.subtract === undefined) this.#total = undefined
    else if (this.#total !== undefined) for (const { tile } of dropped) family.subtract(this.#total, tile)
  }

  /** Writes nothing but this into the record, or begins with `forgetWords`. */
  write(out: ByteWriter): void {
    const { family, hopMs } = this.#form
    const count = this.isEmpty ? 0 : this.#olderCount + this.#older.length + 1
    out.whole(count)
    if (count === 0) return
    out.signed(this.#firstHop)
    out.whole(this.#lastHop - this.#firstHop)
    out.whole(this.#newestMs - this.#lastHop * hopMs)
    if (count === 1) {
      family.write(this.#last, out)
      return
    }
    this.#total ??= this.#merged()
    family.write(this.#total, out)
    family.write(this.#last, out)
    if (this.#olderCount > 0) out.raw(this.#bytes!, this.#olderAt, this.#endAt)
    for (const { hop, tile } of this.#older) {
      out.whole(hop - this.#firstHop)
      family.write(tile, out)
    }
  }

  /**
   * @param from at the start of what was written; its bytes must stay as they are for as long as the tiles are used
   * @param endAt where it ends
   */
  static read(form: TileForm, from: ByteReader, endAt: number): Tiles {
    const { family, hopMs } = form
    const tiles = new Tiles(form)
    tiles.#startAt = from.at
    const count = from.whole()
    if (count === 0) return tiles
    tiles.#firstHop = from.signed()
    tiles.#lastHop = tiles.#firstHop + from.whole()
    tiles.#newestMs = tiles.#lastHop * hopMs + from.whole()
    if (count > 1) tiles.#total = family.read(from)
    tiles.#last = family.read(from)
    tiles.#olderCount = count - 1
    tiles.#olderAt = from.at
    tiles.#endAt = endAt
    tiles.#bytes = from.bytes
    return tiles
  }

  /** Begins a tile newer than all others. */
  #begin(hop: number, event: Contribution): void {
    const { family } = this.#form
    if (this.isEmpty || family.needsNewestOnly) this.#firstHop = hop
    else {
      this.#total ??= this.#merged()
      if (this.#older === noOlder) this.#older = []
      this.#older.push({ hop: this.#lastHop, tile: this.#last })
    }
    this.#lastHop = hop
    this.#last = family.empty()
    this.#newestMs = event.timeMs
    family.add(this.#last, event)
  }

  #addLate(hop: number, event: Contribution): void {
    const { family } = this.#form
    this.#decodeOlder()
    this.#total ??= this.#merged()
    if (this.#older === noOlder) this.#older = []
    const older = this.#older
    let place = older.length
    while (place > 0 && older[place - 1]!.hop > hop) place--
    if (place === 0 || older[place - 1]!.hop !== hop) older.splice(place, 0, { hop, tile: family.empty() })
    else place--
    family.add(older[place]!.tile, event)
    this.#firstHop = older[0]!.hop
  }

  #decodeOlder(): void {
    if (this.#olderCount === 0) return
    const { family } = this.#form
    // From the start, for the sake of the words.
    const from = new ByteReader(this.#bytes!, this.#startAt)
    from.whole()
    const firstHop = from.signed()
    from.whole()
    from.whole()
    family.read(from)
    from.at = this.#olderAt
    const older: OlderTile[] = []
    for (let rest = this.#olderCount; rest > 0; rest--) {
      older.push({ hop: firstHop + from.whole(), tile: family.read(from) })
    }
    this.#older = [...older, ...this.#older]
    this.#olderCount = 0
  }

  /** All that are decoded, which are all where there is no total. */
  #merged(): unknown {
    const { family } = this.#form
    const total = family.empty()
    for (const { tile } of this.#older) family.merge(total, tile)
    family.merge(total, this.#last)
    return total
  }
}

/** Shared by all that have decoded none, and never changed. */
const noOlder: OlderTile[] = []

/** From when on no window holds anything of that hop. */
export const endMsOf = ({ hopMs, windowMs }: TileForm, hop: number): number => (hop + 1) * hopMs + windowMs

export class WindowTotal {
  readonly total: unknown
  /** Undefined where the window is empty; `total` is an empty tile then. */
  readonly newestMs: number | undefined

  constructor(total: unknown, newestMs: number | undefined) {
    this.total = total
    this.newestMs = newestMs
  }
}

/**
 * What the window holds at a moment, from what `Tiles.write` wrote. The moment is after every event in there.
 * @param validity is narrowed to the moments at which it holds the same
 */
export function windowTotal(form: TileForm, from: ByteReader, asOfMs: number, validity: Validity): WindowTotal {
  const { family, hopMs, windowMs } = form
  const count = from.whole()
  if (count === 0) return new WindowTotal(family.empty(), undefined)
  const wantedHop = firstHopAt(form, asOfMs)
  const firstHop = from.signed()
  const lastHop = firstHop + from.whole()
  if (lastHop < wantedHop) {
    validity.narrow(endMsOf(form, lastHop), Number.POSITIVE_INFINITY)
    return new WindowTotal(family.empty(), undefined)
  }
  const newestMs = lastHop * hopMs + from.whole()
  const total = family.read(from)
  if (firstHop >= wantedHop) {
    validity.narrow(Number.NEGATIVE_INFINITY, endMsOf(form, firstHop))
    return new WindowTotal(total, newestMs)
  }
  // The last tile is in the window and the first is not, so there are several.
  const last = family.read(from)
  const rest = family.subtract === undefined ? family.empty() : total
  /** Of the oldest tile in the window. */
  let oldestHop = lastHop
  for (let n = 1; n < count; n++) {
    const hop = firstHop + from.whole()
    if (hop >= wantedHop && hop < oldestHop) oldestHop = hop
    if (family.subtract === undefined) {
      const tile = family.read(from)
      if (hop >= wantedHop) family.merge(rest, tile)
    } else if (hop >= wantedHop) break
    else family.subtract(rest, family.read(from))
  }
  if (family.subtract === undefined) family.merge(rest, last)
  validity.narrow(wantedHop * hopMs + windowMs, endMsOf(form, oldestHop))
  return new WindowTotal(rest, newestMs)
}
