import { expect, test } from 'vitest'
import { InteractionTableBuilder } from './interaction-table.ts'
import { splitAt } from './time-split.ts'

test('a moment with nothing before it, or nothing behind it, splits nothing', () => {
  const builder = new InteractionTableBuilder()
  for (const timeMs of [100, 200, 300]) builder.add('u', 'i', 1, timeMs)
  const table = builder.build()
  expect(splitAt(table, 100)).toBeUndefined()
  expect(splitAt(table, 301)).toBeUndefined()
  const split = splitAt(table, 200)
  expect([split?.train.weights.length, split?.test.weights.length]).toEqual([1, 2])
})
