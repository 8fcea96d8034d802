// From history, plain or of what was shown, to a ranker: for the newest windows of time, candidates of models that know only what came before the window, asked at moments in it.
import assert from 'node:assert'
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
import type { ImportedModel, RankerKind, RankingColumn, RankingRows } from '../ports/ranker.ts'
import { encoderFor, QuestionRows } from './question-rows.ts'
import { tryRanker } from './ranker-trial.ts'
import { type ExampleQuestion, RankingExamples } from './ranking-examples.ts'
import { type RankingQuestion, type RankingWindow, rankingQuestions, rankingWindows } from './ranking-questions.ts'
import { newestShownMs, ShownExamples, type ShownHistory, type ShownList } from './shown-examples.ts'
import { ShownQuestions } from './shown-questions.ts'
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
  /** What was shown; left out where the plan asks for plain history. */
  readonly impressions?: ShownHistory | undefined
  readonly context: TrainContext
}

export interface RankerTraining extends ExampleInput {
  readonly ranker: RankerKind
  /** Of a ranker that was trained elsewhere: the model, as its `check` let it through. */
  readonly file?: Uint8Array | undefined
}

/** What a ranker learns from, and how it was found. */
export interface RankerExamples {
  readonly rows: RankingRows
  /** Of the newest answered window, which decides how long to train; undefined where there is a single one. */
  readonly validation: RankingRows | undefined
  readonly dictionaries: BundledRanker['dictionaries']
  /** Columns that say who, not what kind of. */
  readonly leftOutNames: readonly string[]
  readonly facts: ExampleFacts
  readonly notes: readonly string[]
}

/** @throws MillraceError NOTHING_TO_TRAIN_ON where no question has a right answer among its candidates; TRAINING_*, MODEL_FILE_INVALID */
export async function trainRanker(training: RankerTraining): Promise<TrainedRanker> {
  const { generators, ranker, plan, features, file, context } = training
  assert(!ranker.imported || file, `a ranker of the kind ${ranker.kind} needs its file`)
  const { rows, validation, dictionaries, leftOutNames, facts, notes } = await rankerExamples(training)
  const trained = await ranker.train(rows, validation, { ...context, file })
  const featureNames = rows.columns.map(({ name }) => name)
  if (ranker.imported) await tryRanker(await ranker.open(trained.artifacts, featureNames), validation ?? rows)
  const learnedWith = new Set(featureNames)
  return {
    kind: ranker.kind,
    options: ranker.options,
    artifacts: trained.artifacts,
    featureNames,
    features: (features?.definitions ?? [])
      .filter(({ name }) => learnedWith.has(name))
      .map(({ name, version }) => ({ name, version })),
    ...(leftOutNames.length > 0 && { leftOutNames }),
    generatorNames: Object.keys(generators),
    perGenerator: plan.perGenerator,
    dictionaries,
    examples: facts,
    looks: looksOf(rows),
    notes: [...notes, ...trained.notes],
  }
}

/** @throws MillraceError NOTHING_TO_TRAIN_ON where no question has a right answer among its candidates; TRAINING_* */
export async function rankerExamples(training: RankerTraining): Promise<RankerExamples> {
  const { table, plan, features, ranker } = training
  const windows = rankingWindows({ ...spanOf(table), ...plan })
  const sequences = sequencesOf(table, table.userIds.length)
  const encoder = encoderFor(features, ranker.imported?.categories)
  const shown = shownExamples(training, sequences, encoder)
  const sets: RankingExamples[] = []
  for (const window of windows) sets.push(await examplesOf(window, { sequences, encoder, shown }, training))
  const facts = factsOf(windows, sets, shown?.facts)
  if (facts.answeredCount === 0) throw nothingToRank(facts)
  const all = columnsOf(sets[0]!.columnNames, encoder)
  const columns = ranker.imported ? declaredColumns(all, ranker.imported) : usefulColumns(all)
  return {
    ...learningRows(sets, columns.chosen),
    dictionaries: encoder.dictionaries,
    leftOutNames: columns.leftOutNames,
    facts,
    notes: columns.notes,
  }
}

/** What a ranker learns from. The newest answered window decides how long; with a single one there is nothing to decide by. @param sets one of them answered */
export function learningRows(
  sets: readonly RankingExamples[],
  columns: readonly UsefulColumn[],
): { readonly rows: RankingRows; readonly validation: RankingRows | undefined } {
  const answered = sets.filter(({ answeredCount }) => answeredCount > 0)
  const older = answered.length > 1 ? answered.slice(0, -1) : answered
  return {
    rows: RankingExamples.joined(older).build(columns),
    validation: answered.length > 1 ? answered.at(-1)!.build(columns) : undefined,
  }
}

/** What all windows of a training share. */
interface Shared {
  readonly sequences: InteractionSequences
  readonly encoder: FeatureEncoder
  /** Left out where plain history is all there is to learn from. */
  readonly shown?: ShownExamples | undefined
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
  // Lists may be there sooner than what users did with them, as where that is imported every night.
  const knownUntilMs = newestTimeMs(table) + 1
  const beforeMs = impressions.beforeMs ?? Math.max(knownUntilMs, newestShownMs(impressions.table) + 1)
  const questions = new ShownQuestions(
    impressions.table,
    { userIds, itemIds, sequences },
    { attributionMs, beforeMs, knownUntilMs, lightestWeight },
  )
  return new ShownExamples(questions, impressions, {
    generators,
    perGenerator,
    definitions: features?.definitions ?? [],
    encoder,
  })
}

/** Questions of one window, to a model that knows only what came before it. */
export async function examplesOf(
  window: RankingWindow,
  { sequences, encoder, shown }: Shared,
  input: ExampleInput,
): Promise<RankingExamples> {
  const { generators, plan, lightestWeight, context } = input
  const { wrongPerQuestion, questionsPerUser } = plan
  const rng = seededRng(`examples ${context.seed} ${window.fromMs}`)
  const asked = { ...window, ...plan, lightestWeight, rng: rng.fork('moments') }
  const questions = plan.from === 'impressions' ? [] : rankingQuestions(sequences, asked)
  const lists = (await shown?.in(window, { questionsPerUser, rng: rng.fork('impressions') })) ?? []
  // Where everything was kept as it was served, there is nobody to be asked.
  const isAsked = questions.length > 0 || lists.some(({ rows }) => rows === undefined)
  const rowsOf = isAsked ? await questionRowsAsOf(window.fromMs, sequences, encoder, input) : undefined
  const examples = new RankingExamples([...poolColumnNames(Object.keys(generators)), ...encoder.names])
  const all = [
    ...questions.map((question) => questionExample(question, rowsOf!)),
    ...lists.map((list) => shownExample(list, rowsOf)),
  ]
  // Features are played forward.
  all.sort((a, b) => a.momentMs - b.momentMs)
  // Of a long history it takes minutes, and nobody should take it for a standstill.
  if (isAsked && input.features)
    context.log(`the log is played again up to ${dayOf(window.fromMs)}, for features of then`)
  await examples.add(all, { wrongPerQuestion, rng: rng.fork('wrong') })
  const { questionCount, answeredCount, rowCount } = examples
  const ofShown = lists.length === 0 ? '' : ` (${lists.length} of lists that were shown)`
  context.log(
    `examples from ${dayOf(window.fromMs)}: ${questionCount} questions${ofShown}, ${answeredCount} with a right answer among the candidates, ${rowCount} rows`,
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

/** A question of the past, with the candidates that a model of then proposes. */
const questionExample = (question: RankingQuestion, rowsOf: Pick<QuestionRows, 'ask'>): ExampleQuestion => ({
  userIndex: question.userIndex,
  momentMs: question.momentMs,
  async ask() {
    const { rows, itemIndexes } = await rowsOf.ask(question)
    const gradeOf = new Map(question.relevantItems.map((item, i) => [item, question.grades[i]!]))
    return { rows, grades: Array.from(itemIndexes, (item) => gradeOf.get(item) ?? 0), areShown: false }
  },
})

const shownExample = ({ question, rows }: ShownList, rowsOf: QuestionRows | undefined): ExampleQuestion => ({
  userIndex: question.userIndex,
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

type Column = Pick<RankingColumn, 'name'> & { readonly kind: ReturnType<FeatureEncoder['kindOf']> }
type UsefulColumn = Pick<RankingColumn, 'name' | 'kind'>

export function columnsOf(columnNames: readonly string[], encoder: FeatureEncoder): readonly Column[] {
  const firstFeature = columnNames.length - encoder.names.length
  return columnNames.map((name, column) => ({
    name,
    kind: column < firstFeature ? 'number' : encoder.kindOf(column - firstFeature),
  }))
}

/** A feature that says who, not what kind of, is left out. */
export function usefulColumns(all: readonly Column[]) {
  const chosen = all.filter((column): column is Column & UsefulColumn => column.kind !== 'identity')
  const leftOut = all.filter(({ kind }) => kind === 'identity')
  return {
    chosen,
    leftOutNames: leftOut.map(({ name }) => name),
    notes: leftOut.map(({ name }) => `${name} has too many different texts to be a category, and is left out.`),
  }
}

/** In the model's order. Its texts were declared, so that none of them says who. */
function declaredColumns(all: readonly Column[], { featureNames }: ImportedModel) {
  const { chosen } = usefulColumns(all)
  return {
    chosen: featureNames.map((name) => chosen.find((column) => column.name === name)!),
    leftOutNames: [],
    notes: [],
  }
}

export function factsOf(
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

export function spanOf(table: InteractionTable): { readonly firstMs: number; readonly endMs: number } {
  const firstMs = table.eventTimesMs.reduce((first, timeMs) => Math.min(first, timeMs), Number.POSITIVE_INFINITY)
  return { firstMs, endMs: newestTimeMs(table) + 1 }
}

const dayOf = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 10)

export function nothingToRank({ questionCount, windowCount, impressions }: ExampleFacts): MillraceError {
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
