import { expect, test } from 'vitest'
import type { GeneratorKind } from '../ports/candidate-generator.ts'
import { tune } from './tune.ts'

/** A kind that only carries settings. */
function kindWith(options: Record<string, number>): GeneratorKind {
  return {
    kind: 'fake',
    options,
    tunable: { x: { low: 0.001, high: 10, scale: 'log' }, n: { low: 1, high: 20, scale: 'integer' } },
    with: (changed) => kindWith({ ...options, ...(changed as Record<string, number>) }),
    train: () => Promise.reject(new Error('not part of this test')),
    open: () => {
      throw new Error('not part of this test')
    },
  }
}

/** Best at x = 0.1, n = 8; a smooth hill on the scale that is searched. */
const hill = async (kind: GeneratorKind): Promise<number> =>
  -((Math.log10(Number(kind.options.x)) + 1) ** 2) - ((Number(kind.options.n) - 8) / 20) ** 2

test('the search keeps to the ranges, starts with the current settings and repeats itself for a seed', async () => {
  const tried: number[][] = []
  const run = () =>
    tune(kindWith({ x: 5, n: 3 }), hill, {
      seed: 1,
      trialCount: 30,
      onTrial: (trial) => tried.push([Number(trial.options.x), Number(trial.options.n)]),
    })
  const first = await run()
  expect(tried[0]).toEqual([5, 3])
  for (const [x, n] of tried) {
    expect(x).toBeGreaterThanOrEqual(0.001)
    expect(x).toBeLessThanOrEqual(10)
    expect(Number.isInteger(n) && n! >= 1 && n! <= 20).toBe(true)
  }
  expect(await run()).toEqual(first)
})

// Over seeds 0 to 19 the best of 30 trials lay at most 0.11 decades from the top, at a value of -0.092 or better. The bounds leave room for a
// change of the sampling order; the seed is fixed, so the test cannot fail by chance.
test('the search finds the top of a smooth hill', async () => {
  const [best] = await tune(kindWith({ x: 5, n: 3 }), hill, { seed: 2, trialCount: 30 })
  expect(Math.abs(Math.log10(Number(best!.options.x)) + 1)).toBeLessThan(0.2)
  expect(best!.value).toBeGreaterThan(-0.2)
})
