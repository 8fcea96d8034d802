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
