// Time to equal NDCG@20 of implicit matrix factorisation, beside Python's `implicit`, on Gowalla and MovieLens-1M.
//
// Each side trains with its settings tuned on a validation part; the peer also with its default ones. NDCG@20 after each iteration comes from one
// evaluated run per side, by the same code on exported vectors: it does not depend on threads or repeats, for both sides solve row by row from
// a seed. The level to reach is the lower of both sides' best, minus 0.001. Then timed runs to that level alternate.
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ExactSearch } from '../src/kernels/exact-search.ts'
import { IalsFoldIn, trainIals } from '../src/kernels/ials.ts'
import { KernelMemory } from '../src/kernels/memory.ts'
import { rowColumns } from '../src/lib/csr.ts'
import { seededRng } from '../src/lib/rng.ts'
import { type Bench, type Figure, median, percentile, spreadOf } from './figure.ts'
import { gowalla, madeInteractions, movieLens1M, type Split, writeMatrix } from './ials-data.ts'
import { pythonWith } from './peers.ts'

/** What a side is asked to do: the one argument of its process, as JSON. */
export interface Training {
  readonly matrixFile: string
  readonly factors: number
  readonly iterations: number
  readonly threadCount: number
  readonly seed: number
  /** The side's own names for them. */
  readonly settings: Readonly<Record<string, number>>
  /** Where to leave `users-N.f32` and `items-N.f32` after iteration N; absent in timed runs. */
  readonly vectorsDir?: string
}

/** One side of a comparison. */
interface Side {
  readonly command: readonly string[]
  readonly settings: Readonly<Record<string, number>>
  readonly iterations: number
}

/** A run evaluated after each iteration. */
interface Curve {
  readonly ndcgs: readonly number[]
  readonly best: number
}

const peerPackage = 'implicit==0.7.3'
const cutoff = 20
/** Every n-th user is evaluated, so that it takes seconds; the same users on both sides. */
const evaluatedUserCount = 2_000
const repeatCount = 5
const seed = 1

/** Searched on a validation part cut from the train part (Gowalla: 15 % of its entries; MovieLens-1M: fold 2 of the folds 2 to 5). */
const tuned = {
  gowalla: {
    64: {
      ours: { regularization: 0.1, regularizationExponent: 0.5, unobservedWeight: 0.01 },
      peer: { alpha: 30, regularization: 30 },
    },
    128: {
      ours: { regularization: 0.03, regularizationExponent: 0.5, unobservedWeight: 0.03 },
      peer: { alpha: 30, regularization: 30 },
    },
  },
  'ml-1m': {
    64: {
      ours: { regularization: 0.35, regularizationExponent: 0.5, unobservedWeight: 0.3 },
      peer: { alpha: 10, regularization: 100 },
    },
    128: {
      ours: { regularization: 0.35, regularizationExponent: 0.5, unobservedWeight: 0.3 },
      peer: { alpha: 10, regularization: 100 },
    },
  },
} as const

const bench: Bench = async ({ smoke, log }) => {
  if (smoke) return [await smokeFigure(), foldInFigure({ repeatCount: 200 })]
  const peer = pythonWith([peerPackage], log)
  if ('skipped' in peer) return peer
  const figures: Figure[] = []
  const scratchDir = mkdtempSync(join(tmpdir(), 'millrace-ials-'))
  try {
    for (const [name, open] of [
      ['gowalla', gowalla],
      ['ml-1m', movieLens1M],
    ] as const) {
      const split = open()
      if ('skipped' in split) return split
      const matrixFile = join(scratchDir, `${name}.bin`)
      writeMatrix(matrixFile, split.train)
      for (const factors of [64, 128] as const) {
        figures.push(...compare({ name, split, matrixFile, factors, scratchDir, python: peer.python, log }))
      }
    }
  } finally {
    rmSync(scratchDir, { recursive: true, force: true })
  }
  return [...figures, foldInFigure({ repeatCount: 20_000 })]
}

export default bench

interface Comparison {
  readonly name: keyof typeof tuned
  readonly split: Split
  readonly matrixFile: string
  readonly factors: 64 | 128
  readonly scratchDir: string
  readonly python: string
  readonly log: (line: string) => void
}

/** Against the peer as tuned and as it comes, with one thread and with two. */
function compare(comparison: Comparison): Figure[] {
  const { name, factors, python, log } = comparison
  const settings = tuned[name][factors]
  const ours: Side = {
    command: [process.execPath, join(import.meta.dirname, 'ials-trainer.ts')],
    settings: settings.ours,
    iterations: 8,
  }
  const oursCurve = curveOf(ours, comparison)
  log(`${name} ${factors} ours: ${oursCurve.ndcgs.map((ndcg) => ndcg.toFixed(4)).join(' ')}`)
  const peerCommand = [python, join(import.meta.dirname, 'ials-peer.py')]
  const figures: Figure[] = []
  for (const [kind, peerSettings] of [
    ['tuned', settings.peer],
    ['default settings', {}],
  ] as const) {
    const peer: Side = { command: peerCommand, settings: peerSettings, iterations: 15 }
    const peerCurve = curveOf(peer, comparison)
    log(`${name} ${factors} implicit, ${kind}: ${peerCurve.ndcgs.map((ndcg) => ndcg.toFixed(4)).join(' ')}`)
    for (const threadCount of [1, 2]) {
      figures.push(timeToLevel({ comparison, kind, ours, peer, oursCurve, peerCurve, threadCount }))
    }
  }
  return figures
}

interface Race {
  readonly comparison: Comparison
  readonly kind: string
  readonly ours: Side
  readonly peer: Side
  readonly oursCurve: Curve
  readonly peerCurve: Curve
  readonly threadCount: number
}

function timeToLevel({ comparison, kind, ours, peer, oursCurve, peerCurve, threadCount }: Race): Figure {
  const level = Math.min(oursCurve.best, peerCurve.best) - 0.001
  const oursIterations = 1 + oursCurve.ndcgs.findIndex((ndcg) => ndcg >= level)
  const peerIterations = 1 + peerCurve.ndcgs.findIndex((ndcg) => ndcg >= level)
  const oursSeconds: number[] = []
  const peerSeconds: number[] = []
  for (let repeat = 0; repeat < repeatCount; repeat++) {
    const { matrixFile, factors } = comparison
    const common = { matrixFile, factors, threadCount, seed }
    oursSeconds.push(secondsOf(ours, { ...common, settings: ours.settings, iterations: oursIterations }))
    peerSeconds.push(secondsOf(peer, { ...common, settings: peer.settings, iterations: peerIterations }))
  }
  const ratio = median(oursSeconds.map((seconds, repeat) => seconds / peerSeconds[repeat]!))
  const threads = threadCount === 1 ? '1 thread' : `${threadCount} threads`
  return {
    name: `ials time to equal NDCG@${cutoff}, ${comparison.name}, ${comparison.factors} factors, ${threads}, peer ${kind}`,
    value: median(oursSeconds),
    unit: 's',
    spread: spreadOf(oursSeconds),
    peer: peerPackage,
    peerValue: median(peerSeconds),
    ratio,
    bar: '<= 1.0',
    ok: ratio <= 1,
    note:
      `Goal 0.5. Level ${level.toFixed(4)}: ours after iteration ${oursIterations} (best ${oursCurve.best.toFixed(4)} of ${ours.iterations}, ` +
      `settings ${JSON.stringify(ours.settings)}), the peer after iteration ${peerIterations} (best ${peerCurve.best.toFixed(4)} of ${peer.iterations}, ` +
      `settings ${JSON.stringify(peer.settings)}). ${evaluatedUserCount} users, all items ranked, train items masked. ` +
      `Everything from the matrix in memory to the vectors counts; median of ${repeatCount} alternating runs in fresh processes.`,
  }
}

/** The last iteration's time. */
function secondsOf(side: Side, training: Training): number {
  return run(side, training).at(-1)!.trainSeconds
}

function run(side: Side, training: Training): { iteration: number; trainSeconds: number }[] {
  const [command, ...args] = side.command
  const { OPENBLAS_CORETYPE, OPENBLAS_L2_SIZE, ...environment } = process.env
  const output = execFileSync(command!, [...args, JSON.stringify(training)], {
    encoding: 'utf8',
    // As implicit asks for: its own threads, none inside its calls to BLAS.
    env: { ...environment, OPENBLAS_NUM_THREADS: '1' },
  })
  return output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

function curveOf(side: Side, { split, matrixFile, factors, scratchDir }: Comparison): Curve {
  const vectorsDir = join(scratchDir, 'vectors')
  mkdirSync(vectorsDir, { recursive: true })
  const { settings, iterations } = side
  run(side, { matrixFile, factors, iterations, threadCount: 2, seed, settings, vectorsDir })
  const ndcgs: number[] = []
  const memory = new KernelMemory()
  const start = memory.mark()
  for (let iteration = 1; iteration <= iterations; iteration++) {
    memory.rewind(start)
    const itemVectors = memory.placeFloat32(readVectors(join(vectorsDir, `items-${iteration}.f32`)))
    const userVectors = readVectors(join(vectorsDir, `users-${iteration}.f32`))
    ndcgs.push(meanNdcg(split, userVectors, new ExactSearch(memory, itemVectors, factors), factors))
  }
  rmSync(vectorsDir, { recursive: true })
  return { ndcgs, best: Math.max(...ndcgs) }
}

function readVectors(path: string): Float32Array {
  const bytes = readFileSync(path)
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
}

/** Mean NDCG@20 over every n-th user with test items: all items ranked, those of the train part left out. */
function meanNdcg({ train, test }: Split, userVectors: Float32Array, search: ExactSearch, width: number): number {
  const step = Math.max(1, Math.floor(train.rowCount / evaluatedUserCount))
  let sum = 0
  let userCount = 0
  for (let user = 0; user < train.rowCount; user += step) {
    const relevant = new Set(rowColumns(test, user))
    if (relevant.size === 0) continue
    const scores = search.scores(userVectors.subarray(user * width, (user + 1) * width))
    for (const item of rowColumns(train, user)) scores[item] = Number.NEGATIVE_INFINITY
    sum += ndcg(best(scores), relevant)
    userCount++
  }
  return sum / userCount
}

function ndcg(ranked: readonly number[], relevant: ReadonlySet<number>): number {
  const discount = (rank: number): number => 1 / Math.log2(rank + 2)
  let gain = 0
  let ideal = 0
  for (const [rank, item] of ranked.entries()) {
    if (relevant.has(item)) gain += discount(rank)
    if (rank < relevant.size) ideal += discount(rank)
  }
  return gain / ideal
}

/** The 20 items with the highest scores, best first, by insertion: few scores ever enter. */
function best(scores: Float32Array): number[] {
  const items: number[] = []
  let threshold = Number.NEGATIVE_INFINITY
  for (let item = 0; item < scores.length; item++) {
    const score = scores[item]!
    if (items.length === cutoff && !(score > threshold)) continue
    let rank = items.length
    while (rank > 0 && scores[items[rank - 1]!]! < score) rank--
    items.splice(rank, 0, item)
    if (items.length > cutoff) items.pop()
    threshold = scores[items.at(-1)!]!
  }
  return items
}

/** Solving the vector of a request's user: 64 factors, 20 items of history, as many items as Gowalla. */
function foldInFigure({ repeatCount: callCount }: { repeatCount: number }): Figure {
  const width = 64
  const itemCount = 40_981
  const rng = seededRng('fold-in')
  const memory = new KernelMemory()
  const itemVectors = memory.float32(itemCount * width).map(() => (rng.next() - 0.5) / 4)
  const foldIn = new IalsFoldIn(memory, {
    ...tuned.gowalla[64].ours,
    width,
    itemVectors: memory.placeFloat32(itemVectors),
    itemGramDiagonal: new Float32Array(width).fill(itemCount / 192),
  })
  const weights = new Float32Array(20).fill(1)
  const history = new Int32Array(20)
  const micros = new Float64Array(callCount)
  for (let call = 0; call < callCount; call++) {
    for (let i = 0; i < history.length; i++) history[i] = rng.integer(itemCount)
    const startedAt = performance.now()
    foldIn.vectorOf(history, weights)
    micros[call] = 1000 * (performance.now() - startedAt)
  }
  const p50 = percentile(micros, 0.5)
  return {
    name: 'ials fold-in p50, 64 factors, 20 items of history, one core',
    value: p50,
    unit: 'µs',
    bar: '<= 40',
    ok: p50 <= 40,
    note: `p99 ${percentile(micros, 0.99).toFixed(1)} µs over ${callCount} calls`,
  }
}

async function smokeFigure(): Promise<Figure> {
  const { train } = madeInteractions()
  const startedAt = performance.now()
  await trainIals(train, {
    ...tuned.gowalla[64].ours,
    factors: 16,
    iterations: 3,
    initStdDev: 0.3,
    seed,
    threadCount: 2,
  })
  return { name: 'ials training of a small made matrix', value: (performance.now() - startedAt) / 1000, unit: 's' }
}
