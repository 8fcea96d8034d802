import { expect, test } from 'vitest'
import { featureText, plainFeatureValue } from './feature-value.ts'

test('a map becomes an object whose keys mean nothing but themselves', () => {
  const plain = plainFeatureValue(
    new Map([
      ['b', 0.25],
      ['__proto__', 0.5],
      ['a', 0.25],
    ]),
  )
  expect(JSON.stringify(plain)).toBe('{"__proto__":0.5,"a":0.25,"b":0.25}')
  expect(plainFeatureValue('lamps')).toBe('lamps')
})

test('values are shown in a few words, with the status where there is something to say', () => {
  expect(featureText({ status: 'present', value: 1 / 3 })).toBe('0.3333')
  expect(featureText({ status: 'present', value: 'lamps' })).toBe('"lamps"')
  expect(featureText({ status: 'missing', value: undefined })).toBe('– (missing)')
  expect(featureText({ status: 'default', value: 0 })).toBe('0 (default)')
  expect(
    featureText({
      status: 'present',
      value: new Map([
        ['a', 0.25],
        ['b', 0.75],
      ]),
    }),
  ).toBe('b 0.75, a 0.25')
  const many = new Map(Array.from({ length: 7 }, (_, i) => [`k${i}`, (7 - i) / 28] as const))
  expect(featureText({ status: 'present', value: many })).toMatch(/^k0 0.25, .*, and 2 more$/)
})
