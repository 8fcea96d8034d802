import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '../../lib/bytes.ts'
import type { AttributeValue, EntityEvent } from '../event.ts'
import { AttributeState, readAttribute } from './attribute-state.ts'

const names = ['brand', 'price', 'tags']
const values: fc.Arbitrary<AttributeValue> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom('', 'lamps', 'Größe', '\u{1f600}', '\ud83d'),
  fc.array(fc.constantFrom('a', '\ud83d'), { maxLength: 3 }),
)
const changes = fc.array(
  fc.record({
    change: fc.constantFrom('put' as const, 'patch' as const, 'delete' as const),
    attributes: fc.dictionary(fc.constantFrom(...names, 'unread'), values),
    timeMs: fc.integer({ min: -5, max: 5 }),
  }),
  { maxLength: 8 },
)

const bytesOf = (state: AttributeState): Uint8Array => {
  const writer = new ByteWriter()
  state.write(writer)
  return writer.copy()
}

test('attributes outlive being written and read, at once and one by one', () => {
  fc.assert(
    fc.property(changes, fc.nat({ max: 8 }), (given, storedAfter) => {
      let kept = AttributeState.nothing(names)
      let stored = AttributeState.nothing(names)
      given.forEach(({ timeMs, change, attributes }, n) => {
        const event = { change, attributes: change === 'delete' ? {} : attributes } as EntityEvent
        if (n === storedAfter && !stored.isEmpty) stored = AttributeState.read(names, new ByteReader(bytesOf(stored)))
        kept = kept.changed(event, timeMs)
        stored = stored.changed(event, timeMs)
      })
      const bytes = bytesOf(stored)
      expect(bytes).toEqual(bytesOf(kept))
      expect(bytes.length === 0).toBe(kept.isEmpty)
      if (kept.isEmpty) return
      const read = AttributeState.read(names, new ByteReader(bytes))
      expect(read.deletedMs).toBe(kept.deletedMs)
      expect(read.isOnlyDeletion).toBe(kept.isOnlyDeletion)
      names.forEach((name, place) => {
        expect(read.get(name)).toEqual(kept.get(name))
        expect(readAttribute(new ByteReader(bytes), place)).toEqual(kept.get(name))
      })
    }),
  )
})

test('nothing known takes no bytes, and a deletion is remembered', () => {
  const nothing = AttributeState.nothing(names)
  expect(bytesOf(nothing)).toEqual(new Uint8Array())
  const deleted = nothing.changed({ change: 'delete', attributes: {} } as EntityEvent, 5)
  expect(AttributeState.read(names, new ByteReader(bytesOf(deleted))).deletedMs).toBe(5)
  // What was known before is still what it was: an event before the deletion goes by it.
  expect(nothing.deletedMs).toBe(Number.NEGATIVE_INFINITY)
})
