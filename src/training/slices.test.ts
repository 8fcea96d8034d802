import fc from 'fast-check'
import { expect, test } from 'vitest'
import { slicesOf, type UnitAttribute } from './slices.ts'

/** Conditions and members, for slices of at least one unit. */
const listed = (...attributes: UnitAttribute[]): Record<string, number[]> =>
  Object.fromEntries(
    slicesOf(attributes, { unitCountMin: 1 }).map(({ conditions, members }) => [
      conditions.join(' & '),
      Array.from(members),
    ]),
  )

test('texts and booleans are slices by value, tags by each tag, and the missing are one', () => {
  expect(listed({ name: 'country', kind: 'text', values: ['DE', 'FR', undefined, 'DE'] })).toEqual({
    'country = DE': [0, 3],
    'country = FR': [1],
    'country missing': [2],
  })
  expect(listed({ name: 'likes', kind: 'tags', values: [['art', 'art'], [], null, ['art', 'wine']] })).toEqual({
    'likes has art': [0, 3],
    'likes has wine': [3],
    'likes missing': [1, 2],
  })
  expect(listed({ name: 'isMember', kind: 'boolean', values: [false, true, true] })).toEqual({
    'isMember = false': [0],
    'isMember = true': [1, 2],
  })
})

test('numbers are cut at their quantiles, few different ones are values', () => {
  expect(listed({ name: 'age', kind: 'number', values: [50, 20, 30, 40, 10, 60, 70, 80] })).toEqual({
    'age <= 20': [1, 4],
    '20 < age <= 40': [2, 3],
    '40 < age <= 60': [0, 5],
    'age > 60': [6, 7],
  })
  expect(listed({ name: 'orders', kind: 'number', values: [0, 0, 0, 0, 0, 1, 2, 3, 4] })).toEqual({
    'orders <= 0': [0, 1, 2, 3, 4],
    '0 < orders <= 2': [5, 6],
    'orders > 2': [7, 8],
  })
  expect(listed({ name: 'stars', kind: 'number', values: [1, 5, 1] })).toEqual({
    'stars = 1': [0, 2],
    'stars = 5': [1],
  })
})

test('pairs cross two different attributes', () => {
  const found = listed(
    { name: 'a', kind: 'text', values: ['x', 'x', 'y', 'y'] },
    { name: 'b', kind: 'text', values: ['p', 'q', 'p', undefined] },
  )
  expect(found).toMatchObject({ 'a = x & b = p': [0], 'a = x & b = q': [1], 'a = y & b missing': [3] })
  expect(Object.keys(found)).not.toContain('a = y & b = q')
  expect(Object.keys(found).filter((name) => name.includes('a = x & a'))).toEqual([])
})

test('a slice is not looked at when it, or what is outside, is too small', () => {
  const attributes = [{ name: 'a', kind: 'text', values: ['x', 'x', 'x', 'y', 'z', 'z'] }] as const
  const found = slicesOf(attributes, { unitCountMin: 2 }).map(({ conditions }) => conditions[0])
  expect(found).toEqual(['a = x', 'a = z'])
})

test('the parts of a number hold every unit once', () => {
  const values = fc.array(fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined }), { minLength: 2 })
  fc.assert(
    fc.property(values, fc.integer({ min: 1, max: 6 }), (all, quantileCount) => {
      const parts = slicesOf([{ name: 'n', kind: 'number', values: all }], { unitCountMin: 0, quantileCount })
      const members = parts.flatMap((part) => Array.from(part.members)).sort((a, b) => a - b)
      expect(members).toEqual(Array.from(all.keys()))
    }),
  )
})
