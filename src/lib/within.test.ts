import { expect, test } from 'vitest'
import { settlesWithin } from './within.ts'

test('a promise that resolves in time is in time, another is not, and a rejection is passed on', async () => {
  expect(await settlesWithin(Promise.resolve(), 1000)).toBe(true)
  expect(await settlesWithin(new Promise(() => {}), 5)).toBe(false)
  await expect(settlesWithin(Promise.reject(new Error('no')), 1000)).rejects.toThrow('no')
})
