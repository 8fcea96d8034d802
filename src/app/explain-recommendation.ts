// Why these items for this user: the ranked list of the model in charge, and what moved the score of one of them.
import type { App } from '../app.ts'
import { sequencesOf } from '../domain/interaction-sequences.ts'
import { MillraceError } from '../lib/errors.ts'
import { modelOf } from '../models/open-bundle.ts'
import { openRanker } from '../models/open-ranker.ts'
import { columnPicker } from '../models/ranking/column-picker.ts'
import { type Explanation, rowExplainer } from '../training/explanation.ts'
import { encoderFor, QuestionRows } from '../training/question-rows.ts'
import { withPastFeatures } from './past-features.ts'
import { rankerTrees } from './ranker-trees.ts'
import { readTrainingInput } from './training-input.ts'

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
  /** Interactions of the user. */
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
  const { version, bundle, trees, categories } = await rankerTrees(app, wanted)
  const bundled = bundle.ranker!
  const { generators } = app.system
  const { features: defined } = app.plan.data
  const ranker = await openRanker(version, bundled, { ranker: app.system.ranker, generators, features: defined })
  const opened = modelOf(bundle, generators)
  // In the order of the ranker's columns.
  const proposing = new Map(bundled.generatorNames.map((name) => [name, opened.generators.get(name)!]))
  const { table } = await readTrainingInput(app)
  const userIds = [...new Set([...table.userIds, userId])]
  // Retention may have taken the interactions of items that the model still knows.
  const itemIds = [...new Set([...table.itemIds, ...bundle.itemIds])]
  const sequences = sequencesOf(table, userIds.length)
  const userIndex = userIds.indexOf(userId)
  const historyEnd = sequences.offsets[userIndex + 1]!
  const historyLength = historyEnd - sequences.offsets[userIndex]!
  const momentMs = app.clock.now()
  return withPastFeatures(app, async (features) => {
    const rows = new QuestionRows({
      userIds,
      itemIds,
      sequences,
      model: { itemIds: bundle.itemIds, generators: proposing },
      perGenerator: bundled.perGenerator,
      features,
      encoder: encoderFor(features, bundled.dictionaries),
    })
    const question = { userIndex, momentMs, historyEnd, relevantItems: [], grades: [] }
    const asked = await rows.ask(question)
    const width = rows.columnNames.length
    const candidateCount = asked.itemIndexes.length
    const picked = columnPicker(rows.columnNames, ranker.featureNames)(asked.rows, width, candidateCount)
    const scores = new Float64Array(candidateCount)
    await ranker.score(picked, candidateCount, scores)
    const order = Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]! || a - b)
    const place = itemId === undefined ? 0 : order.findIndex((c) => itemIds[asked.itemIndexes[c]!] === itemId)
    if (place < 0 || candidateCount === 0) throw noCandidate(userId, itemId, candidateCount)
    const featureCount = ranker.featureNames.length
    const values = picked.subarray(order[place]! * featureCount, (order[place]! + 1) * featureCount)
    const explanation = rowExplainer(trees)({
      featureNames: ranker.featureNames,
      values,
      valueTexts: ranker.featureNames.map((name, f) => categories[name]?.[values[f]!]),
    })
    const itemAt = (candidate: number): RankedItem => ({
      itemId: itemIds[asked.itemIndexes[candidate]!]!,
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

function noCandidate(userId: string, itemId: string | undefined, candidateCount: number): MillraceError {
  const what =
    itemId === undefined
      ? `No generator proposes anything to ${JSON.stringify(userId)}.`
      : `${JSON.stringify(itemId)} is none of the ${candidateCount} candidates for ${JSON.stringify(userId)}.`
  return new MillraceError('NO_CANDIDATE', what, {
    fix: 'Name an item that a generator proposes and that the user has not chosen yet, or raise "training.examples.candidates" and train again.',
  })
}
