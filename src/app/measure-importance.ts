// What a registered model's ranker loses without each feature, on questions of which it has learned nothing: as it is, on what came after it learned; or trained anew
// with the same settings on what came before a split, on what came after that.
import { availableParallelism } from 'node:os'
import type { App } from '../app.ts'
import type { FeatureSource } from '../domain/feature-source.ts'
import { sequencesOf } from '../domain/interaction-sequences.ts'
import type { InteractionTable } from '../domain/interaction-table.ts'
import { lightestWeight } from '../domain/interaction-weight.ts'
import { bootstrapMean } from '../lib/bootstrap.ts'
import { MillraceError } from '../lib/errors.ts'
import { seededRng } from '../lib/rng.ts'
import { modelOf } from '../models/open-bundle.ts'
import { openRanker } from '../models/open-ranker.ts'
import type { ServingModel } from '../models/serving-model.ts'
import type { Ranker, RankerKind, RankingRows } from '../ports/ranker.ts'
import { leaveOneFeatureOut, permutationImportance, treeImportance } from '../training/importance.ts'
import { type KeptQuestions, keepQuestions, ndcgByUser, scoreColumns } from '../training/kept-questions.ts'
import type { ImportanceBasis, MeasuredImportance, MeasuredLosses } from '../training/measured-importance.ts'
import { encoderFor, QuestionRows } from '../training/question-rows.ts'
import { drawn } from '../training/ranking-questions.ts'
import { modelAsOf, type RankerExamples, rankerExamples } from '../training/train-ranker.ts'
import { timeSplitOf } from './evaluate-models.ts'
import { withPastFeatures } from './past-features.ts'
import { type RankerTrees, rankerTrees } from './ranker-trees.ts'
import { shownHistory } from './shown-history.ts'
import { systemOfModel } from './system-of-model.ts'
import { testQuestions } from './test-questions.ts'
import { readTrainingInput } from './training-input.ts'

export interface ImportanceOptions {
  /** A version of the registry; the champion where it is left out. */
  readonly version?: string | undefined
  /** Whether to mix the features up, one after the other. */
  readonly permutation?: boolean | undefined
  /** Whether to train without each feature: as many trainings of the ranker as it has features, and one more. */
  readonly leaveOneOut?: boolean | undefined
  /**
   * Where to split for a ranker that is trained anew. With either of them the permutation is of that ranker, else of the registered one; leaving features out
   * always trains anew, with a share of 0.2 where both are left out.
   */
  readonly testShare?: number | undefined
  readonly splitAtMs?: number | undefined
  /** Length of the lists; 20 where it is left out. */
  readonly k?: number | undefined
  /** Of more questions as many are drawn; 2,000 where it is left out. Time and memory are in proportion. */
  readonly questionCountMax?: number | undefined
  readonly threadCount?: number | undefined
  readonly log: (line: string) => void
}

/**
 * Gains alone cost nothing; the rest reads the log, and plays it again where the ranker uses features.
 * @throws MillraceError MODEL_NOT_FOUND, MODEL_WITHOUT_TREES, MODEL_MISMATCH, BUNDLE_*; NOTHING_TO_TRAIN_ON where there is no question of which the ranker has
 *   not learned; TRAINING_*
 */
export async function measureImportance(app: App, options: ImportanceOptions): Promise<MeasuredImportance> {
  const { permutation = false, leaveOneOut = false, testShare, splitAtMs, version } = options
  const model = await rankerTrees(app, version)
  const gain = treeImportance(model.trees, model.featureNames)
  const isAnew = testShare !== undefined || splitAtMs !== undefined
  const registered = permutation && !isAnew ? { permutation: await lossesOfRegistered(app, model, options) } : undefined
  const anew =
    leaveOneOut || (permutation && isAnew)
      ? await lossesAnew(app, model, { ...options, permutation: permutation && isAnew })
      : undefined
  return { version: model.version, gain, ...registered, ...anew }
}

async function lossesOfRegistered(app: App, model: RankerTrees, options: ImportanceOptions): Promise<MeasuredLosses> {
  const { version, bundle } = model
  const bundled = bundle.ranker!
  const ranker = await openedRanker(app, model)
  const opened = modelOf(bundle, app.system.generators)
  const { table } = await readTrainingInput(app)
  // What came late had happened before, and is no moment of a question.
  const fromMs = bundle.manifest.lineage.asOfMs
  const known = { ...table, itemIds: [...new Set([...table.itemIds, ...bundle.itemIds])] }
  const kept = await withPastFeatures(app, (features) =>
    askedFrom(app, known, {
      fromMs,
      model: {
        itemIds: bundle.itemIds,
        // In the order of the ranker's columns.
        generators: new Map(bundled.generatorNames.map((name) => [name, opened.generators.get(name)!])),
      },
      perGenerator: bundled.perGenerator,
      features,
      dictionaries: bundled.dictionaries,
      questionCountMax: options.questionCountMax,
    }),
  )
  if (kept.userIndexes.length === 0) {
    const until = new Date(fromMs).toISOString()
    throw new MillraceError(
      'NOTHING_TO_TRAIN_ON',
      `Model ${version} has learned from everything before ${until}, and nobody has chosen anything new since: there is nothing to measure it on.`,
      {
        fix: 'Wait for newer interactions, or measure a ranker of the same settings that is trained on what came before a split: --test-share 0.2.',
      },
    )
  }
  return permuted(app, ranker, kept, { ...basisOf(options), ranker: 'registered', fromMs })
}

interface Anew {
  readonly permutation?: MeasuredLosses
  readonly leftOut?: MeasuredLosses
}

async function lossesAnew(app: App, model: RankerTrees, options: ImportanceOptions): Promise<Anew> {
  const bundled = model.bundle.ranker!
  // It says what does not fit the system file.
  await openedRanker(app, model)
  const kind = app.system.ranker!.with(bundled.options)
  if (kind.imported) throw trainedElsewhere(model.version)
  const { table } = await readTrainingInput(app)
  const split = timeSplitOf(table, options)
  if (split === undefined) throw nothingAfter(options)
  const { permutation, leaveOneOut, log, threadCount = availableParallelism() } = options
  const context = { seed: app.plan.training.seed, threadCount, log }
  const generators = Object.fromEntries(bundled.generatorNames.map((name) => [name, app.system.generators[name]!]))
  const { splitAtMs: fromMs } = split
  const shown = await shownHistory(app)
  const { examples, kept } = await withPastFeatures(app, async (features) => {
    const examples = await rankerExamples({
      table: split.train,
      generators,
      ranker: kind,
      plan: { ...app.plan.training.examples!, perGenerator: bundled.perGenerator },
      lightestWeight: lightestWeight(app.plan.data.interactions),
      features,
      impressions: shown && { ...shown, beforeMs: fromMs },
      context,
    })
    const kept = await askedFrom(app, table, {
      fromMs,
      model: await modelAsOf(table, fromMs, generators, context),
      perGenerator: bundled.perGenerator,
      features,
      dictionaries: examples.dictionaries,
      questionCountMax: options.questionCountMax,
    })
    return { examples, kept }
  })
  if (kept.userIndexes.length === 0) throw nothingAfter(options)
  const trainedWith = rankerWith(kind, examples, { ...context, log: () => {} })
  const basis = { ...basisOf(options), ranker: 'trainedAnew', fromMs } as const
  const names = examples.rows.columns.map(({ name }) => name)
  return {
    ...(permutation && { permutation: await permuted(app, await trainedWith(names), kept, basis) }),
    ...(leaveOneOut && { leftOut: await leftOut(app, { names, trainedWith, kept, basis, log }) }),
  }
}

/** What a basis says before anything was measured. */
type Asked = Pick<ImportanceBasis, 'ranker' | 'fromMs' | 'k'>

const basisOf = ({ k = 20 }: ImportanceOptions) => ({ k })

async function permuted(app: App, ranker: Ranker, kept: KeptQuestions, asked: Asked): Promise<MeasuredLosses> {
  const { seed } = app.plan.training
  const { featureNames } = ranker
  const columns = columnsNamed(kept, featureNames)
  const score = (dealt: readonly Float32Array[]) => scoreColumns(ranker, dealt)
  const metric = ndcgByUser(kept, asked.k)
  const losses = await permutationImportance({ featureNames, columns, score, metric }, { seed })
  return { ...asked, ...measuredWhole(metric(await score(columns)), kept, seed), losses }
}

async function leftOut(
  app: App,
  {
    names,
    trainedWith,
    kept,
    basis,
    log,
  }: {
    readonly names: readonly string[]
    readonly trainedWith: (names: readonly string[]) => Promise<Ranker>
    readonly kept: KeptQuestions
    readonly basis: Asked
    readonly log: (line: string) => void
  },
): Promise<MeasuredLosses> {
  const { seed } = app.plan.training
  const metric = ndcgByUser(kept, basis.k)
  let whole: Float64Array | undefined
  const losses = await leaveOneFeatureOut(
    names,
    async (present) => {
      const missing = names.find((name) => !present.includes(name))
      log(missing === undefined ? `training with all ${names.length} features` : `training without ${missing}`)
      const values = metric(await scoresWith(present, trainedWith, kept))
      whole ??= values
      return values
    },
    { seed },
  )
  return { ...basis, ...measuredWhole(whole!, kept, seed), losses }
}

/** Without any feature all candidates are alike, and stay in the order in which they were proposed. */
async function scoresWith(
  names: readonly string[],
  trainedWith: (names: readonly string[]) => Promise<Ranker>,
  kept: KeptQuestions,
): Promise<Float64Array> {
  if (names.length === 0) return new Float64Array(kept.isRelevant.length)
  return scoreColumns(await trainedWith(names), columnsNamed(kept, names))
}

function measuredWhole(values: Float64Array, kept: KeptQuestions, seed: number) {
  return {
    questionCount: kept.userIndexes.length,
    userCount: values.length,
    ndcg: bootstrapMean(values, { seed })!,
  }
}

/** Trains a ranker that sees these columns only. */
function rankerWith(
  kind: RankerKind,
  { rows, validation }: RankerExamples,
  context: Parameters<RankerKind['train']>[2],
): (names: readonly string[]) => Promise<Ranker> {
  return async (names) => {
    const seen = (all: RankingRows): RankingRows => ({
      ...all,
      columns: all.columns.filter(({ name }) => names.includes(name)),
    })
    const { artifacts } = await kind.train(seen(rows), validation && seen(validation), context)
    return kind.open(artifacts, names)
  }
}

const columnsNamed = ({ columnNames, columns }: KeptQuestions, names: readonly string[]): readonly Float32Array[] =>
  names.map((name) => columns[columnNames.indexOf(name)]!)

interface Asking extends Pick<ConstructorParameters<typeof QuestionRows>[0], 'perGenerator'> {
  readonly fromMs: number
  readonly model: Pick<ServingModel, 'itemIds' | 'generators'>
  readonly features: FeatureSource | undefined
  readonly dictionaries: Parameters<typeof encoderFor>[1]
  readonly questionCountMax: number | undefined
}

/** The questions from a moment on, which are those that `evaluateFunnel` asks; of more than a bound, drawn ones. */
async function askedFrom(
  app: App,
  { userIds, itemIds, ...columns }: InteractionTable,
  { fromMs, model, perGenerator, features, dictionaries, questionCountMax = 2000 }: Asking,
): Promise<KeptQuestions> {
  const { seed } = app.plan.training
  const sequences = sequencesOf(columns, userIds.length)
  const encoder = encoderFor(features, dictionaries)
  const rows = new QuestionRows({ userIds, itemIds, sequences, model, perGenerator, features, encoder })
  const questions = testQuestions(app.plan, sequences, fromMs)
  return keepQuestions(drawn(questions, questionCountMax, seededRng(`kept questions ${seed}`)), rows)
}

const openedRanker = (app: App, { version, bundle }: RankerTrees): Promise<Ranker> =>
  openRanker(version, bundle.ranker!, systemOfModel(app))

function trainedElsewhere(version: string): MillraceError {
  return new MillraceError(
    'TRAINING_INPUT_INVALID',
    `The ranker of model ${version} was trained elsewhere: here it cannot be trained before a split, or without a feature.`,
    { fix: 'Measure by --permutation on what came after the model, without --leave-one-out and without a split.' },
  )
}

function nothingAfter({ splitAtMs }: ImportanceOptions): MillraceError {
  const where = splitAtMs === undefined ? 'a split by time' : new Date(splitAtMs).toISOString()
  return new MillraceError(
    'NOTHING_TO_TRAIN_ON',
    `One side of ${where} has nothing to learn from, or nothing new to ask about.`,
    { fix: 'Import more history, or split at another moment (--split-at, --test-share).' },
  )
}
