// Boosted trees beside LightGBM and onnxruntime: NDCG@10 of LambdaMART on public data, time to train, time to score.
//
// Both sides train with the same trees, leaves, bins, learning rate and least rows per leaf, each on queries and features that it draws itself by the
// seed; LightGBM's other settings are its defaults, which are ours too. Nothing here was chosen by looking at the test rows.
import { execFileSync } from 'node:child_process'
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
import { gradedNdcg } from '../src/models/boosted-trees/validation-metric.ts'
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
import { pythonWith } from './peers.ts'

/** What a side is asked to do: the one argument of its process, as JSON. */
export interface TreesRun {
  /** The peer trains, or measures its scoring. */
  readonly action: 'train' | 'score'
  readonly trainFile: string
  readonly testFile: string
  readonly threadCount: number
  readonly seed: number
  readonly settings: TreesRunSettings
  /** Where to leave the test rows' scores, float64. */
  readonly scoresFile?: string
  /** The peer's model: where training leaves it and scoring finds it. */
  readonly modelFile?: string
}

/** Named as in `BoostedTreesSettings`. */
interface TreesRunSettings {
  readonly objective: 'lambdaMart' | 'squared'
  readonly trees: number
  readonly leaves: number
  readonly bins: number
  readonly learningRate: number
  readonly minRowsPerLeaf: number
  readonly rowFraction: number
  readonly featureFraction: number
}

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

const lightgbm = ['lightgbm==4.7.0', 'numpy==2.4.6', 'scipy==1.17.1']
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
}
const sampled: TreesRunSettings = { ...base, objective: 'lambdaMart', rowFraction: 0.9, featureFraction: 0.9 }

const bench: Bench = async ({ smoke, log }) => {
  if (smoke) return smokeFigures()
  const withOnnx = pythonWith([...lightgbm, ...onnx], log)
  const peer = 'skipped' in withOnnx ? pythonWith(lightgbm, log) : withOnnx
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
      qualityFigure('Yandex LETOR', yandex, yandexFiles, sides),
      qualityFigure('LightGBM lambdarank example', example, exampleFiles, sides),
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

type Files = Pick<TreesRun, 'trainFile' | 'testFile'>

function writeSplit(scratchDir: string, name: string, { train, test }: TreesSplit): Files {
  const files = { trainFile: join(scratchDir, `${name}-train.bin`), testFile: join(scratchDir, `${name}-test.bin`) }
  writeRows(files.trainFile, train)
  writeRows(files.testFile, test)
  return files
}

const commands = {
  ours: (_: Sides) => [process.execPath, join(import.meta.dirname, 'gbdt-trainer.ts')],
  peer: ({ python }: Sides) => [python, join(import.meta.dirname, 'gbdt-peer.py')],
} as const

function runSide<Result>(side: keyof typeof commands, sides: Sides, run: TreesRun): Result {
  const [command, ...args] = commands[side](sides)
  // As the command line does, which keeps compiled code: half of what starting a thread takes.
  const env = { ...process.env, NODE_COMPILE_CACHE: join(import.meta.dirname, '..', 'build', 'compile-cache') }
  const output = execFileSync(command!, [...args, JSON.stringify(run)], { encoding: 'utf8', env })
  return JSON.parse(output.trim().split('\n').at(-1)!) as Result
}

// ---- quality ----

function qualityFigure(name: string, { test }: TreesSplit<RankedRows>, files: Files, sides: Sides): Figure {
  const ours: number[][] = []
  const peers: number[][] = []
  for (const seed of seeds) {
    for (const [side, ndcgs] of [
      ['ours', ours],
      ['peer', peers],
    ] as const) {
      const scoresFile = join(sides.scratchDir, 'scores.f64')
      runSide(side, sides, { action: 'train', ...files, threadCount: 1, seed, settings: sampled, scoresFile })
      ndcgs.push(queryNdcgs(readScores(scoresFile), test))
    }
    sides.log(
      `${name}, seed ${seed}: ours ${meanOf(ours.at(-1)!).toFixed(4)}, peer ${meanOf(peers.at(-1)!).toFixed(4)}`,
    )
  }
  const oursMeans = ours.map(meanOf)
  const peerMeans = peers.map(meanOf)
  const ratio = meanOf(oursMeans) / meanOf(peerMeans)
  const paired = comparePaired({ challenger: meanByQuery(ours), champion: meanByQuery(peers) }, { seed: 1 })!
  const judged = ours[0]!.length
  const emptyCount = test.querySizes.length - judged
  const withEmpty = (mean: number): string => ((mean * judged + emptyCount) / test.querySizes.length).toFixed(4)
  return {
    name: `gbdt NDCG@10, ${name}`,
    value: meanOf(oursMeans),
    unit: '',
    spread: spreadOf(oursMeans),
    peer: lightgbm[0]!,
    peerValue: meanOf(peerMeans),
    ratio,
    bar: '>= 1.0',
    ok: ratio >= 1,
    note:
      `Mean of ${seeds.length} seeds; ${settingsText(sampled)}; each tree of 90 % of the queries and of the features, drawn by the seed. Peer's spread ` +
      `${spreadOf(peerMeans)
        .map((mean) => mean.toFixed(4))
        .join(
          ' … ',
        )}. Ours - peer over queries (each the mean of its seeds): ${paired.mean.toFixed(4)}, 95 % interval ` +
      `${paired.interval.map((bound) => bound.toFixed(4)).join(' … ')}. ${judged} test queries; ${emptyCount} without a relevant row are left out ` +
      `(counted as 1: ours ${withEmpty(meanOf(oursMeans))}, peer ${withEmpty(meanOf(peerMeans))}).`,
  }
}

function readScores(path: string): Float64Array {
  const bytes = readFileSync(path)
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
}

/** Of the queries that have a relevant row, in their order. */
function queryNdcgs(scores: Float64Array, { labels, querySizes }: RankedRows): number[] {
  const ndcgs: number[] = []
  let start = 0
  for (const size of querySizes) {
    const ndcg = gradedNdcg(scores, labels, start, start + size, 10)
    if (ndcg !== undefined) ndcgs.push(ndcg)
    start += size
  }
  return ndcgs
}

const meanByQuery = (runs: readonly number[][]): number[] => runs[0]!.map((_, q) => meanOf(runs.map((run) => run[q]!)))

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
        runSide<Timing>(side, sides, { action: 'train', ...files, threadCount, seed: 1, settings, scoresFile }),
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
    peer: lightgbm[0]!,
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

function settingsText({ trees, leaves, bins, learningRate, minRowsPerLeaf }: TreesRunSettings): string {
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
  runSide('peer', sides, run)
  const { trees } = parseLightgbmModel(readFileSync(run.modelFile!, 'utf8'))
  const ours: number[] = []
  const peers: PeerScoring[] = []
  for (let repeat = 0; repeat < timedRepeats; repeat++) {
    ours.push(scoringMs(trees, test, 2000))
    peers.push(runSide<PeerScoring>('peer', sides, { ...run, action: 'score' }))
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
      lightgbm[0]!,
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
