// Lists for many users ahead of time, by the service that answers: the same history, candidates, ranker and filters, as of one moment.
import type { Plan, RulePlan } from '../config/plan.ts'
import type { Rung } from '../domain/recommendation.ts'
import { type EncodedLists, writeList } from '../domain/stored-list.ts'
import { ByteWriter } from '../lib/bytes.ts'
import type { Clock } from '../lib/clock.ts'
import type { ServingModel } from '../models/serving-model.ts'
import type { LiveFeatures } from './candidate-ranking.ts'
import { storedCount } from './funnel.ts'
import type { LiveState } from './live-state.ts'
import { type AnswerObservation, RecommendationService } from './recommendation-service.ts'

export interface ListMakerOptions {
  readonly plan: Plan
  /** One of the plan's, of any pattern but `embedding`. */
  readonly placement: string
  /** As of the moment that the lists are made for. */
  readonly live: LiveState
  readonly model: ServingModel
  readonly features?: LiveFeatures | undefined
  readonly clock: Clock
}

/** Lists of some users, in their order, and how many of them stand on which rung. */
export interface MadeLists extends EncodedLists {
  readonly rungCounts: Readonly<Partial<Record<Rung, number>>>
  /** Lists that were made without a generator or the ranker, because it failed. */
  readonly failedCount: number
  /** The last of those failures. */
  readonly failure?: unknown
}

/** Rules that say which items may be shown to a user, whatever else is in the list. */
const rulesOfItems: ReadonlySet<RulePlan['kind']> = new Set(['only', 'blocked', 'notInteracted'])

/** Nobody waits at the other end; a ranker that is still not done by then hangs. */
const RANKING_MS_MAX = 60_000

/** @returns makes the lists of some users. What is popular is not in them: it fills the answer of its moment. */
export function listMaker(options: ListMakerOptions): (userIds: readonly string[]) => Promise<MadeLists> {
  const { plan, placement, live, model, features, clock } = options
  const { candidates } = plan.serving.placements[placement]!
  let failure: unknown
  let failedCount = 0
  const service = new RecommendationService({
    plan: planOfLists(plan, placement),
    live,
    clock,
    features,
    newRequestId: () => '',
    onAnswer: ({ failures, rankingFailure }: AnswerObservation) => {
      if (failures.length === 0 && rankingFailure === undefined) return
      failedCount++
      failure = rankingFailure ?? failures[0]!.error
    },
  })
  service.useModel(model)
  const writer = new ByteWriter()
  return async (userIds) => {
    writer.reset()
    failedCount = 0
    failure = undefined
    const ends = new Int32Array(userIds.length)
    const rungCounts: Partial<Record<Rung, number>> = {}
    for (const [n, userId] of userIds.entries()) {
      const answer = service.recommend({ placement, userId })
      const response = answer instanceof Promise ? await answer : answer
      rungCounts[response.rung] = (rungCounts[response.rung] ?? 0) + 1
      writeList(writer, response.items, candidates)
      ends[n] = writer.length
    }
    const bytes = writer.copy()
    return { bytes, ends, rungCounts, failedCount, ...(failure !== undefined && { failure }) }
  }
}

/**
 * What can only be known when the list is shown is left to that moment: which items are new by then, and how those that are left share the places.
 */
function planOfLists(plan: Plan, name: string): Plan {
  const placement = plan.serving.placements[name]!
  const { liveCandidates: _, batches: __, ...rest } = placement
  return {
    ...plan,
    serving: {
      ...plan.serving,
      budgetMs: RANKING_MS_MAX,
      placements: {
        [name]: {
          ...rest,
          pattern: 'realtime',
          limit: storedCount(placement.limit),
          candidateCount: Math.max(placement.candidateCount, storedCount(placement.limit)),
          newItemShare: 0,
          rules: placement.rules.filter(({ kind }) => rulesOfItems.has(kind)),
        },
      },
    },
  }
}
