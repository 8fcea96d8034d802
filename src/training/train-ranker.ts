// From history, plain or of what was shown, to a ranker: for the newest windows of time, candidates of models that know only what came before the window, asked at moments in it.
import type { ExamplePlan } from '../config/plan.ts'
import type { FeatureLook } from '../domain/feature-look.ts'
import type { FeatureSource } from '../domain/feature-source.ts'
import { type InteractionSequences, sequencesOf } from '../domain/interaction-sequences.ts'
import { type InteractionTable, knownBefore, newestTimeMs, trainingDataOf } from '../domain/interaction-table.ts'
import { MillraceError } from '../lib/errors.ts'
import { seededRng } from '../lib/rng.ts'
import type { BundledRanker, ExampleFacts, ImpressionFacts } from '../models/bundle.ts'
import { poolColumnNames } from '../models/ranking/candidate-pool.ts'
import type { FeatureEncoder } from '../models/ranking/feature-encoder.ts'
import type { ServingModel } from '../models/serving-model.ts'
import type { GeneratorKind, TrainContext } from '../ports/candidate-generator.ts'
import type { RankerKind, RankingColumn, RankingRows } from '../ports/ranker.ts'
import { encoderFor, QuestionRows } from './question-rows.ts'
import { type ExampleQuestion, RankingExamples } from './ranking-examples.ts'
import { type RankingQuestion, type RankingWindow, rankingQuestions, rankingWindows } from './ranking-questions.ts'
import { newestShownMs, ShownExamples, type ShownHistory, type ShownList } from './shown-examples.ts'
import { ShownQuestions } from './shown-questions.ts'
import { trainGenerators } from './train.ts'

export interface TrainedRanker extends BundledRanker {
  /** What whoever trains should know. */
  readonly notes: readonly string[]
}

export interface RankerTraining {
  readonly table: InteractionTable
  readonly generators: Readonly<Record<string, GeneratorKind>>
  readonly ranker: RankerKind
  readonly plan: ExamplePlan
  /** Of the lightest kind of interaction; grades go by it. */
  readonly lightestWeight: number
  /** Features as they were; asked forward in time. */
  readonly features?: FeatureSource | undefined
  /** What was shown; left out where the plan asks for plain history. */
  readonly impressions?: ShownHistory | undefined
  readonly context: TrainContext
}

/** @throws MillraceError NOTHING_TO_TRAIN_ON where no question has a right answer among its candidates; TRAINING_* */
export async function trainRanker(training: RankerTraining): Promise<TrainedRanker> {
  const { table, generators, ranker, plan, features, context } = training
  const windows = rankingWindows({ ...spanOf(table), ...plan })
  const sequences = sequencesOf(table, table.userIds.length)
  const encoder = encoderFor(features)
  const shown = shownExamples(training, sequences, encoder)
  const sets: RankingExamples[] = []
  for (const window of windows) sets.push(await examplesOf(window, { sequences, encoder, shown }, training))
  const facts = factsOf(windows, sets, shown?.facts)
  if (facts.answeredCount === 0) throw nothingToRank(facts)
  const columns = chosenColumns(sets[0]!.columnNames, encoder)
  // The newest answered window decides; with a single one there is nothing to decide by.
  const answered = sets.filter(({ answeredCount }) => answeredCount > 0)
  const older = answered.length > 1 ? answered.slice(0, -1) : answered
  const rows = RankingExamples.joined(older).build(columns.kinds)
  const validation = answered.length > 1 ? answered.at(-1)!.build(columns.kinds) : undefined
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
    ...(columns.leftOut.length > 0 && { leftOutNames: columns.leftOut }),
    generatorNames: Object.keys(generators),
    perGenerator: plan.perGenerator,
    dictionaries: encoder.dictionaries,
    examples: facts,
    looks: looksOf(rows),
    notes: [...columns.notes, ...notes],
  }
}

/** What all windows of a training share. */
interface Shared {
  readonly sequences: InteractionSequences
  readonly encoder: FeatureEncoder
  readonly shown: ShownExamples | undefined
}

/** Undefined where the system file asks for plain history, and where nothing was shown. */
function shownExamples(
  { table, generators, plan, lightestWeight, features, impressions }: RankerTraining,
  sequences: InteractionSequences,
  encoder: FeatureEncoder,
): ShownExamples | undefined {
  if (plan.from === 'history' || impressions === undefined) return undefined
  const { userIds, itemIds } = table
  const { attributionMs, perGenerator } = plan
  const beforeMs = impressions.beforeMs ?? Math.max(newestTimeMs(table), newestShownMs(impressions.table)) + 1
  const questions = new ShownQuestions(
    impressions.table,
    { userIds, itemIds, sequences },
    { attributionMs, beforeMs, lightestWeight },
  )
  return new ShownExamples(questions, impressions, {
    generators,
    perGenerator,
    definitions: features?.definitions ?? [],
    encoder,
  })
}

/** Questions of one window, to a model that knows only what came before it. */
async function examplesOf(
  window: RankingWindow,
  { sequences, encoder, shown }: Shared,
  { table, generators, plan, lightestWeight, features, context }: RankerTraining,
): Promise<RankingExamples> {
  const { userIds, itemIds } = table
  const { perGenerator, wrongPerQuestion, questionsPerUser } = plan
  const rng = seededRng(`examples ${context.seed} ${window.fromMs}`)
  const asked = { ...window, ...plan, lightestWeight, rng: rng.fork('moments') }
  const questions = plan.from === 'impressions' ? [] : rankingQuestions(sequences, asked)
  const lists = (await shown?.in(window, { questionsPerUser, rng: rng.fork('impressions') })) ?? []
  // Where everything was kept as it was served, there is nobody to be asked.
  const isAsked = questions.length > 0 || lists.some(({ rows }) => rows === undefined)
  const model = isAsked ? await modelAsOf(table, window.fromMs, generators, context) : undefined
  const rowsOf = model && new QuestionRows({ userIds, itemIds, sequences, model, perGenerator, features, encoder })
  const examples = new RankingExamples([...poolColumnNames(Object.keys(generators)), ...encoder.names])
  const all = [
    ...questions.map((question) => questionExample(question, rowsOf!)),
    ...lists.map((list) => shownExample(list, rowsOf)),
  ]
  // Features are played forward.
  all.sort((a, b) => a.momentMs - b.momentMs)
  await examples.add(all, { wrongPerQuestion, rng: rng.fork('wrong') })
  const { questionCount, answeredCount, rowCount } = examples
  const ofShown = lists.length === 0 ? '' : ` (${lists.length} of lists that were shown)`
  context.log(
    `examples from ${dayOf(window.fromMs)}: ${questionCount} questions${ofShown}, ${answeredCount} with a right answer among the candidates, ${rowCount} rows`,
  )
  return examples
}

/** A question of the past, with the candidates that a model of then proposes. */
const questionExample = (question: RankingQuestion, rowsOf: Pick<QuestionRows, 'ask'>): ExampleQuestion => ({
  momentMs: question.momentMs,
  async ask() {
    const { rows, itemIndexes } = await rowsOf.ask(question)
    const gradeOf = new Map(question.relevantItems.map((item, i) => [item, question.grades[i]!]))
    return { rows, grades: Array.from(itemIndexes, (item) => gradeOf.get(item) ?? 0), areShown: false }
  },
})

const shownExample = ({ question, rows }: ShownList, rowsOf: QuestionRows | undefined): ExampleQuestion => ({
  momentMs: question.momentMs,
  ask: async () => ({
    rows: rows ?? (await rowsOf!.askAbout(question, question.itemIds)),
    grades: question.grades,
    areShown: true,
  }),
})

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
function chosenColumns(columnNames: readonly string[], encoder: FeatureEncoder) {
  const firstFeature = columnNames.length - encoder.names.length
  const kinds = columnNames.map((_, column): RankingColumn['kind'] => {
    const kind = column < firstFeature ? 'number' : encoder.kindOf(column - firstFeature)
    return kind === 'identity' ? undefined : kind
  })
  const leftOut = columnNames.filter((_, column) => kinds[column] === undefined)
  return {
    kinds,
    leftOut,
    notes: leftOut.map((name) => `${name} has too many different texts to be a category, and is left out.`),
  }
}

function factsOf(
  windows: readonly RankingWindow[],
  sets: readonly RankingExamples[],
  impressions: ImpressionFacts | undefined,
): ExampleFacts {
  const sumOf = (of: (examples: RankingExamples) => number): number => sets.reduce((sum, set) => sum + of(set), 0)
  return {
    windowCount: windows.length,
    fromMs: windows[0]?.fromMs ?? 0,
    beforeMs: windows.at(-1)?.beforeMs ?? 0,
    questionCount: sumOf((set) => set.questionCount),
    answeredCount: sumOf((set) => set.answeredCount),
    rowCount: sumOf((set) => set.rowCount),
    ...(impressions && { impressions }),
  }
}

function looksOf({ columns }: RankingRows): FeatureLook[] {
  return columns.map(({ name, values }) => {
    const known = values.filter((value) => !Number.isNaN(value))
    const isConstant = known.every((value) => value === known[0])
    return { name, missingShare: 1 - known.length / values.length, isConstant }
  })
}

function spanOf(table: InteractionTable): { readonly firstMs: number; readonly endMs: number } {
  const firstMs = table.eventTimesMs.reduce((first, timeMs) => Math.min(first, timeMs), Number.POSITIVE_INFINITY)
  return { firstMs, endMs: newestTimeMs(table) + 1 }
}

const dayOf = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 10)

function nothingToRank({ questionCount, windowCount, impressions }: ExampleFacts): MillraceError {
  const found =
    windowCount === 0
      ? 'All interactions are of one moment, so that there is no past to learn candidates from.'
      : `Of ${questionCount} questions none has a right answer among its candidates.${impressions ? ` ${describeShown(impressions)}` : ''}`
  return new MillraceError('NOTHING_TO_TRAIN_ON', `A ranker has nothing to learn from. ${found}`, {
    fix: 'Import more history, take more windows or candidates in "training.examples", learn from plain history (from: "history"), or leave "training.ranker" out until there is more.',
  })
}

const describeShown = ({ impressionCount, unfinishedCount, answeredCount }: ImpressionFacts): string =>
  `Of ${impressionCount} impressions ${answeredCount} were followed by an interaction with one of their items, and of ${unfinishedCount} it is too early to say.`
