import { expect, test } from 'vitest'
import { sequencesOf } from './interaction-sequences.ts'
import { InteractionTableBuilder } from './interaction-table.ts'

test('interactions come by user, oldest first; those of one moment keep their order, and a user without any has an empty row', () => {
  const builder = new InteractionTableBuilder()
  builder.add('ann', 'hat', 1, 30)
  builder.addUser('idle')
  builder.add('bob', 'cap', 2, 5)
  builder.add('ann', 'cap', 3, 10)
  builder.add('ann', 'tie', 4, 30)
  builder.add('ann', 'hat', 5, 10)
  const { offsets, itemIndexes, weights, timesMs } = sequencesOf(builder.build(), 3)
  expect([...offsets]).toEqual([0, 4, 4, 5])
  // hat 0, cap 1, tie 2
  expect([...itemIndexes]).toEqual([1, 0, 0, 2, 1])
  expect([...weights]).toEqual([3, 5, 1, 4, 2])
  expect([...timesMs!]).toEqual([10, 10, 30, 30, 5])
})
