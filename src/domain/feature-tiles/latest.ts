import type { AttributeValue } from '../event.ts'
import type { FeatureValue } from '../feature.ts'
import type { TileFamily } from './tile-family.ts'

interface Latest {
  timeMs: number
  offset: number
  /** Null in a tile without events. */
  seen: AttributeValue
}

/** For `last`. */
export const latestTiles: TileFamily<Latest> = {
  empty: () => ({ timeMs: Number.NEGATIVE_INFINITY, offset: -1, seen: null }),
  add(tile, { timeMs, offset, seen }) {
    keepLatest(tile, { timeMs, offset, seen: seen! })
  },
  merge: keepLatest,
  needsNewestOnly: true,
  write({ timeMs, offset, seen }, out) {
    out.float(timeMs)
    out.whole(offset + 1)
    out.word(JSON.stringify(seen))
  },
  read: (from) => ({ timeMs: from.float(), offset: from.whole() - 1, seen: JSON.parse(from.word()) as AttributeValue }),
  value: ({ seen }) => (seen === null ? undefined : (seen as FeatureValue)),
}

function keepLatest(tile: Latest, other: Latest): void {
  if (other.timeMs < tile.timeMs || (other.timeMs === tile.timeMs && other.offset <= tile.offset)) return
  tile.timeMs = other.timeMs
  tile.offset = other.offset
  tile.seen = other.seen
}

/** For `since`: the newest event's time, which every window knows, is all there is to it. */
export const sinceTiles: TileFamily<null> = {
  empty: () => null,
  add() {},
  merge() {},
  needsNewestOnly: true,
  write() {},
  read: () => null,
  value: (_, asOfMs, newestMs) => (newestMs === undefined ? undefined : (asOfMs - newestMs) / 1000),
}
