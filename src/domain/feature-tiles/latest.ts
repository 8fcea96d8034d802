import type { AttributeValue } from '../event.ts'
import type { FeatureValue } from '../feature.ts'
import type { TileFamily } from './tile-family.ts'

class Latest {
  timeMs: number
  offset: number
  /** Null in a tile without events. */
  seen: AttributeValue

  constructor(timeMs: number, offset: number, seen: AttributeValue) {
    this.timeMs = timeMs
    this.offset = offset
    this.seen = seen
  }
}

/** For `last`. */
export const latestTiles: TileFamily<Latest> = {
  empty: () => new Latest(Number.NEGATIVE_INFINITY, -1, null),
  add: (tile, { timeMs, offset, seen }) => keepLatest(tile, timeMs, offset, seen!),
  merge: (tile, { timeMs, offset, seen }) => keepLatest(tile, timeMs, offset, seen),
  needsNewestOnly: true,
  write({ timeMs, offset, seen }, out) {
    out.float(timeMs)
    out.whole(offset + 1)
    out.word(JSON.stringify(seen))
  },
  read: (from) => new Latest(from.float(), from.whole() - 1, JSON.parse(from.word()) as AttributeValue),
  value: ({ seen }) => (seen === null ? undefined : (seen as FeatureValue)),
}

function keepLatest(tile: Latest, timeMs: number, offset: number, seen: AttributeValue): void {
  if (timeMs < tile.timeMs || (timeMs === tile.timeMs && offset <= tile.offset)) return
  tile.timeMs = timeMs
  tile.offset = offset
  tile.seen = seen
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
