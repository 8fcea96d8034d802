import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Attributes, AttributeValue } from '../domain/event.ts'
import type { Filter } from '../domain/filter.ts'
import { parseFilter } from '../domain/filter-parser.ts'
import { Catalogue } from './catalogue.ts'
import { bitCount, ItemBitmap } from './item-bitmap.ts'
import { ItemBitmaps } from './item-bitmaps.ts'
import { ItemIndexes } from './item-indexes.ts'
import { item, itemAttributes, itemPatch } from './serving-fixture.testing.ts'

/** One row at a time, straight from the words of the language's description. */
function holds(filter: Filter, row: Attributes): boolean {
  switch (filter.kind) {
    case 'and':
      return filter.operands.every((operand) => holds(operand, row))
    case 'or':
      return filter.operands.some((operand) => holds(operand, row))
    case 'not':
      return !holds(filter.operand, row)
    case 'has':
      return ((row[filter.attribute] ?? []) as readonly string[]).includes(filter.tag)
    case 'oneOf':
      return filter.values.some((value) => compares(row[filter.attribute], '=', value))
    case 'compare':
      return compares(row[filter.attribute], filter.comparison, filter.value)
  }
}

function compares(found: AttributeValue | undefined, sign: string, value: string | number | boolean): boolean {
  if (found === undefined || found === null) return false
  switch (sign) {
    case '=':
      return found === value
    case '!=':
      return found !== value
    case '<':
      return found < value
    case '<=':
      return found <= value
    case '>':
      return found > value
    default:
      return found >= value
  }
}

const categories = fc.constantFrom('a', 'b', 'c', "it's")
const attributes = fc.record(
  {
    category: fc.option(categories),
    brand: categories,
    title: fc.constantFrom('Red shoes', 'Blue hat'),
    tags: fc.option(fc.uniqueArray(fc.constantFrom('x', 'y', 'z'), { maxLength: 3 })),
    price: fc.option(fc.constantFrom(-1, 0, 0.5, 19.99, 20, 1e9)),
    stock: fc.integer({ min: 0, max: 3 }),
    isOnSale: fc.boolean(),
    publishedAt: fc.constantFrom(Date.UTC(2023, 11, 31), Date.UTC(2024, 0, 1), Date.UTC(2024, 0, 2)),
  },
  { requiredKeys: [] },
)

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`
const sign = fc.constantFrom('=', '!=', '<', '<=', '>', '>=')
const equality = fc.constantFrom('=', '!=')
const term = fc.oneof(
  fc
    .tuple(fc.constantFrom('category', 'brand'), equality, fc.oneof(categories, fc.constant('never seen')))
    .map(([a, s, v]) => `${a} ${s} ${quoted(v)}`),
  fc
    .tuple(fc.constantFrom('category', 'brand'), fc.array(categories, { minLength: 1, maxLength: 3 }))
    .map(([a, v]) => `${a} in (${v.map(quoted).join(', ')})`),
  fc.tuple(equality, fc.constantFrom('Red shoes', 'Green')).map(([s, v]) => `title ${s} ${quoted(v)}`),
  fc.constantFrom('x', 'y', 'unseen').map((tag) => `tags has '${tag}'`),
  fc.tuple(sign, fc.constantFrom(-1, 0.5, 20, 7)).map(([s, v]) => `price ${s} ${v}`),
  fc.tuple(sign, fc.integer({ min: 0, max: 3 })).map(([s, v]) => `stock ${s} ${v}`),
  fc.constant('stock in (1, 3)'),
  fc.tuple(equality, fc.boolean()).map(([s, v]) => `isOnSale ${s} ${v}`),
  fc.tuple(sign, fc.constantFrom('2024-01-01', '2023-12-31T00:00:00Z')).map(([s, v]) => `publishedAt ${s} '${v}'`),
)
const { filterText } = fc.letrec<{ filterText: string }>((tie) => ({
  filterText: fc.oneof(
    { maxDepth: 4, depthSize: 'small' },
    term,
    tie('filterText').map((f) => `not (${f})`),
    fc.tuple(tie('filterText'), tie('filterText')).map(([f, g]) => `${f} and ${g}`),
    fc.tuple(tie('filterText'), tie('filterText')).map(([f, g]) => `(${f}) or ${g}`),
  ),
}))

const step = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), at: fc.nat(69), attributes }),
  fc.record({ kind: fc.constant('patch' as const), at: fc.nat(69), attributes }),
  fc.record({ kind: fc.constant('delete' as const), at: fc.nat(69), attributes: fc.constant({}) }),
)

describe('the bitmap of a filter', () => {
  // Goal: the bitmaps, kept and followed, say the same as reading every row. Method: random items, filters and changes; after every change the
  // same bitmaps are asked again, so that both ways of keeping up (following and rebuilding) are compared with the naive reading.
  test('holds exactly the items for which the filter holds, before and after any changes', () => {
    fc.assert(
      fc.property(
        fc.array(attributes, { maxLength: 70 }),
        fc.array(filterText, { minLength: 1, maxLength: 4 }),
        fc.array(fc.array(step, { maxLength: 5 }), { maxLength: 4 }),
        fc.nat(40),
        (items, texts, rounds, modelItemCount) => {
          const catalogue = new Catalogue(itemAttributes)
          const known = new Map<string, Attributes>()
          let timeMs = 1_000
          const change = (kind: 'put' | 'patch' | 'delete', id: string, given: Attributes) => {
            timeMs++
            catalogue.change({
              kind: 'entity',
              id: `${timeMs}`,
              entity: 'item',
              entityId: id,
              change: kind,
              attributes: given,
              eventTimeMs: timeMs,
            })
            if (kind === 'delete') known.delete(id)
            else known.set(id, kind === 'put' ? given : { ...known.get(id), ...given })
          }
          for (const [i, given] of items.entries()) change('put', `i${i}`, given)
          const modelItemIds = Array.from({ length: modelItemCount }, (_, i) => `i${modelItemCount - i}`)
          for (const id of modelItemIds) if (!known.has(id)) known.set(id, {})
          const indexes = new ItemIndexes(catalogue, modelItemIds)
          const bitmaps = new ItemBitmaps({ catalogue, indexes })
          const filters = texts.map((text) => parseFilter(text, itemAttributes))
          for (const round of [[], ...rounds]) {
            for (const { kind, at, attributes: given } of round) change(kind, `i${at}`, given)
            indexes.catchUp()
            filters.forEach((filter, f) => {
              const bitmap = bitmaps.eligible(`${f}`, [filter])
              const expected = [...known].flatMap(([id, row]) => (holds(filter, row) ? [id] : [])).sort()
              const found: string[] = []
              for (let index = 0; index < indexes.indexCount; index++) {
                if (bitmap.has(index)) found.push(catalogue.idOf(indexes.rowOf(index)))
              }
              expect(found.sort(), texts[f]).toEqual(expected)
              expect(bitmap.count).toBe(expected.length)
              expect(bitCount(bitmap.words)).toBe(expected.length)
            })
          }
        },
      ),
      { numRuns: 500 },
    )
  })

  test('is rebuilt where more has changed than is remembered', () => {
    const catalogue = new Catalogue(itemAttributes)
    const indexes = new ItemIndexes(catalogue, [])
    const bitmaps = new ItemBitmaps({ catalogue, indexes })
    const filter = parseFilter('stock > 1', itemAttributes)
    expect(bitmaps.eligible('f', [filter]).count).toBe(0)
    for (let i = 0; i < 70_000; i++) catalogue.change(item(`i${i}`, { stock: i % 3 }) as never)
    indexes.catchUp()
    expect(bitmaps.eligible('f', [filter]).count).toBe(23_333)
    catalogue.change(itemPatch('i0', { stock: 9 }) as never)
    expect(bitmaps.eligible('f', [filter]).count).toBe(23_334)
  })

  test('many filters that are asked once are let go, and the hot ones still say the truth', () => {
    const catalogue = new Catalogue(itemAttributes)
    for (let i = 0; i < 1_000; i++) catalogue.change(item(`i${i}`, { price: i }) as never)
    const indexes = new ItemIndexes(catalogue, [])
    const maxKeptBytes = 10_000
    const bitmaps = new ItemBitmaps({ catalogue, indexes }, maxKeptBytes)
    const hot = parseFilter('price = 150', itemAttributes)
    for (let price = 0; price < 300; price++) {
      expect(bitmaps.eligible(`${price}`, [parseFilter(`price = ${price}`, itemAttributes)]).count).toBe(1)
      expect(bitmaps.eligible('hot', [hot]).has(150)).toBe(true)
      expect(bitmaps.keptBytes).toBeLessThanOrEqual(2 * maxKeptBytes)
    }
    expect(bitmaps.keptBytes).toBeGreaterThan(maxKeptBytes)
  })
})

describe('an item withheld', () => {
  test('is out until all are restored, and counted', () => {
    const catalogue = new Catalogue(itemAttributes)
    for (let i = 0; i < 100; i++) catalogue.rowFor(`i${i}`)
    const indexes = new ItemIndexes(catalogue, [])
    const bitmap = new ItemBitmap({ catalogue, indexes }, () => (row) => row % 2 === 0).catchUp()
    expect(bitmap.count).toBe(50)
    expect([bitmap.withhold(4), bitmap.withhold(4), bitmap.withhold(5), bitmap.withhold(1_000_000)]).toEqual([
      true,
      false,
      false,
      false,
    ])
    expect([bitmap.has(4), bitmap.count]).toEqual([false, 49])
    bitmap.restore()
    expect([bitmap.has(4), bitmap.count]).toEqual([true, 50])
  })

  test('leaves the version as it is, which changes with the items that come and go', () => {
    const catalogue = new Catalogue(itemAttributes)
    for (let i = 0; i < 100; i++) catalogue.rowFor(`i${i}`)
    const indexes = new ItemIndexes(catalogue, [])
    const bitmap = new ItemBitmap({ catalogue, indexes }, () => (row) => row % 2 === 0).catchUp()
    const { version } = bitmap
    bitmap.withhold(6)
    bitmap.withhold(4)
    expect([bitmap.version, bitmap.withheldCount, ...bitmap.withheld.subarray(0, 2)]).toEqual([version, 2, 6, 4])
    bitmap.restore()
    catalogue.rowFor('in')
    indexes.catchUp()
    const later = bitmap.catchUp().version
    expect([bitmap.count, later === version]).toEqual([51, false])
    catalogue.rowFor('out')
    indexes.catchUp()
    expect([bitmap.catchUp().count, bitmap.version]).toEqual([51, later])
  })

  test('a generator is given the words of the model’s items and no bit of a newer one', () => {
    const catalogue = new Catalogue(itemAttributes)
    const indexes = new ItemIndexes(
      catalogue,
      Array.from({ length: 40 }, (_, i) => `i${i}`),
    )
    for (let i = 0; i < 100; i++) catalogue.rowFor(`new${i}`)
    indexes.catchUp()
    const bitmap = new ItemBitmap({ catalogue, indexes }, () => () => true).catchUp()
    expect(bitmap.count).toBe(140)
    expect([...bitmap.modelWords]).toEqual([0xffffffff, 0xff])
  })
})
