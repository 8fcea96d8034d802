import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PlaceSet } from './place-set.ts'

test('the first place is that of what was added and not deleted since it was cleared', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), place: fc.nat(299) }),
    fc.record({ kind: fc.constant('delete' as const), place: fc.nat(299) }),
    fc.record({ kind: fc.constantFrom('deleteFirst' as const, 'clear' as const), place: fc.constant(0) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const set = new PlaceSet()
      set.reserve(300)
      const expected = new Set<number>()
      for (const { kind, place } of steps) {
        const first = expected.size === 0 ? -1 : Math.min(...expected)
        expect(set.first).toBe(first)
        if (kind === 'add') {
          set.add(place)
          expected.add(place)
        } else if (kind === 'clear') {
          set.clear()
          expected.clear()
        } else {
          const gone = kind === 'delete' ? place : first
          if (gone < 0) continue
          set.delete(gone)
          expected.delete(gone)
        }
      }
    }),
  )
})
