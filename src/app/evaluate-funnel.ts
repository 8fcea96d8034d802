// Measures the whole funnel of the system file on newer interactions than it learned from: the ranked list beside the list of each generator.
import { availableParallelism } from 'node:os'
import type { App } from '../app.ts'
import type { FeatureSource } from '../domain/feature-source.ts'
import { trainingDataOf } from '../domain/interaction-table.ts'
import { splitAt, splitByTime } from '../domain/time-split.ts'
import { MillraceError } from '../lib/errors.ts'
import { seededRng } from '../lib/rng.ts'
import type { RankerKind } from '../ports/ranker.ts'
import { type FunnelReport, funnelReport, measureFunnel } from '../training/evaluate-funnel.ts'
import { encoderFor, QuestionRows } from '../training/question-rows.ts'
import { rankingQuestions } from '../training/ranking-questions.ts'
import { generatorsAsOf, type TrainedRanker, trainRanker } from '../training/train-ranker.ts'
import type { EvaluateOptions } from './evaluate-models.ts'
import { withPastFeatures } from './past-features.ts'
import type { TrainingInput } from './training-input.ts'

export interface EvaluatedFunnel {
  readonly splitAtMs: number
  readonly report: FunnelReport
  readonly ranker: TrainedRanker
}

type FunnelOptions = Pick<EvaluateOptions, 'k' | 'testShare' | 'splitAtMs' | 'threadCount' | 'log'>

/**
 * Trains the ranker on what came before the split, and asks about what came after, at moments of each user, with the history and the features of that moment.
 * @returns undefined where the system has no ranker, or nobody acted after the split
 * @throws MillraceError NOTHING_TO_TRAIN_ON, TRAINING_*
 */
export async function evaluateFunnel(
  app: App,
  input: TrainingInput,
  options: FunnelOptions,
): Promise<EvaluatedFunnel | undefined> {
  const { ranker } = app.system
  if (ranker === undefined) return undefined
  return withPastFeatures(app, (features) => evaluateAsOf(app, input, ranker, features, options))
}

async function evaluateAsOf(
  app: App,
  { table }: TrainingInput,
  kind: RankerKind,
  features: FeatureSource | undefined,
  { k = 20, testShare = 0.2, splitAtMs, threadCount = availableParallelism(), log }: FunnelOptions,
): Promise<EvaluatedFunnel | undefined> {
  const split = splitAtMs === undefined ? splitByTime(table, testShare) : splitAt(table, splitAtMs)
  if (split === undefined) {
    throw new MillraceError('NOTHING_TO_TRAIN_ON', 'The interactions cannot be split: one side would be empty.', {
      fix: 'Import more history, or split at another moment.',
    })
  }
  const { seed, examples } = app.plan.training
  const plan = examples!
  const context = { seed, threadCount, log }
  const generators = app.system.generators
  const trained = await trainRanker({ table: split.train, generators, ranker: kind, plan, features, context })
  const { sequences, userIds, itemIds } = trainingDataOf(table, 0)
  const rows = new QuestionRows({
    userIds,
    itemIds,
    sequences: sequences!,
    generators: await generatorsAsOf(split.train, split.splitAtMs, generators, context),
    perGenerator: plan.perGenerator,
    features,
    encoder: encoderFor(features, trained.dictionaries),
  })
  const questions = rankingQuestions(sequences!, {
    fromMs: split.splitAtMs,
    beforeMs: Number.POSITIVE_INFINITY,
    attributionMs: plan.attributionMs,
    perUser: plan.questionsPerUser,
    rng: seededRng(`test questions ${seed}`),
  })
  const measured = await measureFunnel(questions, rows, kind.open(trained.artifacts, trained.featureNames), k)
  const report = funnelReport(measured, { seed })
  return report && { splitAtMs: split.splitAtMs, report, ranker: trained }
}
