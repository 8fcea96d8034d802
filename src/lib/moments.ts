/** Count, mean and spread of numbers, such that two of them can be merged. Plain data. */
export interface Moments {
  readonly count: number
  /** 0 where there is no number. */
  readonly mean: number
  /** Sum of squared distances from the mean. */
  readonly squares: number
}

export const noMoments: Moments = { count: 0, mean: 0, squares: 0 }

/**
 * Moments of two sets of numbers together: Chan, Golub & LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances",
 * 1979, eq. 1.5. We differ: the mean is the weighted mean of both and not one of them plus a correction, so that the order of the two does not
 * matter to the last bit and nothing overflows; sums of squares beyond the largest float64 stay at it.
 */
export function mergeMoments(a: Moments, b: Moments): Moments {
  if (a.count === 0) return b
  if (b.count === 0) return a
  const count = a.count + b.count
  const difference = b.mean - a.mean
  return {
    count,
    mean: difference === 0 ? a.mean : a.mean * (a.count / count) + b.mean * (b.count / count),
    squares: Math.min(
      Number.MAX_VALUE,
      a.squares + b.squares + difference * difference * ((a.count * b.count) / count),
    ),
  }
}

/** Variance of one value (denominator count - 1); 0 with fewer than two. */
export function varianceOf({ count, squares }: Moments): number {
  return count < 2 ? 0 : squares / (count - 1)
}

/** Collects numbers one by one (Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 1962). */
export class MomentsBuilder {
  #count = 0
  #mean = 0
  #squares = 0

  add(value: number): void {
    this.#count++
    const difference = value - this.#mean
    // A difference that overflows is shared out before it is taken.
    this.#mean = Number.isFinite(difference)
      ? this.#mean + difference / this.#count
      : this.#mean * (1 - 1 / this.#count) + value / this.#count
    this.#squares = Math.min(Number.MAX_VALUE, this.#squares + Math.abs(difference) * Math.abs(value - this.#mean))
  }

  finish(): Moments {
    return { count: this.#count, mean: this.#mean, squares: this.#squares }
  }
}
