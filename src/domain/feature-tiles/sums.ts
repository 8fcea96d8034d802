import { addExactly, ExactSum, exactNumber, mergeExactly } from '../../lib/exact-sum.ts'
import { toMicros } from '../feature.ts'
import type { TileFamily } from './tile-family.ts'

class Sum {
  count: number
  readonly micros: ExactSum

  constructor(count: number, micros: ExactSum) {
    this.count = count
    this.micros = micros
  }
}

/** For `sum` and `mean`. */
export const sumTiles = (kind: 'sum' | 'mean'): TileFamily<Sum> => ({
  empty: () => new Sum(0, new ExactSum()),
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
  read: (from) => new Sum(from.whole(), new ExactSum(from.signed(), from.signed())),
  value({ micros, count }) {
    const sum = exactNumber(micros) / 1e6
    if (kind === 'sum') return sum
    return count === 0 ? undefined : sum / count
  },
})

class Extreme {
  /** Infinite in a tile without events. */
  value: number

  constructor(value: number) {
    this.value = value
  }
}

/** For `min` and `max`. */
export function extremeTiles(kind: 'min' | 'max'): TileFamily<Extreme> {
  const better = Math[kind]
  const worst = kind === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
  return {
    empty: () => new Extreme(worst),
    add(tile, { value }) {
      tile.value = better(tile.value, value!)
    },
    merge(tile, later) {
      tile.value = better(tile.value, later.value)
    },
    write: ({ value }, out) => out.float(value),
    read: (from) => new Extreme(from.float()),
    value: ({ value }) => (value === worst ? undefined : value),
  }
}
