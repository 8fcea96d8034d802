import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Deadlines } from './deadlines.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const never = new Promise<object>(() => {})

test('what comes in time is handed on, a rejection too', async () => {
  const deadlines = new Deadlines()
  const value = { n: 1 }
  expect(await deadlines.within(Promise.resolve(value), 10)).toBe(value)
  await expect(deadlines.within(Promise.reject(new Error('no')), 10)).rejects.toThrow('no')
})

test('each is given up at its own time, in whatever order they began', async () => {
  const deadlines = new Deadlines()
  const startMs = performance.now()
  const endedAt: number[] = []
  const wait = (timeoutMs: number) =>
    deadlines.within(never, timeoutMs).then((value) => {
      expect(value).toBeUndefined()
      endedAt.push(performance.now() - startMs)
    })
  const waits = [wait(50), wait(20)]
  await vi.advanceTimersByTimeAsync(15)
  waits.push(wait(20), wait(100))
  await vi.advanceTimersByTimeAsync(200)
  await Promise.all(waits)
  expect(endedAt).toEqual([20, 35, 50, 115])
  expect(vi.getTimerCount()).toBe(0)
})

test('a thousand waits that end in time have one timer', async () => {
  const deadlines = new Deadlines()
  for (let n = 0; n < 1000; n++) await deadlines.within(Promise.resolve({}), 50)
  expect(vi.getTimerCount()).toBe(1)
  await vi.advanceTimersByTimeAsync(50)
  expect(vi.getTimerCount()).toBe(0)
  const late = deadlines.within(never, 50)
  await vi.advanceTimersByTimeAsync(50)
  expect(await late).toBeUndefined()
})

test('what comes after it was given up ends no other wait, which may have its place by then', async () => {
  const deadlines = new Deadlines()
  const late = Promise.withResolvers<object>()
  const first = deadlines.within(late.promise, 20)
  await vi.advanceTimersByTimeAsync(20)
  expect(await first).toBeUndefined()
  const second = deadlines.within(never, 30)
  late.resolve({})
  await vi.advanceTimersByTimeAsync(30)
  expect(await second).toBeUndefined()
  expect(vi.getTimerCount()).toBe(0)
})
