import fc from 'fast-check'
import { expect, test } from 'vitest'
import { csrFromTriplets } from '../lib/csr.ts'
import { strongestOfProduct } from './sparse-product.ts'

const size = 8
const entries = fc.uniqueArray(
  fc.record({ row: fc.nat(size - 1), column: fc.nat(size - 1), value: fc.integer({ min: 1, max: 9 }) }),
  {
    selector: ({ row, column }) => row * size + column,
  },
)
const matrix = entries.map((all) =>
  csrFromTriplets(
    { rows: all.map((e) => e.row), columns: all.map((e) => e.column), values: all.map((e) => e.value) },
    { rowCount: size, columnCount: size },
  ),
)

test('keeps what the dense product, scored and sorted, would keep', () => {
  fc.assert(
    fc.property(matrix, matrix, fc.integer({ min: 1, max: size }), (left, right, keepCount) => {
      const scoreOf = (_: number, column: number, sum: number) => sum / (column + 1)
      const kept = strongestOfProduct(left, right, { keepCount, scoreOf })
      for (let row = 0; row < size; row++) {
        const sums = new Map<number, number>()
        for (let i = left.offsets[row]!; i < left.offsets[row + 1]!; i++) {
          const middle = left.columns[i]!
          for (let j = right.offsets[middle]!; j < right.offsets[middle + 1]!; j++) {
            const column = right.columns[j]!
            sums.set(column, (sums.get(column) ?? 0) + left.values[i]! * right.values[j]!)
          }
        }
        const expected = [...sums]
          .filter(([column]) => column !== row)
          .map(([column, sum]) => [column, Math.fround(scoreOf(row, column, sum))] as const)
          .sort((a, b) => b[1] - a[1] || a[0] - b[0])
          .slice(0, keepCount)
        const range = [kept.offsets[row]!, kept.offsets[row + 1]!] as const
        expect(Array.from(kept.columns.subarray(...range))).toEqual(expected.map(([column]) => column))
        expect(Array.from(kept.values.subarray(...range))).toEqual(expected.map(([, score]) => score))
      }
    }),
  )
})
