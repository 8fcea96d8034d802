// From the interactions to a registered model: every generator and the ranker, trained on all of them.
import { availableParallelism } from 'node:os'
import type { App } from '../app.ts'
import type { Plan } from '../config/plan.ts'
import { type InteractionTable, newestTimeMs, trainingDataOf } from '../domain/interaction-table.ts'
import { lightestWeight } from '../domain/interaction-weight.ts'
import type { ModelMetric, ModelWeakSlice } from '../domain/registered-model.ts'
import type { BundledRanker, HeldOutLists, HeldOutRanking, Manifest } from '../models/bundle.ts'
import type { Checkpoints } from '../ports/checkpoints.ts'
import type { RankerKind } from '../ports/ranker.ts'
import { type EvaluationReport, type SliceName, sliceTitles } from '../training/evaluation-report.ts'
import type { HeldOutSlices } from '../training/held-out-slices.ts'
import { trainGenerators } from '../training/train.ts'
import { type RankerTraining, type TrainedRanker, trainRanker } from '../training/train-ranker.ts'
import { checkedRankerFile } from './checked-ranker.ts'
import type { EvaluatedFunnel } from './evaluate-funnel.ts'
import type { HeldOutEvaluation } from './evaluate-models.ts'
import { packageVersion } from './package-version.ts'
import { withPastFeatures } from './past-features.ts'
import { commitName } from './project-commit.ts'
import { shownHistory } from './shown-history.ts'
import { questionRules } from './test-questions.ts'
import type { TrainingInput } from './training-input.ts'

export interface TrainModelOptions {
  /** All processors where it is left out. */
  readonly threadCount?: number | undefined
  /** A line of progress, for people. */
  readonly log: (line: string) => void
  /** What was trained already, where the run was killed before. */
  readonly checkpoints?: Checkpoints | undefined
  /** An evaluation of the same settings on a split; its figures and lists are kept with the model. */
  readonly evaluation?: HeldOutEvaluation | undefined
  /** An evaluation of the whole funnel, likewise. */
  readonly funnel?: EvaluatedFunnel | undefined
  /** Why the model becomes the champion although no gates have judged it; it does not where this is left out. `trainWithGates` asks the gates. */
  readonly override?: string | undefined
}

/**
 * Trains on all of the input and registers the result.
 * @throws MillraceError TRAINING_*, MODEL_FILE_INVALID, ONNX_RUNTIME_MISSING, DISK_FULL, METADATA_*; MODEL_ALIAS_MOVED where somebody else promoted at the same moment: the model is registered then
 */
export async function trainModel(app: App, input: TrainingInput, options: TrainModelOptions): Promise<Manifest> {
  const { table, nextOffset } = input
  // The data's own moment: the same data gives the same model, whenever it is trained.
  const newestInteractionMs = newestTimeMs(table)
  const asOfMs = newestInteractionMs + 1
  const { seed } = app.plan.training
  const { threadCount = availableParallelism(), log, checkpoints } = options
  const context = { seed, threadCount, log }
  const { generators: kinds, ranker: kind } = app.system
  // What does not fit is told before the work that it would make useless.
  const file = await checkedRankerFile(app)
  const generators = await trainGenerators(trainingDataOf(table, asOfMs), kinds, { ...context, checkpoints })
  const ranker = kind && (await trainRankerOf(app, kind, { table, file, context }))
  const models = await app.models()
  const manifest = await models.add({
    lineage: {
      planHash: app.plan.hash,
      commit: commitName(app.projectDir),
      millraceVersion: packageVersion(),
      seed,
      nextOffset,
      interactionCount: table.weights.length,
      trainedAtMs: app.clock.now(),
      asOfMs,
      newestInteractionMs,
    },
    userCount: table.userIds.length,
    itemIds: table.itemIds,
    metrics: options.evaluation ? metricsOf(options.evaluation.report) : [],
    ...(options.evaluation && {
      slices: slicesOf(options.evaluation.report),
      weakSlices: weakSlicesOf(options.evaluation.slices),
    }),
    generators,
    ranker: ranker && withoutNotes(ranker),
    heldOut: options.evaluation && heldOutLists(options.evaluation, table),
    heldOutRanking: options.funnel && heldOutRanking(options.funnel, app.plan, table),
  })
  const { override } = options
  if (override !== undefined) {
    const decision = {
      by: 'train',
      command: 'millrace train',
      why: 'Newly trained; no gates have judged it.',
      override,
    }
    await models.promote({ version: manifest.version, decision })
  }
  return manifest
}

/** NDCG of the model that serves, slice by slice. */
function slicesOf({ models }: EvaluationReport): readonly ModelMetric[] {
  return Object.entries(models[0]!.ndcgBySlice).map(([slice, { mean, interval }]) => ({
    name: sliceTitles[slice as SliceName],
    value: mean,
    interval,
  }))
}

const weakSlicesOf = (slices: HeldOutSlices): readonly ModelWeakSlice[] =>
  (['users', 'items'] as const).flatMap((of) => slices[of].weak.map((found) => ({ of, ...found })))

async function trainRankerOf(
  app: App,
  ranker: RankerKind,
  { table, file, context }: Pick<RankerTraining, 'table' | 'file' | 'context'>,
): Promise<TrainedRanker> {
  const { training, data } = app.plan
  const trained = await withPastFeatures(app, async (features) =>
    trainRanker({
      table,
      generators: app.system.generators,
      ranker,
      plan: training.examples!,
      lightestWeight: lightestWeight(data.interactions),
      features,
      file,
      impressions: await shownHistory(app),
      context,
    }),
  )
  for (const note of trained.notes) context.log(note)
  return trained
}

const withoutNotes = ({ notes: _, ...ranker }: TrainedRanker): BundledRanker => ranker

/** What the model that serves showed to whom, where the split was by time. */
function heldOutLists({ report, models }: HeldOutEvaluation, table: InteractionTable): HeldOutLists | undefined {
  if (report.splitAtMs === undefined) return undefined
  const { k, userIndexes, rankedItems } = models[0]!.lists
  const userIds = Array.from(userIndexes, (user) => table.userIds[user]!)
  return { k, splitAtMs: report.splitAtMs, userIds, rankedItems }
}

function heldOutRanking(
  { splitAtMs, measured: { k, ranked } }: EvaluatedFunnel,
  plan: Plan,
  table: InteractionTable,
): HeldOutRanking {
  const userIds = Array.from(ranked.userIndexes, (user) => table.userIds[user]!)
  return { k, splitAtMs, questions: questionRules(plan), userIds, values: ranked.values }
}

/** The figures of the model that serves. */
function metricsOf({ k, models }: EvaluationReport): readonly ModelMetric[] {
  const { ndcg, recall, reciprocalRank, averagePrecision } = models[0]!.metrics
  const named = { NDCG: ndcg, Recall: recall, MRR: reciprocalRank, MAP: averagePrecision }
  return Object.entries(named).map(([name, { mean, interval }]) => ({ name: `${name}@${k}`, value: mean, interval }))
}
