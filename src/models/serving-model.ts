import type { CandidateGenerator } from '../ports/candidate-generator.ts'
import type { Ranker } from '../ports/ranker.ts'
import type { Dictionaries } from './ranking/feature-encoder.ts'

/** A loaded model bundle, ready to answer. */
export interface ServingModel {
  readonly version: string
  /** The outside id of each item index, as at training. */
  readonly itemIds: readonly string[]
  /** By the names of the plan's `training.candidates`. */
  readonly generators: ReadonlyMap<string, CandidateGenerator>
  /** Left out where the system has none, and where the bundle's does not fit the system file. */
  readonly ranker?: ServingRanker
}

/** What orders the candidates of a model, and what it has to be told of them. */
export interface ServingRanker {
  readonly ranker: Ranker
  /** Whose candidates it has learned to order, in the order of its columns; all of them are in the model. */
  readonly generatorNames: readonly string[]
  /** Candidates of each generator. */
  readonly perGenerator: number
  /** Features of the system that it looks at. */
  readonly systemFeatures: readonly string[]
  readonly dictionaries: Dictionaries
}
