// The candidate's ranked list beside the champion's: all candidates of all generators that each has, as the funnel's evaluation asks, whichever of them a placement names. As with the lists of generators (`champion-comparison.ts`), both are asked what came after the
// champion had learned, where enough users have acted since; else the candidate's recipe is asked what the champion's own evaluation asked.
import type { App } from '../app.ts'
import type { GateComparison } from '../domain/gate-report.ts'
import { type InteractionSequences, sequencesOf } from '../domain/interaction-sequences.ts'
import { type InteractionTable, interactionsBetween, itemsByUserOf, newestTimeMs } from '../domain/interaction-table.ts'
import { splitAt } from '../domain/time-split.ts'
import { canonicalJson } from '../lib/canonical-json.ts'
import type { Csr } from '../lib/csr.ts'
import { MillraceError } from '../lib/errors.ts'
import { readBundle, readHeldOutRanking, readManifest } from '../models/bundle.ts'
import { modelOf } from '../models/open-bundle.ts'
import { openRanker } from '../models/open-ranker.ts'
import type { UserMetricValues } from '../training/evaluate.ts'
import { measureFunnel } from '../training/evaluate-funnel.ts'
import { encoderFor, QuestionRows } from '../training/question-rows.ts'
import type { RankingQuestion } from '../training/ranking-questions.ts'
import { cannotBeAsked, endOf, FRESH_USERS_MIN } from './champion-comparison.ts'
import { type EvaluatedFunnel, evaluateFunnel } from './evaluate-funnel.ts'
import { withPastFeatures } from './past-features.ts'
import { systemOfModel } from './system-of-model.ts'
import { questionRules, testQuestions } from './test-questions.ts'

export interface ComparedRankings {
  readonly comparison: GateComparison
  /** The same users in the same order. */
  readonly candidate: UserMetricValues
  readonly champion: UserMetricValues
  /** What both had learned from. */
  readonly trainItemsByUser: Csr
}

export interface RankingsToCompare {
  readonly champion: string
  readonly table: InteractionTable
  /** The candidate's own evaluation, which is used where it happens to be what the champion was measured on. */
  readonly funnel: EvaluatedFunnel
  readonly threadCount: number
}

/** @returns undefined where the champion has no ranker; a sentence where there is nothing to compare with */
export async function compareRankings(
  app: App,
  input: RankingsToCompare,
): Promise<ComparedRankings | { readonly missing: string } | undefined> {
  try {
    const manifest = await readManifest(app.modelsDir, input.champion)
    if (!manifest.ranker) return undefined
    const championEndMs = endOf(manifest)
    // One that fits the system file no longer cannot be asked itself; what was found of it once still stands.
    let refusal: { readonly missing: string } | undefined
    const fresh = await onFresh(app, input, championEndMs).catch((error: unknown) => {
      refusal = cannotBeAsked(error)
      return undefined
    })
    const found = fresh ?? (await onReplayed(app, input, championEndMs)) ?? refusal
    return (
      found ?? {
        missing: `${input.champion} keeps no evaluation of its ranked list, and fewer than ${FRESH_USERS_MIN} users have acted since it learned`,
      }
    )
  } catch (error) {
    return cannotBeAsked(error)
  }
}

type Found = ComparedRankings | { readonly missing: string }

/** On what came after the champion had learned; undefined where too few users have acted since. */
async function onFresh(app: App, input: RankingsToCompare, championEndMs: number): Promise<Found | undefined> {
  const { table, champion: version } = input
  const split = splitAt(table, championEndMs + 1)
  if (!split) return undefined
  const sequences = sequencesOf(table, table.userIds.length)
  const questions = testQuestions(app.plan, sequences, split.splitAtMs)
  if (new Set(questions.map(({ userIndex }) => userIndex)).size < FRESH_USERS_MIN) return undefined
  // Before the recipe is trained: it may not fit.
  const champion = await bundleOn(app, input, { sequences, questions })
  const candidate = await recipeOn(app, input, table, { k: input.funnel.report.k, splitAtMs: split.splitAtMs })
  if ('missing' in candidate) return candidate
  return {
    comparison: { champion: version, on: 'fresh', splitAtMs: split.splitAtMs, untilMs: newestTimeMs(table) },
    candidate,
    champion,
    trainItemsByUser: itemsByUserOf(split.train),
  }
}

/** On what the champion's recipe was measured on; undefined where its bundle does not keep that. */
async function onReplayed(app: App, input: RankingsToCompare, championEndMs: number): Promise<Found | undefined> {
  const { table, champion: version, funnel } = input
  const kept = await readHeldOutRanking(app.modelsDir, version)
  if (!kept) return undefined
  const { k, splitAtMs, questions, userIds, values } = kept
  if (canonicalJson(questions) !== canonicalJson(questionRules(app.plan))) {
    return {
      missing: `${version} was asked other questions: training.examples or the kinds of interactions have changed`,
    }
  }
  const known = interactionsBetween(table, Number.NEGATIVE_INFINITY, championEndMs + 1)
  const split = splitAt(known, splitAtMs)
  if (!split) return undefined
  const isOwn = funnel.splitAtMs === splitAtMs && funnel.report.k === k && known.weights.length === table.weights.length
  const measured = isOwn ? funnel.measured.ranked : await recipeOn(app, input, known, { k, splitAtMs })
  if ('missing' in measured) return measured
  return {
    comparison: { champion: version, on: 'replayed', splitAtMs, untilMs: championEndMs },
    ...inCommon(measured, { userIds, values }, table.userIds),
    trainItemsByUser: itemsByUserOf(split.train),
  }
}

/** What the candidate's recipe ranks after a split, trained on what came before it; a sentence where that cannot be. */
async function recipeOn(
  app: App,
  { threadCount }: RankingsToCompare,
  table: InteractionTable,
  at: { readonly k: number; readonly splitAtMs: number },
): Promise<UserMetricValues | { readonly missing: string }> {
  const moment = new Date(at.splitAtMs).toISOString()
  try {
    const funnel = await evaluateFunnel(app, { table }, { ...at, threadCount, log: () => {} })
    return funnel?.measured.ranked ?? { missing: `nobody chose anything new after ${moment}` }
  } catch (error) {
    // The model itself is trained and registered by now: what fails here is a comparison.
    if (!(error instanceof MillraceError && /^(NOTHING_TO_TRAIN_ON|TRAINING_)/.test(error.code))) throw error
    return { missing: `the recipe cannot be trained up to ${moment}: ${error.message}` }
  }
}

/** What the champion itself ranks, with its own candidates. @throws MillraceError MODEL_*, BUNDLE_* */
async function bundleOn(
  app: App,
  { champion: version, table, funnel }: RankingsToCompare,
  {
    sequences,
    questions,
  }: { readonly sequences: InteractionSequences; readonly questions: readonly RankingQuestion[] },
): Promise<UserMetricValues> {
  const bundle = await readBundle(app.modelsDir, version)
  const { generatorNames, perGenerator, dictionaries } = bundle.ranker!
  const ranker = await openRanker(version, bundle.ranker!, systemOfModel(app))
  try {
    const { itemIds, generators } = modelOf(bundle, app.system.generators)
    const ordered = new Map(generatorNames.map((name) => [name, generators.get(name)!]))
    return await withPastFeatures(app, async (features) => {
      const rows = new QuestionRows({
        userIds: table.userIds,
        itemIds: table.itemIds,
        sequences,
        model: { itemIds, generators: ordered },
        perGenerator,
        features,
        encoder: encoderFor(features, dictionaries),
      })
      return (await measureFunnel(questions, rows, ranker, funnel.report.k)).ranked
    })
  } finally {
    await ranker.close?.()
  }
}

/** Of users that both have. Interactions that came late may have brought users whom the champion was never asked about. */
function inCommon(
  candidate: UserMetricValues,
  kept: { readonly userIds: readonly string[]; readonly values: Readonly<Record<string, Float64Array>> },
  userIds: readonly string[],
): { readonly candidate: UserMetricValues; readonly champion: UserMetricValues } {
  const rowOf = new Map(kept.userIds.map((userId, row) => [userId, row]))
  const pairs = Array.from(candidate.userIndexes, (user, row) => [row, rowOf.get(userIds[user]!)] as const)
  const common = pairs.filter((pair): pair is readonly [number, number] => pair[1] !== undefined)
  const userIndexes = Int32Array.from(common, ([row]) => candidate.userIndexes[row]!)
  const of = (values: Readonly<Record<string, Float64Array>>, side: 0 | 1): UserMetricValues => ({
    userIndexes,
    values: Object.fromEntries(
      Object.entries(candidate.values).map(([metric]) => [
        metric,
        Float64Array.from(common, (pair) => values[metric]![pair[side]]!),
      ]),
    ) as UserMetricValues['values'],
  })
  return { candidate: of(candidate.values, 0), champion: of(kept.values, 1) }
}
