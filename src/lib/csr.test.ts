import fc from 'fast-check'
import { expect, test } from 'vitest'
import { csrFromTriplets, rowColumns, rowValues, transpose } from './csr.ts'

const size = { rowCount: 5, columnCount: 7 }
const triplets = fc
  .array(fc.tuple(fc.nat(4), fc.nat(6), fc.integer({ min: 1, max: 9 })), { maxLength: 40 })
  .map((cells) => ({ rows: cells.map((c) => c[0]), columns: cells.map((c) => c[1]), values: cells.map((c) => c[2]) }))

test('every cell holds the sum of its entries, and columns ascend within a row', () => {
  fc.assert(
    fc.property(triplets, (given) => {
      const dense = Array.from({ length: 5 }, () => new Array<number>(7).fill(0))
      for (let i = 0; i < given.rows.length; i++) dense[given.rows[i]!]![given.columns[i]!]! += given.values[i]!
      const matrix = csrFromTriplets(given, size)
      for (let row = 0; row < 5; row++) {
        const columns = [...rowColumns(matrix, row)]
        expect(columns).toEqual([...new Set(columns)].sort((a, b) => a - b))
        expect(columns).toEqual([...dense[row]!.keys()].filter((column) => dense[row]![column]! > 0))
        expect([...rowValues(matrix, row)]).toEqual(columns.map((column) => dense[row]![column]))
      }
    }),
  )
})

test('transposing twice is the identity', () => {
  fc.assert(
    fc.property(triplets, (given) => {
      const matrix = csrFromTriplets(given, size)
      expect(transpose(transpose(matrix))).toEqual(matrix)
      expect(transpose(matrix).rowCount).toBe(7)
    }),
  )
})
