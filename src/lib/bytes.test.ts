import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteReader, ByteWriter } from './bytes.ts'

test('what was written is read, in the same order', () => {
  const part = fc.oneof(
    fc.tuple(fc.constant('whole'), fc.oneof(fc.nat(300), fc.maxSafeNat(), fc.constant(2 ** 53))),
    fc.tuple(fc.constant('signed'), fc.oneof(fc.integer(), fc.integer({ min: -(2 ** 52), max: 2 ** 52 }))),
    fc.tuple(fc.constant('float'), fc.double({ noNaN: true })),
    fc.tuple(
      fc.constant('text'),
      fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()),
    ),
    fc.tuple(fc.constant('word'), fc.constantFrom('', 'a', 'ä', '\u{1f600}')),
  )
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      const writer = new ByteWriter(1)
      for (const [method, value] of parts) (writer[method as 'text'] as (v: unknown) => void)(value)
      const reader = new ByteReader(writer.copy())
      expect(parts.map(([method]) => reader[method as 'text']())).toEqual(parts.map(([, value]) => value))
      expect(() => reader.byte()).toThrow(RangeError)
    }),
  )
})

test('small numbers and repeated words take a byte', () => {
  const writer = new ByteWriter()
  for (const value of [0, 127]) writer.whole(value)
  writer.signed(-64)
  writer.word('category')
  const { length } = writer.copy()
  writer.word('category')
  expect(writer.copy().length).toBe(length + 1)
  expect(length).toBe(3 + 2 + 8)
})

test('room that was skipped is filled later, and parts of other records are copied whatever their length', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 200 }),
      fc.nat(200),
      fc.nat(200),
      fc.double({ noNaN: true }),
      (other, a, b, float) => {
        const start = Math.min(a, b, other.length)
        const end = Math.min(Math.max(a, b), other.length)
        const writer = new ByteWriter(1)
        const tableAt = writer.skip(12)
        writer.raw(other, start, end)
        writer.setUint32(tableAt, 2 ** 32 - 1 - writer.length)
        writer.setFloat(tableAt + 4, float)
        const bytes = writer.copy()
        expect(new DataView(bytes.buffer).getUint32(0, true)).toBe(2 ** 32 - 1 - bytes.length)
        const reader = new ByteReader(bytes, 4)
        expect(reader.float()).toBe(float)
        expect(reader.raw(end - start)).toEqual(other.subarray(start, end))
      },
    ),
  )
})

test('a text is read as it was written, whatever texts were read before it', () => {
  // Far more of them, over all runs, than are remembered; of characters whose numbers and bytes resemble each other.
  const unit = fc.constantFrom('a', 'b', '\u0080', '\u00c3', '\u007f', '\0', '\u{1f600}')
  fc.assert(
    fc.property(fc.array(fc.string({ unit, maxLength: 40 }), { minLength: 1, maxLength: 60 }), (texts) => {
      const writer = new ByteWriter(1)
      const twice = [...texts, ...texts.toReversed()]
      for (const text of twice) writer.text(text)
      const reader = new ByteReader(writer.copy())
      expect(twice.map(() => reader.text())).toEqual(twice)
    }),
    { numRuns: 300 },
  )
})
