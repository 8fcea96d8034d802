import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type LoopLag, watchLoopLag } from './loop-lag.ts'

let nowMs: number
let lag: LoopLag

beforeEach(() => {
  vi.useFakeTimers()
  nowMs = 1000
  lag = watchLoopLag(() => nowMs)
})

afterEach(() => {
  lag.stop()
  vi.useRealTimers()
})

/** The loop's timer comes so many milliseconds after the one before it. */
function turn(afterMs: number): void {
  nowMs += afterMs
  vi.advanceTimersByTime(5)
}

test('there is none while timers come in time', () => {
  for (let n = 0; n < 3; n++) turn(5)
  expect(lag.ms()).toBe(0)
})

test('a turn that takes long is told while it lasts and until the next is over', () => {
  turn(5)
  nowMs += 45
  expect(lag.ms()).toBe(40)
  vi.advanceTimersByTime(5)
  expect(lag.ms()).toBe(40)
  nowMs += 2
  expect(lag.ms()).toBe(40)
  turn(3)
  expect(lag.ms()).toBe(0)
})

test('nothing is watched after it was stopped', () => {
  lag.stop()
  expect(vi.getTimerCount()).toBe(0)
})
