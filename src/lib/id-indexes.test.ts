import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { IdIndexes } from './id-indexes.ts'

/** Of any UTF-16 units, halves of surrogate pairs and 0 too; short and of few letters, so that they come again. */
const ids = fc.oneof(
  fc.string({
    unit: fc.constantFrom('a', 'b', '\u0000', '\u007f', '\u0080', '\u07ff', '\u0800', '\ud83d', '\ude00', '\uffff'),
    maxLength: 4,
  }),
  fc.string({ maxLength: 300 }),
)

describe('indexes of ids', () => {
  test('are those that a Map would keep, one by one and many at once', () => {
    const step = fc.record({ isNew: fc.boolean(), ids: fc.array(ids, { maxLength: 20 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const table = new IdIndexes()
        const model = new Map<string, number>()
        for (const { isNew, ids } of steps) {
          for (const id of isNew ? ids : []) {
            if (!model.has(id)) model.set(id, model.size)
            expect(table.indexFor(id)).toBe(model.get(id))
          }
          const found = new Int32Array(ids.length + 1).fill(-7)
          table.indexesOf(ids, found)
          const expected = ids.map((id) => model.get(id) ?? -1)
          expect([...found]).toEqual([...expected, -7])
          expect(ids.map((id) => table.indexOf(id))).toEqual(expected)
        }
        expect([...table.ids()]).toEqual([...model.keys()])
        expect(table.count).toBe(model.size)
      }),
      { numRuns: 300 },
    )
  })

  test('stay the same while the table, its pages and its keys grow', () => {
    const table = new IdIndexes()
    const all = Array.from({ length: 10_000 }, (_, n) => `${'é'.repeat(n % 90)}${n}`)
    const long = 'x'.repeat(100_000)
    all.splice(5_000, 0, long)
    expect(all.map((id) => table.indexFor(id))).toEqual(all.map((_, n) => n))
    const found = new Int32Array(all.length)
    table.indexesOf(all, found)
    expect(found).toEqual(Int32Array.from(all, (_, n) => n))
    expect([...table.ids()]).toEqual(all)
    expect(table.indexOf('x'.repeat(99_999))).toBe(-1)
  })

  test('can be given out while ids are read', () => {
    const table = new IdIndexes()
    table.indexFor('a')
    const read = table.ids()
    expect(read.next().value).toBe('a')
    table.indexFor('b')
    expect(read.next().value).toBe('b')
  })
})
