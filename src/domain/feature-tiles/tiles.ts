// The events of one entity, for one formula, as tiles of one hop each, with their total beside them: what the stream engine changes and stores.
import type { ByteReader, ByteWriter } from '../../lib/bytes.ts'
import { hopMsOf, windowStartMs } from '../feature.ts'
import type { Contribution, TileFamily } from './tile-family.ts'

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

/** The first hop, counted from 1970, that the window holds at a moment. */
export const firstHopAt = ({ windowMs, hopMs }: TileForm, asOfMs: number): number =>
  windowStartMs(asOfMs, windowMs) / hopMs

export const hopOf = ({ hopMs }: TileForm, timeMs: number): number => Math.floor(timeMs / hopMs)

/** Ascending by hop. Changed in place. */
export class Tiles {
  readonly hops: number[] = []
  readonly #tiles: unknown[] = []
  readonly #newestMs: number[] = []
  /** All tiles together; undefined where it has to be made anew. */
  #total: unknown

  get isEmpty(): boolean {
    return this.hops.length === 0
  }

  add({ family, hopMs }: TileForm, event: Contribution): void {
    const hop = Math.floor(event.timeMs / hopMs)
    let place = this.hops.length
    while (place > 0 && this.hops[place - 1]! > hop) place--
    if (place === 0 || this.hops[place - 1] !== hop) {
      this.hops.splice(place, 0, hop)
      this.#tiles.splice(place, 0, family.empty())
      this.#newestMs.splice(place, 0, event.timeMs)
    } else {
      place--
      if (event.timeMs > this.#newestMs[place]!) this.#newestMs[place] = event.timeMs
    }
    family.add(this.#tiles[place], event)
    if (this.#total !== undefined) family.add(this.#total, event)
  }

  /** Lets go of tiles before that hop. True where there were any. */
  dropBefore({ family }: TileForm, firstHop: number): boolean {
    let count = 0
    while (count < this.hops.length && this.hops[count]! < firstHop) count++
    if (count === 0) return false
    this.hops.splice(0, count)
    this.#newestMs.splice(0, count)
    const dropped = this.#tiles.splice(0, count)
    if (this.#total !== undefined && family.subtract !== undefined) {
      for (const tile of dropped) family.subtract(this.#total, tile)
    } else this.#total = undefined
    return true
  }

  /**
   * Number of tiles, then, unless that is 0: first hop, hops to the last, newest time within the last hop, the total; and where there is more than
   * one tile, each tile's distance in hops from the one before, newest time within its hop, and content. A reader whose window has lost none
   * of the tiles stops after the total.
   */
  write({ family, hopMs }: TileForm, out: ByteWriter): void {
    const { hops } = this
    out.whole(hops.length)
    if (hops.length === 0) return
    const last = hops.length - 1
    out.signed(hops[0]!)
    out.whole(hops[last]! - hops[0]!)
    out.whole(this.#newestMs[last]! - hops[last]! * hopMs)
    if (last === 0) {
      family.write(this.#tiles[0], out)
      return
    }
    this.#total ??= this.#merged(family)
    family.write(this.#total, out)
    let before = hops[0]!
    for (let t = 0; t <= last; t++) {
      out.whole(hops[t]! - before)
      before = hops[t]!
      out.whole(this.#newestMs[t]! - before * hopMs)
      family.write(this.#tiles[t], out)
    }
  }

  static read({ family, hopMs }: TileForm, from: ByteReader): Tiles {
    const tiles = new Tiles()
    const count = from.whole()
    if (count === 0) return tiles
    let hop = from.signed()
    from.whole()
    const newestInHopMs = from.whole()
    const total = family.read(from)
    if (count === 1) {
      tiles.#push(hop, hop * hopMs + newestInHopMs, total)
      return tiles
    }
    tiles.#total = total
    for (let t = 0; t < count; t++) {
      hop += from.whole()
      tiles.#push(hop, hop * hopMs + from.whole(), family.read(from))
    }
    return tiles
  }

  #push(hop: number, newestMs: number, tile: unknown): void {
    this.hops.push(hop)
    this.#newestMs.push(newestMs)
    this.#tiles.push(tile)
  }

  #merged(family: TileFamily<unknown>): unknown {
    const total = family.empty()
    for (const tile of this.#tiles) family.merge(total, tile)
    return total
  }
}

export interface WindowTotal {
  readonly total: unknown
  /** Undefined where the window is empty; `total` is an empty tile then. */
  readonly newestMs: number | undefined
}

/** What the window holds at a moment, from what `Tiles.write` wrote. The moment is after every event in there. */
export function windowTotal(form: TileForm, from: ByteReader, asOfMs: number): WindowTotal {
  const { family, hopMs } = form
  const firstHop = firstHopAt(form, asOfMs)
  const count = from.whole()
  if (count === 0) return { total: family.empty(), newestMs: undefined }
  let hop = from.signed()
  const lastHop = hop + from.whole()
  if (lastHop < firstHop) return { total: family.empty(), newestMs: undefined }
  const newestMs = lastHop * hopMs + from.whole()
  const total = family.read(from)
  if (hop >= firstHop) return { total, newestMs }
  // The last tile is in the window and the first is not, so there are several.
  const rest = family.subtract === undefined ? family.empty() : total
  for (let t = 0; t < count; t++) {
    hop += from.whole()
    from.whole()
    if (hop >= firstHop && family.subtract !== undefined) break
    const tile = family.read(from)
    if (family.subtract !== undefined) family.subtract(rest, tile)
    else if (hop >= firstHop) family.merge(rest, tile)
  }
  return { total: rest, newestMs }
}
