import { expect, test } from 'vitest'
import { onFirstUse } from './on-first-use.ts'

test('it is made once, by the first call, and not by asking for what was made', async () => {
  let count = 0
  const made = onFirstUse(async () => ++count)
  expect(await made.ifUsed()).toBeUndefined()
  expect(await Promise.all([made.get(), made.get()])).toEqual([1, 1])
  expect(await made.ifUsed()).toBe(1)
})

test('after a failure the next call tries again', async () => {
  let count = 0
  const made = onFirstUse(async () => {
    if (++count === 1) throw new Error('not yet')
    return count
  })
  await expect(made.get()).rejects.toThrow('not yet')
  expect(await made.ifUsed()).toBeUndefined()
  expect(await made.get()).toBe(2)
})
