import { expect, test } from 'vitest'
import { csrFromTriplets } from '../lib/csr.ts'
import { seededRng } from '../lib/rng.ts'
import {
  describeAllSlices,
  describeHeldOutSlices,
  type EntityAttribute,
  searchHeldOut,
  toldSlices,
} from './held-out-slices.ts'

const USERS = 600
const ITEMS = 300

/**
 * Every user chose one item of each of two lists of their own; the list holds the first of them, and the second one only where `isServed`. Users of odd number had a history.
 */
function shop(isServed: (user: number, item: number) => boolean) {
  const size = { rowCount: USERS, columnCount: ITEMS }
  const rng = seededRng('held-out slices')
  const train = { rows: [] as number[], columns: [] as number[] }
  const test = { rows: [] as number[], columns: [] as number[] }
  const rankedItems = new Int32Array(USERS * 2).fill(-1)
  for (let user = 0; user < USERS; user++) {
    if (user % 2 === 1) {
      train.rows.push(user)
      train.columns.push(rng.integer(ITEMS / 2))
    }
    const chosen = [rng.integer(ITEMS / 2), ITEMS / 2 + rng.integer(ITEMS / 2)]
    for (const [place, item] of chosen.entries()) {
      test.rows.push(user)
      test.columns.push(item)
      if (isServed(user, item)) rankedItems[user * 2 + place] = item
    }
  }
  const csr = ({ rows, columns }: typeof train) => csrFromTriplets({ rows, columns, values: rows.map(() => 1) }, size)
  return {
    lists: { k: 2, userIndexes: Int32Array.from({ length: USERS }, (_, user) => user), rankedItems },
    heldOut: { trainItemsByUser: csr(train), testItemsByUser: csr(test) },
  }
}

const country: EntityAttribute = {
  name: 'user.country',
  kind: 'text',
  valueAt: (user) => (user % 3 === 0 ? 'DE' : 'FR'),
}
const since: EntityAttribute = {
  name: 'item.since',
  kind: 'number',
  textOf: (day) => `day ${day}`,
  valueAt: (item) => item,
}

const search = (isServed: (user: number, item: number) => boolean) => {
  const { lists, heldOut } = shop(isServed)
  return searchHeldOut(lists, heldOut, { userAttributes: [country], itemAttributes: [since], seed: 1 })
}

test('users of an attribute for whom lists are empty are found, with size and difference', () => {
  const { users } = search((user) => user % 3 !== 0)
  expect(users.weak).toMatchObject([{ conditions: ['user.country = DE'], unitCount: 200, mean: 0, difference: -1 }])
  expect(users.weak[0]!.adjustedPValue).toBeLessThanOrEqual(0.025)
})

test('users without a history are told apart from those with one', () => {
  const { users } = search((user) => user % 2 === 1)
  expect(users.weak.map(({ conditions }) => conditions)).toEqual([['user = new']])
  expect(users.slices.find(({ conditions }) => conditions.join() === 'user = known')).toMatchObject({ mean: 1 })
})

test("an item's figure is the part of those who chose it that had it in their list, and numbers are written as asked", () => {
  const { items } = search((_, item) => item < ITEMS / 2)
  // Half of the items, which nobody had before, are never shown.
  expect(items.mean).toBeCloseTo(0.5, 1)
  const all = items.slices.map(({ conditions }) => conditions.join(' and '))
  expect(all).toContain('item = new')
  expect(all.some((name) => /^item\.since <= day \d+$/.test(name))).toBe(true)
  expect(items.weak[0]!.mean).toBe(0)
})

test('where everybody is served alike nothing is weak, and both searches share one risk of a false finding', () => {
  const found = search(() => true)
  for (const { weak, alpha } of [found.users, found.items]) {
    expect(weak).toEqual([])
    expect(alpha).toBe(0.025)
  }
  expect(describeHeldOutSlices(found).join('\n')).toMatch(/NDCG@2 of users.*No slice is worse/)
})

test('people see every slice of one condition where they ask, and data tells how many were looked at', () => {
  const found = search((user) => user % 3 !== 0)
  const lines = describeAllSlices(found)
  expect(lines.some((line) => /^user\.country = DE +200 +0\.0000 +-1\.0000/.test(line))).toBe(true)
  expect(lines.some((line) => line.includes(' and '))).toBe(false)
  const { users } = toldSlices(found)
  expect(users.sliceCount).toBe(found.users.slices.length)
  expect(users.slices.every(({ conditions }) => conditions.length === 1)).toBe(true)
})
