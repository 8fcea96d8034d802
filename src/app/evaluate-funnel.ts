// Measures the whole funnel of the system file on newer interactions than it learned from: the ranked list beside the list of each generator.
import { availableParallelism } from 'node:os'
import type { App } from '../app.ts'
import type { FeatureSource } from '../domain/feature-source.ts'
import { sequencesOf } from '../domain/interaction-sequences.ts'
import type { InteractionTable } from '../domain/interaction-table.ts'
import { lightestWeight } from '../domain/interaction-weight.ts'
import type { TimeSplit } from '../domain/time-split.ts'
import type { RankerKind } from '../ports/ranker.ts'
import { type FunnelMeasurement, type FunnelReport, funnelReport, measureFunnel } from '../training/evaluate-funnel.ts'
import { encoderFor, QuestionRows } from '../training/question-rows.ts'
import { modelAsOf, type TrainedRanker, trainRanker } from '../training/train-ranker.ts'
import { checkedRankerFile } from './checked-ranker.ts'
import { type EvaluateOptions, timeSplitOf } from './evaluate-models.ts'
import { withPastFeatures } from './past-features.ts'
import { shownHistory } from './shown-history.ts'
import { testQuestions } from './test-questions.ts'
import type { TrainingInput } from './training-input.ts'

export interface EvaluatedFunnel {
  readonly splitAtMs: number
  /** User by user. */
  readonly measured: FunnelMeasurement
  readonly report: FunnelReport
  readonly ranker: TrainedRanker
}

/** Why the funnel of a system with a ranker was not measured: a sentence. */
export interface UnmeasuredFunnel {
  readonly missing: string
}

type FunnelOptions = Pick<EvaluateOptions, 'k' | 'testShare' | 'splitAtMs' | 'threadCount' | 'log'>

interface FunnelInput {
  readonly split: TimeSplit
  readonly ranker: RankerKind
  readonly file: Uint8Array | undefined
  readonly features: FeatureSource | undefined
  readonly options: FunnelOptions
}

/**
 * Trains the ranker on what came before the split, and asks about what came after, at moments of each user, with the history and the features of that moment.
 * @returns undefined where the system has no ranker, where one side of the split would be empty, and where nobody chose anything new after it
 * @throws MillraceError NOTHING_TO_TRAIN_ON, TRAINING_*, MODEL_FILE_INVALID, ONNX_RUNTIME_MISSING
 */
export async function evaluateFunnel(
  app: App,
  { table }: Pick<TrainingInput, 'table'>,
  options: FunnelOptions,
): Promise<EvaluatedFunnel | undefined> {
  const { ranker } = app.system
  const split = timeSplitOf(table, options)
  if (ranker === undefined || split === undefined) return undefined
  const file = await checkedRankerFile(app)
  return withPastFeatures(app, (features) => evaluateSplit(app, table, { split, ranker, file, features, options }))
}

async function evaluateSplit(
  app: App,
  table: InteractionTable,
  { split, ranker, file, features, options }: FunnelInput,
): Promise<EvaluatedFunnel | undefined> {
  const { k = 20, threadCount = availableParallelism(), log } = options
  const { seed, examples } = app.plan.training
  const plan = examples!
  const { splitAtMs } = split
  const context = { seed, threadCount, log }
  const { generators } = app.system
  const shown = await shownHistory(app)
  const trained = await trainRanker({
    table: split.train,
    generators,
    ranker,
    plan,
    lightestWeight: lightestWeight(app.plan.data.interactions),
    features,
    file,
    impressions: shown && { ...shown, beforeMs: splitAtMs },
    context,
  })
  const sequences = sequencesOf(table, table.userIds.length)
  const rows = new QuestionRows({
    userIds: table.userIds,
    itemIds: table.itemIds,
    sequences,
    model: await modelAsOf(table, splitAtMs, generators, context),
    perGenerator: plan.perGenerator,
    features,
    encoder: encoderFor(features, trained.dictionaries),
  })
  const questions = testQuestions(app.plan, sequences, splitAtMs)
  const opened = await ranker.open(trained.artifacts, trained.featureNames)
  const measured = await measureFunnel(questions, rows, opened, k).finally(() => opened.close?.())
  const report = funnelReport(measured, { seed })
  return report && { splitAtMs, measured, report, ranker: trained }
}
