import type { TileFamily } from './tile-family.ts'

/** Tiles are classes for the reason that readings are one; see `Reading`. */
class Count {
  count: number

  constructor(count: number) {
    this.count = count
  }
}

/** For `count`, and the entity's and the group's side of `ratioToGroup`. */
export const countTiles: TileFamily<Count> = {
  empty: () => new Count(0),
  add(tile) {
    tile.count++
  },
  merge(tile, later) {
    tile.count += later.count
  },
  subtract(tile, older) {
    tile.count -= older.count
  },
  write: ({ count }, out) => out.whole(count),
  read: (from) => new Count(from.whole()),
  value: ({ count }) => count,
}

class Rate {
  ofCount: number
  perCount: number

  constructor(ofCount: number, perCount: number) {
    this.ofCount = ofCount
    this.perCount = perCount
  }
}

/** For `rate`. */
export const rateTiles = ({ prior, strength }: { prior: number; strength: number }): TileFamily<Rate> => ({
  empty: () => new Rate(0, 0),
  add(tile, { isOf, isPer }) {
    if (isOf) tile.ofCount++
    if (isPer) tile.perCount++
  },
  merge(tile, later) {
    tile.ofCount += later.ofCount
    tile.perCount += later.perCount
  },
  subtract(tile, older) {
    tile.ofCount -= older.ofCount
    tile.perCount -= older.perCount
  },
  write({ ofCount, perCount }, out) {
    out.whole(ofCount)
    out.whole(perCount)
  },
  read: (from) => new Rate(from.whole(), from.whole()),
  value: ({ ofCount, perCount }) =>
    strength === 0 && perCount === 0 ? undefined : (ofCount + prior * strength) / (perCount + strength),
})
