// Which impressions a ranker learns from: those of a window whose attribution is over, and with which the user did something.
import type { ImpressionTable } from '../domain/impression-table.ts'
import type { InteractionSequences } from '../domain/interaction-sequences.ts'
import type { Rng } from '../lib/rng.ts'
import type { ImpressionFacts } from '../models/bundle.ts'
import { type AttributionOptions, attributedGrades, type ImpressionAlignment } from './attributed-grades.ts'
import { drawn, type RankingWindow } from './ranking-questions.ts'

/** A list that a user was shown, and what became of it. */
export interface ShownQuestion {
  /** Its number in the table of impressions. */
  readonly impression: number
  /** Of the interactions' table. */
  readonly userIndex: number
  readonly momentMs: number
  /** The user's history is the entries of their sequence before this one: what came strictly before the moment. */
  readonly historyEnd: number
  readonly itemIds: readonly string[]
  /** By item: 0 where nothing was done with it. */
  readonly grades: Uint8Array
}

/** All impressions, joined with what happened within the attribution. */
export class ShownQuestions {
  readonly facts: Pick<ImpressionFacts, 'impressionCount' | 'unfinishedCount' | 'answeredCount'>
  readonly #impressions: ImpressionTable
  readonly #sequences: InteractionSequences
  readonly #alignment: ImpressionAlignment
  readonly #grades: Uint8Array
  /** Numbers of those that are finished and answered, by moment. */
  readonly #answered: readonly number[]

  constructor(
    impressions: ImpressionTable,
    interactions: {
      readonly userIds: readonly string[]
      readonly itemIds: readonly string[]
      readonly sequences: InteractionSequences
    },
    options: AttributionOptions & {
      /** What users did before this moment is known, all of it where it is left out: lists whose attribution reaches behind it have no labels yet. */
      readonly knownUntilMs?: number
    },
  ) {
    const { timesMs } = impressions
    this.#impressions = impressions
    this.#sequences = interactions.sequences
    this.#alignment = {
      userIndexes: indexesIn(interactions.userIds, impressions.userIds),
      itemIndexes: indexesIn(interactions.itemIds, impressions.itemIds),
    }
    this.#grades = attributedGrades(impressions, interactions.sequences, this.#alignment, options)
    const { beforeMs, attributionMs, knownUntilMs = beforeMs } = options
    const labelledMs = Math.min(beforeMs, knownUntilMs)
    const seen = Array.from(timesMs.keys()).filter((impression) => timesMs[impression]! < beforeMs)
    const finished = seen.filter((impression) => timesMs[impression]! + attributionMs <= labelledMs)
    const answered = finished.filter((impression) => this.#gradesOf(impression).some((grade) => grade > 0))
    this.#answered = answered.sort((a, b) => timesMs[a]! - timesMs[b]! || a - b)
    this.facts = {
      impressionCount: seen.length,
      unfinishedCount: seen.length - finished.length,
      answeredCount: answered.length,
    }
  }

  /** Those of the window, at most so many of each user. @returns by moment */
  in(
    { fromMs, beforeMs }: RankingWindow,
    { questionsPerUser, rng }: { readonly questionsPerUser: number; readonly rng: Rng },
  ): ShownQuestion[] {
    const { timesMs, userIndexes } = this.#impressions
    const own = this.#answered.filter((impression) => timesMs[impression]! >= fromMs && timesMs[impression]! < beforeMs)
    const byUser = Map.groupBy(own, (impression) => this.#alignment.userIndexes[userIndexes[impression]!]!)
    return [...byUser]
      .flatMap(([user, impressions]) => drawn(impressions, questionsPerUser, rng.fork(`user ${user}`)))
      .sort((a, b) => timesMs[a]! - timesMs[b]! || a - b)
      .map((impression) => this.#questionOf(impression))
  }

  #questionOf(impression: number): ShownQuestion {
    const { userIndexes, itemIndexes, itemIds, offsets, timesMs } = this.#impressions
    const userIndex = this.#alignment.userIndexes[userIndexes[impression]!]!
    const momentMs = timesMs[impression]!
    const items = itemIndexes.subarray(offsets[impression]!, offsets[impression + 1]!)
    return {
      impression,
      userIndex,
      momentMs,
      historyEnd: entriesBefore(this.#sequences, userIndex, momentMs),
      itemIds: Array.from(items, (item) => itemIds[item]!),
      grades: this.#gradesOf(impression),
    }
  }

  #gradesOf(impression: number): Uint8Array {
    const { offsets } = this.#impressions
    return this.#grades.subarray(offsets[impression]!, offsets[impression + 1]!)
  }
}

/** Where the user's entries of the moment, or later, begin. */
function entriesBefore({ offsets, timesMs }: InteractionSequences, user: number, momentMs: number): number {
  let low = offsets[user]!
  let high = offsets[user + 1]!
  while (low < high) {
    const middle = (low + high) >> 1
    if (timesMs![middle]! < momentMs) low = middle + 1
    else high = middle
  }
  return low
}

/** By id its index among the known ones, -1 for an unknown one. */
function indexesIn(known: readonly string[], ids: readonly string[]): Int32Array {
  const indexOf = new Map(known.map((id, index) => [id, index]))
  return Int32Array.from(ids, (id) => indexOf.get(id) ?? -1)
}
