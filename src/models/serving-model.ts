import type { CandidateGenerator } from '../ports/candidate-generator.ts'

/** A loaded model bundle, ready to answer. */
export interface ServingModel {
  readonly version: string
  /** The outside id of each item index, as at training. */
  readonly itemIds: readonly string[]
  /** By the names of the plan's `training.candidates`. */
  readonly generators: ReadonlyMap<string, CandidateGenerator>
}
