/**
 * A sum of whole numbers that stays exact beyond 2^53, where a float64 would begin to depend on the order of additions: high * 2^51 + low, with
 * |low| below 2^51 after every change. Room for 10^30.
 */
export class ExactSum {
  high: number
  low: number

  /** @param low below 2^51 in size */
  constructor(high = 0, low = 0) {
    this.high = high
    this.low = low
  }
}

const BASE = 2 ** 51

/** @param value whole, at most 2^51 in size */
export function addExactly(sum: ExactSum, value: number): void {
  const low = sum.low + value
  if (low < BASE && low > -BASE) {
    sum.low = low
    return
  }
  const carry = low < 0 ? -1 : 1
  sum.high += carry
  sum.low = low - carry * BASE
}

/** Adds `other` `factor` times: 1, or -1 to take it away. */
export function mergeExactly(sum: ExactSum, other: ExactSum, factor: 1 | -1): void {
  sum.high += factor * other.high
  addExactly(sum, factor * other.low)
}

/** The nearest float64. */
export function exactNumber({ high, low }: ExactSum): number {
  return high === 0 ? low : Number(BigInt(high) * BigInt(BASE) + BigInt(low))
}
