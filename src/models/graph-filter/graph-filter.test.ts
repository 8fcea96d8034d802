import { expect, test } from 'vitest'
import type { TrainingData } from '../../domain/training-data.ts'
import { csrFromTriplets } from '../../lib/csr.ts'
import { seededRng } from '../../lib/rng.ts'
import { graphFilter } from './graph-filter.ts'

const context = { seed: 1, threadCount: 2, log: () => {} }

/** Users 0..29 choose among items 0..19, users 30..59 among items 20..39. */
function twoGroups(): TrainingData {
  const rng = seededRng(2)
  const rows: number[] = []
  const columns: number[] = []
  for (let user = 0; user < 60; user++) {
    for (let n = 0; n < 8; n++) {
      rows.push(user)
      columns.push((user < 30 ? 0 : 20) + rng.integer(20))
    }
  }
  return {
    userIds: Array.from({ length: 60 }, (_, i) => `u${i}`),
    itemIds: Array.from({ length: 40 }, (_, i) => `i${i}`),
    itemsByUser: csrFromTriplets({ rows, columns, values: rows.map(() => 1) }, { rowCount: 60, columnCount: 40 }),
    newestTimesMs: undefined,
    asOfMs: 0,
  }
}

test('a session is offered the items of its own group, and similar items are of the same group', async () => {
  const kind = graphFilter({ smoothingRank: 4 })
  const generator = kind.open(await kind.train(twoGroups(), context), { itemCount: 40 })
  const out = { itemIndexes: new Int32Array(15), scores: new Float32Array(15) }
  const history = { itemIndexes: Int32Array.of(25, 31), weights: Float32Array.of(1, 1) }
  const count = generator.generate(history, 15, undefined, out)
  expect(count).toBeGreaterThan(5)
  expect(out.itemIndexes.subarray(0, count).every((item) => item >= 20)).toBe(true)
  const similarCount = generator.similar!(3, 15, undefined, out)
  expect(similarCount).toBeGreaterThan(5)
  expect(out.itemIndexes.subarray(0, similarCount).every((item) => item < 20 && item !== 3)).toBe(true)
})

test('settings can be replaced one by one, and every tunable one is a setting', () => {
  const kind = graphFilter()
  expect(kind.with({ sharpening: 0 }).options).toEqual({ ...kind.options, sharpening: 0 })
  for (const name of Object.keys(kind.tunable)) expect(kind.options).toHaveProperty(name)
})

test('wrong settings are refused', async () => {
  const training = graphFilter({ neighbours: 0, sharpening: -1 }).train(twoGroups(), context)
  await expect(training).rejects.toMatchObject({
    code: 'TRAINING_INPUT_INVALID',
    problems: [{ where: 'graph-filter.neighbours' }, { where: 'graph-filter.sharpening' }],
  })
})
