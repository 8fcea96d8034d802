import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SparseTable } from './sparse-table.ts'

test('gives each number the place of its first coming, whatever came before, for one use after another', () => {
  const table = new SparseTable()
  const numbers = fc.array(
    fc.oneof(
      fc.nat(20),
      fc.nat(2 ** 31 - 1),
      fc.nat(30).map((n) => n * 4096),
    ),
    { maxLength: 300 },
  )
  fc.assert(
    fc.property(numbers, fc.nat(50), (came, spare) => {
      const expected = new Map<number, number>()
      table.begin(new Set(came).size + spare)
      for (const number of came) {
        expect(table.find(number)).toBe(expected.get(number) ?? -1)
        if (!expected.has(number)) expected.set(number, expected.size)
        expect(table.placeOf(number)).toBe(expected.get(number))
      }
      expect(table.count).toBe(expected.size)
      for (const [number, place] of expected) expect(table.find(number)).toBe(place)
    }),
    { numRuns: 200 },
  )
})
