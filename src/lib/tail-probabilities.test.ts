// The reference values were computed with SciPy 1.17 (scipy.stats and scipy.special).
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { binomialUpperTail, lnGamma, regularizedBeta, studentTQuantile, studentTTail } from './tail-probabilities.ts'

const expectClose = (found: number, expected: number, relative = 1e-10) =>
  expect(Math.abs(found - expected), `${found} beside ${expected}`).toBeLessThanOrEqual(relative * Math.abs(expected))

describe('tails', () => {
  test.each([
    [0, 5, 1],
    [1, 1, 0.5],
    [2.5, 3, 0.08770664700806556],
    [4.7, 21, 0.00012206582566204355],
    [-4.7, 21, 0.00012206582566204355],
    [8, 27, 1.345558365340766e-8],
    [30, 4, 7.352856097661319e-6],
    [0.01, 100, 0.9920412102344285],
    [5, 1e6, 5.733997870890745e-7],
  ])('Student t: |T| >= %d with %d degrees of freedom', (t, df, expected) => {
    expectClose(studentTTail(t, df), expected, 1e-9)
  })

  test.each([
    [0.05, 5, 2.5705818356363155],
    [1e-4, 21, 4.783877116436224],
    [1e-5, 27, 5.415272805579767],
    [0.5, 10, 0.6998120613124317],
    [1e-8, 3, 604.1648958186104],
  ])('the quantile of Student t at %d with %d degrees of freedom', (p, df, expected) => {
    expectClose(studentTQuantile(p, df), expected, 1e-9)
  })

  test.each([
    [0, 10, 0.01, 1],
    [1, 10, 0.01, 0.09561792499119552],
    [2, 100, 0.01, 0.26423802107704364],
    [15, 1000, 0.01, 0.0824123195160887],
    [30, 1000, 0.01, 2.059988850971949e-7],
    [10_200, 1_000_000, 0.01, 0.022742497360522286],
    [10, 10, 0.5, 0.0009765625],
    [5, 5, 0.01, 1e-10],
  ])('binomial: at least %d of %d at %d', (k, n, p, expected) => {
    expectClose(binomialUpperTail(k, n, p), expected, 1e-8)
  })

  test('binomial: the edges', () => {
    expect(binomialUpperTail(3, 2, 0.5)).toBe(0)
    expect(binomialUpperTail(1, 2, 0)).toBe(0)
    expect(binomialUpperTail(1, 2, 1)).toBe(1)
    expect(binomialUpperTail(0, 0, 0.5)).toBe(1)
  })

  test.each([
    [0.1, 2.252712651734206],
    [0.5, 0.5723649429247],
    [1.5, -0.12078223763524526],
    [10.3, 13.482036786138359],
    [170, 701.4372638087372],
    [1e6, 12815504.569147611],
    [1e-5, 11.512919692895826],
  ])('ln gamma(%d)', (x, expected) => expectClose(lnGamma(x), expected, 1e-12))

  test('ln gamma is 0 at 1 and 2', () => {
    expect(Math.abs(lnGamma(1))).toBeLessThan(1e-14)
    expect(Math.abs(lnGamma(2))).toBeLessThan(1e-14)
  })

  test.each([
    [0.3, 0.5, 0.5, 0.36901011956554536],
    [0.7, 2, 3, 0.9163],
    [0.999, 10.5, 0.5, 0.8861042420864681],
    [0.48, 500, 500, 0.10291752730699594],
    [1 / 3, 1e4, 2e4, 0.5005428944444716],
    [1e-4, 0.01, 5, 0.9311407597182454],
  ])('incomplete beta at %d for %d and %d', (x, a, b, expected) =>
    expectClose(regularizedBeta(x, a, b), expected, 1e-9),
  )

  test('a tail is a probability and falls as t rises', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 1e3, noNaN: true }),
        fc.double({ min: 0, max: 1e3, noNaN: true }),
        fc.integer({ min: 1, max: 500 }),
        (a, b, df) => {
          const near = studentTTail(Math.min(a, b), df)
          const far = studentTTail(Math.max(a, b), df)
          expect(near).toBeGreaterThanOrEqual(far - 1e-12)
          expect(far).toBeGreaterThanOrEqual(0)
          expect(near).toBeLessThanOrEqual(1)
        },
      ),
    )
  })
})
