// Goal: whatever a search proposes for a kind, that kind can be trained with. Method: random points of every kind's own ranges, trained on a few rows.
import { expect, test } from 'vitest'
import { seededRng } from '../lib/rng.ts'
import { ials } from '../models/ials/ials.ts'
import { lambdaMart } from '../models/lambda-mart/lambda-mart.ts'
import { withRanges } from '../models/with-ranges.ts'
import type { RankingRows } from '../ports/ranker.ts'
import { parametersAt, randomPoint } from './parameter-space.ts'

const rng = seededRng('tunable kinds')
const rows: RankingRows = {
  columns: [{ name: 'price', values: Float32Array.from({ length: 400 }, () => rng.next()) }],
  labels: Float32Array.from({ length: 400 }, (_, i) => Number(i % 20 === 0)),
  querySizes: new Int32Array(20).fill(20),
}

test('a ranker can be trained with every setting within its ranges', async () => {
  const kind = lambdaMart({ trees: 2 })
  const ends = [0, 1 - 1e-12].map((unit) => Object.keys(kind.tunable).map(() => unit))
  for (const point of [...ends, ...Array.from({ length: 5 }, () => randomPoint(kind.tunable, rng))]) {
    const settings = parametersAt(kind.tunable, point)
    const { artifacts } = await kind.with(settings).train(rows, undefined, { seed: 1, threadCount: 1, log: () => {} })
    expect(Object.keys(artifacts).length, JSON.stringify(settings)).toBeGreaterThan(0)
  }
})

test('a generator and a ranker keep the ranges that they were given, also with other settings', () => {
  const leaves = { low: 2, high: 6, scale: 'integer' } as const
  const ranker = withRanges(lambdaMart(), { leaves }).with({ l2: 3 })
  expect(ranker.tunable).toEqual({ ...lambdaMart().tunable, leaves })
  expect(ranker).toMatchObject({ orders: 'candidates', options: { l2: 3, leaves: 8 } })
  const factors = { choices: [8, 16] }
  expect(withRanges(ials(), { factors }).with({ factors: 8 }).tunable.factors).toEqual(factors)
})
