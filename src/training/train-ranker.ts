// From plain history to a ranker: for the newest windows of time, candidates of models that know only what came before the window, asked at moments in it.
import type { ExamplePlan } from '../config/plan.ts'
import type { FeatureLook } from '../domain/feature-look.ts'
import type { FeatureSource } from '../domain/feature-source.ts'
import { type InteractionTable, interactionsBetween, trainingDataOf } from '../domain/interaction-table.ts'
import { MillraceError } from '../lib/errors.ts'
import { seededRng } from '../lib/rng.ts'
import type { BundledRanker, ExampleFacts } from '../models/bundle.ts'
import type { CandidateGenerator, GeneratorKind, TrainContext } from '../ports/candidate-generator.ts'
import type { RankerKind, RankingColumn, RankingRows } from '../ports/ranker.ts'
import { encoderFor, QuestionRows } from './question-rows.ts'
import { RankingExamples } from './ranking-examples.ts'
import { rankingQuestions, rankingWindows } from './ranking-questions.ts'
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
  /** Features as they were; asked forward in time. */
  readonly features?: FeatureSource | undefined
  readonly context: TrainContext
}

/** @throws MillraceError NOTHING_TO_TRAIN_ON where no question has a right answer among its candidates; TRAINING_* */
export async function trainRanker(training: RankerTraining): Promise<TrainedRanker> {
  const { table, generators, ranker, plan, features, context } = training
  const { log } = context
  const windows = rankingWindows({ ...spanOf(table), ...plan })
  const { sequences, userIds, itemIds } = trainingDataOf(table, 0)
  const encoder = encoderFor(features)
  const sets: RankingExamples[] = []
  for (const window of windows) {
    const opened = await generatorsAsOf(table, window.fromMs, generators, context)
    const rows = new QuestionRows({
      userIds,
      itemIds,
      sequences: sequences!,
      generators: opened,
      perGenerator: plan.perGenerator,
      features,
      encoder,
    })
    const rng = seededRng(`examples ${context.seed} ${window.fromMs}`)
    const questions = rankingQuestions(sequences!, {
      ...window,
      attributionMs: plan.attributionMs,
      perUser: plan.questionsPerUser,
      rng: rng.fork('moments'),
    })
    const examples = new RankingExamples(rows.columnNames)
    await examples.add(questions, rows, { wrongPerQuestion: plan.wrongPerQuestion, rng: rng.fork('wrong') })
    const { questionCount, answeredCount, rowCount } = examples
    log(
      `examples from ${dayOf(window.fromMs)}: ${questionCount} questions, ${answeredCount} with a right answer among the candidates, ${rowCount} rows`,
    )
    sets.push(examples)
  }
  const factsOf = (of: (examples: RankingExamples) => number): number => sets.reduce((sum, set) => sum + of(set), 0)
  const facts: ExampleFacts = {
    windowCount: windows.length,
    fromMs: windows[0]?.fromMs ?? 0,
    beforeMs: windows.at(-1)?.beforeMs ?? 0,
    questionCount: factsOf((set) => set.questionCount),
    answeredCount: factsOf((set) => set.answeredCount),
    rowCount: factsOf((set) => set.rowCount),
  }
  if (facts.answeredCount === 0) throw nothingToRank(facts)
  const poolWidth = 2 * Object.keys(generators).length + 2
  const identities: string[] = []
  const kindOf = (column: number): RankingColumn['kind'] | undefined => {
    if (column < poolWidth) return 'number'
    const kind = encoder.kindOf(column - poolWidth)
    if (kind !== 'identity') return kind
    identities.push(encoder.names[column - poolWidth]!)
    return undefined
  }
  // The newest answered window decides; with a single one there is nothing to decide by.
  const answered = sets.filter(({ answeredCount }) => answeredCount > 0)
  const joined = RankingExamples.joined(answered.length > 1 ? answered.slice(0, -1) : answered).build(kindOf)
  const validation = answered.length > 1 ? answered.at(-1)!.build(kindOf) : undefined
  const { artifacts, notes } = await ranker.train(joined, validation, context)
  const featureNames = joined.columns.map(({ name }) => name)
  const versions = new Map(features?.definitions.map(({ name, version }) => [name, version]))
  return {
    kind: ranker.kind,
    options: ranker.options,
    artifacts,
    featureNames,
    features: featureNames.flatMap((name) => (versions.has(name) ? [{ name, version: versions.get(name)! }] : [])),
    generatorNames: Object.keys(generators),
    perGenerator: plan.perGenerator,
    dictionaries: encoder.dictionaries,
    examples: facts,
    looks: looksOf(joined),
    notes: [...new Set(identities)]
      .map((name) => `${name} has too many different texts to be a category, and is left out.`)
      .concat(notes),
  }
}

/** Generators that know nothing from that moment on. */
export async function generatorsAsOf(
  table: InteractionTable,
  asOfMs: number,
  kinds: Readonly<Record<string, GeneratorKind>>,
  context: TrainContext,
): Promise<ReadonlyMap<string, CandidateGenerator>> {
  const past = trainingDataOf(interactionsBetween(table, Number.NEGATIVE_INFINITY, asOfMs), asOfMs)
  const trained = await trainGenerators(past, kinds, { ...context, log: () => {} })
  return new Map(
    Object.entries(kinds).map(([name, kind]) => [
      name,
      kind.open(trained[name]!.artifacts, { itemCount: table.itemIds.length }),
    ]),
  )
}

function looksOf({ columns }: RankingRows): FeatureLook[] {
  return columns.map(({ name, values }) => {
    const distinct = new Set<number>()
    let missingCount = 0
    for (const value of values) {
      if (Number.isNaN(value)) missingCount++
      else distinct.add(value)
    }
    return { name, missingShare: values.length === 0 ? 0 : missingCount / values.length, distinctCount: distinct.size }
  })
}

function spanOf({ eventTimesMs }: InteractionTable): { readonly firstMs: number; readonly endMs: number } {
  let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const timeMs of eventTimesMs) {
    if (timeMs < first) first = timeMs
    if (timeMs > last) last = timeMs
  }
  return { firstMs: first, endMs: last + 1 }
}

const dayOf = (timeMs: number): string => new Date(timeMs).toISOString().slice(0, 10)

function nothingToRank({ questionCount, windowCount }: ExampleFacts): MillraceError {
  const found =
    windowCount === 0
      ? 'All interactions are of one moment, so that there is no past to learn candidates from.'
      : `Of ${questionCount} questions none has a right answer among its candidates.`
  return new MillraceError('NOTHING_TO_TRAIN_ON', `A ranker has nothing to learn from. ${found}`, {
    fix: 'Import more history, take more windows or candidates in "training.examples", or leave "training.ranker" out until there is more.',
  })
}
