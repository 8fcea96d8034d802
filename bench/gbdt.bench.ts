// Boosted trees beside LightGBM and onnxruntime: NDCG@10 of LambdaMART on public data, time to train, time to score.
//
// Both sides train with the same trees, leaves, bins, learning rate and least rows per leaf, each on a part of the data and of the features that it
// draws itself by the seed; the other settings are each side's defaults. For rankings, LightGBM's normalise the gradients, and draw rows; ours draw whole
// queries, let each split choose among three in ten features, and smooth leaves. LightGBM can draw queries too, but then its training goes by wrong scores:
// how many of them is in the note, beside its figures so and with our settings. Ours were chosen by cross-validation on the train parts, and nothing by
// looking at the test rows; but where the example is cross-validated as a whole, four fifths of its queries had a say.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { KernelMemory } from '../src/kernels/memory.ts'
import { TreeScorer } from '../src/kernels/tree-scores.ts'
import { type Trees, treeCountOf } from '../src/kernels/trees.ts'
import { comparePaired, meanOf } from '../src/lib/bootstrap.ts'
import { parseLightgbmModel } from '../src/models/boosted-trees/lightgbm-model.ts'
import { boostedTreesSettings } from '../src/models/boosted-trees/settings.ts'
import { trainBoostedTrees } from '../src/models/boosted-trees/train.ts'
import { type Bench, type Figure, median, spreadOf } from './figure.ts'
import {
  lambdarankExample,
  letorYandex,
  madeRanking,
  madeRegression,
  type RankedRows,
  type TreesSplit,
  writeRows,
} from './gbdt-data.ts'
import { divide, pooled } from './gbdt-folds.ts'
import {
  lightgbmPackages,
  ndcgsByQuery,
  queryNdcgs,
  readScores,
  runSide,
  type Side,
  type TreesRun,
  type TreesRunSettings,
} from './gbdt-sides.ts'
import { pythonWith } from './peers.ts'

interface Timing {
  /** From the values in memory to the model. */
  readonly totalSeconds: number
  /** Without sorting the values into bins, and without starting threads. */
  readonly trainSeconds: number
}

interface Sides {
  readonly python: string
  readonly scratchDir: string
  readonly log: (line: string) => void
}

const onnx = ['onnxruntime==1.32.0', 'onnxmltools==1.16.0', 'skl2onnx==1.20.0']
const seeds = [1, 2, 3, 4, 5]
const timedRepeats = 3
const scoredRows = 500

const base: Omit<TreesRunSettings, 'objective'> = {
  trees: 100,
  leaves: 31,
  bins: 255,
  learningRate: 0.1,
  minRowsPerLeaf: 20,
  rowFraction: 1,
  featureFraction: 1,
  splitFeatureFraction: 1,
  smoothing: 0,
  l2: 0,
  truncation: 30,
  isNormalized: false,
}
/** Best of those that bench/tune-gbdt.ts tried for our side on folds of Yandex LETOR's train part; many at the end of their range. */
const tuned: TreesRunSettings = {
  ...base,
  objective: 'lambdaMart',
  trees: 400,
  leaves: 31,
  learningRate: 0.02,
  minRowsPerLeaf: 80,
  rowFraction: 0.9,
  featureFraction: 0.7,
  splitFeatureFraction: 0.15,
  smoothing: 150,
  l2: 1,
  truncation: 60,
  isNormalized: false,
}
const sampling = { rowFraction: 0.9, featureFraction: 0.9 }
/** CatBoost's on Yandex LETOR as it is published, where queries without a relevant row count as 1. */
const publishedCatboost = 0.7149
const { splitFeatureFraction, smoothing } = boostedTreesSettings({ objective: 'lambdaMart' })
const sampled: Readonly<Record<Side, TreesRunSettings>> = {
  ours: { ...base, ...sampling, objective: 'lambdaMart', splitFeatureFraction, smoothing },
  peer: { ...base, ...sampling, objective: 'lambdaMart', isNormalized: true },
}

const bench: Bench = async ({ smoke, log }) => {
  if (smoke) return smokeFigures()
  const withOnnx = pythonWith([...lightgbmPackages, ...onnx], log)
  const peer = 'skipped' in withOnnx ? pythonWith(lightgbmPackages, log) : withOnnx
  if ('skipped' in peer) return peer
  const yandex = letorYandex()
  if ('skipped' in yandex) return yandex
  const example = lambdarankExample()
  if ('skipped' in example) return example
  const scratchDir = mkdtempSync(join(tmpdir(), 'millrace-gbdt-'))
  try {
    const sides: Sides = { python: peer.python, scratchDir, log }
    const yandexFiles = writeSplit(scratchDir, 'yandex', yandex)
    const exampleFiles = writeSplit(scratchDir, 'example', example)
    const figures = [
      defaultsFigure('Yandex LETOR', yandex, yandexFiles, sides),
      defaultsFigure('LightGBM lambdarank example', example, exampleFiles, sides),
      tunedFigure(yandex, yandexFiles, sides),
      crossValidatedFigure('LightGBM lambdarank example', example, sides),
    ]
    const made = madeRegression({ trainRows: 1_000_000, testRows: 200_000, features: 50 })
    const madeFiles = writeSplit(scratchDir, 'made', made)
    for (const threadCount of [1, 2]) {
      figures.push(trainingFigure('Yandex LETOR', yandex, yandexFiles, 'lambdaMart', threadCount, sides))
      figures.push(trainingFigure('1,000,000 x 50 made rows', made, madeFiles, 'squared', threadCount, sides))
    }
    return [...figures, ...scoringFigures(yandex, yandexFiles, sides)]
  } finally {
    rmSync(scratchDir, { recursive: true, force: true })
  }
}

export default bench

/** The rows, and how the peer draws of them. */
type Files = Pick<TreesRun, 'trainFile' | 'testFile' | 'peerDrawsQueries'>

function writeSplit(scratchDir: string, name: string, { train, test }: TreesSplit): Files {
  const files = { trainFile: join(scratchDir, `${name}-train.bin`), testFile: join(scratchDir, `${name}-test.bin`) }
  writeRows(files.trainFile, train)
  writeRows(files.testFile, test)
  return files
}

// ---- quality ----

interface QualityComparison {
  readonly name: string
  readonly test: RankedRows
  readonly files: Files
  readonly settings: Readonly<Record<Side, TreesRunSettings>>
  /** How `settings` came about. */
  readonly about: string
}

function qualityFigure({ name, test, files, settings, about }: QualityComparison, sides: Sides): Figure {
  const ours = seedNdcgs('ours', settings.ours, test, files, sides)
  const peers = seedNdcgs('peer', settings.peer, test, files, sides)
  sides.log(`${name}: ours ${fourDigits(ours.map(meanOf))}, peer ${fourDigits(peers.map(meanOf))}`)
  return comparedFigure({ name, ours, peers, about, queryCount: test.querySizes.length })
}

interface ComparedNdcgs {
  readonly name: string
  /** By seed, then by query. */
  readonly ours: readonly number[][]
  readonly peers: readonly number[][]
  readonly about: string
  readonly queryCount: number
}

function comparedFigure({ name, ours, peers, about, queryCount }: ComparedNdcgs): Figure {
  const oursMeans = ours.map(meanOf)
  const peerMeans = peers.map(meanOf)
  const ratio = meanOf(oursMeans) / meanOf(peerMeans)
  const paired = comparePaired({ challenger: meanByQuery(ours), champion: meanByQuery(peers) }, { seed: 1 })!
  const judged = ours[0]!.length
  const emptyCount = queryCount - judged
  const withEmpty = (mean: number): string => ((mean * judged + emptyCount) / queryCount).toFixed(4)
  return {
    name: `gbdt NDCG@10, ${name}`,
    value: meanOf(oursMeans),
    unit: '',
    spread: spreadOf(oursMeans),
    peer: lightgbmPackages[0]!,
    peerValue: meanOf(peerMeans),
    ratio,
    bar: '>= 1.0',
    ok: ratio >= 1,
    note:
      `Mean of ${seeds.length} seeds; ${about} Peer's spread ${fourDigits(spreadOf(peerMeans))}. Ours - peer over queries (each the mean of its ` +
      `seeds): ${paired.mean.toFixed(4)}, 95 % interval ${fourDigits(paired.interval)}. ${judged} test queries; ${emptyCount} without a relevant ` +
      `row are left out (counted as 1: ours ${withEmpty(meanOf(oursMeans))}, peer ${withEmpty(meanOf(peerMeans))}).`,
  }
}

/** Both sides with the same trees, leaves, bins and learning rate, and their own defaults for all else. */
function defaultsFigure(name: string, { test }: TreesSplit<RankedRows>, files: Files, sides: Sides): Figure {
  const figureOf = (ndcgs: readonly number[][]): string => {
    const means = ndcgs.map(meanOf)
    return `${meanOf(means).toFixed(4)} (${fourDigits(spreadOf(means))})`
  }
  const likeOurs = figureOf(seedNdcgs('peer', sampled.ours, test, files, sides))
  const byQuery = { ...files, peerDrawsQueries: true }
  const withQueries = figureOf(seedNdcgs('peer', sampled.peer, test, byQuery, sides))
  const about =
    `${settingsText(base)}; each tree of 90 % of the queries (ours) or rows (peer) and of the features, drawn by the seed; all else by each side's ` +
    `defaults. The peer with ours (not normalised, ${100 * splitFeatureFraction} % of the features a split, smoothing by ${smoothing} rows): ${likeOurs}. The peer with its own, but drawing ` +
    `queries: ${withQueries}, where ${strayPercent(sampled.peer, byQuery, sides)} % of its training rows have other scores in training than its trees ` +
    `give them (drawing rows, ${strayPercent(sampled.peer, files, sides)} %).`
  return qualityFigure({ name, test, files, settings: sampled, about }, sides)
}

/** Of the peer's training rows, how many have another score in training than its trees give them. */
function strayPercent(settings: TreesRunSettings, files: Files, { python }: Sides): string {
  const run: TreesRun = { action: 'strayScores', ...files, threadCount: 1, seed: 1, settings }
  return (100 * runSide<{ stray: number }>('peer', python, run).stray).toFixed(0)
}

/** Ours with settings of its own, beside what is published of others. */
function tunedFigure({ test }: TreesSplit<RankedRows>, files: Files, sides: Sides): Figure {
  const emptyCount = (ndcgs: readonly number[]): number => test.querySizes.length - ndcgs.length
  const means = seedNdcgs('ours', tuned, test, files, sides).map(
    (ndcgs) => (meanOf(ndcgs) * ndcgs.length + emptyCount(ndcgs)) / test.querySizes.length,
  )
  sides.log(`Yandex LETOR, tuned: ${fourDigits(means)}`)
  return {
    name: 'gbdt NDCG@10, Yandex LETOR, tuned, empty queries counted as 1',
    value: meanOf(means),
    unit: '',
    spread: spreadOf(means),
    peer: 'CatBoost, published',
    peerValue: publishedCatboost,
    ratio: meanOf(means) / publishedCatboost,
    note: `Goal: above the published figure. Mean of ${seeds.length} seeds; ${settingsText(tuned)}; queries 90 %, features 70 %, 15 % of these a split, smoothing by 150 rows, L2 1, truncation 60; chosen by cross-validation on the train part.`,
  }
}

/** Every query of both parts once in a test fold, with another division into folds for every seed. */
function crossValidatedFigure(name: string, { train, test }: TreesSplit<RankedRows>, sides: Sides): Figure {
  const rows = pooled(train, test)
  const ndcgs: Record<Side, number[][]> = { ours: [], peer: [] }
  for (const seed of seeds) {
    const folds = divide(rows, seed, sides.scratchDir)
    for (const side of ['ours', 'peer'] as const) {
      const settings = sampled[side]
      const byQuery: (number | undefined)[] = []
      for (const { trainFile, testFile, test: testRows, testQueries } of folds) {
        const scoresFile = join(sides.scratchDir, 'scores.f64')
        runSide(side, sides.python, {
          action: 'train',
          trainFile,
          testFile,
          threadCount: 1,
          seed,
          settings,
          scoresFile,
        })
        const found = ndcgsByQuery(readScores(scoresFile), testRows)
        for (const [n, query] of testQueries.entries()) byQuery[query] = found[n]
      }
      ndcgs[side].push(byQuery.filter((ndcg) => ndcg !== undefined))
    }
    sides.log(`${name}, folds of seed ${seed}: ours ${meanOf(ndcgs.ours.at(-1)!)}, peer ${meanOf(ndcgs.peer.at(-1)!)}`)
  }
  return comparedFigure({
    name: `${name}, cross-validated`,
    ours: ndcgs.ours,
    peers: ndcgs.peer,
    about: `${settingsText(base)}; all ${rows.querySizes.length} queries of both parts, each in one of five test folds, another division for every seed; sampling and defaults as above. Ours were chosen with the train part's queries, four fifths of these.`,
    queryCount: rows.querySizes.length,
  })
}

/** NDCG@10 of each query, for each seed. */
function seedNdcgs(side: Side, settings: TreesRunSettings, test: RankedRows, files: Files, sides: Sides): number[][] {
  const scoresFile = join(sides.scratchDir, 'scores.f64')
  return seeds.map((seed) => {
    runSide(side, sides.python, { action: 'train', ...files, threadCount: 1, seed, settings, scoresFile })
    return queryNdcgs(readScores(scoresFile), test)
  })
}

function fourDigits(values: readonly number[]): string {
  return values.map((value) => value.toFixed(4)).join(' … ')
}

function meanByQuery(runs: readonly number[][]): number[] {
  return runs[0]!.map((_, q) => meanOf(runs.map((run) => run[q]!)))
}

// ---- training time ----

function trainingFigure(
  name: string,
  { test }: TreesSplit,
  files: Files,
  objective: TreesRunSettings['objective'],
  threadCount: number,
  sides: Sides,
): Figure {
  const settings: TreesRunSettings = { ...base, objective }
  const timings: Record<'ours' | 'peer', Timing[]> = { ours: [], peer: [] }
  const losses: Record<'ours' | 'peer', number> = { ours: 0, peer: 0 }
  for (let repeat = 0; repeat < timedRepeats; repeat++) {
    for (const side of ['ours', 'peer'] as const) {
      const scoresFile = join(sides.scratchDir, 'scores.f64')
      timings[side].push(
        runSide<Timing>(side, sides.python, { action: 'train', ...files, threadCount, seed: 1, settings, scoresFile }),
      )
      const scores = readScores(scoresFile)
      losses[side] =
        objective === 'squared'
          ? meanOf(scores.map((score, row) => (score - test.labels[row]!) ** 2))
          : meanOf(queryNdcgs(scores, test as RankedRows))
      sides.log(`${name}, ${threadCount} threads, ${side}: ${timings[side].at(-1)!.totalSeconds.toFixed(2)} s`)
    }
  }
  const ours = timings.ours.map(({ totalSeconds }) => totalSeconds)
  const peers = timings.peer.map(({ totalSeconds }) => totalSeconds)
  const ratioOf = (of: (timing: Timing) => number): number =>
    median(timings.ours.map((timing, repeat) => of(timing) / of(timings.peer[repeat]!)))
  const ratio = ratioOf(({ totalSeconds }) => totalSeconds)
  const metric = objective === 'squared' ? 'mean squared error' : 'NDCG@10'
  return {
    name: `gbdt training, ${name}, ${threadCount === 1 ? '1 thread' : `${threadCount} threads`}`,
    value: median(ours),
    unit: 's',
    spread: spreadOf(ours),
    peer: lightgbmPackages[0]!,
    peerValue: median(peers),
    ratio,
    bar: '<= 1.5',
    ok: ratio <= 1.5,
    note:
      `Goal 1.0. ${settingsText(settings)}. From the values in memory to the model, sorting into bins and starting threads counted; without these ` +
      `${median(timings.ours.map(({ trainSeconds }) => trainSeconds)).toFixed(2)} s against ` +
      `${median(timings.peer.map(({ trainSeconds }) => trainSeconds)).toFixed(2)} s, ratio ` +
      `${ratioOf(({ trainSeconds }) => trainSeconds).toFixed(2)}. ${metric} of the test rows: ours ${losses.ours.toFixed(4)}, ` +
      `peer ${losses.peer.toFixed(4)}. Median of ${timedRepeats} alternating runs in fresh processes.`,
  }
}

function settingsText({ trees, leaves, bins, learningRate, minRowsPerLeaf }: typeof base): string {
  return `${trees} trees, ${leaves} leaves, ${bins} bins, learning rate ${learningRate}, at least ${minRowsPerLeaf} rows a leaf`
}

// ---- scoring time ----

interface PeerScoring {
  readonly lightgbmMs: number
  readonly lightgbmOneRowMs: number
  readonly onnxMs?: number
  readonly onnxMissing?: string
}

/** The peer's own trees on both sides. */
function scoringFigures({ test }: TreesSplit, files: Files, sides: Sides): Figure[] {
  const run: TreesRun = {
    action: 'train',
    ...files,
    threadCount: 1,
    seed: 1,
    settings: { ...base, objective: 'lambdaMart' },
    modelFile: join(sides.scratchDir, 'model.txt'),
  }
  runSide('peer', sides.python, run)
  const { trees } = parseLightgbmModel(readFileSync(run.modelFile!, 'utf8'))
  const ours: number[] = []
  const peers: PeerScoring[] = []
  for (let repeat = 0; repeat < timedRepeats; repeat++) {
    ours.push(scoringMs(trees, test, 2000))
    peers.push(runSide<PeerScoring>('peer', sides.python, { ...run, action: 'score' }))
  }
  const figureBeside = (peer: string, name: string, msOf: (scoring: PeerScoring) => number, note: string): Figure => {
    const ratio = median(peers.map((scoring, repeat) => msOf(scoring) / ours[repeat]!))
    return {
      name: `gbdt scoring of ${scoredRows} rows by ${treeCountOf(trees)} trees beside ${name}, one core`,
      value: median(ours),
      unit: 'ms',
      spread: spreadOf(ours),
      peer,
      peerValue: median(peers.map(msOf)),
      ratio,
      bar: '>= 5.0',
      ok: ratio >= 5,
      note: `The ratio is how many times longer the peer takes. LightGBM's trees of 31 leaves on both sides, float32 rows of Yandex LETOR; median of 200 calls or more, median of ${timedRepeats} alternating runs. ${note}`,
    }
  }
  const oneRow = median(peers.map(({ lightgbmOneRowMs }) => lightgbmOneRowMs))
  const figures = [
    figureBeside(
      lightgbmPackages[0]!,
      'LightGBM',
      ({ lightgbmMs }) => lightgbmMs,
      `predict with num_threads=1; of its time ${oneRow.toFixed(3)} ms are what a call with one row takes.`,
    ),
  ]
  if (peers.every(({ onnxMs }) => onnxMs !== undefined)) {
    figures.push(
      figureBeside(onnx[0]!, 'onnxruntime', ({ onnxMs }) => onnxMs!, 'Converted with onnxmltools, one thread.'),
    )
  } else sides.log(`onnxruntime is not compared: ${peers[0]!.onnxMissing}`)
  return figures
}

function scoringMs(trees: Trees, { columns }: TreesSplit['test'], callCount: number): number {
  const scorer = new TreeScorer(new KernelMemory(), trees, scoredRows)
  for (const [feature, input] of scorer.inputs.entries()) input.set(columns[feature]!.values.subarray(0, scoredRows))
  const millis = new Float64Array(callCount)
  for (let call = 0; call < callCount; call++) {
    const startedAt = performance.now()
    scorer.score(Math.min(scoredRows, columns[0]!.values.length))
    millis[call] = performance.now() - startedAt
  }
  return millis.sort()[callCount >> 1]!
}

async function smokeFigures(): Promise<Figure[]> {
  const { train, test } = madeRanking()
  const startedAt = performance.now()
  const settings = boostedTreesSettings({ objective: 'lambdaMart', trees: 10 })
  const { trees, validation } = await trainBoostedTrees({
    settings,
    rows: train,
    validation: test,
    seed: 1,
    threadCount: 2,
  })
  return [
    { name: 'gbdt training of a few made rows', value: (performance.now() - startedAt) / 1000, unit: 's' },
    { name: 'gbdt NDCG@10 of a few made rows', value: validation!.value, unit: '' },
    { name: 'gbdt scoring of 500 made rows', value: scoringMs(trees, test, 20), unit: 'ms' },
  ]
}
