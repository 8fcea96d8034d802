import { expect, test } from 'vitest'
import { Answer } from './answer.ts'
import type { ItemBitmap } from './item-bitmap.ts'
import type { ItemIndexes } from './item-indexes.ts'

test('the last look takes out what came in whatever way, twice, not allowed any more or without a finite score', () => {
  const allowed = new Set([0, 1, 2, 3, 4, 5])
  const answer = new Answer({ indexCount: 6, rowOf: (index) => index } as ItemIndexes)
  answer.begin({ has: (index) => allowed.has(index) } as ItemBitmap, [], 6)
  for (let index = 0; index < 6; index++) answer.offer(index, -index, `g${index}`)
  expect(answer.withdrawInvalid()).toBe(0)
  expect(answer.count).toBe(6)
  // As a mistake in the code that puts lists in order would.
  answer.arrange([5, 3, 3, 1, 0, 2])
  allowed.delete(1)
  expect(answer.withdrawInvalid()).toBe(2)
  expect(
    Array.from({ length: answer.count }, (_, place) => [answer.indexAt(place), answer.generatorAt(place)]),
  ).toEqual([
    [5, 'g5'],
    [3, 'g3'],
    [0, 'g0'],
    [2, 'g2'],
  ])
})
