// Gathers what the gates judge: from the evaluation, the champion, the bundle as a server opens it, the log and the tables.
import { availableParallelism } from 'node:os'
import type { App } from '../app.ts'
import { POPULARITY_GROUPS } from '../config/check-gates.ts'
import { readGroupValues } from '../data/group-values.ts'
import { laterInteractions } from '../data/later-interactions.ts'
import type { FeatureLook } from '../domain/feature-look.ts'
import type { GateComparison } from '../domain/gate-report.ts'
import { newestTimeMs, trainingDataOf } from '../domain/interaction-table.ts'
import { type OfflineTableName, offlineTableNames } from '../domain/offline-table.ts'
import { rowColumns } from '../lib/csr.ts'
import { type Manifest, readManifest } from '../models/bundle.ts'
import { openBundle } from '../models/open-bundle.ts'
import type { ServingModel } from '../models/serving-model.ts'
import {
  historyIn,
  measureUsers,
  type RankedLists,
  type Slice,
  standardSlices,
  type UserMetricValues,
} from '../training/evaluate.ts'
import { sliceTitles } from '../training/evaluation-report.ts'
import type { Slices } from '../training/gates/accuracy.ts'
import type { ItemGroups, UserGroups } from '../training/gates/bias.ts'
import type { GateEvidence } from '../training/gates/judge.ts'
import type { RankedEvidence } from '../training/gates/ranking.ts'
import type { HeldTable } from '../training/gates/readiness.ts'
import type { SanityEvidence, Scores } from '../training/gates/sanity.ts'
import { type Compared, compareWithChampion } from './champion-comparison.ts'
import { type ComparedRankings, compareRankings } from './champion-ranking.ts'
import type { EvaluatedFunnel, UnmeasuredFunnel } from './evaluate-funnel.ts'
import { type HeldOutEvaluation, servedGenerator, servedPlacement } from './evaluate-models.ts'
import { servingCostOf } from './measure-serving.ts'
import type { TrainingInput } from './training-input.ts'

/** Users whose scores are looked at. */
const SCORED_USERS = 300

export interface Candidate {
  readonly manifest: Manifest
  readonly input: TrainingInput
  readonly evaluation: HeldOutEvaluation
  /** Undefined where the system has no ranker. */
  readonly funnel?: EvaluatedFunnel | UnmeasuredFunnel | undefined
  readonly threadCount?: number | undefined
}

export interface Gathered {
  readonly evidence: GateEvidence
  readonly champion: string | undefined
  /** What accuracy was judged by. */
  readonly comparison: GateComparison | undefined
}

/** @throws MillraceError METADATA_*, BUNDLE_* where the candidate's bundle cannot be opened */
export async function gatherEvidence(app: App, candidate: Candidate): Promise<Gathered> {
  const { manifest, input, evaluation, funnel } = candidate
  const { training } = app.plan
  const { champion } = await (await app.models()).aliases()
  const found = champion === undefined ? undefined : await compared(app, champion, candidate)
  const comparison = found && !('missing' in found) ? found : undefined
  const groups = await readGroupValues(app.log, training.gates.bias === false ? [] : training.gates.bias.by)
  const metric = training.gates.accuracy === false ? 'ndcg' : training.gates.accuracy.metric
  const { heldOut, models, baselines } = evaluation
  const valuesOf = (name: string) =>
    measureUsers(models.find((model) => model.name === name)!.lists, heldOut.testItemsByUser).values[metric]
  const model = valuesOf(models[0]!.name)
  const userSlices = userSlicesOf(groups, input.table.userIds)
  const slices = comparison && slicesOf(comparison, userSlices, metric)
  const ranked = champion === undefined ? undefined : await comparedRankings(app, champion, candidate)
  const rankedSlices = ranked && !('missing' in ranked) ? rankedSlicesOf(ranked, userSlices, metric) : ranked
  const { model: opened } = await openBundle(app.modelsDir, manifest.version, app.system.generators)
  const later = await laterInteractions(app.log, app.plan.data.interactions, manifest.lineage.nextOffset)
  const newestLearnedMs = newestTimeMs(input.table)
  const leadsWithPopularity = leadsWithPopular(app)
  const features = manifest.ranker && { now: manifest.ranker.looks, before: await looksOfChampion(app, champion) }
  return {
    champion,
    comparison: ranked && !('missing' in ranked) ? ranked.comparison : comparison?.comparison,
    evidence: {
      sanity: sanityOf(app, { evaluation, input, opened, leadsWithPopularity }),
      popularity: { model, popularity: valuesOf(baselines[0]!), leadsWithPopularity },
      leak: {
        model,
        baselines: Object.fromEntries(baselines.map((name) => [name, valuesOf(name)])),
        ...(slices && !comparison.championShowsPopular && { overChampion: slices.all }),
      },
      comparison: slices ?? {
        missing: found && 'missing' in found ? found.missing : 'no model is in charge',
      },
      ...(rankedSlices && { rankedComparison: rankedSlices }),
      userGroups: userGroupsOf(evaluation, userSlices, metric),
      itemGroups: itemGroupsOf(app, evaluation, groups, input.table.itemIds),
      ...(features && { features }),
      ...(funnel && { ranking: 'missing' in funnel ? funnel : rankedEvidence(app, funnel) }),
      cost: await servingCostOf(app, manifest.version),
      freshness: {
        newestLearnedMs,
        newestInLogMs: Math.max(newestLearnedMs, later.newestMs ?? newestLearnedMs),
        laterCount: later.count,
        nowMs: app.clock.now(),
      },
      heldTables: await heldTables(app),
      card: training.card,
      seed: training.seed,
    },
  }
}

const compared = (app: App, champion: string, { input, evaluation, threadCount }: Candidate) =>
  compareWithChampion(app, {
    champion,
    table: input.table,
    evaluation,
    context: {
      seed: app.plan.training.seed,
      threadCount: threadCount ?? availableParallelism(),
      log: () => {},
    },
  })

/** Undefined where visitors see no ranked list, or saw none so far, and where nobody asks. */
async function comparedRankings(
  app: App,
  champion: string,
  { input, funnel, threadCount = availableParallelism() }: Candidate,
): Promise<ComparedRankings | { readonly missing: string } | undefined> {
  const isAsked = app.plan.training.gates.accuracy !== false && servedPlacement(app.plan)[1].isRanked
  if (!isAsked || funnel === undefined || 'missing' in funnel) return undefined
  return compareRankings(app, { champion, table: input.table, funnel, threadCount })
}

/** Undefined where it has no ranker, or its bundle cannot be read: then nothing can have gone missing since. */
async function looksOfChampion(app: App, champion: string | undefined): Promise<readonly FeatureLook[] | undefined> {
  if (champion === undefined) return undefined
  const manifest = await readManifest(app.modelsDir, champion).catch(() => undefined)
  return manifest?.ranker?.looks
}

function leadsWithPopular(app: App): boolean {
  const [leading] = servedPlacement(app.plan)[1].candidates
  return app.plan.training.candidates[leading!]?.kind === 'popularity'
}

/** For every placement that is ranked; those with the same leading generator are judged as one. */
function rankedEvidence(app: App, { measured }: EvaluatedFunnel): readonly RankedEvidence[] {
  const ranked = Object.values(app.plan.serving.placements).filter(({ isRanked }) => isRanked)
  const { generators, ranked: list, ...facts } = measured
  const ndcgs = Object.fromEntries(Object.entries(generators).map(([name, { values }]) => [name, values.ndcg]))
  const leading = new Set(ranked.map(({ candidates }) => candidates[0]!))
  return [...leading].map((leadingName) => ({ ...facts, ranked: list.values.ndcg, generators: ndcgs, leadingName }))
}

type Metric = 'ndcg' | 'recall' | 'reciprocalRank' | 'averagePrecision'

/** Every attribute of users with its groups as slices. */
type UserSlices = ReadonlyMap<string, ReadonlyMap<string, Slice>>

function userSlicesOf(groups: Awaited<ReturnType<typeof readGroupValues>>, userIds: readonly string[]): UserSlices {
  const ofUsers = [...groups].filter(([path]) => path.startsWith('user.'))
  return new Map(
    ofUsers.map(([path, groupOf]) => [
      path,
      new Map(
        [...new Set(groupOf.values())]
          .sort()
          .map((group) => [group, { hasUser: (user: number) => groupOf.get(userIds[user]!) === group }]),
      ),
    ]),
  )
}

function slicesOf({ heldOut, candidate, champion }: Compared, userSlices: UserSlices, metric: Metric): Slices {
  const pair = (slice: Slice = {}) => ({
    candidate: measureUsers(candidate, heldOut.testItemsByUser, slice).values[metric],
    champion: measureUsers(champion, heldOut.testItemsByUser, slice).values[metric],
  })
  const standard = Object.entries(standardSlices(heldOut.trainItemsByUser)).map(
    ([name, slice]) => [sliceTitles[name as keyof typeof sliceTitles], pair(slice)] as const,
  )
  return { all: pair(), slices: { ...Object.fromEntries(standard), ...bySlice(userSlices, pair) } }
}

/** One a group, by attribute and group. */
const bySlice = <T>(userSlices: UserSlices, of: (slice: Slice) => T): Record<string, T> =>
  Object.fromEntries(
    [...userSlices].flatMap(([path, groups]) =>
      [...groups].map(([group, slice]) => [`${path} = ${group}`, of(slice)] as const),
    ),
  )

function rankedSlicesOf(
  { candidate, champion, trainItemsByUser }: ComparedRankings,
  userSlices: UserSlices,
  metric: Metric,
): Slices {
  const pair = ({ hasUser = () => true }: Slice = {}) => {
    const isIn = Uint8Array.from(candidate.userIndexes, (user) => (hasUser(user) ? 1 : 0))
    const valuesOf = ({ values }: UserMetricValues) => values[metric].filter((_, row) => isIn[row] === 1)
    return { candidate: valuesOf(candidate), champion: valuesOf(champion) }
  }
  // A value is of a user's whole lists: what was right in them is not told apart by item.
  const { newUsers, frequentUsers } = standardSlices(trainItemsByUser)
  return {
    all: pair(),
    slices: {
      [sliceTitles.newUsers]: pair(newUsers),
      [sliceTitles.frequentUsers]: pair(frequentUsers),
      ...bySlice(userSlices, pair),
    },
  }
}

function userGroupsOf(
  { models, heldOut }: HeldOutEvaluation,
  userSlices: UserSlices,
  metric: Metric,
): readonly UserGroups[] {
  return [...userSlices].map(([attribute, groups]) => ({
    attribute,
    valuesByGroup: new Map(
      [...groups].map(([group, slice]) => [
        group,
        measureUsers(models[0]!.lists, heldOut.testItemsByUser, slice).values[metric],
      ]),
    ),
  }))
}

function itemGroupsOf(
  app: App,
  { models, heldOut }: HeldOutEvaluation,
  groups: Awaited<ReturnType<typeof readGroupValues>>,
  itemIds: readonly string[],
): readonly ItemGroups[] {
  const { bias } = app.plan.training.gates
  const { popularItems } = standardSlices(heldOut.trainItemsByUser)
  const ofAttributes = [...groups]
    .filter(([path]) => path.startsWith('item.'))
    .map(([path, groupOf]) => [path, (item: number) => groupOf.get(itemIds[item]!)] as const)
  const byPopularity = [
    POPULARITY_GROUPS,
    (item: number) => (popularItems.hasItem!(item) ? 'popular items' : 'rare items'),
  ] as const
  // A placement that asks for what is popular shows no rare items, and means it.
  const isByPopularity = bias !== false && bias.by.includes(POPULARITY_GROUPS) && !leadsWithPopular(app)
  const wanted = isByPopularity ? [byPopularity, ...ofAttributes] : ofAttributes
  return wanted.map(([attribute, groupOf]) => ({
    attribute,
    countsByGroup: countsByGroup(models[0]!.lists, heldOut.testItemsByUser, groupOf),
  }))
}

function countsByGroup(
  { k, userIndexes, rankedItems }: RankedLists,
  testItemsByUser: HeldOutEvaluation['heldOut']['testItemsByUser'],
  groupOf: (item: number) => string | undefined,
): ItemGroups['countsByGroup'] {
  const counts = new Map<string, { shown: Int32Array; chosen: Int32Array }>()
  const add = (kind: 'shown' | 'chosen', item: number, row: number): void => {
    const group = item < 0 ? undefined : groupOf(item)
    if (group === undefined) return
    const found = counts.get(group) ?? {
      shown: new Int32Array(userIndexes.length),
      chosen: new Int32Array(userIndexes.length),
    }
    counts.set(group, found)
    found[kind][row]!++
  }
  userIndexes.forEach((user, row) => {
    for (const item of rankedItems.subarray(row * k, (row + 1) * k)) add('shown', item, row)
    for (const item of rowColumns(testItemsByUser, user)) add('chosen', item, row)
  })
  return counts
}

function sanityOf(
  app: App,
  {
    evaluation,
    input,
    opened,
    leadsWithPopularity,
  }: {
    readonly evaluation: HeldOutEvaluation
    readonly input: TrainingInput
    readonly opened: ServingModel
    readonly leadsWithPopularity: boolean
  },
): SanityEvidence {
  const { k, userIndexes, rankedItems } = evaluation.models[0]!.lists
  const { offsets } = evaluation.heldOut.trainItemsByUser
  let userCount = 0
  let emptyCount = 0
  userIndexes.forEach((user, row) => {
    if (offsets[user] === offsets[user + 1]) return
    userCount++
    if (rankedItems[row * k]! < 0) emptyCount++
  })
  const { scores, served } = askedAsServed(app, { input, opened, k })
  const lists = { userCount: served.length, distinctCount: new Set(served).size }
  return { scores, withHistory: { userCount, emptyCount }, lists: leadsWithPopularity ? undefined : lists }
}

/** The scores of every generator of the opened bundle, and the lists that they make, for users all over the table. What they have seen is not left out. */
function askedAsServed(app: App, { input, opened, k }: { input: TrainingInput; opened: ServingModel; k: number }) {
  const { sequences, userIds } = trainingDataOf(input.table, app.clock.now())
  const asked = Math.min(SCORED_USERS, userIds.length)
  const histories = Array.from({ length: asked }, (_, n) =>
    historyIn(sequences!, Math.floor((n * userIds.length) / asked)),
  ).filter(({ itemIndexes }) => itemIndexes.length > 0)
  const out = { itemIndexes: new Int32Array(k), scores: new Float32Array(k) }
  const scores: Scores[] = [...opened.generators].map(([part, generator]) => ({
    part,
    lists: histories.map((history) => out.scores.slice(0, generator.generate(history, k, undefined, out))),
  }))
  const generator = servedGenerator(app.plan, opened.generators)
  const served = histories.map((history) =>
    out.itemIndexes.slice(0, generator.generate(history, k, undefined, out)).join(),
  )
  return { scores, served }
}

/** Undefined where no version of a table was ever published or held back. */
async function heldTables(app: App): Promise<readonly HeldTable[] | undefined> {
  const { tablePublications } = await app.metadata()
  const found = await Promise.all(
    offlineTableNames.map(async (table: OfflineTableName) => ({
      table,
      publication: await tablePublications.find(table),
      hold: await tablePublications.openHold(table),
    })),
  )
  if (found.every(({ publication, hold }) => publication === undefined && hold === undefined)) return undefined
  return found.flatMap(({ table, hold }) => (hold === undefined ? [] : [{ table, reasons: hold.reasons }]))
}
