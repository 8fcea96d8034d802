import { expect, test } from 'vitest'
import { interactionWeight } from './interaction-weight.ts'

test('an event without a weight counts as its kind', () => {
  expect(interactionWeight(4, undefined)).toBe(4)
  expect(interactionWeight(4, 1)).toBe(4)
})

test('quantities count by their logarithm, parts as they are', () => {
  expect([2, 4, 8, 1024].map((quantity) => interactionWeight(1, quantity))).toEqual([2, 3, 4, 11])
  expect(interactionWeight(10, 0.25)).toBe(2.5)
})
