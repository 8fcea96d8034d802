import { expect, test } from 'vitest'
import { definitionOf } from '../domain/feature-corpus.contract.ts'
import { popularity } from '../models/popularity/popularity.ts'
import { encoderFor } from './question-rows.ts'
import { type ServedModel, servedTranslation } from './served-columns.ts'

const category = definitionOf('category', { family: 'attribute', by: 'item', attribute: 'category', kind: 'text' })
const views = definitionOf('views', { family: 'count', by: 'item', of: ['view'], windowMs: 60_000 })
const name = definitionOf('name', { family: 'attribute', by: 'item', attribute: 'name', kind: 'text' })
const definitions = [category, name, views]
const source = { definitions, read: async () => [] }
const generators = { trending: popularity() }

const model: ServedModel = {
  // In another order than now, and without a feature that had too many texts.
  featureNames: ['views', 'trending.score', 'trending.rank', 'category', 'history.length', 'history.items'],
  features: [category, views].map(({ name: feature, version }) => ({ name: feature, version })),
  leftOutNames: ['name'],
  generatorNames: ['trending'],
  perGenerator: 10,
  dictionaries: { category: ['lamps', 'mugs'] },
  generators,
  asOfMs: 0,
}
const missing = Number.NaN

test('columns come to their places of now, and categories by their texts', () => {
  const encoder = encoderFor(source)
  // Now mugs were met first.
  const now = { generators, perGenerator: 10, definitions, encoder }
  const first = servedTranslation(model, now)!(Float32Array.of(5, 0.5, 0, 1, 3, 2), 1)
  const columns = ['trending.score', 'trending.rank', 'history.length', 'history.items', 'category', 'name', 'views']
  expect(encoder.names).toEqual(columns.slice(4))
  expect(first).toEqual(Float32Array.of(0.5, 0, 3, 2, 0, missing, 5))
  const rows = Float32Array.of(missing, missing, missing, 0, 3, 2, 7, 0.25, 4, missing, 3, 2)
  expect(servedTranslation(model, now)!(rows, 2)).toEqual(
    Float32Array.of(missing, missing, 3, 2, 1, missing, missing, 0.25, 4, 3, 2, missing, missing, 7),
  )
  expect(encoder.dictionaries).toMatchObject({ category: ['mugs', 'lamps'] })
})

test('a number that is no category of the model is missing, not another text', () => {
  const translate = servedTranslation(model, {
    generators,
    perGenerator: 10,
    definitions,
    encoder: encoderFor(source),
  })!
  expect(translate(Float32Array.of(5, 0.5, 0, 9, 3, 2), 1)![4]).toBeNaN()
})

test('a feature that the model did not have, and did not leave out, cannot be read from its rows', () => {
  const now = { generators, perGenerator: 10, definitions, encoder: encoderFor(source) }
  const { leftOutNames: _, ...unaware } = model
  expect(servedTranslation(unaware, now)).toBeUndefined()
})

test('a list that was filled up beyond what the ranker ordered is not learned from as it was served: its rows would tell who filled it', () => {
  const now = { generators, perGenerator: 10, definitions, encoder: encoderFor(source) }
  const ordered = [5, 0.5, 0, 1, 3, 2]
  const filled = new Array<number>(6).fill(missing)
  expect(servedTranslation(model, now)!(Float32Array.from([...ordered, ...filled]), 2)).toBeUndefined()
})
