import { distinctCode, distinctEstimate, REGISTER_COUNT } from '../../lib/hyper-log-log.ts'
import type { TileFamily } from './tile-family.ts'

/** Registers used up to which a sketch is a list of codes: most tiles see a handful of texts, and a thousand bytes each would be a waste. */
const SPARSE_LENGTH_MAX = 96

/** Copied rather than written as `[]`, for the reason that tiles are classes. */
const noCodes: number[] = []

class Sketch {
  /** Codes (register * 64 + rank) of the used registers, in no order; undefined once `ranks` has taken over. */
  codes: number[] | undefined = noCodes.slice()
  /** By register; 0 is unused. */
  ranks: Uint8Array | undefined
}

/** For `distinct`. */
export const distinctTiles: TileFamily<Sketch> = {
  empty: () => new Sketch(),
  add(tile, { keys }) {
    for (const key of keys) addCode(tile, distinctCode(key))
  },
  merge(tile, later) {
    forEachCode(later, (code) => addCode(tile, code))
  },
  write({ codes, ranks }, out) {
    if (codes !== undefined) {
      out.whole(codes.length)
      for (const code of codes) out.whole(code)
    } else {
      out.whole(REGISTER_COUNT)
      out.raw(ranks!)
    }
  },
  read(from) {
    const count = from.whole()
    const sketch = new Sketch()
    if (count === REGISTER_COUNT) {
      sketch.codes = undefined
      sketch.ranks = from.raw(REGISTER_COUNT).slice()
      return sketch
    }
    for (let rest = count; rest > 0; rest--) sketch.codes!.push(from.whole())
    return sketch
  },
  value(total) {
    let emptyCount = REGISTER_COUNT
    let inverseSum = 0
    forEachCode(total, (code) => {
      emptyCount--
      inverseSum += 2 ** -(code & 63)
    })
    return distinctEstimate(emptyCount, inverseSum)
  },
}

function addCode(sketch: Sketch, code: number): void {
  const { codes, ranks } = sketch
  const register = code >> 6
  if (ranks !== undefined) {
    if ((code & 63) > ranks[register]!) ranks[register] = code & 63
    return
  }
  for (let i = 0; i < codes!.length; i++) {
    if (codes![i]! >> 6 !== register) continue
    // Same register: the greater code has the greater rank.
    if (code > codes![i]!) codes![i] = code
    return
  }
  codes!.push(code)
  if (codes!.length > SPARSE_LENGTH_MAX) spread(sketch)
}

function spread(sketch: Sketch): void {
  const ranks = new Uint8Array(REGISTER_COUNT)
  for (const code of sketch.codes!) ranks[code >> 6] = code & 63
  sketch.ranks = ranks
  sketch.codes = undefined
}

function forEachCode({ codes, ranks }: Sketch, visit: (code: number) => void): void {
  if (codes !== undefined) {
    for (const code of codes) visit(code)
    return
  }
  for (let register = 0; register < REGISTER_COUNT; register++) {
    if (ranks![register]! > 0) visit(register * 64 + ranks![register]!)
  }
}
