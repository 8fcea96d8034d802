import { expect, test } from 'vitest'
import { inBatches } from './batches.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('what comes together is handed over together, in order, in batches of the given size', async () => {
  const batches: (readonly number[])[] = []
  const add = inBatches<number>(3, (batch) => batches.push(batch))
  for (let i = 0; i < 7; i++) add(i)
  expect(batches).toEqual([])
  await turn()
  expect(batches).toEqual([[0, 1, 2]])
  add(7)
  await turn()
  await turn()
  expect(batches).toEqual([
    [0, 1, 2],
    [3, 4, 5],
    [6, 7],
  ])
  add(8)
  await turn()
  expect(batches.at(-1)).toEqual([8])
})

test('what is added while a batch is handled comes in the next one', async () => {
  const batches: (readonly number[])[] = []
  const add = inBatches<number>(2, (batch) => {
    batches.push(batch)
    if (batch[0]! < 3) add(batch[0]! + 10)
  })
  for (const one of [1, 2, 3]) add(one)
  for (let i = 0; i < 4; i++) await turn()
  expect(batches).toEqual([
    [1, 2],
    [3, 11],
  ])
})
