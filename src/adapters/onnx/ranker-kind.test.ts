// Goal: an ONNX file that is not the model that was declared is not taken for it, and the one in the bundle is the one that came. Method: files of our own export, which
// say what their columns are, and the same with that taken away.
import { describe, expect, test } from 'vitest'
import { madeTrees } from '../../kernels/trees.testing.ts'
import { MillraceError } from '../../lib/errors.ts'
import { ProtobufWriter } from '../../lib/protobuf-writer.ts'
import { seededRng } from '../../lib/rng.ts'
import { onnxModelOf } from '../../models/boosted-trees/onnx-model.ts'
import { columnsInMetadata } from './model-metadata.ts'
import { onnxRanker } from './ranker-kind.ts'

const features = ['views', 'brand', 'cf.score']
const categories = { brand: ['acme', 'apex'] }
const trees = madeTrees(seededRng(3), { leafCounts: [8, 8], featureCount: 3 })
const file = onnxModelOf(trees, features, categories)
const context = { seed: 1, threadCount: 1, log: () => {} }
const noRows = { columns: [], labels: new Float32Array(0), querySizes: new Int32Array(0) }

/** As other programs write it: the entries have other names. */
const silent = Buffer.from(
  Buffer.from(file).toString('latin1').replace('feature_names', 'feature-names').replace('categories', 'categoriez'),
  'latin1',
)

async function refusal(bytes: Uint8Array, declared: Partial<Parameters<typeof onnxRanker>[0]> = {}) {
  const { imported } = onnxRanker({ path: 'ranker.onnx', features, categories, ...declared })
  const error = await imported!.check(bytes).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(MillraceError)
  const { code, message, problems } = error as MillraceError
  expect(code).toBe('MODEL_FILE_INVALID')
  expect(message).toContain('ranker.onnx')
  return problems.map(({ where, message: what }) => `${where}: ${what}`)
}

test('the file that came is what the bundle keeps, scores and is exported', async () => {
  const ranker = onnxRanker({ path: 'ranker.onnx', features, categories })
  await ranker.imported!.check(file)
  const { artifacts } = await ranker.train(noRows, undefined, { ...context, file })
  expect(artifacts).toEqual({ model: file })
  expect(ranker.onnxFile!(artifacts)).toBe(file)
  const opened = await ranker.with({ threadCount: 2 }).open(artifacts, features)
  const scores = new Float64Array(2)
  await opened.score(Float32Array.of(1, 0, 0.5, 9, Number.NaN, -3), 2, scores)
  await opened.close!()
  expect(scores.every(Number.isFinite)).toBe(true)
  expect(scores[0]).not.toBe(scores[1])
  expect(ranker.trees).toBeUndefined()
  expect(() => ranker.onnxFile!({})).toThrow(expect.objectContaining({ code: 'BUNDLE_CORRUPT' }))
})

describe('a file is refused', () => {
  test('with the wrong inputs', async () => {
    expect(await refusal(silent, { features: ['views', 'brand'] })).toEqual([
      'input "features": found the shape rows x 3, expected rows x 2, a column for each declared feature.',
    ])
    expect(await refusal(silent, { output: 'probability' })).toEqual([
      'output: found "probability", expected one of the model\'s: "scores".',
    ])
  })

  test('that says that its columns are others, or in another order', async () => {
    expect(await refusal(file, { features: ['brand', 'views', 'cf.score'] })).toEqual([
      'features[0]: found "brand", expected "views", as in the file.',
      'features[1]: found "views", expected "brand", as in the file.',
    ])
  })

  test('that knows its texts as other numbers', async () => {
    expect(await refusal(file, { categories: { brand: ['apex', 'acme'] } })).toEqual([
      'categories.brand: found "apex", "acme", expected "acme", "apex", as in the file.',
    ])
  })

  test('that is damaged, or another', async () => {
    expect(await refusal(file.subarray(0, file.length >> 1))).toEqual([])
    expect(await refusal(new TextEncoder().encode('tree\nversion=v4\n'))).toEqual([])
    expect(await refusal(new Uint8Array(0))).toEqual([])
  })
})

describe('what a file says of itself', () => {
  test('is what our export wrote, and nothing where nothing is said', async () => {
    expect(columnsInMetadata(file)).toEqual({ featureNames: features, categories })
    expect(columnsInMetadata(silent)).toEqual({})
    await onnxRanker({ path: 'ranker.onnx', features: ['x', 'y', 'z'] }).imported!.check(silent)
  })

  test('counts only where it means the same', () => {
    const withEntry = (key: string, value: string): Uint8Array =>
      new ProtobufWriter()
        .whole(1, 8)
        .message(14, new ProtobufWriter().text(1, 'author').text(2, 'me'))
        .message(14, new ProtobufWriter().text(1, key).text(2, value))
        .finish()
    expect(columnsInMetadata(withEntry('feature_names', '["a","b"]'))).toEqual({ featureNames: ['a', 'b'] })
    for (const value of ['a,b', '[1,2]', '{"a":1}', 'null']) {
      expect(columnsInMetadata(withEntry('feature_names', value))).toEqual({})
      expect(columnsInMetadata(withEntry('categories', value))).toEqual({})
    }
    // A message of every wire type: what is no text is passed over.
    const fixed = Uint8Array.of(0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x15, 1, 2, 3, 4)
    const bytes = Buffer.concat([fixed, withEntry('feature_names', '["a"]')])
    expect(columnsInMetadata(bytes)).toEqual({ featureNames: ['a'] })
  })
})
