import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { distinctCount } from '../lib/distinct-sketch.ts'
import { varianceOf } from '../lib/moments.ts'
import { mergeTableProfiles, type TableProfile, TableProfiler, type TableRules } from './table-profile.ts'

const rules: TableRules = {
  table: 'items',
  isRealTime: true,
  owner: 'data@shop.example',
  columns: {
    id: { type: 'id', isRequired: true, isUnique: true },
    price: { type: 'number', isRequired: true, min: 0 },
    stock: { type: 'integer', isRequired: false },
    isNew: { type: 'boolean', isRequired: true },
    brand: { type: 'category', isRequired: true, values: ['acme', 'globex', 'initech'] },
    tags: { type: 'tags', isRequired: false },
    title: { type: 'text', isRequired: true, max: 20 },
    addedAt: { type: 'timestamp', isRequired: true },
    sellerId: { type: 'id', isRequired: true, references: 'sellers' },
  },
}
const sellers = new Map([['sellers', new Set(['s1', 's2'])]])

type Row = Readonly<Record<string, unknown>> & { readonly at: number; readonly late: number }
const profile = (rows: readonly Row[], given = rules): TableProfile => {
  const profiler = new TableProfiler(given, sellers)
  for (const row of rows) profiler.add(row, { eventTimeMs: row.at, availableTimeMs: row.at + row.late })
  return profiler.finish()
}

const anyValue = fc.constantFrom<unknown>(
  null,
  undefined,
  'x',
  '',
  -1,
  3.5,
  Number.NaN,
  -0,
  true,
  [],
  ['a'],
  ['a', 1],
  {},
  1e300,
)
const or = <T>(good: fc.Arbitrary<T>) =>
  fc.oneof({ arbitrary: good as fc.Arbitrary<unknown>, weight: 4 }, { arbitrary: anyValue, weight: 1 })
const row: fc.Arbitrary<Row> = fc.record({
  id: fc.uuid(),
  price: or(fc.double({ min: 0, max: 1e6, noNaN: true })),
  stock: or(fc.integer({ min: -5, max: 1000 })),
  isNew: or(fc.boolean()),
  brand: or(fc.constantFrom('acme', 'globex', 'initech', 'umbrella')),
  tags: or(fc.array(fc.constantFrom('red', 'blue', 'sale'), { maxLength: 3 })),
  title: or(fc.string({ maxLength: 25 })),
  addedAt: or(fc.integer({ min: 0, max: 2e12 })),
  sellerId: or(fc.constantFrom('s1', 's2', 's3')),
  at: fc.integer({ min: 0, max: 2e12 }),
  late: fc.integer({ min: -1000, max: 1e7 }),
})
const rows = fc.array(row, { maxLength: 30 })

/** All that must be exact. */
const exactPartOf = (of: TableProfile) => ({
  ...of,
  columns: Object.fromEntries(
    Object.entries(of.columns).map(([name, column]) => [name, { ...column, moments: column.moments.count }]),
  ),
})

describe('a table profile', () => {
  test('of yesterday merged with that of today is the profile of both days', () => {
    fc.assert(
      fc.property(rows, rows, (yesterday, today) => {
        const merged = mergeTableProfiles(profile(yesterday), profile(today))
        const both = profile([...yesterday, ...today])
        expect(exactPartOf(merged)).toEqual(exactPartOf(both))
        for (const [name, { moments, min, max }] of Object.entries(both.columns)) {
          const found = merged.columns[name]!.moments
          const scale = Math.max(1, Math.abs(min ?? 0), Math.abs(max ?? 0))
          expect(Math.abs(found.mean - moments.mean)).toBeLessThanOrEqual(1e-12 * scale)
          if (scale < 1e100) {
            expect(Math.abs(varianceOf(found) - varianceOf(moments))).toBeLessThanOrEqual(1e-11 * scale * scale)
          }
        }
      }),
    )
  })

  test('merges in either order, with nothing as with itself, and survives JSON', () => {
    fc.assert(
      fc.property(rows, rows, (a, b) => {
        const one = profile(a)
        const other = profile(b)
        expect(mergeTableProfiles(one, other)).toEqual(mergeTableProfiles(other, one))
        expect(mergeTableProfiles(one, profile([]))).toEqual(one)
        expect(JSON.parse(JSON.stringify(one))).toEqual(one)
      }),
    )
  })

  test('says what the rows hold', () => {
    const found = profile([
      {
        id: 'a',
        price: 2,
        stock: 1,
        isNew: true,
        brand: 'acme',
        tags: ['x', 'y'],
        title: 'abc',
        addedAt: 5,
        sellerId: 's1',
        at: 10,
        late: 5,
      },
      {
        id: 'b',
        price: 4,
        stock: null,
        isNew: false,
        brand: 'acme',
        tags: ['x'],
        title: 'abcde',
        addedAt: 7,
        sellerId: 's2',
        at: 30,
        late: -10,
      },
    ])
    // The second claims to have happened 10 ms after it became available.
    expect(found).toMatchObject({ rowCount: 2, newestEventTimeMs: 20, newestAvailableTimeMs: 20 })
    const { price, stock, isNew, brand, tags, title, id } = found.columns
    expect(price).toMatchObject({
      min: 2,
      max: 4,
      nullCount: 0,
      violations: {},
      moments: { count: 2, mean: 3, squares: 2 },
    })
    expect(stock).toMatchObject({ nullCount: 1, moments: { count: 1, mean: 1, squares: 0 } })
    expect(isNew).toMatchObject({ trueCount: 1, falseCount: 1 })
    expect(brand!.categories).toEqual({ total: 2, counts: { acme: 2 }, undercount: 0 })
    expect(tags!.categories.counts).toEqual({ x: 2, y: 1 })
    expect(title!.moments.mean).toBe(4)
    expect(distinctCount(id!.distinct)).toBe(2)
  })

  test('counts each way of breaking a rule, with an example that does not depend on the order', () => {
    const bad: Row[] = [
      {
        id: 'a',
        price: '2',
        stock: 1.5,
        isNew: 1,
        brand: 'zeta',
        tags: 'x',
        title: 'x'.repeat(21),
        addedAt: 5,
        sellerId: 's9',
        at: 0,
        late: 0,
      },
      {
        id: 'a',
        price: -1,
        stock: Number.NaN,
        isNew: 'yes',
        brand: 'beta',
        tags: [1],
        title: 'ok',
        addedAt: '2020',
        sellerId: 's1',
        at: 0,
        late: 0,
      },
    ]
    for (const order of [bad, [...bad].reverse()]) {
      const { columns } = profile(order)
      expect(columns.id!.violations).toEqual({ uniqueness: { count: 1, example: '"a"' } })
      expect(columns.price!.violations).toEqual({
        type: { count: 1, example: '"2"' },
        range: { count: 1, example: '-1' },
      })
      expect(columns.stock!.violations).toEqual({ type: { count: 2, example: '1.5' } })
      expect(columns.brand!.violations).toEqual({ enumeration: { count: 2, example: '"beta"' } })
      expect(columns.title!.violations).toEqual({ range: { count: 1, example: `"${'x'.repeat(21)}"` } })
      expect(columns.sellerId!.violations).toEqual({ reference: { count: 1, example: '"s9"' } })
    }
  })

  test('of nothing, of nulls and of wrong types has no number that is not one', () => {
    const nothing = Object.fromEntries(Object.keys(rules.columns).map((name) => [name, null]))
    for (const given of [[], [{ ...nothing, at: 0, late: 0 }], [{ price: Number.NaN, at: 0, late: 0 }]]) {
      // JSON writes NaN and infinities as null, so that they would not come back.
      expect(JSON.parse(JSON.stringify(profile(given as Row[])))).toEqual(profile(given as Row[]))
      expect(profile(given as Row[]).columns.price).toMatchObject({ min: null, max: null })
    }
  })

  test('counts the rows of a day without the column as null', () => {
    const { price, ...older } = rules.columns
    const one: Row = { price: 1, at: 0, late: 0 }
    const before = profile([one, one], { ...rules, columns: older })
    expect(mergeTableProfiles(before, profile([one])).columns.price).toMatchObject({ rowCount: 3, nullCount: 2 })
    expect(price!.type).toBe('number')
  })
})
