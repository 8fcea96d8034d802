import { expect, test } from 'vitest'
import { givenSplit } from './given-split.ts'
import { InteractionTableBuilder } from './interaction-table.ts'

test('both sides mean the same users and items, those that only one side knows too', () => {
  const builder = new InteractionTableBuilder()
  builder.add('ann', 'hat', 1, 5)
  builder.add('bob', 'cap', 2, 6)
  const { train, test: held } = givenSplit(builder.build(), [
    { userId: 'bob', itemId: 'hat' },
    { userId: 'cid', itemId: 'bag' },
  ])
  expect(train.userIds).toEqual(['ann', 'bob', 'cid'])
  expect(held.itemIds).toEqual(['hat', 'cap', 'bag'])
  expect([train.userIds, train.itemIds]).toEqual([held.userIds, held.itemIds])
  expect([...train.weights]).toEqual([1, 2])
  expect([...held.userIndexes]).toEqual([1, 2])
  expect([...held.itemIndexes]).toEqual([0, 2])
})
