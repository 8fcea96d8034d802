// Where to look next, given what was found so far: a tree-structured Parzen estimator.
// Bergstra et al., "Algorithms for hyper-parameter optimization", NeurIPS 2011, section 4: one density of good trials, one of the others, each parameter by
// itself; what is proposed is likely among the good and unlikely among the others. We differ: the kernels have one width for a parameter, by Scott's rule.
import type { Rng } from '../lib/rng.ts'
import { choiceCountOf, type ParameterRanges, randomPoint, type UnitPoint } from './parameter-space.ts'

export interface Observation {
  readonly point: UnitPoint
  /** Larger is better. */
  readonly value: number
}

// The numbers were chosen on three made-up functions of four and five parameters: there the best of 40 random trials was reached after 14 to 17.

/** Random points before the estimator has anything to say. */
const RANDOM_COUNT = 8
/** Of the trials, so large a part counts as good. */
const GOOD_SHARE = 0.1
/** Points drawn near good trials, of which the one with the best ratio of densities is proposed. With more of them the extremes of the ratio, which few trials stand behind, decide. */
const DRAWN_COUNT = 12
/** Kernels are never narrower than this part of a range: a search that is sure of itself too early stands still. */
const SMALLEST_WIDTH = 0.06

/** @returns a point; the same observations and the same state of `rng` give the same one */
export function nextPoint(ranges: ParameterRanges, observations: readonly Observation[], rng: Rng): UnitPoint {
  if (observations.length < RANDOM_COUNT) return randomPoint(ranges, rng)
  const ordered = observations
    .map((observation, i) => ({ ...observation, i }))
    .sort((a, b) => b.value - a.value || a.i - b.i)
  const goodCount = Math.max(2, Math.ceil(GOOD_SHARE * ordered.length))
  const choiceCounts = Object.values(ranges).map(choiceCountOf)
  const good = new KernelDensity(
    ordered.slice(0, goodCount).map(({ point }) => point),
    choiceCounts,
  )
  const other = new KernelDensity(
    ordered.slice(goodCount).map(({ point }) => point),
    choiceCounts,
  )
  let best: { readonly point: UnitPoint; readonly ratio: number } | undefined
  for (let n = 0; n < DRAWN_COUNT; n++) {
    const point = good.draw(rng)
    const ratio = good.logDensity(point) - other.logDensity(point)
    if (!best || ratio > best.ratio) best = { point, ratio }
  }
  return best!.point
}

/** For each parameter a kernel around each point and one, of equal weight, over everything. */
class KernelDensity {
  readonly #points: readonly UnitPoint[]
  /** Undefined where a coordinate is continuous. */
  readonly #choiceCounts: readonly (number | undefined)[]
  /** By coordinate: standard deviation of the kernels. */
  readonly #widths: readonly number[]

  constructor(points: readonly UnitPoint[], choiceCounts: readonly (number | undefined)[]) {
    this.#points = points
    this.#choiceCounts = choiceCounts
    const shrink = Math.max(1, points.length) ** (-1 / 5)
    this.#widths = choiceCounts.map((_, c) =>
      Math.max(SMALLEST_WIDTH, Math.min(0.4, shrink * standardDeviation(points, c))),
    )
  }

  draw(rng: Rng): UnitPoint {
    return this.#choiceCounts.map((choiceCount, c) => {
      const centre = this.#points[rng.integer(this.#points.length + 1)]?.[c]
      if (centre === undefined) return rng.next()
      if (choiceCount !== undefined) {
        return rng.next() < CHOICE_KEPT ? centre : (rng.integer(choiceCount) + 0.5) / choiceCount
      }
      // Cut at the ends of the range by drawing again: a kernel has at least a third of its mass inside.
      for (;;) {
        const value = centre + this.#widths[c]! * rng.normal()
        if (value >= 0 && value < 1) return value
      }
    })
  }

  logDensity(point: UnitPoint): number {
    let total = 0
    for (let c = 0; c < point.length; c++) {
      let sum = 1
      for (const centre of this.#points) sum += this.#kernel(centre[c]!, point[c]!, c)
      total += Math.log(sum / (this.#points.length + 1))
    }
    return total
  }

  /** Density at `at` of the kernel around `centre`, relative to the uniform density. */
  #kernel(centre: number, at: number, c: number): number {
    const choiceCount = this.#choiceCounts[c]
    if (choiceCount !== undefined) {
      const isSame = Math.floor(centre * choiceCount) === Math.floor(at * choiceCount)
      return 1 - CHOICE_KEPT + (isSame ? CHOICE_KEPT * choiceCount : 0)
    }
    const width = this.#widths[c]!
    const inside = normalMass((1 - centre) / width) - normalMass(-centre / width)
    return Math.exp(-0.5 * ((at - centre) / width) ** 2) / (width * Math.sqrt(2 * Math.PI) * inside)
  }
}

/** A kernel keeps the choice of its trial so often; else it takes any. */
const CHOICE_KEPT = 0.75

function standardDeviation(points: readonly UnitPoint[], c: number): number {
  const mean = points.reduce((sum, point) => sum + point[c]!, 0) / points.length
  return Math.sqrt(points.reduce((sum, point) => sum + (point[c]! - mean) ** 2, 0) / Math.max(1, points.length - 1))
}

/** The standard normal distribution function, by a logistic curve that is never further off than 0.0002 (Bowling et al., JIEM 2009). */
const normalMass = (z: number): number => 1 / (1 + Math.exp(-0.07056 * z ** 3 - 1.5976 * z))
