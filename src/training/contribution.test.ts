import { expect, test } from 'vitest'
import { csrFromTriplets } from '../lib/csr.ts'
import { contributionOf } from './contribution.ts'
import type { RankedLists } from './evaluate.ts'

function lists(rows: readonly (readonly number[])[], k: number): RankedLists {
  const rankedItems = new Int32Array(rows.length * k).fill(-1)
  for (const [r, row] of rows.entries()) rankedItems.set(row, r * k)
  return { k, userIndexes: Int32Array.from(rows.keys()), rankedItems }
}

function chosen(rows: readonly (readonly number[])[]) {
  const triplets = rows.flatMap((items, row) => items.map((column) => ({ row, column })))
  return csrFromTriplets(
    {
      rows: triplets.map(({ row }) => row),
      columns: triplets.map(({ column }) => column),
      values: triplets.map(() => 1),
    },
    { rowCount: rows.length, columnCount: 100 },
  )
}

test('places, hits and what nobody else proposed are counted by hand', () => {
  // Lists of 3: user 0 gets 1, 2, 3 (one from the second), user 1 gets 4, 5, 1 (all but the first from the second).
  const first = { name: 'first', lists: lists([[1, 2], [4]], 4) }
  const second = {
    name: 'second',
    lists: lists(
      [
        [2, 3, 9],
        [5, 1],
      ],
      4,
    ),
  }
  const report = contributionOf([first, second], chosen([[2, 9], [5]]), { k: 3, seed: 1 })!
  expect(report).toMatchObject({ k: 3, candidateCount: 4, unionRecall: 1 })
  const [one, two] = report.generators
  expect([one!.placeShare, two!.placeShare]).toEqual([3 / 6, 3 / 6])
  expect([one!.hitShare, two!.hitShare]).toEqual([1 / 2, 1 / 2])
  expect([one!.ownHitCount, two!.ownHitCount]).toEqual([0, 2])
  // Without the second, user 0 loses one of two, user 1 their only one.
  expect(two!.recallLoss.mean).toBeCloseTo(0.75, 12)
  expect(one!.recallLoss.mean).toBe(0)
})

test('a generator that proposes what others do, or at random, is weak; one that finds what nobody else does is not', () => {
  const userCount = 200
  const rows = (of: (user: number) => readonly number[]) =>
    lists(
      Array.from({ length: userCount }, (_, u) => of(u)),
      4,
    )
  const report = contributionOf(
    [
      { name: 'good', lists: rows((u) => [u % 20]) },
      { name: 'fills', lists: rows((u) => [20 + (u % 20)]) },
      { name: 'copy', lists: rows((u) => [u % 20]) },
      { name: 'noise', lists: rows(() => [90, 91]) },
    ],
    chosen(Array.from({ length: userCount }, (_, u) => [u % 4 !== 0 ? u % 20 : 20 + (u % 20)])),
    { k: 3, seed: 1 },
  )!
  expect(report.generators.map(({ name, isWeak }) => [name, isWeak])).toEqual([
    // Its copy takes its place without it, but further down the list: no hit is lost, and yet NDCG is.
    ['good', false],
    ['fills', false],
    ['copy', true],
    ['noise', true],
  ])
})

test('nobody asked, no report', () => {
  expect(contributionOf([{ name: 'one', lists: lists([], 4) }], chosen([]), { k: 3, seed: 1 })).toBeUndefined()
})
