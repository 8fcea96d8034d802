import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addExactly, exactNumber, mergeExactly } from './exact-sum.ts'

const wholes = fc.array(fc.oneof(fc.integer({ min: -1e15, max: 1e15 }), fc.constantFrom(1e15, -1e15, 1, 0)), {
  maxLength: 60,
})
const exact = (values: readonly number[]) => values.reduce((sum, value) => sum + BigInt(value), 0n)
const sumOf = (values: readonly number[]) => {
  const sum = { high: 0, low: 0 }
  for (const value of values) addExactly(sum, value)
  return sum
}

test('a sum is that of big integers, rounded once, however it was put together', () => {
  fc.assert(
    fc.property(wholes, wholes, (some, others) => {
      const sum = sumOf(some)
      mergeExactly(sum, sumOf(others), 1)
      expect(exactNumber(sum)).toBe(Number(exact([...some, ...others])))
      mergeExactly(sum, sumOf(some), -1)
      expect(exactNumber(sum)).toBe(Number(exact(others)))
    }),
  )
})
