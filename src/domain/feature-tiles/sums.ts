import { addExactly, type ExactSum, exactNumber, mergeExactly } from '../../lib/exact-sum.ts'
import { toMicros } from '../feature.ts'
import type { TileFamily } from './tile-family.ts'

interface Sum {
  readonly micros: ExactSum
  count: number
}

/** For `sum` and `mean`. */
export const sumTiles = (kind: 'sum' | 'mean'): TileFamily<Sum> => ({
  empty: () => ({ micros: { high: 0, low: 0 }, count: 0 }),
  add(tile, { value }) {
    addExactly(tile.micros, toMicros(value!))
    tile.count++
  },
  merge(tile, later) {
    mergeExactly(tile.micros, later.micros, 1)
    tile.count += later.count
  },
  subtract(tile, older) {
    mergeExactly(tile.micros, older.micros, -1)
    tile.count -= older.count
  },
  write({ micros, count }, out) {
    out.whole(count)
    out.signed(micros.high)
    out.signed(micros.low)
  },
  read: (from) => ({ count: from.whole(), micros: { high: from.signed(), low: from.signed() } }),
  value({ micros, count }) {
    const sum = exactNumber(micros) / 1e6
    if (kind === 'sum') return sum
    return count === 0 ? undefined : sum / count
  },
})

interface Extreme {
  /** Infinite in a tile without events. */
  value: number
}

/** For `min` and `max`. */
export function extremeTiles(kind: 'min' | 'max'): TileFamily<Extreme> {
  const better = Math[kind]
  const worst = kind === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
  return {
    empty: () => ({ value: worst }),
    add(tile, { value }) {
      tile.value = better(tile.value, value!)
    },
    merge(tile, later) {
      tile.value = better(tile.value, later.value)
    },
    write: ({ value }, out) => out.float(value),
    read: (from) => ({ value: from.float() }),
    value: ({ value }) => (value === worst ? undefined : value),
  }
}
