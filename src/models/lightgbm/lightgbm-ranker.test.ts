// Goal: a model of LightGBM scores as LightGBM does, and one that was trained on other columns is not taken for it. Method: the recorded model with LightGBM's own
// scores, and texts as its Python package writes them.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MillraceError } from '../../lib/errors.ts'
import type { ImportedModel } from '../../ports/ranker.ts'
import { lightgbmRanker } from './lightgbm-ranker.ts'

const fixture = join(import.meta.dirname, '../boosted-trees/lightgbm-fixture')
const text = readFileSync(join(fixture, 'model.txt'), 'utf8')
const eight = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
const context = { seed: 1, threadCount: 1, log: () => {} }
const noRows = { columns: [], labels: new Float32Array(0), querySizes: new Int32Array(0) }
const bytesOf = (model: string): Uint8Array => new TextEncoder().encode(model)

/** The recorded model as if its columns had had names. */
const named = (names: readonly string[]): string =>
  text.replace(/^feature_names=.*$/m, `feature_names=${names.join(' ')}`)

async function problemsOf(
  model: string,
  declared: Pick<ImportedModel, 'featureNames'> & Partial<Pick<ImportedModel, 'categories'>>,
): Promise<readonly string[]> {
  const { featureNames: features, categories = {} } = declared
  const { imported } = lightgbmRanker({ path: 'model.txt', features, categories })
  const error = await imported!.check(bytesOf(model)).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (error === undefined) return []
  expect(error).toBeInstanceOf(MillraceError)
  expect((error as MillraceError).code).toBe('MODEL_FILE_INVALID')
  return (error as MillraceError).problems.map(({ where, message }) => `${where}: ${message}`)
}

test('what the bundle keeps scores as LightGBM does, to the bit', async () => {
  const ranker = lightgbmRanker({ path: 'model.txt', features: eight })
  const { artifacts } = await ranker.train(noRows, undefined, { ...context, file: bytesOf(text) })
  expect(artifacts).toEqual({ model: bytesOf(text) })
  const opened = await ranker.open(artifacts, eight)
  const { columns, scores }: { columns: (number | null)[][]; scores: number[] } = JSON.parse(
    readFileSync(join(fixture, 'predictions.json'), 'utf8'),
  )
  const found = new Float64Array(scores.length)
  const rows = Float32Array.from(scores.flatMap((_, r) => columns.map((column) => column[r] ?? Number.NaN)))
  await opened.score(rows, scores.length, found)
  expect(Array.from(found)).toEqual(scores)
  expect(ranker.trees!(artifacts).featureCount).toBe(8)
})

test('another number of features, other names, and names in another order are refused', async () => {
  expect(await problemsOf(text, { featureNames: eight })).toEqual([])
  expect(await problemsOf(text, { featureNames: ['a', 'b'] })).toEqual([
    'features: found 2, expected 8, as in the file: Column_0, Column_1, Column_2, Column_3, Column_4, Column_5, Column_6, Column_7.',
  ])
  expect(await problemsOf(named(eight), { featureNames: eight })).toEqual([])
  const swapped = ['b', 'a', ...eight.slice(2)]
  expect(await problemsOf(named(eight), { featureNames: swapped })).toEqual([
    'features[0]: found "b", expected "a", as in the file.',
    'features[1]: found "a", expected "b", as in the file.',
  ])
})

test('categories that pandas numbered otherwise are refused, and so are none', async () => {
  // Its fourth column holds categories.
  const listing = (categories: unknown): string =>
    text.replace('pandas_categorical:null', `pandas_categorical:${JSON.stringify([categories])}`)
  const brands = listing(['acme', 'apex'])
  const check = (model: string, categories: Record<string, string[]>) =>
    problemsOf(model, { featureNames: eight, categories })
  expect(await check(brands, { d: ['acme', 'apex'] })).toEqual([])
  expect(await check(brands, { d: ['apex', 'acme'] })).toEqual([
    'categories.d: found "apex", "acme", expected "acme", "apex", as in the file.',
  ])
  expect(await check(brands, {})).toEqual(['categories.d: found none, expected "acme", "apex", as in the file.'])
  // Numbers that pandas knows as other numbers cannot be told from them.
  expect(await check(listing([10, 20]), {})).toEqual(['categories.d: found none, expected "10", "20", as in the file.'])
  expect(await check(listing([0, 1, 2]), {})).toEqual([])
  // Where the file does not say which column it means, or lists nothing, there is nothing to hold against.
  expect(await check(text, { d: ['acme'] })).toEqual([])
  expect(await check(brands.replace('[["acme"', '[["x"],["acme"'), { d: ['other'] })).toEqual([])
})

test('another file is refused, and a bundle without a model is corrupt', async () => {
  expect(await problemsOf('PK', { featureNames: eight })).toEqual([
    'line 1: found no header, expected a text model that LightGBM saved.',
  ])
  const ranker = lightgbmRanker({ path: 'model.txt', features: eight })
  expect(() => ranker.open({}, eight)).toThrow(expect.objectContaining({ code: 'BUNDLE_CORRUPT' }))
})
