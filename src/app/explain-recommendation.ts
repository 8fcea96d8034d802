// Why these items for this user: the ranked list of the model in charge, and what moved the score of one of them.
import type { App } from '../app.ts'
import type { InteractionSequences } from '../domain/interaction-sequences.ts'
import { MillraceError } from '../lib/errors.ts'
import { readBundle } from '../models/bundle.ts'
import { openBundle } from '../models/open-bundle.ts'
import { openRanker } from '../models/open-ranker.ts'
import { columnPicker } from '../training/evaluate-funnel.ts'
import { type Explanation, rowExplainer } from '../training/explanation.ts'
import { encoderFor, QuestionRows } from '../training/question-rows.ts'
import { withPastFeatures } from './past-features.ts'
import { rankerTrees } from './ranker-trees.ts'
import { readTrainingInput, type TrainingInput } from './training-input.ts'

export interface RankedItem {
  readonly itemId: string
  readonly score: number
  /** By generator: the item's place in its list, from 1; those that did not propose it are missing. */
  readonly ranks: Readonly<Record<string, number>>
}

export interface ExplainedRecommendation {
  readonly version: string
  readonly userId: string
  readonly momentMs: number
  /** Of the model's items in what the user did. */
  readonly historyLength: number
  readonly candidateCount: number
  /** Best first. */
  readonly items: readonly RankedItem[]
  readonly explained: { readonly itemId: string; readonly place: number; readonly explanation: Explanation }
}

export interface ExplainOptions {
  readonly userId: string
  /** The best one where it is left out. */
  readonly itemId?: string | undefined
  /** A version of the registry; the champion where it is left out. */
  readonly version?: string | undefined
  /** Items of the list to tell; 10 where it is left out. */
  readonly limit?: number | undefined
}

/**
 * The list as of now, seen items left out and without the rules of a placement. Reads the whole log, and plays it again where the ranker uses features.
 * @throws MillraceError MODEL_NOT_FOUND, MODEL_WITHOUT_TREES, MODEL_MISMATCH, NO_CANDIDATE, BUNDLE_*
 */
export async function explainRecommendation(
  app: App,
  { userId, itemId, version: wanted, limit = 10 }: ExplainOptions,
): Promise<ExplainedRecommendation> {
  const { version, trees, categories } = await rankerTrees(app, wanted)
  const bundle = await readBundle(app.modelsDir, version)
  const bundled = bundle.ranker!
  const ranker = openRanker(version, bundled, { ranker: app.system.ranker, features: app.plan.data.features })
  const { model } = await openBundle(app.modelsDir, version, app.system.generators)
  const sequences = historyOf(await readTrainingInput(app), userId, model.itemIds)
  const momentMs = app.clock.now()
  return withPastFeatures(app, async (features) => {
    const rows = new QuestionRows({
      userIds: [userId],
      itemIds: model.itemIds,
      sequences,
      generators: new Map(bundled.generatorNames.map((name) => [name, model.generators.get(name)!])),
      perGenerator: bundled.perGenerator,
      features,
      encoder: encoderFor(features, bundled.dictionaries),
    })
    const historyLength = sequences.itemIndexes.length
    const question = { userIndex: 0, momentMs, historyEnd: historyLength, relevantItems: [], grades: [] }
    const asked = await rows.ask(question)
    const width = rows.columnNames.length
    const candidateCount = asked.itemIndexes.length
    const picked = columnPicker(rows.columnNames, ranker.featureNames)(asked.rows, width, candidateCount)
    const scores = new Float64Array(candidateCount)
    await ranker.score(picked, candidateCount, scores)
    const order = Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]! || a - b)
    const place = itemId === undefined ? 0 : order.findIndex((c) => model.itemIds[asked.itemIndexes[c]!] === itemId)
    if (place < 0 || candidateCount === 0) throw noCandidate(userId, itemId, candidateCount)
    const featureCount = ranker.featureNames.length
    const values = picked.subarray(order[place]! * featureCount, (order[place]! + 1) * featureCount)
    const explanation = rowExplainer(trees)({
      featureNames: ranker.featureNames,
      values,
      valueTexts: ranker.featureNames.map((name, f) => categories[name]?.[values[f]!]),
    })
    const itemAt = (candidate: number): RankedItem => ({
      itemId: model.itemIds[asked.itemIndexes[candidate]!]!,
      score: scores[candidate]!,
      ranks: Object.fromEntries(
        bundled.generatorNames.flatMap((name, g) => {
          const rank = asked.rows[candidate * width + 2 * g + 1]!
          return Number.isNaN(rank) ? [] : [[name, rank + 1]]
        }),
      ),
    })
    return {
      version,
      userId,
      momentMs,
      historyLength,
      candidateCount,
      items: order.slice(0, limit).map(itemAt),
      explained: { itemId: itemAt(order[place]!).itemId, place: place + 1, explanation },
    }
  })
}

/** One user's history in the model's items, oldest first. */
function historyOf({ table }: TrainingInput, userId: string, itemIds: readonly string[]): InteractionSequences {
  const user = table.userIds.indexOf(userId)
  const indexOf = new Map(itemIds.map((id, index) => [id, index]))
  const entries: number[] = []
  for (let i = 0; i < table.userIndexes.length; i++) {
    if (table.userIndexes[i] === user && indexOf.has(table.itemIds[table.itemIndexes[i]!]!)) entries.push(i)
  }
  entries.sort((a, b) => table.eventTimesMs[a]! - table.eventTimesMs[b]! || a - b)
  return {
    offsets: Int32Array.of(0, entries.length),
    itemIndexes: Int32Array.from(entries, (i) => indexOf.get(table.itemIds[table.itemIndexes[i]!]!)!),
    weights: Float32Array.from(entries, (i) => table.weights[i]!),
    timesMs: Float64Array.from(entries, (i) => table.eventTimesMs[i]!),
  }
}

function noCandidate(userId: string, itemId: string | undefined, candidateCount: number): MillraceError {
  const what =
    itemId === undefined
      ? `No generator proposes anything to ${JSON.stringify(userId)}.`
      : `${JSON.stringify(itemId)} is none of the ${candidateCount} candidates for ${JSON.stringify(userId)}.`
  return new MillraceError('NO_CANDIDATE', what, {
    fix: 'Name an item that a generator proposes and that the user has not chosen yet, or raise "training.examples.candidates" and train again.',
  })
}
