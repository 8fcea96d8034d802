import type { TileFamily } from './tile-family.ts'

interface Count {
  count: number
}

/** For `count`, and the entity's and the group's side of `ratioToGroup`. */
export const countTiles: TileFamily<Count> = {
  empty: () => ({ count: 0 }),
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
  read: (from) => ({ count: from.whole() }),
  value: ({ count }) => count,
}

interface Rate {
  ofCount: number
  perCount: number
}

/** For `rate`. */
export const rateTiles = ({ prior, strength }: { prior: number; strength: number }): TileFamily<Rate> => ({
  empty: () => ({ ofCount: 0, perCount: 0 }),
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
  read: (from) => ({ ofCount: from.whole(), perCount: from.whole() }),
  value: ({ ofCount, perCount }) =>
    strength === 0 && perCount === 0 ? undefined : (ofCount + prior * strength) / (perCount + strength),
})
