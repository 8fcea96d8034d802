// Why these items for this user: the ranked list of the model in charge, and what moved the score of one of them.
import type { App } from '../app.ts'
import { readHistory } from '../data/read-history.ts'
import type { FeatureSource } from '../domain/feature-source.ts'
import { sequencesOf } from '../domain/interaction-sequences.ts'
import { MillraceError } from '../lib/errors.ts'
import { modelOf } from '../models/open-bundle.ts'
import { openRanker } from '../models/open-ranker.ts'
import { columnPicker } from '../models/ranking/column-picker.ts'
import { type ExplainedRecommendation, type RankedItem, rowExplainer } from '../training/explanation.ts'
import { encoderFor, QuestionRows } from '../training/question-rows.ts'
import { withPastFeatures } from './past-features.ts'
import { rankerTrees } from './ranker-trees.ts'
import { systemOfModel } from './system-of-model.ts'

export interface ExplainOptions {
  readonly userId: string
  /** The best one where it is left out. */
  readonly itemId?: string | undefined
  /** A version of the registry; the champion where it is left out. */
  readonly version?: string | undefined
  /** Items of the list to tell; 10 where it is left out. */
  readonly limit?: number | undefined
  /** The features as they are now; the log is played again where it is left out. Only asked of a system that has some. */
  readonly features?: (() => Promise<FeatureSource | undefined>) | undefined
}

/**
 * The list as of now, seen items left out and without the rules of a placement. One pass over the log for the user's history.
 * @throws MillraceError MODEL_NOT_FOUND, MODEL_WITHOUT_TREES, MODEL_MISMATCH, USER_UNKNOWN, NO_CANDIDATE, FEATURE_UNKNOWN, BUNDLE_*
 */
export async function explainRecommendation(
  app: App,
  { userId, itemId, version: wanted, limit = 10, features: featuresNow }: ExplainOptions,
): Promise<ExplainedRecommendation> {
  const { version, bundle, trees, categories } = await rankerTrees(app, wanted)
  const bundled = bundle.ranker!
  const { generators } = app.system
  const ranker = await openRanker(version, bundled, systemOfModel(app))
  const opened = modelOf(bundle, generators)
  // In the order of the ranker's columns.
  const proposing = new Map(bundled.generatorNames.map((name) => [name, opened.generators.get(name)!]))
  const history = await readHistory(app.log, app.plan.data.interactions, userId)
  if (!history.isKnown) throw unknownUser(userId)
  // Retention may have taken the interactions of items that the model still knows.
  const itemIds = [...new Set([...history.itemIds, ...bundle.itemIds])]
  const historyLength = history.itemIds.length
  const indexOf = new Map(itemIds.map((id, index) => [id, index]))
  const sequences = sequencesOf(
    {
      userIndexes: new Int32Array(historyLength),
      itemIndexes: Int32Array.from(history.itemIds, (id) => indexOf.get(id)!),
      weights: history.weights,
      eventTimesMs: history.eventTimesMs,
    },
    1,
  )
  const momentMs = app.clock.now()
  const explained = async (features: FeatureSource | undefined): Promise<ExplainedRecommendation> => {
    const rows = new QuestionRows({
      userIds: [userId],
      itemIds,
      sequences,
      model: { itemIds: bundle.itemIds, generators: proposing },
      perGenerator: bundled.perGenerator,
      features,
      encoder: encoderFor(features, bundled.dictionaries),
    })
    const question = { userIndex: 0, momentMs, historyEnd: historyLength, relevantItems: [], grades: [] }
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
  }
  return featuresNow ? explained(await featuresNow()) : withPastFeatures(app, explained)
}

function unknownUser(userId: string): MillraceError {
  return new MillraceError('USER_UNKNOWN', `The event log knows nothing of a user ${JSON.stringify(userId)}.`, {
    fix: 'Look at the spelling. Whoever did nothing yet gets what a newcomer gets.',
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
