// How many different texts were seen, in 1,024 small registers. Every engine that counts distinct values reads these constants, and the estimate is
// made of exact sums, one table, one division and one floor, so that all engines give the same number to the last bit.
// Flajolet, Fusy, Gandouet & Meunier, "HyperLogLog: the analysis of a near-optimal cardinality estimation algorithm", 2007, for the registers;
// Ertl, "New cardinality estimation algorithms for HyperLogLog sketches", 2017, equation 25, for the estimate: without the original's bias and its
// switch between two formulas. We differ: ranks end at 40, and no register is taken for saturated.

export const REGISTER_COUNT = 1024

/** Largest rank: with it, 1,024 powers 2^-rank still add up exactly in float64. Reached once in 10^12 texts. */
export const RANK_MAX = 40

/** `ALPHA * REGISTER_COUNT ** 2` of the estimate; alpha is 1 / (2 ln 2). */
export const ESTIMATE_NUMERATOR = 0.7213475204444817 * REGISTER_COUNT * REGISTER_COUNT

/**
 * What the empty registers add to the estimate's denominator, by their number (0 to 1,024): m * sigma(empty / m), Ertl's equation 13. Infinite for
 * 1,024, which makes the estimate 0. Only sums and products, so the same on every machine.
 */
export const emptyRegisterTerms: readonly number[] = Array.from({ length: REGISTER_COUNT + 1 }, (_, empty) =>
  empty === REGISTER_COUNT ? Number.POSITIVE_INFINITY : REGISTER_COUNT * sigma(empty / REGISTER_COUNT),
)

/** sigma(x) = x + sum over k >= 1 of x^(2^k) * 2^(k - 1), until it no longer grows. */
function sigma(x: number): number {
  let power = x
  let factor = 1
  let sum = x
  for (;;) {
    power *= power
    const next = sum + power * factor
    if (next === sum) return sum
    sum = next
    factor *= 2
  }
}

/**
 * Estimate of the number of different texts, a whole number: floor(numerator / (empty term + sum of 2^-rank over the other registers) + 0.5).
 * Standard error 3.3 % (1.04 / sqrt(1024)); nearly exact for a few dozens.
 *
 * @param emptyCount registers that no text fell into, 0 to 1,024
 * @param inverseSum sum of 2^-rank over the other registers; exact in any order
 */
export function distinctEstimate(emptyCount: number, inverseSum: number): number {
  return Math.floor(ESTIMATE_NUMERATOR / (emptyRegisterTerms[emptyCount]! + inverseSum) + 0.5)
}

/**
 * What a text does to the registers, as one number below 65,536: register * 64 + rank, rank from 1 to `RANK_MAX`. A table that holds these codes in
 * a column can count distinct values in SQL: the greatest rank of each register (code >> 6), then the estimate.
 */
export function distinctCode(text: string): number {
  // Two 32-bit lanes over the UTF-16 units, each a multiply-xor hash with its own odd multiplier, mixed with each other and finished as in
  // MurmurHash3 (Appleby, 2011), whose last step makes every input bit reach every output bit.
  let low = 0x9e3779b9 ^ text.length
  let high = 0x85ebca6b
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    low = Math.imul(low ^ unit, 0x9e3779b1)
    high = Math.imul(high ^ unit, 0x85ebca77)
    high ^= high >>> 15
  }
  low = finished(low ^ (high >>> 13))
  high = finished(high ^ low)
  const register = low & (REGISTER_COUNT - 1)
  // 32 bits of one lane, then 8 of the other that chose no register.
  const rank = high !== 0 ? Math.clz32(high) + 1 : 33 + Math.min(7, Math.clz32(low & 0xff000000))
  return register * 64 + rank
}

function finished(word: number): number {
  let mixed = word ^ (word >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
