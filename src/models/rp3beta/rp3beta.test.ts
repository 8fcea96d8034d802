import { expect, test } from 'vitest'
import type { TrainingData } from '../../domain/training-data.ts'
import { csrFromTriplets } from '../../lib/csr.ts'
import { type Rp3betaSettings, rp3beta } from './rp3beta.ts'

// User 0 has items 0 and 1; user 1 has items 0, 1 and 2; user 2 has item 2.
const data: TrainingData = {
  userIds: ['a', 'b', 'c'],
  itemIds: ['0', '1', '2'],
  itemsByUser: csrFromTriplets(
    { rows: [0, 0, 1, 1, 1, 2], columns: [0, 1, 0, 1, 2, 2], values: [1, 1, 1, 1, 1, 1] },
    { rowCount: 3, columnCount: 3 },
  ),
  newestTimesMs: undefined,
  asOfMs: 0,
}

async function similarTo(item: number, settings: Partial<Rp3betaSettings>) {
  const kind = rp3beta(settings)
  const artifacts = await kind.train(data, { seed: 1, threadCount: 1, log: () => {} })
  const out = { itemIndexes: new Int32Array(3), scores: new Float32Array(3) }
  const count = kind.open(artifacts, { itemCount: 3 }).similar!(item, 3, undefined, out)
  return Array.from({ length: count }, (_, i) => [out.itemIndexes[i], out.scores[i]])
}

test('with alpha 1 and beta 0 the score is the probability of the walk', async () => {
  // From item 0 each user with 1/2; to item 1: 1/2 * 1/2 + 1/2 * 1/3 = 5/12; to item 2: 1/2 * 1/3 = 1/6.
  expect(await similarTo(0, { alpha: 1, beta: 0 })).toEqual([
    [1, expect.closeTo(5 / 12, 6)],
    [2, expect.closeTo(1 / 6, 6)],
  ])
})

test('alpha powers every step, beta divides by the popularity of the end', async () => {
  const step = (p: number) => p ** 0.5
  const toOne = step(1 / 2) * step(1 / 2) + step(1 / 2) * step(1 / 3)
  expect((await similarTo(0, { alpha: 0.5, beta: 1 }))[0]).toEqual([1, expect.closeTo(toOne / 2, 6)])
})

test('wrong settings are refused', async () => {
  await expect(similarTo(0, { alpha: Number.NaN })).rejects.toMatchObject({ code: 'TRAINING_INPUT_INVALID' })
})
