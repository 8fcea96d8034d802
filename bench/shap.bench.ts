// Contributions of features beside Python's `shap`, on a model that LightGBM trained: are they the same numbers, and what does a row take?
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { TreeContributions } from '../src/kernels/tree-contributions.ts'
import type { Trees } from '../src/kernels/trees.ts'
import type { LabelledRows } from '../src/models/boosted-trees/labelled-rows.ts'
import { parseLightgbmModel } from '../src/models/boosted-trees/lightgbm-model.ts'
import { boostedTreesSettings } from '../src/models/boosted-trees/settings.ts'
import { trainBoostedTrees } from '../src/models/boosted-trees/train.ts'
import { type Bench, type Figure, median, spreadOf } from './figure.ts'
import { letorYandex, madeRanking, writeRows } from './gbdt-data.ts'
import { pythonWith } from './peers.ts'

const peers = ['shap==0.51.0', 'lightgbm==4.7.0', 'numpy==2.4.6', 'scipy==1.17.1']
const size = { rows: 2000, trees: 300, leaves: 31 }
const timedRepeats = 5

const bench: Bench = async ({ smoke, log }) => {
  if (smoke) return smokeFigures()
  const peer = pythonWith(peers, log)
  if ('skipped' in peer) return peer
  const yandex = letorYandex()
  if ('skipped' in yandex) return yandex
  const scratchDir = mkdtempSync(join(tmpdir(), 'millrace-shap-'))
  try {
    const files = {
      trainFile: join(scratchDir, 'train.bin'),
      testFile: join(scratchDir, 'test.bin'),
      modelFile: join(scratchDir, 'model.txt'),
      contributionsFile: join(scratchDir, 'contributions.f64'),
    }
    writeRows(files.trainFile, yandex.train)
    writeRows(files.testFile, yandex.test)
    const side = await startPeer(peer.python, { ...size, ...files })
    const { trees } = parseLightgbmModel(readFileSync(files.modelFile, 'utf8'))
    const rows = firstRows(yandex.test, size.rows)
    const difference = largestDifference(trees, rows, readFloats(files.contributionsFile))
    const timings: { ours: number; peer: number }[] = []
    for (let repeat = 0; repeat < timedRepeats; repeat++) {
      timings.push({ ours: millisecondsARow(trees, rows), peer: await side.millisecondsARow() })
    }
    await side.end()
    return figuresOf(difference, timings, side.own)
  } finally {
    rmSync(scratchDir, { recursive: true, force: true })
  }
}

export default bench

function figuresOf(difference: number, timings: readonly { ours: number; peer: number }[], own: OwnShap): Figure[] {
  const ours = timings.map((timing) => timing.ours)
  const model = `LightGBM's LambdaMART, ${size.trees} trees of ${size.leaves} leaves; the first ${size.rows} test rows of Yandex LETOR, 50 features`
  const ratio = median(timings.map((timing) => timing.ours / timing.peer))
  return [
    {
      name: 'largest difference of a contribution from shap',
      value: difference,
      unit: '',
      peer: peers[0]!,
      bar: '<= 1e-6',
      ok: difference <= 1e-6,
      note:
        `${model}; the average counted as one more contribution. shap hands LightGBM's models to LightGBM's own code (pred_contrib); the algorithm in shap ` +
        `itself differs from that by up to ${own.ownDifference.toPrecision(2)}.`,
    },
    {
      name: `explaining a row by ${size.trees} trees, one core`,
      value: median(ours),
      unit: 'ms',
      spread: spreadOf(ours),
      peer: peers[0]!,
      peerValue: median(timings.map((timing) => timing.peer)),
      ratio,
      bar: '<= 1.0',
      ok: ratio <= 1,
      note: `${model}. Median of ${timedRepeats} alternating runs over all rows; the peer explains them in one call. The algorithm in shap itself, once: ${own.ownMs.toFixed(2)} ms.`,
    },
  ]
}

// ---- the peer ----

interface OwnShap {
  readonly ownMs: number
  readonly ownDifference: number
}

async function startPeer(python: string, run: object) {
  const child = spawn(python, [join(import.meta.dirname, 'shap-peer.py'), JSON.stringify(run)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const nextLine = async <Line>(): Promise<Line> => {
    const { value, done } = await lines.next()
    if (done) throw new Error('shap-peer.py ended early; its reason is above.')
    return JSON.parse(value) as Line
  }
  return {
    own: await nextLine<OwnShap>(),
    millisecondsARow: async (): Promise<number> => {
      child.stdin.write('again\n')
      return (await nextLine<{ ms: number }>()).ms
    },
    end: async (): Promise<void> => {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.stdin.end()
      await ended
    },
  }
}

function readFloats(path: string): Float64Array {
  const bytes = readFileSync(path)
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
}

// ---- our side ----

const firstRows = ({ columns }: LabelledRows, rowCount: number): Float32Array[] =>
  Array.from({ length: Math.min(rowCount, columns[0]!.values.length) }, (_, row) =>
    Float32Array.from(columns, ({ values }) => values[row]!),
  )

/** @param expected row by row: a number a feature, then the average */
function largestDifference(trees: Trees, rows: readonly Float32Array[], expected: Float64Array): number {
  const explainer = new TreeContributions(trees)
  const found = new Float64Array(trees.featureCount)
  let largest = 0
  for (const [r, row] of rows.entries()) {
    explainer.explain(row, found)
    for (const [i, value] of [...found, explainer.average].entries()) {
      largest = Math.max(largest, Math.abs(value - expected[r * (trees.featureCount + 1) + i]!))
    }
  }
  return largest
}

/** What laying the trees out takes is counted. */
function millisecondsARow(trees: Trees, rows: readonly Float32Array[]): number {
  const startedAt = performance.now()
  const explainer = new TreeContributions(trees)
  const out = new Float64Array(trees.featureCount)
  for (const row of rows) explainer.explain(row, out)
  return (performance.now() - startedAt) / rows.length
}

async function smokeFigures(): Promise<Figure[]> {
  const { train, test } = madeRanking()
  const settings = boostedTreesSettings({ objective: 'lambdaMart', trees: 10 })
  const { trees } = await trainBoostedTrees({ settings, rows: train, seed: 1, threadCount: 1 })
  return [
    { name: 'explaining one of a few made rows', value: millisecondsARow(trees, firstRows(test, 200)), unit: 'ms' },
  ]
}
