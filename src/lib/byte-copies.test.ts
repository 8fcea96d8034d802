import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteCopies } from './byte-copies.ts'

test('every copy stays what it was copied from, however many follow and whatever becomes of the original', () => {
  const part = fc.record({
    bytes: fc.uint8Array({ maxLength: 9000 }),
    start: fc.nat({ max: 20 }),
    isToTheEnd: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(part, { maxLength: 30 }), (parts) => {
      const copies = new ByteCopies()
      const made = parts.map(({ bytes, start, isToTheEnd }) => {
        const from = Math.min(start, bytes.length)
        const end = isToTheEnd ? undefined : Math.floor((from + bytes.length) / 2)
        const expected = Array.from(bytes.slice(from, end))
        const copy = copies.copy(bytes, from, end)
        bytes.fill(0xee)
        return { copy, expected }
      })
      for (const { copy, expected } of made) expect(Array.from(copy)).toEqual(expected)
    }),
    { numRuns: 50 },
  )
})

test('a copy larger than a piece of memory is whole', () => {
  const bytes = Uint8Array.from({ length: 200_000 }, (_, n) => n)
  expect(Buffer.compare(new ByteCopies().copy(bytes), bytes)).toBe(0)
})
