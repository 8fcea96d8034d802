import { describe, expect, test } from 'vitest'
import { csrFromTriplets } from '../lib/csr.ts'
import type { CandidateGenerator } from '../ports/candidate-generator.ts'
import {
  compareGenerators,
  type HeldOut,
  measureLists,
  measureUsers,
  rankForUsers,
  standardSlices,
  summarize,
} from './evaluate.ts'

const matrix = (cells: readonly (readonly [number, number])[]) =>
  csrFromTriplets(
    { rows: cells.map(([user]) => user), columns: cells.map(([, item]) => item), values: cells.map(() => 1) },
    { rowCount: 4, columnCount: 6 },
  )

// User 3 has nothing held out and is not asked; user 2 has no history.
const heldOut: HeldOut = {
  trainItemsByUser: matrix([
    [0, 0],
    [0, 1],
    [1, 0],
    [3, 0],
    [3, 2],
  ]),
  testItemsByUser: matrix([
    [0, 2],
    [0, 5],
    [1, 1],
    [2, 0],
  ]),
}

/** Proposes items 0, 1, 2, ... whoever asks: an evaluation of it can be done by hand. */
const byIndex: CandidateGenerator = {
  supportsEmptyHistory: true,
  generate(_history, k, allowed, out) {
    let count = 0
    for (let item = 0; item < 6 && count < k; item++) {
      if (allowed && !(allowed[item >> 5]! & (1 << (item & 31)))) continue
      out.itemIndexes[count] = item
      out.scores[count++] = 6 - item
    }
    return count
  },
}
const silent: CandidateGenerator = { supportsEmptyHistory: false, generate: () => 0 }

test('seen items are left out, and only users with something held out are asked', () => {
  const lists = rankForUsers(byIndex, heldOut, 2)
  expect(Array.from(lists.userIndexes)).toEqual([0, 1, 2])
  expect(Array.from(lists.rankedItems)).toEqual([2, 3, 1, 2, 0, 1])
})

test('metrics equal those computed by hand', () => {
  const { values, userIndexes } = measureUsers(rankForUsers(byIndex, heldOut, 2), heldOut.testItemsByUser)
  expect(Array.from(userIndexes)).toEqual([0, 1, 2])
  expect(Array.from(values.recall)).toEqual([1 / 2, 1, 1])
  expect(Array.from(values.precision)).toEqual([1 / 2, 1 / 2, 1 / 2])
  expect(values.ndcg[0]).toBeCloseTo(1 / (1 + 1 / Math.log2(3)), 12)
  expect(Array.from(values.reciprocalRank)).toEqual([1, 1, 1])
  expect(Array.from(values.averagePrecision)).toEqual([1 / 2, 1, 1])
  expect(
    summarize(measureUsers(rankForUsers(byIndex, heldOut, 2), heldOut.testItemsByUser), { seed: 1 })!.recall.mean,
  ).toBeCloseTo(5 / 6, 12)
})

test('a generator that proposes nothing scores 0 for everybody', () => {
  const lists = rankForUsers(silent, heldOut, 2)
  const { values } = measureUsers(lists, heldOut.testItemsByUser)
  for (const metric of Object.values(values)) expect(Array.from(metric)).toEqual([0, 0, 0])
  expect(measureLists(lists, heldOut.trainItemsByUser)).toEqual({
    coverage: 0,
    gini: undefined,
    noveltyBits: undefined,
  })
})

test('list metrics look at all lists together', () => {
  // Items 2, 3, 1, 2, 0, 1 at k = 2: four of six items; counts 1 2 2 1 0 0. Users who had them: 3, 1, 1, 0 of 4.
  const lists = measureLists(rankForUsers(byIndex, heldOut, 2), heldOut.trainItemsByUser)
  expect(lists.coverage).toBeCloseTo(4 / 6, 12)
  // Ascending 0 0 1 1 2 2: weights -5 -3 -1 1 3 5: (-1 + 1 + 6 + 10) / (6 * 6).
  expect(lists.gini).toBeCloseTo(16 / 36, 12)
  expect(lists.noveltyBits).toBeCloseTo((Math.log2(4 / 3) + 2 * 2 + 2 * 2 + 2) / 6, 12)
})

describe('slices', () => {
  test('a slice of users leaves the others out', () => {
    const lists = rankForUsers(byIndex, heldOut, 2)
    const { newUsers, frequentUsers } = standardSlices(heldOut.trainItemsByUser, { newUserItems: 1 })
    expect(Array.from(measureUsers(lists, heldOut.testItemsByUser, newUsers).userIndexes)).toEqual([1, 2])
    expect(Array.from(measureUsers(lists, heldOut.testItemsByUser, frequentUsers).userIndexes)).toEqual([0])
  })
  test('a slice of items counts only those as relevant and never changes the lists', () => {
    const lists = rankForUsers(byIndex, heldOut, 2)
    // Item 0 has 3 of 5 entries, more than half: it alone is popular.
    const { popularItems, rareItems } = standardSlices(heldOut.trainItemsByUser)
    expect(Array.from(measureUsers(lists, heldOut.testItemsByUser, popularItems).userIndexes)).toEqual([2])
    const rare = measureUsers(lists, heldOut.testItemsByUser, rareItems)
    expect(Array.from(rare.userIndexes)).toEqual([0, 1])
    expect(Array.from(rare.values.recall)).toEqual([1 / 2, 1])
  })
  test('an empty slice has no summary', () => {
    const lists = rankForUsers(byIndex, heldOut, 2)
    const nobody = measureUsers(lists, heldOut.testItemsByUser, { hasUser: () => false })
    expect(summarize(nobody, { seed: 1 })).toBeUndefined()
  })
})

test('two generators are compared user by user', () => {
  const challenger = measureUsers(rankForUsers(byIndex, heldOut, 2), heldOut.testItemsByUser)
  const champion = measureUsers(rankForUsers(silent, heldOut, 2), heldOut.testItemsByUser)
  const difference = compareGenerators({ challenger, champion }, 'recall', { seed: 1 })!
  expect(difference.mean).toBeCloseTo(5 / 6, 12)
  expect(difference.interval[0]).toBeGreaterThan(0)
})
