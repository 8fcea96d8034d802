// What the engine keeps of one group of a ratioToGroup feature: its events by hop, and how many entities were counted in it last in each hop, which
// gives the exact number of distinct entities in any window that ends now, without a list of them.
import { ByteReader, ByteWriter } from '../../lib/bytes.ts'
import { countTiles } from '../feature-tiles/counts.ts'
import type { TileFamily } from '../feature-tiles/tile-family.ts'
import { firstHopAt, hopOf, type TileForm, Tiles, windowTotal } from '../feature-tiles/tiles.ts'
import { Validity } from '../feature-tiles/validity.ts'
import { checkFormat, FEATURE_STATE_FORMAT } from './record-format.ts'

const writer = new ByteWriter(1024)
const noKeys: readonly string[] = []

export const groupForm = ({ windowMs, hopMs }: TileForm): TileForm => ({
  family: countTiles as TileFamily<unknown>,
  windowMs,
  hopMs,
})

/** One event of an entity of the group. */
export interface GroupUpdate {
  /** Counted time. */
  readonly timeMs: number
  /** In which the entity was counted in this group before; undefined where it never was. */
  readonly lastHop: number | undefined
}

export class GroupState {
  readonly #form: TileForm
  #tiles: Tiles
  /** Number of entities by the hop in which they were counted last. */
  readonly #membersByLastHop: Map<number, number>

  private constructor(form: TileForm, tiles: Tiles, membersByLastHop: Map<number, number>) {
    this.#form = form
    this.#tiles = tiles
    this.#membersByLastHop = membersByLastHop
  }

  /** @param bytes from `write`; undefined for a group without events */
  static from(form: TileForm, bytes: Uint8Array | undefined): GroupState {
    if (bytes === undefined) return new GroupState(form, new Tiles(form), new Map())
    checkFormat(bytes[0])
    const reader = new ByteReader(bytes, 1)
    const membersByLastHop = new Map<number, number>()
    for (let rest = reader.whole(); rest > 0; rest--) membersByLastHop.set(reader.signed(), reader.whole())
    return new GroupState(form, Tiles.read(form, reader, bytes.length), membersByLastHop)
  }

  add({ timeMs, lastHop }: GroupUpdate): void {
    // To a count, nothing but its time matters of an event.
    this.#tiles.add({ timeMs, offset: 0, isOf: true, isPer: false, value: undefined, keys: noKeys, seen: undefined })
    const hop = hopOf(this.#form, timeMs)
    if (lastHop !== undefined && hop <= lastHop) return
    const members = this.#membersByLastHop
    if (lastHop !== undefined && members.has(lastHop)) {
      const rest = members.get(lastHop)! - 1
      if (rest === 0) members.delete(lastHop)
      else members.set(lastHop, rest)
    }
    members.set(hop, (members.get(hop) ?? 0) + 1)
  }

  /** Undefined where nothing is left at that moment. */
  write(nowMs: number): Uint8Array | undefined {
    const firstHop = firstHopAt(this.#form, nowMs)
    this.#tiles.dropBefore(firstHop)
    for (const hop of this.#membersByLastHop.keys()) if (hop < firstHop) this.#membersByLastHop.delete(hop)
    if (this.#tiles.isEmpty) return undefined
    writer.reset()
    writer.byte(FEATURE_STATE_FORMAT)
    writer.whole(this.#membersByLastHop.size)
    for (const [hop, count] of this.#membersByLastHop) {
      writer.signed(hop)
      writer.whole(count)
    }
    const tilesAt = writer.length
    this.#tiles.write(writer)
    const bytes = writer.copy()
    // Read again, so that the next write copies the older tiles and does not encode them.
    this.#tiles = Tiles.read(this.#form, new ByteReader(bytes, tilesAt), bytes.length)
    return bytes
  }

  /** From when on no window holds any of it. */
  get expiresAtMs(): number {
    return this.#tiles.endMs
  }
}

/** Events of a group in the window, and distinct entities among them. */
export interface GroupTotals {
  readonly eventCount: number
  readonly entityCount: number
}

/** For whoever does not ask until when totals hold. */
const anyMoment = new Validity()

/**
 * @param bytes the group's record; undefined where it has none
 * @param validity narrowed to the moments for which they hold while the record stays the same
 */
export function groupTotals(
  form: TileForm,
  bytes: Uint8Array | undefined,
  asOfMs: number,
  validity: Validity = anyMoment,
): GroupTotals {
  if (bytes === undefined) return { eventCount: 0, entityCount: 0 }
  checkFormat(bytes[0])
  const firstHop = firstHopAt(form, asOfMs)
  const reader = new ByteReader(bytes, 1)
  let entityCount = 0
  for (let rest = reader.whole(); rest > 0; rest--) {
    const hop = reader.signed()
    const count = reader.whole()
    if (hop >= firstHop) entityCount += count
  }
  // Whoever was counted last in a hop has an event in it: the members hold as long as the events do.
  const { total } = windowTotal(form, reader, asOfMs, validity)
  return { eventCount: (total as { count: number }).count, entityCount }
}
