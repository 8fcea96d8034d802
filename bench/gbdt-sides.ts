// The two sides of the `gbdt` benchmark as processes: what they are asked, and what they answer.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gradedNdcg } from '../src/models/boosted-trees/validation-metric.ts'
import type { RankedRows } from './gbdt-data.ts'

export const lightgbmPackages = ['lightgbm==4.7.0', 'numpy==2.4.6', 'scipy==1.17.1']

/** What a side is asked to do: the one argument of its process, as JSON. */
export interface TreesRun {
  /** The peer trains, measures its scoring, or counts the rows whose scores in training are not those of its trees. */
  readonly action: 'train' | 'score' | 'strayScores'
  readonly trainFile: string
  readonly testFile: string
  readonly threadCount: number
  readonly seed: number
  readonly settings: TreesRunSettings
  /** Whether the peer draws whole queries for a tree, as ours does, and not rows, as is its default. */
  readonly peerDrawsQueries?: boolean
  /** Where to leave the test rows' scores, float64. */
  readonly scoresFile?: string
  /** The peer's model: where training leaves it and scoring finds it. */
  readonly modelFile?: string
}

/** Named as in `BoostedTreesSettings`. */
export interface TreesRunSettings {
  readonly objective: 'lambdaMart' | 'squared'
  readonly trees: number
  readonly leaves: number
  readonly bins: number
  readonly learningRate: number
  readonly minRowsPerLeaf: number
  readonly rowFraction: number
  readonly featureFraction: number
  readonly splitFeatureFraction: number
  readonly smoothing: number
  readonly l2: number
  readonly truncation: number
  readonly isNormalized: boolean
}

export type Side = 'ours' | 'peer'

/** Runs one side, and returns the last line of what it prints. */
export function runSide<Result>(side: Side, python: string, run: TreesRun): Result {
  const command = side === 'ours' ? process.execPath : python
  const program = join(import.meta.dirname, side === 'ours' ? 'gbdt-trainer.ts' : 'gbdt-peer.py')
  // As the command line does, which keeps compiled code: half of what starting a thread takes.
  const env = { ...process.env, NODE_COMPILE_CACHE: join(import.meta.dirname, '..', 'build', 'compile-cache') }
  const output = execFileSync(command, [program, JSON.stringify(run)], { encoding: 'utf8', env })
  return JSON.parse(output.trim().split('\n').at(-1)!) as Result
}

/** What a side has left in `scoresFile`. */
export function readScores(path: string): Float64Array {
  const bytes = readFileSync(path)
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength))
}

/** NDCG@10 of the queries that have a relevant row, in their order. */
export const queryNdcgs = (scores: Float64Array, rows: RankedRows): number[] =>
  ndcgsByQuery(scores, rows).filter((ndcg) => ndcg !== undefined)

/** NDCG@10 of every query; undefined where it has no relevant row. */
export function ndcgsByQuery(scores: Float64Array, { labels, querySizes }: RankedRows): (number | undefined)[] {
  let start = 0
  return Array.from(querySizes, (size) => {
    const ndcg = gradedNdcg(scores, labels, start, start + size, 10)
    start += size
    return ndcg
  })
}
