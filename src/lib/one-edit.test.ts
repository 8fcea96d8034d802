import fc from 'fast-check'
import { expect, test } from 'vitest'
import { editDistance } from './nearest-name.ts'
import { isOneEdit } from './one-edit.ts'

test('it says what the distance of all pairs of letters says', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 6 })
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(isOneEdit(a, b)).toBe(editDistance(a, b) === 1)
    }),
    { numRuns: 2000 },
  )
})
