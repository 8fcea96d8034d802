// Goal: a ranker that was trained elsewhere goes the way of any other: into the bundle, through evaluation and gates, to explanations and exports; and a file that does not
// fit is refused before anything is trained for it. Method: a made shop whose events arrive as they happen, and small models whose scores are known.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  attribute,
  category,
  count,
  defineSystem,
  evaluateFunnel,
  explainRecommendation,
  httpIngest,
  itemNeighbours,
  lambdaMart,
  lightgbmRanker,
  onnxRanker,
  openApp,
  popularity,
  readTrainingInput,
  trainModel,
  trainWithGates,
} from 'millrace'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exportOnnx } from '../src/app/export-onnx.ts'
import { recordRun, resumeRun } from '../src/app/record-run.ts'
import { trainingRun } from '../src/app/training-run.ts'
import type { App } from '../src/app.ts'
import { joinTrees } from '../src/kernels/trees.ts'
import { seededRng } from '../src/lib/rng.ts'
import { onnxModelOf } from '../src/models/boosted-trees/onnx-model.ts'
import { readBundle } from '../src/models/bundle.ts'
import { openRanker } from '../src/models/open-ranker.ts'
import type { RankerKind } from '../src/ports/ranker.ts'

const DAY_MS = 86_400_000
const START_MS = Date.UTC(2026, 0, 1)
const owner = 'team@test.example'
const folder = mkdtempSync(join(tmpdir(), 'millrace-imported-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const features = ['item_views', 'shelf'] as const
const categories = { shelf: ['north', 'south'] }

/** More than 2 views are worth `views`, the north shelf is worth a tenth. */
const onnxFile = (views = 1): Uint8Array => {
  const common = { missingGoesLeft: false, left: -1, right: -2, gain: 1, rowCount: 2 }
  const trees = [
    { nodes: [{ ...common, feature: 0, threshold: 2 }], leafOutputs: [0, views], leafRowCounts: [1, 1] },
    {
      nodes: [{ ...common, feature: 1, threshold: 0, categories: [0] }],
      leafOutputs: [0.1, 0],
      leafRowCounts: [1, 1],
    },
  ]
  return onnxModelOf(joinTrees(trees, { featureCount: 2, baseScore: 0 }), features, categories)
}

/** The same as LightGBM's Python package writes it, of 60 rows. */
const lightgbmFile = [
  'tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=1\nobjective=lambdarank',
  'feature_names=item_views shelf\nfeature_infos=[0:9] 0:1\n',
  'Tree=0\nnum_leaves=3\nnum_cat=1\nsplit_feature=0 1\nsplit_gain=5 3\nthreshold=2.5 0\ndecision_type=10 1',
  'left_child=1 -1\nright_child=-2 -3\nleaf_value=0.1 1 0\nleaf_count=10 20 30\ninternal_count=60 40',
  'cat_boundaries=0 1\ncat_threshold=1\nis_linear=0\nshrinkage=1\n\n\nend of trees\n',
  'pandas_categorical:[["north", "south"]]\n',
].join('\n')

const onnx = () => onnxRanker({ path: 'ranker.onnx', features, categories })
const lightgbm = () => lightgbmRanker({ path: 'ranker.txt', features, categories })

const system = (ranker: RankerKind<'item_views' | 'shelf' | 'trending.rank'> = onnx()) => ({
  ...defineSystem({
    name: 'imported-shop',
    data: {
      owner,
      entities: { user: {}, item: { shelf: category() } },
      interactions: { view: { weight: 1 } },
      sources: { shop: httpIngest() },
      features: {
        item_views: count({ of: 'view', by: 'item', window: '7 days' }),
        shelf: attribute('item.shelf'),
      },
    },
    training: {
      owner,
      candidates: { alike: itemNeighbours(), trending: popularity({ halfLifeDays: 5 }) },
      ranker,
      examples: { window: '5 days' },
    },
    serving: { owner, placements: { home: { candidates: ['alike', 'trending'], limit: 5 } } },
    monitoring: { owner },
  }),
  folder,
})

const dataDir = join(folder, 'data')
const endMs = START_MS + 25 * DAY_MS
const put = (name: string, content: Uint8Array | string): void => writeFileSync(join(folder, name), content)

async function withApp<T>(described: ReturnType<typeof system>, use: (app: App) => Promise<T>): Promise<T> {
  const app = await openApp({ system: described, dataDir, clock: { now: () => endMs } })
  try {
    return await use(app)
  } finally {
    await app.close()
  }
}

beforeAll(async () => {
  let nowMs = START_MS
  const app = await openApp({ system: system(), dataDir, clock: { now: () => nowMs } })
  const rng = seededRng('visits')
  const source = { source: 'shop', where: 'test' }
  await app.ingest.acceptEntityChanges(
    Array.from({ length: 40 }, (_, item) => ({
      entity: 'item' as const,
      entityId: `i${item}`,
      change: 'put' as const,
      attributes: { shelf: ['north', 'south', 'east'][item % 3]! },
      eventTime: START_MS,
    })),
    source,
  )
  for (let visit = 0; visit < 300; visit++) {
    nowMs = START_MS + visit * 0.08 * DAY_MS
    const user = rng.integer(40)
    const events = Array.from({ length: 3 }, (_, step) => ({
      id: `${visit}-${step}`,
      interaction: 'view',
      userId: `u${user}`,
      itemId: `i${(user % 2) * 20 + Math.floor(20 * rng.next() ** 2)}`,
      eventTime: new Date(nowMs - (2 - step) * 1000).toISOString(),
    }))
    await app.ingest.acceptEvents(events, source)
  }
  await app.close()
  put('ranker.onnx', onnxFile())
  put('ranker.txt', lightgbmFile)
})

const trained = (described = system(), override?: string) =>
  withApp(described, async (app) =>
    trainModel(app, await readTrainingInput(app), { threadCount: 1, log: () => {}, override }),
  )

describe('an ONNX ranker', () => {
  test('lies in the bundle as it came, with its columns, and orders as it does elsewhere', async () => {
    const manifest = await trained()
    expect(manifest.ranker).toMatchObject({
      kind: 'onnx',
      featureNames: features,
      generatorNames: ['alike', 'trending'],
    })
    expect(manifest.ranker!.features.map(({ name }) => name)).toEqual(['item_views', 'shelf'])
    await withApp(system(), async (app) => {
      const { ranker } = await readBundle(app.modelsDir, manifest.version)
      expect(ranker!.artifacts.model).toEqual(onnxFile())
      // The texts have the numbers that were declared, whatever came first in the log.
      expect(ranker!.dictionaries.shelf).toEqual(['north', 'south'])
      const opened = await openRanker(manifest.version, ranker!, {
        ranker: app.system.ranker,
        generators: app.system.generators,
        features: app.plan.data.features,
      })
      const scores = new Float64Array(4)
      await opened.score(Float32Array.of(3, 0, 2, 0, 9, 1, Number.NaN, Number.NaN), 4, scores)
      await opened.close!()
      // Missing views go to the right, as more than 2 of them do.
      expect(Array.from(scores)).toEqual([1.1, 0.1, 1, 1].map(Math.fround))
    })
  })

  test('makes the same bundle of the same file, and another of another, by the same plan', async () => {
    const first = await trained()
    expect((await trained()).contentHash).toBe(first.contentHash)
    put('ranker.onnx', onnxFile(2))
    const other = await trained()
    put('ranker.onnx', onnxFile())
    expect(other.lineage.planHash).toBe(first.lineage.planHash)
    expect(other.contentHash).not.toBe(first.contentHash)
    expect(other.ranker!.looks).toEqual(first.ranker!.looks)
  })

  test('is measured in the whole funnel, and judged by the gates', async () => {
    await withApp(system(), async (app) => {
      const input = await readTrainingInput(app)
      const { report } = (await evaluateFunnel(app, input, { threadCount: 1, log: () => {} }))!
      expect(Object.keys(report.generators)).toEqual(['alike', 'trending'])
      expect(report.ranked.ndcg.mean).toBeGreaterThan(0)
      const { manifest, report: gates } = await trainWithGates(app, input, {
        threadCount: 1,
        promote: false,
        log: () => {},
      })
      expect(manifest.ranker!.kind).toBe('onnx')
      expect(gates.results.find(({ gate }) => gate === 'features')).toBeDefined()
    })
  })

  test('leaves as it came, and says that it has no contributions', async () => {
    const { version } = await trained(system(), 'a test')
    await withApp(system(), async (app) => {
      const path = join(folder, 'exported.onnx')
      expect(await exportOnnx(app, { path })).toEqual({
        version,
        path,
        bytes: onnxFile().length,
        featureNames: features,
      })
      expect(new Uint8Array(readFileSync(path))).toEqual(onnxFile())
      await expect(explainRecommendation(app, { userId: 'u1' })).rejects.toMatchObject({
        code: 'MODEL_WITHOUT_TREES',
        message: `The ranker of model ${version}, onnx, is not made of trees: it has no contributions, and no gains.`,
        fix: expect.stringContaining('millrace evaluate'),
      })
    })
    const reordered = onnxRanker({ path: 'ranker.onnx', features: ['shelf', 'item_views'], categories })
    await withApp(system(lambdaMart()), async (app) => {
      await expect(explainRecommendation(app, { userId: 'u1' })).rejects.toMatchObject({ code: 'MODEL_MISMATCH' })
      const { ranker } = await readBundle(app.modelsDir, version)
      const open = openRanker(version, ranker!, {
        ranker: reordered,
        generators: app.system.generators,
        features: app.plan.data.features,
      })
      await expect(open).rejects.toMatchObject({
        code: 'MODEL_MISMATCH',
        problems: [expect.objectContaining({ where: 'training.ranker.features' })],
      })
    })
  })
})

test('trees of LightGBM are explained, in the texts of the system, and leave as ONNX', async () => {
  const { version } = await trained(system(lightgbm()), 'a test')
  await withApp(system(lightgbm()), async (app) => {
    const { explained, items } = await explainRecommendation(app, { userId: 'u1' })
    const { score, averageScore, contributions } = explained.explanation
    expect(averageScore).toBeCloseTo((10 * 0.1 + 20 * 1) / 60, 12)
    expect(averageScore + contributions.reduce((sum, { contribution }) => sum + contribution, 0)).toBeCloseTo(score, 9)
    expect(score).toBeCloseTo(items[0]!.score, 6)
    const { value } = contributions.find(({ featureName }) => featureName === 'shelf')!
    expect(['north', 'south', null]).toContain(value)
    const exported = await exportOnnx(app, { path: join(folder, 'trees.onnx'), rowCount: 500 })
    expect(exported).toMatchObject({ version, treeCount: 1, comparison: { misplacedCount: 0 } })
  })
})

describe('a file that does not fit is refused', () => {
  /** Trained is nothing by then: the log has no line of it. */
  async function refusal(described: ReturnType<typeof system>, files: Record<string, Uint8Array | string>) {
    for (const [name, content] of Object.entries(files)) put(name, content)
    const lines: string[] = []
    try {
      return await withApp(described, async (app) =>
        trainModel(app, await readTrainingInput(app), { threadCount: 1, log: (line) => lines.push(line) }).then(
          () => undefined,
          (error: unknown) => ({ error, lines }),
        ),
      )
    } finally {
      put('ranker.onnx', onnxFile())
      put('ranker.txt', lightgbmFile)
    }
  }

  test.each([
    [
      'that is not there',
      system(onnxRanker({ path: 'none.onnx', features, categories })),
      {},
      /none\.onnx cannot be read/,
    ],
    ['that is a folder', system(onnxRanker({ path: '.', features, categories })), {}, /cannot be read/],
    ['of another program', system(), { 'ranker.onnx': lightgbmFile }, /is not an ONNX model that onnxruntime can run/],
    ['of another program, for LightGBM', system(lightgbm()), { 'ranker.txt': onnxFile() }, /is not a LightGBM model/],
    [
      'with another number of inputs',
      system(onnxRanker({ path: 'ranker.onnx', features: ['item_views', 'trending.rank', 'shelf'], categories })),
      {},
      /does not fit what was declared/,
    ],
    [
      'whose own names say another order',
      system(onnxRanker({ path: 'ranker.onnx', features: ['shelf', 'item_views'], categories })),
      {},
      /does not fit what was declared/,
    ],
    [
      'whose texts have other numbers',
      system(lightgbmRanker({ path: 'ranker.txt', features, categories: { shelf: ['south', 'north'] } })),
      {},
      /does not fit what was declared/,
    ],
  ] as const)('%s', async (_, described, files, message) => {
    const found = await refusal(described, files)
    expect(found?.error).toMatchObject({ code: 'MODEL_FILE_INVALID', message: expect.stringMatching(message) })
    expect(found?.lines).toEqual([])
  })

  test('that orders nothing, once there are candidates to try it on', async () => {
    const flat = lightgbmFile.replace('leaf_value=0.1 1 0', 'leaf_value=1 1 1')
    const found = await refusal(system(lightgbm()), { 'ranker.txt': flat })
    expect(found?.error).toMatchObject({
      code: 'MODEL_FILE_INVALID',
      message: expect.stringMatching(/gives all candidates of a question the same score, in each of \d+ questions/),
    })
  })
})

test('a run goes on with the file that it began with, and with no other', async () => {
  const request = {
    trigger: 'hand',
    by: 'test',
    command: 'millrace train',
    isDetached: false,
    options: { evaluate: false, promote: false },
  } as const
  await withApp(system(), async (app) => {
    const { runs } = await app.metadata()
    const stopped = recordRun(app, { kind: 'train', request }, async () => {
      throw new Error('the power went off')
    })
    await expect(stopped).rejects.toThrow('the power went off')
    const [run] = await runs.list({ kind: 'train', limit: 1 })
    expect(run!.inputs!.rankerFile).toMatch(/^[0-9a-f]{64}$/)
    put('ranker.onnx', onnxFile(3))
    await expect(resumeRun(app, run!.id, (recorder) => trainingRun(recorder))).rejects.toMatchObject({
      code: 'RUN_INPUT_CHANGED',
    })
    put('ranker.onnx', onnxFile())
    const { manifest } = await resumeRun(app, run!.id, (recorder) => trainingRun(recorder))
    expect(manifest.ranker!.kind).toBe('onnx')
  })
})
