import { expect, test } from 'vitest'
import { gaussLegendre } from './gauss-legendre.ts'

test('one point is the middle, two are 1/2 -+ 1/sqrt(12)', () => {
  expect(Array.from(gaussLegendre(1).points)).toEqual([0.5])
  expect(gaussLegendre(1).weights[0]).toBeCloseTo(1, 15)
  const { points, weights } = gaussLegendre(2)
  expect(points[0]).toBeCloseTo(0.5 - 1 / Math.sqrt(12), 15)
  expect(points[1]).toBeCloseTo(0.5 + 1 / Math.sqrt(12), 15)
  expect(Array.from(weights)).toEqual([expect.closeTo(0.5, 15), expect.closeTo(0.5, 15)])
})

test('powers below twice the count are integrated exactly', () => {
  for (const count of [1, 2, 3, 5, 8, 15, 40]) {
    const { points, weights } = gaussLegendre(count)
    for (let power = 0; power < 2 * count; power++) {
      const sum = points.reduce((total, point, i) => total + weights[i]! * point ** power, 0)
      expect(Math.abs(sum - 1 / (power + 1)), `x^${power}, ${count} points`).toBeLessThan(1e-14)
    }
    // The first power that is not shows that the claim says something.
    const beyond = points.reduce((total, point, i) => total + weights[i]! * point ** (2 * count), 0)
    if (count <= 5) expect(Math.abs(beyond - 1 / (2 * count + 1))).toBeGreaterThan(1e-8)
  }
})
