/** Points and weights of a quadrature over [0, 1]. */
export interface Quadrature {
  /** Ascending, within (0, 1). */
  readonly points: Float64Array
  /** Above 0; their sum is 1. */
  readonly weights: Float64Array
}

/**
 * Gauss-Legendre quadrature: sum of weight * f(point) is the integral of f from 0 to 1, exact but for rounding where f is a polynomial of a degree
 * below 2 * count. Points are the zeros of the Legendre polynomial, found by Newton's method from Abramowitz & Stegun, "Handbook of Mathematical
 * Functions", 1964, 22.16.6; weights are those of 25.4.29. Takes time in count^2.
 */
export function gaussLegendre(count: number): Quadrature {
  const points = new Float64Array(count)
  const weights = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    let x = -Math.cos((Math.PI * (i + 0.75)) / (count + 0.5))
    let slope = 1
    // Newton's method doubles the digits; three steps suffice, the others cost nothing.
    for (let step = 0; step < 6; step++) {
      const { value, derivative } = legendre(count, x)
      x -= value / derivative
      slope = derivative
    }
    // From [-1, 1] to [0, 1]: half the width.
    points[i] = (1 + x) / 2
    weights[i] = 1 / ((1 - x * x) * slope * slope)
  }
  return { points, weights }
}

/** P_n(x) by its recurrence, n P_n = (2n - 1) x P_(n-1) - (n - 1) P_(n-2), and its derivative. */
function legendre(degree: number, x: number): { value: number; derivative: number } {
  let before = 0
  let value = 1
  for (let n = 1; n <= degree; n++) [before, value] = [value, ((2 * n - 1) * x * value - (n - 1) * before) / n]
  return { value, derivative: (degree * (x * value - before)) / (x * x - 1) }
}
