import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodedServedRows, encodedServedRows } from './served-rows.ts'

test('rows come back to the bit, whatever is missing in them', () => {
  const values = fc.float32Array({ minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), values, (itemCount, row) => {
      const rows = Float32Array.from({ length: itemCount * row.length }, (_, i) => row[i % row.length]!)
      expect(decodedServedRows(encodedServedRows(rows), itemCount)).toEqual(rows)
    }),
  )
})

test('three rows of a column take twelve bytes, sixteen characters', () => {
  expect(encodedServedRows(Float32Array.of(1, Number.NaN, -2))).toBe('AACAPwAAwH8AAADA')
})

test.each([
  ['nothing', ''],
  ['rows that are not whole', encodedServedRows(Float32Array.of(1, 2, 3))],
  ['what is no base64', 'AACAPwAAw$8='],
  ['base64 that was cut', 'AACAPwAAwH'],
])('of %s there are no rows', (_, text) => {
  expect(decodedServedRows(text, 2)).toBeUndefined()
})
