import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { editDistance, nearestName, suggestName } from './nearest-name.ts'

describe('nearestName', () => {
  const valid = ['price', 'category', 'title', 'stock', 'user_ctr_7d']

  test.each([
    ['prise', 'price'],
    ['pirce', 'price'],
    ['Price', 'price'],
    ['categroy', 'category'],
    ['user_ctr_7', 'user_ctr_7d'],
    ['item.price', 'price'],
  ])('"%s" stands for "%s"', (found, expected) => {
    expect(nearestName(found, valid)).toBe(expected)
  })

  test('a name that is near to nothing has no suggestion', () => {
    expect(nearestName('warehouse', valid)).toBeUndefined()
    expect(nearestName('x', [])).toBeUndefined()
  })

  test('a suggestion lists what is known, and shortens a long list', () => {
    expect(suggestName('prise', ['price', 'title'])).toBe('Did you mean "price"? Known: price, title.')
    expect(suggestName('x', [])).toBe('None is defined yet.')
    const many = Array.from({ length: 200 }, (_, i) => `attribute${i}`)
    expect(suggestName('zzz', many)).toMatch(/attribute11 and 188 more\.$/)
  })
})

describe('editDistance', () => {
  test('hand-computed distances', () => {
    expect(editDistance('kitten', 'sitting')).toBe(3)
    expect(editDistance('ab', 'ba')).toBe(1)
    expect(editDistance('', 'abc')).toBe(3)
  })

  test('it is symmetric, zero only for equal texts, and at most the longer length', () => {
    const word = fc.string({ maxLength: 8 })
    fc.assert(
      fc.property(word, word, (a, b) => {
        const distance = editDistance(a, b)
        expect(editDistance(b, a)).toBe(distance)
        expect(distance === 0).toBe(a === b)
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length))
      }),
    )
  })
})
