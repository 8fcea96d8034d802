// What the funnel needs from a model that proposes items, and what training needs from it. One folder under `models/` per kind.
import type { TrainingData } from '../domain/training-data.ts'
import type { SteadySet } from '../lib/steady-sets.ts'

/** A setting to be searched by `millrace tune`: a number between bounds, both included, or one of some values. */
export type TunableRange = NumberRange | { readonly choices: readonly (number | string | boolean)[] }

export interface NumberRange {
  readonly low: number
  readonly high: number
  /** Where the search is uniform: over the numbers, their logarithms, whole numbers, or whole numbers by their logarithms. */
  readonly scale: 'linear' | 'log' | 'integer' | 'logInteger'
}

/** What training leaves behind: named arrays, stored one file each in the model bundle. Nothing else survives. */
export type Artifacts = Readonly<Record<string, Float32Array | Int32Array | Int8Array | Uint8Array | Float64Array>>

export interface TrainContext {
  readonly seed: number
  readonly threadCount: number
  /** A line of progress, for people. */
  readonly log: (line: string) => void
}

/** A kind of candidate generator with its settings: a value that a user writes in the system file, such as `ials({ factors: 64 })`. */
export interface GeneratorKind {
  readonly kind: string
  /** Every setting, defaults filled in. It goes into the plan's hash and the bundle's manifest. */
  readonly options: Readonly<Record<string, number | string | boolean>>
  /** Settings worth searching; every key is one of `options`. */
  readonly tunable: Readonly<Record<string, TunableRange>>
  /** Names of the items' attributes that it learns from; `train` is given them. Default: none. */
  readonly itemAttributes?: readonly string[]
  /** The same kind with some settings replaced. */
  with(options: Readonly<Record<string, number | string | boolean>>): GeneratorKind
  train(data: TrainingData, context: TrainContext): Promise<Artifacts>
  /** Ready to answer. `itemCount` is the number of items at training; `artifacts` are what `train` returned. */
  open(artifacts: Artifacts, size: { readonly itemCount: number }): CandidateGenerator
}

/** What a user did lately, as dense item indexes. */
export interface History {
  /** Oldest first; an item may occur more than once. Only items that were known at training. */
  readonly itemIndexes: Int32Array
  /** Weight of each, above 0, in the same order. */
  readonly weights: Float32Array
}

/** The caller's arrays, filled best first; nothing is allocated per candidate. */
export interface Candidates {
  readonly itemIndexes: Int32Array
  readonly scores: Float32Array
}

/** Bit i of the set says whether item i may be proposed: `bits[i >> 5] & (1 << (i & 31))`. */
export type ItemSet = Uint32Array

export interface GenerateOptions {
  /** The k are the first of the list of this many: a kind that searches approximately searches as thoroughly as for that longer list. Default: k. */
  readonly headOf?: number | undefined
  /** Of `allowed`: what is worked out of the set may be kept for those who ask with it later. */
  readonly steady?: SteadySet | undefined
}

export interface CandidateGenerator {
  /** Whether it has something to propose to someone without any history. */
  readonly supportsEmptyHistory: boolean
  /**
   * Up to k items for a user, best first, no item twice, only items in `allowed` (undefined: all). Items in the history are proposed too,
   * unless `allowed` leaves them out. Fewer than k only where fewer allowed items have any score.
   * Ties are broken by the smaller item index, so that an answer can be repeated.
   * @returns how many were written into `out`
   */
  generate(
    history: History,
    k: number,
    allowed: ItemSet | undefined,
    out: Candidates,
    options?: GenerateOptions,
  ): number
  /** Up to k items like the given one, which is itself left out. Undefined where the kind has no notion of similarity. */
  readonly similar?: (itemIndex: number, k: number, allowed: ItemSet | undefined, out: Candidates) => number
}
