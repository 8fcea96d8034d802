import { expect, test } from 'vitest'
import type { TrainingData } from '../../domain/training-data.ts'
import { csrFromTriplets } from '../../lib/csr.ts'
import { type ItemNeighboursSettings, itemNeighbours } from './item-neighbours.ts'

// Columns of users: item 0 = (4, 1, 0), item 1 = (4, 0, 0), item 2 = (0, 9, 1).
const data: TrainingData = {
  userIds: ['a', 'b', 'c'],
  itemIds: ['0', '1', '2'],
  itemsByUser: csrFromTriplets(
    { rows: [0, 1, 0, 1, 2], columns: [0, 0, 1, 2, 2], values: [4, 1, 4, 9, 1] },
    { rowCount: 3, columnCount: 3 },
  ),
  newestTimesMs: undefined,
  asOfMs: 0,
}

async function similarTo(item: number, settings: Partial<ItemNeighboursSettings>) {
  const kind = itemNeighbours(settings)
  const artifacts = await kind.train(data, { seed: 1, threadCount: 1, log: () => {} })
  const out = { itemIndexes: new Int32Array(3), scores: new Float32Array(3) }
  const count = kind.open(artifacts, { itemCount: 3 }).similar!(item, 3, undefined, out)
  return Array.from({ length: count }, (_, i) => [out.itemIndexes[i], out.scores[i]])
}

test('similarity is the cosine of powered weights, with shrinkage in the denominator', async () => {
  // Roots: item 0 = (2, 1, 0), item 1 = (2, 0, 0), item 2 = (0, 3, 1).
  const [toOne, toTwo] = await similarTo(0, { shrinkage: 0, weightPower: 0.5 })
  expect(toOne).toEqual([1, expect.closeTo(4 / (2 * Math.sqrt(5)), 6)])
  expect(toTwo).toEqual([2, expect.closeTo(3 / Math.sqrt(5 * 10), 6)])
  const [shrunk] = await similarTo(0, { shrinkage: 10, weightPower: 0.5 })
  expect(shrunk).toEqual([1, expect.closeTo(4 / (2 * Math.sqrt(5) + 10), 6)])
})

test('power 0 ignores the weights', async () => {
  expect(await similarTo(1, { shrinkage: 0, weightPower: 0 })).toEqual([[0, expect.closeTo(1 / Math.sqrt(2), 6)]])
})

test('only the nearest are kept, and items without a user in common are not similar', async () => {
  expect(await similarTo(0, { neighbours: 1 })).toHaveLength(1)
  expect((await similarTo(1, {})).map(([item]) => item)).toEqual([0])
})

test('wrong settings are all reported', async () => {
  await expect(similarTo(0, { neighbours: 0, shrinkage: -1 })).rejects.toMatchObject({
    code: 'TRAINING_INPUT_INVALID',
    problems: [{ where: 'item-neighbours.neighbours' }, { where: 'item-neighbours.shrinkage' }],
  })
})
