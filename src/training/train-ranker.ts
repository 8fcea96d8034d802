// From plain history to a ranker: for the newest windows of time, candidates of models that know only what came before the window, asked at moments in it.
import type { ExamplePlan } from '../config/plan.ts'
import type { FeatureLook } from '../domain/feature-look.ts'
import type { FeatureSource } from '../domain/feature-source.ts'
import { type InteractionSequences, sequencesOf } from '../domain/interaction-sequences.ts'
import { type InteractionTable, knownBefore, newestTimeMs, trainingDataOf } from '../domain/interaction-table.ts'
import { MillraceError } from '../lib/errors.ts'
import { seededRng } from '../lib/rng.ts'
import type { BundledRanker, ExampleFacts } from '../models/bundle.ts'
import type { FeatureEncoder } from '../models/ranking/feature-encoder.ts'
import type { ServingModel } from '../models/serving-model.ts'
import type { GeneratorKind, TrainContext } from '../ports/candidate-generator.ts'
import type { RankerKind, RankingColumn, RankingRows } from '../ports/ranker.ts'
import { encoderFor, QuestionRows } from './question-rows.ts'
import { RankingExamples } from './ranking-examples.ts'
import { type RankingWindow, rankingQuestions, rankingWindows } from './ranking-questions.ts'
import { trainGenerators } from './train.ts'

export interface TrainedRanker extends BundledRanker {
  /** What whoever trains should know. */
  readonly notes: readonly string[]
}

/** What examples are made of. */
export interface ExampleInput {
  readonly table: InteractionTable
  readonly generators: Readonly<Record<string, GeneratorKind>>
  readonly plan: ExamplePlan
  /** Of the lightest kind of interaction; grades go by it. */
  readonly lightestWeight: number
  /** Features as they were; asked forward in time. */
  readonly features?: FeatureSource | undefined
  readonly context: TrainContext
}

export interface RankerTraining extends ExampleInput {
  readonly ranker: RankerKind
}

/** @throws MillraceError NOTHING_TO_TRAIN_ON where no question has a right answer among its candidates; TRAINING_* */
export async function trainRanker(training: RankerTraining): Promise<TrainedRanker> {
  const { table, generators, ranker, plan, features, context } = training
  const windows = rankingWindows({ ...spanOf(table), ...plan })
  const sequences = sequencesOf(table, table.userIds.length)
  const encoder = encoderFor(features)
  const sets: RankingExamples[] = []
  for (const window of windows) sets.push(await examplesOf(window, sequences, encoder, training))
  const facts = factsOf(windows, sets)
  if (facts.answeredCount === 0) throw nothingToRank(facts)
  const columns = chosenColumns(sets[0]!.columnNames, encoder)
  const { rows, validation } = learningRows(sets, columns.kinds)
  const { artifacts, notes } = await ranker.train(rows, validation, context)
  const featureNames = rows.columns.map(({ name }) => name)
  const learnedWith = new Set(featureNames)
  return {
    kind: ranker.kind,
    options: ranker.options,
    artifacts,
    featureNames,
    features: (features?.definitions ?? [])
      .filter(({ name }) => learnedWith.has(name))
      .map(({ name, version }) => ({ name, version })),
    generatorNames: Object.keys(generators),
    perGenerator: plan.perGenerator,
    dictionaries: encoder.dictionaries,
    examples: facts,
    looks: looksOf(rows),
    notes: [...columns.notes, ...notes],
  }
}

/** What a ranker learns from. The newest answered window decides how long; with a single one there is nothing to decide by. @param sets one of them answered */
export function learningRows(
  sets: readonly RankingExamples[],
  kinds: readonly RankingColumn['kind'][],
): { readonly rows: RankingRows; readonly validation: RankingRows | undefined } {
  const answered = sets.filter(({ answeredCount }) => answeredCount > 0)
  const older = answered.length > 1 ? answered.slice(0, -1) : answered
  return {
    rows: RankingExamples.joined(older).build(kinds),
    validation: answered.length > 1 ? answered.at(-1)!.build(kinds) : undefined,
  }
}

/** Questions of one window, to a model that knows only what came before it. */
export async function examplesOf(
  window: RankingWindow,
  sequences: InteractionSequences,
  encoder: FeatureEncoder,
  input: ExampleInput,
): Promise<RankingExamples> {
  const { plan, lightestWeight, context } = input
  const { wrongPerQuestion } = plan
  const rows = await questionRowsAsOf(window.fromMs, sequences, encoder, input)
  const rng = seededRng(`examples ${context.seed} ${window.fromMs}`)
  const asked = { ...window, ...plan, lightestWeight, rng: rng.fork('moments') }
  const examples = new RankingExamples(rows.columnNames)
  await examples.add(rankingQuestions(sequences, asked), rows, { wrongPerQuestion, rng: rng.fork('wrong') })
  const { questionCount, answeredCount, rowCount } = examples
  context.log(
    `examples from ${dayOf(window.fromMs)}: ${questionCount} questions, ${answeredCount} with a right answer among the candidates, ${rowCount} rows`,
  )
  return examples
}

/** For questions from that moment on. */
export async function questionRowsAsOf(
  asOfMs: number,
  sequences: InteractionSequences,
  encoder: FeatureEncoder,
  { table, generators, plan, features, context }: ExampleInput,
): Promise<QuestionRows> {
  const { userIds, itemIds } = table
  const model = await modelAsOf(table, asOfMs, generators, context)
  const { perGenerator } = plan
  return new QuestionRows({ userIds, itemIds, sequences, model, perGenerator, features, encoder })
}

/** The generators as a model of that moment: of what came later it knows nothing, not even how many items there will be. */
export async function modelAsOf(
  table: InteractionTable,
  asOfMs: number,
  kinds: Readonly<Record<string, GeneratorKind>>,
  context: TrainContext,
): Promise<Pick<ServingModel, 'itemIds' | 'generators'>> {
  const data = trainingDataOf(knownBefore(table, asOfMs), asOfMs)
  const trained = await trainGenerators(data, kinds, { ...context, log: () => {} })
  const size = { itemCount: data.itemIds.length }
  const opened = Object.entries(kinds).map(([name, kind]) => [name, kind.open(trained[name]!.artifacts, size)] as const)
  return { itemIds: data.itemIds, generators: new Map(opened) }
}

/** By column what it holds; undefined for a feature that says who, not what kind of: it is left out. */
export function chosenColumns(columnNames: readonly string[], encoder: FeatureEncoder) {
  const firstFeature = columnNames.length - encoder.names.length
  const kinds = columnNames.map((_, column): RankingColumn['kind'] => {
    const kind = column < firstFeature ? 'number' : encoder.kindOf(column - firstFeature)
    return kind === 'identity' ? undefined : kind
  })
  const leftOut = columnNames.filter((_, column) => kinds[column] === undefined)
  return {
    kinds,
    notes: leftOut.map((name) => `${name} has too many different texts to be a category, and is left out.`),
  }
}

export function factsOf(windows: readonly RankingWindow[], sets: readonly RankingExamples[]): ExampleFacts {
  const sumOf = (of: (examples: RankingExamples) => number): number => sets.reduce((sum, set) => sum + of(set), 0)
  return {
    windowCount: windows.length,
    fromMs: windows[0]?.fromMs ?? 0,
    beforeMs: windows.at(-1)?.beforeMs ?? 0,
    questionCount: sumOf((set) => set.questionCount),
    answeredCount: sumOf((set) => set.answeredCount),
    rowCount: sumOf((set) => set.rowCount),
  }
}

function looksOf({ columns }: RankingRows): FeatureLook[] {
  return columns.map(({ name, values }) => {
    const known = values.filter((value) => !Number.isNaN(value))
    const isConstant = known.every((value) => value === known[0])
    return { name, missingShare: 1 - known.length / values.length, isConstant }
  })
}

export function spanOf(table: InteractionTable): { readonly firstMs: number; readonly endMs: number } {
  const firstMs = table.eventTimesMs.reduce((first, timeMs) => Math.min(first, timeMs), Number.POSITIVE_INFINITY)
  return { firstMs, endMs: newestTimeMs(table) + 1 }
}

const dayOf = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 10)

export function nothingToRank({ questionCount, windowCount }: ExampleFacts): MillraceError {
  const found =
    windowCount === 0
      ? 'All interactions are of one moment, so that there is no past to learn candidates from.'
      : `Of ${questionCount} questions none has a right answer among its candidates.`
  return new MillraceError('NOTHING_TO_TRAIN_ON', `A ranker has nothing to learn from. ${found}`, {
    fix: 'Import more history, take more windows or candidates in "training.examples", or leave "training.ranker" out until there is more.',
  })
}
