import type { TileFamily } from './tile-family.ts'

/** What a window of a share feature comes to. */
export class Shares {
  /** Events that have a value; 0: there are no shares. */
  eventCount: number
  /** Above 0. */
  readonly countByKey = new Map<string, number>()

  constructor(eventCount: number) {
    this.eventCount = eventCount
  }

  /** The same number as the value has under that key; 0 where it has none. */
  shareOf(key: string): number {
    const count = this.countByKey.get(key)
    return count === undefined ? 0 : count / this.eventCount
  }
}

/** For `share`. */
export const shareTiles: TileFamily<Shares> = {
  empty: () => new Shares(0),
  add(tile, { keys }) {
    tile.eventCount++
    for (const key of keys) tile.countByKey.set(key, (tile.countByKey.get(key) ?? 0) + 1)
  },
  merge: (tile, later) => mergeShares(tile, later, 1),
  subtract: (tile, older) => mergeShares(tile, older, -1),
  write({ eventCount, countByKey }, out) {
    out.whole(eventCount)
    out.whole(countByKey.size)
    for (const [key, count] of countByKey) {
      out.word(key)
      out.whole(count)
    }
  },
  read(from) {
    const shares = new Shares(from.whole())
    for (let rest = from.whole(); rest > 0; rest--) shares.countByKey.set(from.word(), from.whole())
    return shares
  },
  value({ eventCount, countByKey }) {
    if (eventCount === 0) return undefined
    const shares = new Map<string, number>()
    for (const key of [...countByKey.keys()].sort()) shares.set(key, countByKey.get(key)! / eventCount)
    return shares
  },
}

function mergeShares(tile: Shares, other: Shares, factor: 1 | -1): void {
  tile.eventCount += factor * other.eventCount
  for (const [key, count] of other.countByKey) {
    const sum = (tile.countByKey.get(key) ?? 0) + factor * count
    if (sum === 0) tile.countByKey.delete(key)
    else tile.countByKey.set(key, sum)
  }
}
