import { expect, test } from 'vitest'
import type { FeatureValue } from '../../domain/feature.ts'
import { FeatureEncoder } from './feature-encoder.ts'

const reading = (value: FeatureValue | undefined) =>
  ({ status: value === undefined ? 'missing' : 'present', value, newestEventTimeMs: undefined }) as const

function encoded(encoder: FeatureEncoder, ...values: (FeatureValue | undefined)[]): number[] {
  const row = new Float32Array(values.length + 1)
  encoder.encode(values.map(reading), row, 1)
  return [...row.subarray(1)]
}

test('numbers are themselves, truths 0 and 1, and what is missing or a map has no value', () => {
  const encoder = new FeatureEncoder(['a', 'b', 'c', 'd'])
  expect(encoded(encoder, 2.5, true, undefined, new Map([['x', 1]]))).toEqual([2.5, 1, Number.NaN, Number.NaN])
  expect(encoder.kindOf(0)).toBe('number')
})

test('texts become categories by first sight, and one that was not seen in training is missing', () => {
  const learning = new FeatureEncoder(['country'])
  expect(['fr', 'de', 'fr'].map((text) => encoded(learning, text)[0])).toEqual([0, 1, 0])
  expect(learning.dictionaries).toEqual({ country: ['fr', 'de'] })
  const serving = new FeatureEncoder(['country'], learning.dictionaries)
  expect(encoded(serving, 'de')).toEqual([1])
  expect(encoded(serving, 'it')).toEqual([Number.NaN])
})

test('a feature of a million texts says who: it is told so, and none of them is kept', () => {
  const encoder = new FeatureEncoder(['name', 'country'])
  for (let n = 0; n < 1_000_000; n++) encoder.encode([reading(`n${n}`), reading('fr')], new Float32Array(2), 0)
  expect(encoder.kindOf(0)).toBe('identity')
  expect(encoder.dictionaries).toEqual({ country: ['fr'] })
})

test('of a dictionary that was given, however long, every text stays a category', () => {
  const texts = Array.from({ length: 20_000 }, (_, n) => `n${n}`)
  const encoder = new FeatureEncoder(['name'], { name: texts })
  expect(encoder.kindOf(0)).toBe('category')
  expect(encoder.dictionaries).toEqual({ name: texts })
})
