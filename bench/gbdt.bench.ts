// Boosted trees beside LightGBM: quality on two learning-to-rank sets, time of training at equal settings, and time of scoring 500 rows.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TreeScorer } from '../src/kernels/tree-scorer.ts'
import type { Trees } from '../src/kernels/trees.ts'
import { comparePaired, meanOf } from '../src/lib/bootstrap.ts'
import { ndcgByQuery } from '../src/models/boosted-trees/objective.ts'
import { trainTrees } from '../src/models/boosted-trees/train-trees.ts'
import { defaultTreesSettings, type TreesRows, type TreesSettings } from '../src/models/boosted-trees/trees-settings.ts'
import { type Bench, type Figure, median, spreadOf } from './figure.ts'
import { lambdaRankExample, madeRegression, type TreesData, yandexLetor } from './gbdt-data.ts'
import { GbdtPeer } from './gbdt-peer.ts'
import { pythonWith } from './peers.ts'

const REQUIREMENTS = [
  'lightgbm==4.7.0',
  'numpy==2.4.6',
  'scipy==1.17.1',
  'onnxruntime==1.32.0',
  'onnxmltools==1.16.0',
  'skl2onnx==1.20.0',
  'onnx==1.23.2',
]
const PEER = 'lightgbm==4.7.0'
const TIME_RATIO_BAR = 1.5
const SCORING_RATIO_BAR = 0.2
const TREES = 100
const SCORED_ROWS = 500
/** Of the million rows; each takes a minute or two. */
const MADE_RUNS = Number(process.env.MILLRACE_RUNS ?? 3)

/** Equal on both sides: trees, leaves, bins, learning rate, rows of a leaf. */
const shared = { ...defaultTreesSettings, trees: TREES, leaves: 31, bins: 255, learningRate: 0.1, minRows: 20 }
const peerParams = (objective: string, threads: number) => ({
  objective,
  num_leaves: shared.leaves,
  max_bin: shared.bins,
  learning_rate: shared.learningRate,
  min_data_in_leaf: shared.minRows,
  min_sum_hessian_in_leaf: shared.minHessian,
  num_threads: threads,
  deterministic: true,
  verbose: -1,
})

const bench: Bench = async ({ smoke, log }) => {
  if (smoke) return smokeFigures()
  const environment = pythonWith(REQUIREMENTS, log)
  if ('skipped' in environment) return environment
  const rankings = [yandexLetor(), lambdaRankExample()]
  const missing = rankings.find((data) => 'skipped' in data)
  if (missing && 'skipped' in missing) return missing
  const folder = mkdtempSync(join(tmpdir(), 'millrace-gbdt-'))
  const peer = new GbdtPeer(environment.python, folder, log)
  try {
    const figures: Figure[] = []
    for (const data of rankings as TreesData[]) figures.push(...(await qualityFigures(data, peer, log)))
    figures.push(...(await timeFigures(rankings[0] as TreesData, 'lambdaMart', peer, 5, log)))
    const made = madeRegression(1_250_000)
    figures.push(...(await timeFigures(made, 'squared', peer, MADE_RUNS, log)))
    figures.push(...(await scoringFigures(made, peer, log)))
    return figures
  } finally {
    peer.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
export default bench

/** NDCG@10 of both sides over five seeds, which draw 9 of 10 queries (rows, for the peer) and features for every tree. */
async function qualityFigures(data: TreesData, peer: GbdtPeer, log: (line: string) => void): Promise<Figure[]> {
  const rows = { train: peer.place('train', data.train), test: peer.place('test', data.test) }
  const ours: Float64Array[] = []
  const theirs: Float64Array[] = []
  for (const seed of [1, 2, 3, 4, 5]) {
    const settings = { ...shared, rowShare: 0.9, featureShare: 0.9 }
    const trees = await trainTrees(data.train, settings, { featureNames: data.featureNames, seed, threadCount: 1 })
    ours.push(judgedNdcg(data.test, scoresOf(trees, data.test)))
    const drawn = { bagging_freq: 1, bagging_fraction: 0.9, feature_fraction: 0.9, seed }
    const { predictions } = await peer.train(rows, { ...peerParams('lambdarank', 1), ...drawn }, TREES)
    theirs.push(judgedNdcg(data.test, predictions))
    log(`${data.name}, seed ${seed}: ${meanOf(ours.at(-1)!).toFixed(4)} and ${meanOf(theirs.at(-1)!).toFixed(4)}`)
  }
  const [own, others] = [ours, theirs].map((runs) => runs.map(meanOf))
  const byQuery = (runs: readonly Float64Array[]): number[] =>
    Array.from(runs[0]!, (_, query) => meanOf(runs.map((run) => run[query]!)))
  const paired = { challenger: byQuery(ours), champion: byQuery(theirs) }
  const difference = comparePaired(paired, { seed: 1, resampleCount: 1000 })!
  const [value, peerValue] = [meanOf(own!), meanOf(others!)]
  return [
    {
      name: `gbdt NDCG@10, ${data.name}`,
      value,
      unit: '',
      spread: spreadOf(own!),
      peer: PEER,
      peerValue,
      ratio: value / peerValue,
      bar: `>= ${PEER}`,
      ok: value >= peerValue,
      note: `mean over 5 seeds, which draw 9 in 10 queries and features for each tree; gains 2^grade - 1, ${ours[0]!.length} queries with something relevant, others left out; the peer's seeds ${others!.map((mean) => mean.toFixed(4)).join(', ')}`,
    },
    {
      name: `gbdt - LightGBM, NDCG@10, ${data.name}`,
      value: difference.mean,
      unit: '',
      spread: difference.interval,
      note: `paired by query, each the mean over 5 seeds; spread: 95 % bootstrap interval over queries; sign-flip p ${difference.pValue.toFixed(4)}`,
    },
  ]
}

/** By query with something relevant. */
function judgedNdcg({ labels, queryOffsets }: TreesRows, scores: Float64Array): Float64Array {
  const gains = labels.map((grade) => 2 ** grade - 1)
  const values = ndcgByQuery(gains, queryOffsets!, scores, 10)
  return values.filter((_, query) =>
    gains.subarray(queryOffsets![query], queryOffsets![query + 1]).some((gain) => gain > 0),
  )
}

function scoresOf(trees: Trees, { columns, labels }: TreesRows): Float64Array {
  const scorer = new TreeScorer(trees, labels.length)
  for (const [feature, column] of columns.entries()) scorer.columns[feature]!.set(column)
  return scorer.score(labels.length).slice(0, labels.length)
}

async function timeFigures(
  data: TreesData,
  objective: TreesSettings['objective'],
  peer: GbdtPeer,
  runCount: number,
  log: (line: string) => void,
): Promise<Figure[]> {
  const rows = { train: peer.place('train', data.train), test: peer.place('test', data.test) }
  const figures: Figure[] = []
  for (const threadCount of [1, 2]) {
    const [ours, theirs, ratios]: [number[], number[], number[]] = [[], [], []]
    let losses = ['', '']
    for (let run = 0; run < runCount; run++) {
      const startedAt = performance.now()
      const options = { featureNames: data.featureNames, seed: 1, threadCount }
      const trees = await trainTrees(data.train, { ...shared, objective }, options)
      ours.push((performance.now() - startedAt) / 1000)
      const params = peerParams(objective === 'squared' ? 'regression' : 'lambdarank', threadCount)
      const { binSeconds, boostSeconds, predictions } = await peer.train(rows, params, TREES, 'model.txt')
      theirs.push(binSeconds + boostSeconds)
      ratios.push(ours.at(-1)! / theirs.at(-1)!)
      log(`${data.name}, ${threadCount} threads: ${ours.at(-1)!.toFixed(2)} s and ${theirs.at(-1)!.toFixed(2)} s`)
      losses = [scoresOf(trees, data.test), predictions].map((scores) => qualityOf(data.test, scores))
    }
    const ratio = median(ratios)
    figures.push({
      name: `gbdt training, ${data.name} x ${data.featureNames.length}, ${threadCount} ${threadCount === 1 ? 'thread' : 'threads'}`,
      value: median(ours),
      unit: 's',
      spread: spreadOf(ours),
      peer: PEER,
      peerValue: median(theirs),
      ratio,
      bar: `<= ${TIME_RATIO_BAR} x`,
      ok: ratio <= TIME_RATIO_BAR,
      note: `${TREES} trees of ${shared.leaves} leaves, ${shared.bins} bins, binning included on both sides; ${runCount} alternating runs; on the test part ours ${losses[0]}, the peer ${losses[1]}; goal 1.0`,
    })
  }
  return figures
}

function qualityOf(rows: TreesRows, scores: Float64Array): string {
  if (rows.queryOffsets) return `NDCG@10 ${meanOf(judgedNdcg(rows, scores)).toFixed(4)}`
  return `squared error ${meanOf(scores.map((score, row) => (score - rows.labels[row]!) ** 2)).toFixed(4)}`
}

/** Both score the peer's kind of model on the same 500 rows; ours is trained with the same settings. */
async function scoringFigures(data: TreesData, peer: GbdtPeer, log: (line: string) => void): Promise<Figure[]> {
  const part = (rows: TreesRows, from: number, to: number): TreesRows => ({
    columns: rows.columns.map((column) => column.slice(from, to)),
    labels: rows.labels.slice(from, to),
    weights: undefined,
    queryOffsets: undefined,
  })
  const train = part(data.train, 0, 50_000)
  const scored = part(data.test, 0, SCORED_ROWS)
  const rows = { train: peer.place('train', train), test: peer.place('test', scored) }
  const options = { featureNames: data.featureNames, seed: 1, threadCount: 1 }
  const trees = await trainTrees(train, { ...shared, objective: 'squared' }, options)
  await peer.train(rows, peerParams('regression', 1), TREES, 'model.txt')
  const scorer = new TreeScorer(trees, SCORED_ROWS)
  const [own, lightgbm, oneTree, onnx]: [number[], number[], number[], number[]] = [[], [], [], []]
  let onnxError = ''
  for (let run = 0; run < 5; run++) {
    own.push(secondsOfScoring(scorer, scored))
    const answer = await peer.score(rows.test, 'model.txt', 100)
    lightgbm.push(answer.lightgbm)
    oneTree.push(answer.lightgbmOneTree)
    if (answer.onnxruntime !== undefined) onnx.push(answer.onnxruntime)
    onnxError = answer.onnxError ?? ''
  }
  if (onnxError) log(`onnxruntime: ${onnxError}`)
  const figure = (name: string, peerName: string, theirs: readonly number[], extra: string): Figure => {
    const ratio = median(own.map((seconds, run) => seconds / theirs[run]!))
    return {
      name,
      value: 1000 * median(own),
      unit: 'ms',
      spread: spreadOf(own.map((seconds) => 1000 * seconds)),
      peer: peerName,
      peerValue: 1000 * median(theirs),
      ratio,
      bar: `<= ${SCORING_RATIO_BAR} x`,
      ok: ratio <= SCORING_RATIO_BAR,
      note: `${TREES} trees of ${shared.leaves} leaves, 50 features as float32, the rows copied in; one thread; median of 100 calls, 5 alternating runs${extra}`,
    }
  }
  return [
    figure(
      `gbdt scoring, ${SCORED_ROWS} rows, beside LightGBM`,
      PEER,
      lightgbm,
      `; the peer's call costs ${(1000 * median(oneTree)).toFixed(3)} ms with one tree`,
    ),
    ...(onnx.length > 0
      ? [figure(`gbdt scoring, ${SCORED_ROWS} rows, beside onnxruntime`, 'onnxruntime==1.32.0', onnx, '')]
      : []),
  ]
}

/** Median of 100 calls, each with its rows copied in. */
function secondsOfScoring(scorer: TreeScorer, { columns, labels }: TreesRows): number {
  const seconds: number[] = []
  for (let call = 0; call < 100; call++) {
    const startedAt = performance.now()
    for (const [feature, column] of columns.entries()) scorer.columns[feature]!.set(column)
    scorer.score(labels.length)
    seconds.push((performance.now() - startedAt) / 1000)
  }
  return median(seconds)
}

async function smokeFigures(): Promise<Figure[]> {
  const data = madeRegression(5000)
  const startedAt = performance.now()
  const options = { featureNames: data.featureNames, seed: 1, threadCount: 2 }
  const trees = await trainTrees(data.train, { ...shared, trees: 10, objective: 'squared' }, options)
  const trained = (performance.now() - startedAt) / 1000
  const scores = scoresOf(trees, data.test)
  return [
    { name: 'gbdt training', value: trained, unit: 's' },
    {
      name: 'gbdt squared error',
      value: meanOf(scores.map((score, row) => (score - data.test.labels[row]!) ** 2)),
      unit: '',
    },
  ]
}
