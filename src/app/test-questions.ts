// The questions that a funnel is judged by.
import type { Plan } from '../config/plan.ts'
import type { InteractionSequences } from '../domain/interaction-sequences.ts'
import { lightestWeight } from '../domain/interaction-weight.ts'
import { seededRng } from '../lib/rng.ts'
import type { QuestionRules } from '../models/bundle.ts'
import { type RankingQuestion, rankingQuestions } from '../training/ranking-questions.ts'

/** Of a system with a ranker. */
export function questionRules({ training, data }: Plan): QuestionRules {
  const { attributionMs, questionsPerUser } = training.examples!
  return { attributionMs, questionsPerUser, interactions: Object.keys(data.interactions).sort() }
}

/**
 * Of everything from a moment on. Two trainings by the same rules are asked the same, whatever their seeds, as long as the log keeps its beginning: so they can be
 * compared user by user. Where it was cut, users who have many moments are asked about others of them.
 * @returns by moment
 */
export function testQuestions(plan: Plan, sequences: InteractionSequences, fromMs: number): RankingQuestion[] {
  return rankingQuestions(sequences, {
    ...plan.training.examples!,
    lightestWeight: lightestWeight(plan.data.interactions),
    fromMs,
    beforeMs: Number.POSITIVE_INFINITY,
    rng: seededRng('test questions 1'),
  })
}
