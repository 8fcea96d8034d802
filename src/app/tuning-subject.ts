// Something whose settings can be searched: how its trials are cut from the history is its own affair. The newest part of the history, which evaluation asks about, is cut
// off first, the same part for all of them, and nobody looks at it.
import type { InteractionTable } from '../domain/interaction-table.ts'
import { splitAt, splitByTime, type TimeSplit } from '../domain/time-split.ts'
import { MillraceError } from '../lib/errors.ts'
import type { JsonValue } from '../lib/json.ts'
import type { GeneratorKind, TrainContext } from '../ports/candidate-generator.ts'
import type { UserMetric } from '../training/evaluate.ts'
import type { Parameters } from '../training/parameter-space.ts'

export interface TuningSubject {
  /** As it is asked for. */
  readonly name: string
  /** The kind's name. */
  readonly kind: string
  readonly options: GeneratorKind['options']
  readonly tunable: GeneratorKind['tunable']
  /**
   * @param earlier facts of a search that goes on: it is cut where that was cut, whatever has been appended since
   * @throws MillraceError NOTHING_TO_TRAIN_ON, TUNING_INPUT_INVALID
   */
  cut(table: InteractionTable, context: TrialContext, earlier: SearchFacts | undefined): SubjectTrials
}

export interface TrialContext extends TrainContext {
  readonly metric: UserMetric
  /** Length of the lists. */
  readonly k: number
}

/** What trials rest on besides their settings: where the history was cut, and whatever else would give other values. Plain data. */
export type SearchFacts = { readonly testAtMs: number } & { readonly [fact: string]: JsonValue }

export interface SubjectTrials {
  readonly facts: SearchFacts
  /** The metric of each user of the validation part. @param share of the users who are learned from and asked */
  validate(settings: Parameters, share: number): Promise<Float64Array>
  /** The same on newer interactions, which no trial has seen, but for the test part. */
  confirm(settings: Parameters): Promise<Float64Array>
}

/** As large as the part that `millrace evaluate` asks about. */
const TEST_SHARE = 0.2

/** @returns undefined where one side would be empty */
export const withoutTestPart = (table: InteractionTable, earlier: SearchFacts | undefined): TimeSplit | undefined =>
  earlier ? splitAt(table, earlier.testAtMs) : splitByTime(table, TEST_SHARE)

export const tooFewToCut = (table: InteractionTable): MillraceError =>
  new MillraceError(
    'NOTHING_TO_TRAIN_ON',
    `The ${table.weights.length} interactions are too few, or of too few moments, to cut four parts from: to learn, to compare, to confirm, to test.`,
    { fix: 'Import more history.' },
  )
