// The algebra behind windowed features: what one hop of one entity's events comes to, such that hops can be put together in the order of time and
// give what all their events would have given. One family serves several formulas; `family-of.ts` says which.
import type { ByteReader, ByteWriter } from '../../lib/bytes.ts'
import type { AttributeValue } from '../event.ts'
import type { FeatureValue } from '../feature.ts'

/** What one event is to one formula. Only events that count are handed on. */
export interface Contribution {
  /** Counted time. */
  readonly timeMs: number
  readonly offset: number
  /** Counted by `of`; false only for a rate's event that `per` alone counts. */
  readonly isOf: boolean
  /** Counted by a rate's `per`. */
  readonly isPer: boolean
  /** The named value of the interaction; undefined where the formula names none, or the event lacks it. */
  readonly value: number | undefined
  /** Texts under which it counts: group keys of an attribute, or the id of the other entity. */
  readonly keys: readonly string[]
  /** The attribute's value, or the id of the other entity. */
  readonly seen: AttributeValue | undefined
}

/**
 * Laws, for tiles made by `add` alone: `merge` of a tile and a later one equals all of their events added to one tile; `add` does not mind the order;
 * `subtract`, where there is one, undoes `merge`; `read` gives back what `write` wrote. Words that `write` writes are those of what was added or merged;
 * `add` keeps the order of those that were there, and what it brings comes behind them.
 */
export interface TileFamily<T> {
  empty(): T
  add(tile: T, event: Contribution): void
  /** @param later of times after all of `tile`'s */
  merge(tile: T, later: T): void
  /** Takes away an older tile. Left out where that cannot be done: then the rest is merged anew. */
  readonly subtract?: (tile: T, older: T) => void
  /** True where the newest tile is all there is to the value, because a window that has lost it has lost them all. */
  readonly needsNewestOnly?: boolean
  write(tile: T, out: ByteWriter): void
  read(from: ByteReader): T
  /** @param newestMs of the newest event behind the total; undefined where there is none */
  value(total: T, asOfMs: number, newestMs: number | undefined): FeatureValue | undefined
}
