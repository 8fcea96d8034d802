import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SortedLists } from './sorted-lists.ts'

const list = fc.nat(5)
const entry = fc.nat(20)
const change = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), list, entry }),
  fc.record({ kind: fc.constant('remove' as const), list, entry }),
  fc.record({ kind: fc.constant('replace' as const), list, entries: fc.uniqueArray(entry, { maxLength: 9 }) }),
)

test('whatever is added, removed and replaced, each list holds what a sorted set would', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 120 }), (changes) => {
      const lists = new SortedLists()
      const sets = Array.from({ length: 6 }, () => new Set<number>())
      for (const step of changes) {
        if (step.kind === 'replace') {
          const ascending = step.entries.toSorted((a, b) => a - b)
          lists.replace(step.list, ascending)
          sets[step.list] = new Set(ascending)
        } else if (step.kind === 'add') {
          lists.add(step.list, step.entry)
          sets[step.list]!.add(step.entry)
        } else {
          lists.remove(step.list, step.entry)
          sets[step.list]!.delete(step.entry)
        }
        sets.forEach((set, n) => {
          expect(Array.from(lists.entriesOf(n))).toEqual([...set].sort((a, b) => a - b))
          expect(lists.countOf(n)).toBe(set.size)
        })
      }
    }),
  )
})

test('room that was outgrown is used again', () => {
  const lists = new SortedLists()
  for (let round = 0; round < 1000; round++) {
    for (let n = 0; n < 40; n++) lists.add(0, n)
    lists.replace(0, [])
  }
  expect(lists.byteLength).toBeLessThan(8192)
})
