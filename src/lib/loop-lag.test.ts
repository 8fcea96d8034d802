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
function turns(...afterMs: readonly number[]): void {
  for (const ms of afterMs) {
    nowMs += ms
    vi.advanceTimersByTime(5)
  }
}

test('there is none while timers come in time', () => {
  turns(5, 5, 5)
  expect(lag.ms()).toBe(0)
})

test('a pause is none, however long', () => {
  turns(5, 5, 400, 5, 300)
  expect(lag.ms()).toBe(0)
})

test('turns that are late one after another are told by the least of them, until one is in time', () => {
  turns(50, 45)
  expect(lag.ms()).toBe(0)
  turns(65)
  expect(lag.ms()).toBe(40)
  turns(75)
  expect(lag.ms()).toBe(40)
  turns(75)
  expect(lag.ms()).toBe(60)
  turns(5)
  expect(lag.ms()).toBe(0)
})

test('nothing is watched after it was stopped', () => {
  lag.stop()
  expect(vi.getTimerCount()).toBe(0)
})
