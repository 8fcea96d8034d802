// Goal: what leaves as ONNX scores in onnxruntime as it does here, and what comes in is checked before it is relied on.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { madeTrees } from '../../kernels/trees.testing.ts'
import { joinTrees, type Trees } from '../../kernels/trees.ts'
import { MillraceError } from '../../lib/errors.ts'
import { ProtobufWriter } from '../../lib/protobuf-writer.ts'
import { seededRng } from '../../lib/rng.ts'
import { compareScores } from '../../models/boosted-trees/compare-scores.ts'
import { parseLightgbmModel } from '../../models/boosted-trees/lightgbm-model.ts'
import { onnxModelOf } from '../../models/boosted-trees/onnx-model.ts'
import { type OnnxRanker, type OnnxRankerOptions, openOnnxRanker } from './ranker.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-onnx-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** `npm run test:deep` sets it: rows of the comparison of hundreds of trees. */
const deepRows = Number(process.env.MILLRACE_ONNX_ROWS ?? 3_000)

let fileCount = 0
function written(bytes: Uint8Array): string {
  const path = join(folder, `${fileCount++}.onnx`)
  writeFileSync(path, bytes)
  return path
}

const namesOf = ({ featureCount }: Trees): string[] => Array.from({ length: featureCount }, (_, f) => `f${f}`)

async function withRanker<T>(options: OnnxRankerOptions, use: (ranker: OnnxRanker) => Promise<T>): Promise<T> {
  const ranker = await openOnnxRanker(options)
  try {
    return await use(ranker)
  } finally {
    await ranker.close()
  }
}

const compared = (trees: Trees, rowCount: number, seed = 1) =>
  withRanker({ path: written(onnxModelOf(trees, namesOf(trees))), features: namesOf(trees) }, (ranker) =>
    compareScores(trees, ranker, { rowCount, seed }),
  )

/** Of a score up to 1, rounded to float32; a float64 sum in another order adds a billionth of it. */
const ROUNDING = 2 ** -24 * (1 + 1e-6)

describe('exported trees score in onnxruntime as here', () => {
  test('whatever their shape, with missing values and categories', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          seed: fc.nat(1_000_000),
          featureCount: fc.integer({ min: 1, max: 6 }),
          leafCounts: fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 }),
        }),
        async ({ seed, ...size }) => {
          const trees = madeTrees(seededRng(seed), size)
          const { largestDifference, misplacedCount } = await compared(trees, 300, seed)
          expect(largestDifference).toBeLessThanOrEqual(ROUNDING)
          expect(misplacedCount).toBe(0)
        },
      ),
      { numRuns: 40 },
    )
  })

  test('hundreds of trees: the error does not grow with them', async () => {
    const trees = madeTrees(seededRng(5), { leafCounts: new Array(400).fill(31), featureCount: 20 })
    const { rowCount, largestDifference, misplacedCount } = await compared(trees, deepRows)
    expect(rowCount).toBe(deepRows)
    expect(largestDifference).toBeLessThanOrEqual(ROUNDING)
    expect(misplacedCount).toBe(0)
  })

  test('hundreds of categories in one node, large ones too', async () => {
    const sets = [Array.from({ length: 255 }, (_, i) => 3 * i), [31, 32, 63, 64, 65, 1000, 2 ** 24 - 1], []]
    const parts = sets.map((categories) => ({
      nodes: [
        { feature: 0, threshold: 0, categories, missingGoesLeft: false, left: -1, right: -2, gain: 0, rowCount: 0 },
      ],
      leafOutputs: [1, 2],
      leafRowCounts: [0, 0],
    }))
    const trees = joinTrees(parts, { featureCount: 1, baseScore: 0.5 })
    expect((await compared(trees, 3000)).largestDifference).toBe(0)
  })

  test('a model of LightGBM ranks its rows as LightGBM does', async () => {
    const fixture = join(import.meta.dirname, '../../models/boosted-trees/lightgbm-fixture')
    const { trees, featureNames } = parseLightgbmModel(readFileSync(join(fixture, 'model.txt'), 'utf8'))
    const { columns, scores }: { columns: (number | null)[][]; scores: number[] } = JSON.parse(
      readFileSync(join(fixture, 'predictions.json'), 'utf8'),
    )
    const rows = Float32Array.from(scores.flatMap((_, r) => columns.map((column) => column[r] ?? Number.NaN)))
    const found = new Float64Array(scores.length)
    await withRanker({ path: written(onnxModelOf(trees, featureNames)), features: featureNames }, (ranker) =>
      ranker.score(rows, scores.length, found),
    )
    const order = (values: ArrayLike<number>): number[] =>
      Array.from(scores.keys()).sort((a, b) => values[b]! - values[a]! || a - b)
    expect(order(found)).toEqual(order(scores))
    expect(new Set(scores).size).toBeGreaterThan(40)
  })

  test('a file of other trees is found out', async () => {
    const [trees, other] = [1, 2].map((seed) => madeTrees(seededRng(seed), { leafCounts: [9, 9], featureCount: 3 }))
    const path = written(onnxModelOf(other!, namesOf(other!)))
    await expect(
      withRanker({ path, features: namesOf(trees!) }, (ranker) => compareScores(trees!, ranker, { rowCount: 100 })),
    ).rejects.toMatchObject({ code: 'MODEL_EXPORT_DIFFERS' })
  })
})

test('the same trees give the same file', () => {
  const made = () => madeTrees(seededRng(9), { leafCounts: [31, 8], featureCount: 4 })
  expect(onnxModelOf(made(), namesOf(made()))).toEqual(onnxModelOf(made(), namesOf(made())))
})

describe('a ranker trained elsewhere', () => {
  test('may take one input a feature, in an order of its own, and name one of several outputs', async () => {
    const path = written(
      sumModel({
        inputs: [
          { name: 'price', type: FLOAT64, shape: ['rows', 1] },
          { name: 'age', type: FLOAT64, shape: ['rows', 1] },
        ],
        outputs: ['total', 'copy'],
      }),
    )
    const scores = new Float64Array(2)
    await withRanker({ path, features: ['age', 'price'], output: 'total' }, async (ranker) => {
      expect(ranker.featureNames).toEqual(['age', 'price'])
      await ranker.score(Float32Array.of(1, 10, 2, Number.NaN, 99, 99), 2, scores)
    })
    expect(Array.from(scores)).toEqual([11, Number.NaN])
  })

  test('scores no rows, and only as many as it is told', async () => {
    const path = written(sumModel({ inputs: ['a', 'b'].map((name) => ({ name, type: FLOAT32, shape: ['rows'] })) }))
    const scores = Float64Array.of(-1, -1, -1)
    await withRanker({ path, features: ['a', 'b'] }, async (ranker) => {
      await ranker.score(new Float32Array(0), 0, scores)
      expect(Array.from(scores)).toEqual([-1, -1, -1])
      await ranker.score(Float32Array.of(1, 2, 3, 4, 5, 6), 2, scores)
      expect(Array.from(scores)).toEqual([3, 7, -1])
    })
  })

  const trees = madeTrees(seededRng(1), { leafCounts: [5], featureCount: 3 })
  const treesPath = (): string => written(onnxModelOf(trees, namesOf(trees)))
  const pair = (type: number, shape: (string | number)[]) => ['a', 'b'].map((name) => ({ name, type, shape }))

  const misfits = [
    {
      name: 'declared with fewer features than its matrix has columns',
      options: () => ({ path: treesPath(), features: ['f0', 'f1'] }),
      problems: ['input "features": found the shape rows x 3, expected rows x 2, a column for each declared feature.'],
    },
    {
      name: 'with inputs of other names',
      options: () => ({ path: written(sumModel({ inputs: pair(FLOAT32, ['rows', 1]) })), features: ['a', 'c'] }),
      problems: [
        'features: found "c", which is no input of the model.',
        'input "b": found no declared feature of that name.',
      ],
    },
    {
      name: 'of whole numbers',
      options: () => ({ path: written(sumModel({ inputs: pair(INT64, ['rows', 1]) })), features: ['a', 'b'] }),
      problems: [
        'input "a": found int64, expected float32 or float64.',
        'input "b": found int64, expected float32 or float64.',
        'output "total": found int64, expected float32 or float64.',
      ],
    },
    {
      name: 'for one row at a time',
      options: () => ({ path: written(sumModel({ inputs: pair(FLOAT32, [1, 1]) })), features: ['a', 'b'] }),
      problems: [
        'input "a": found the shape 1 x 1, expected rows, or rows x 1, as for every feature.',
        'input "b": found the shape 1 x 1, expected rows, or rows x 1, as for every feature.',
        'output "total": found the shape 1 x 1, expected one score a row.',
      ],
    },
    {
      name: 'with several outputs of which none is named',
      options: () => ({
        path: written(sumModel({ inputs: pair(FLOAT32, ['rows', 1]), outputs: ['total', 'copy'] })),
        features: ['a', 'b'],
      }),
      problems: ['output: found "total", "copy", expected to be told which of them holds the scores.'],
    },
    {
      name: 'that gives several scores a row, though it does not say so',
      options: () => ({
        path: written(sumModel({ inputs: [{ name: 'x', type: FLOAT32, shape: ['rows', 'columns'] }] })),
        features: ['a', 'b'],
      }),
      problems: [],
      message: /gives 6 scores for 3 rows, expected one a row/,
    },
  ]
  for (const { name, options, problems, message = /does not fit/ } of misfits) {
    test(`${name} is refused`, async () => {
      const error = await refusal(options())
      expect(error.problems.map(({ where, message }) => `${where}: ${message}`)).toEqual(problems)
      expect(error.message).toMatch(message)
    })
  }

  test('that is no ONNX file, a damaged one, or none, is refused with its path', async () => {
    const whole = onnxModelOf(trees, namesOf(trees))
    for (const bytes of [Buffer.from('tree\nversion=v4\n'), new Uint8Array(0), whole.subarray(0, whole.length >> 1)]) {
      const path = written(bytes)
      expect((await refusal({ path, features: ['a'] })).message).toContain(path)
    }
    expect((await refusal({ path: join(folder, 'none.onnx'), features: ['a'] })).message).toMatch(/There is no ONNX/)
  })

  test('cannot be run where onnxruntime is not installed', async () => {
    const hooks = `export async function resolve(name, context, next) {
      if (name === 'onnxruntime-node') throw new Error('not found')
      return next(name, context)
    }`
    const script = `import { register } from 'node:module'
      register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}))
      const { openOnnxRanker } = await import(${JSON.stringify(new URL('./ranker.ts', import.meta.url).href)})
      const { onnxRanker } = await import(${JSON.stringify(new URL('./ranker-kind.ts', import.meta.url).href)})
      const told = (error) => console.log(error.code, error.fix)
      await openOnnxRanker({ path: 'x', features: [] }).catch(told)
      await onnxRanker({ path: 'x', features: ['a'] }).imported.check(new Uint8Array(1)).catch(told)`
    const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' })
    const told = 'ONNX_RUNTIME_MISSING Install it beside Millrace: npm install onnxruntime-node'
    expect(printed.trim().split('\n')).toEqual([told, told])
  })

  async function refusal(options: OnnxRankerOptions): Promise<MillraceError> {
    const error = await openOnnxRanker(options).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(MillraceError)
    expect((error as MillraceError).code).toBe('MODEL_FILE_INVALID')
    return error as MillraceError
  }
})

const FLOAT32 = 1
const INT64 = 7
const FLOAT64 = 11

interface SumModel {
  readonly inputs: readonly {
    readonly name: string
    readonly type: number
    readonly shape: readonly (string | number)[]
  }[]
  /** Each is the sum of all inputs. Default: one, "total". */
  readonly outputs?: readonly string[]
}

/** A small ONNX model that adds its inputs up. */
function sumModel({ inputs, outputs = ['total'] }: SumModel): Uint8Array {
  const value = (name: string, type: number, shape: readonly (string | number)[]): ProtobufWriter => {
    const dimensions = new ProtobufWriter()
    for (const size of shape) {
      const dimension = new ProtobufWriter()
      dimensions.message(1, typeof size === 'string' ? dimension.text(2, size) : dimension.whole(1, size))
    }
    const tensor = new ProtobufWriter().whole(1, type).message(2, dimensions)
    return new ProtobufWriter().text(1, name).message(2, new ProtobufWriter().message(1, tensor))
  }
  const graph = new ProtobufWriter()
  const [first, second = first] = inputs
  for (const output of outputs) {
    const add = new ProtobufWriter().text(1, first!.name).text(1, second!.name).text(2, output).text(4, 'Add')
    graph.message(1, add)
  }
  graph.text(2, 'sum')
  for (const { name, type, shape } of inputs) graph.message(11, value(name, type, shape))
  for (const output of outputs) graph.message(12, value(output, first!.type, first!.shape))
  const operators = new ProtobufWriter().text(1, '').whole(2, 13)
  return new ProtobufWriter().whole(1, 8).message(7, graph).message(8, operators).finish()
}
