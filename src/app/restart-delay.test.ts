import { expect, test } from 'vitest'
import { failuresInARow, restartDelayMs } from './restart-delay.ts'

test('the first failure is mended at once, later ones after ever longer waits, up to half a minute', () => {
  expect([1, 2, 3, 4, 9, 10, 100].map(restartDelayMs)).toEqual([0, 200, 400, 800, 25_600, 30_000, 30_000])
})

test('a process that did its work for a minute begins anew', () => {
  expect(failuresInARow(7, 59_999)).toBe(8)
  expect(failuresInARow(7, 60_000)).toBe(1)
  expect(failuresInARow(0, 0)).toBe(1)
})
