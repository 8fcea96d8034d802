// Offline evaluation. It asks a generator through the same call that serves requests, ranks the full catalogue, and keeps one number per user, so
// that intervals and paired comparisons can be had afterwards. It decides nothing: no sampling of candidates, no choice of a model.
import type { InteractionSequences } from '../domain/interaction-sequences.ts'
import {
  averagePrecisionAtK,
  catalogueCoverage,
  giniOfExposure,
  meanSelfInformationBits,
  ndcgAtK,
  precisionAtK,
  recallAtK,
  reciprocalRankAtK,
} from '../domain/ranking-metrics.ts'
import {
  type BootstrapOptions,
  bootstrapMeans,
  comparePaired,
  type MeanInterval,
  type PairedComparison,
} from '../lib/bootstrap.ts'
import { type Csr, rowColumns, rowValues } from '../lib/csr.ts'
import type { CandidateGenerator, Candidates, History, ItemSet } from '../ports/candidate-generator.ts'

/** What was known and what was held out; rows and columns mean the same users and items in both. */
export interface HeldOut {
  /** The histories the generator is asked with. Their items are not proposed again. */
  readonly trainItemsByUser: Csr
  /** The same histories in order, where it is known: then a generator is asked with these, as it is when it serves. */
  readonly trainSequences?: InteractionSequences | undefined
  /** What each user chose afterwards. Users without a row entry are not evaluated. */
  readonly testItemsByUser: Csr
}

/** The metrics of every evaluated user, all with the same k. */
export const userMetrics = {
  recall: recallAtK,
  precision: precisionAtK,
  ndcg: ndcgAtK,
  reciprocalRank: reciprocalRankAtK,
  averagePrecision: averagePrecisionAtK,
} as const

export type UserMetric = keyof typeof userMetrics

/** The lists a generator gave. */
export interface RankedLists {
  readonly k: number
  /** The evaluated users, ascending. */
  readonly userIndexes: Int32Array
  /** One row per evaluated user: its list, best first, filled with -1 behind a short one; row-major, k wide. */
  readonly rankedItems: Int32Array
}

/** One value per evaluated user with something relevant. */
export interface UserMetricValues {
  readonly userIndexes: Int32Array
  readonly values: Readonly<Record<UserMetric, Float64Array>>
}

/** What all lists together say of the catalogue; undefined where nothing was proposed. */
export interface ListMetrics {
  readonly coverage: number | undefined
  readonly gini: number | undefined
  readonly noveltyBits: number | undefined
}

export type MetricSummary = Readonly<Record<UserMetric, MeanInterval>>

/**
 * The best k unseen items for every user with something held out. A user without history is asked too: what the generator can propose to nobody
 * in particular is part of its quality, and an empty list scores 0.
 */
export function rankForUsers(generator: CandidateGenerator, heldOut: HeldOut, k: number): RankedLists {
  const { trainItemsByUser, trainSequences, testItemsByUser } = heldOut
  const itemCount = trainItemsByUser.columnCount
  const userIndexes = usersWithEntries(testItemsByUser)
  const rankedItems = new Int32Array(userIndexes.length * k).fill(-1)
  const out: Candidates = { itemIndexes: new Int32Array(k), scores: new Float32Array(k) }
  const unseen: ItemSet = new Uint32Array(Math.ceil(itemCount / 32)).fill(0xffffffff)
  userIndexes.forEach((user, row) => {
    const seen = rowColumns(trainItemsByUser, user)
    const history = trainSequences
      ? historyIn(trainSequences, user)
      : { itemIndexes: seen, weights: rowValues(trainItemsByUser, user) }
    for (const item of seen) unseen[item >> 5]! &= ~(1 << (item & 31))
    const count = generator.generate(history, k, unseen, out)
    for (const item of seen) unseen[item >> 5]! |= 1 << (item & 31)
    rankedItems.set(out.itemIndexes.subarray(0, count), row * k)
  })
  return { k, userIndexes, rankedItems }
}

/** What one user did, in order. */
export function historyIn({ offsets, itemIndexes, weights }: InteractionSequences, user: number): History {
  const [start, end] = [offsets[user]!, offsets[user + 1]!]
  return { itemIndexes: itemIndexes.subarray(start, end), weights: weights.subarray(start, end) }
}

/** Which users, and which relevant items, a slice looks at. The lists stay as they are: a slice never changes what was proposed. */
export interface Slice {
  /** Default: all users. */
  readonly hasUser?: (userIndex: number) => boolean
  /** Default: all items. Users of whom no held-out item belongs to the slice are left out. */
  readonly hasItem?: (itemIndex: number) => boolean
}

/** Every metric of every user of the slice. */
export function measureUsers(lists: RankedLists, testItemsByUser: Csr, slice: Slice = {}): UserMetricValues {
  const { k, userIndexes, rankedItems } = lists
  const { hasUser = () => true, hasItem = () => true } = slice
  const names = Object.keys(userMetrics) as UserMetric[]
  const measuredUsers: number[] = []
  const measured = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<UserMetric, number[]>
  userIndexes.forEach((user, row) => {
    if (!hasUser(user)) return
    const relevant = new Set<number>()
    for (const item of rowColumns(testItemsByUser, user)) if (hasItem(item)) relevant.add(item)
    if (relevant.size === 0) return
    const ranked = rankedItems.subarray(row * k, (row + 1) * k)
    measuredUsers.push(user)
    // Defined, because something is relevant.
    for (const name of names) measured[name].push(userMetrics[name](ranked, relevant, k)!)
  })
  return {
    userIndexes: Int32Array.from(measuredUsers),
    values: Object.fromEntries(names.map((name) => [name, Float64Array.from(measured[name])])) as Record<
      UserMetric,
      Float64Array
    >,
  }
}

/** Coverage, Gini and novelty of the lists, over the whole catalogue. */
export function measureLists(lists: RankedLists, trainItemsByUser: Csr): ListMetrics {
  const proposedCounts = new Int32Array(trainItemsByUser.columnCount)
  for (const item of lists.rankedItems) if (item >= 0) proposedCounts[item]!++
  return {
    coverage: catalogueCoverage(proposedCounts),
    gini: giniOfExposure(proposedCounts),
    noveltyBits: meanSelfInformationBits(proposedCounts, usersPerItem(trainItemsByUser), trainItemsByUser.rowCount),
  }
}

/** Means over users with intervals; undefined where the slice has no user. */
export function summarize(measured: UserMetricValues, options: BootstrapOptions): MetricSummary | undefined {
  const names = Object.keys(measured.values) as UserMetric[]
  const means = bootstrapMeans(
    names.map((name) => measured.values[name]),
    options,
  )
  return means && (Object.fromEntries(names.map((name, n) => [name, means[n]!])) as MetricSummary)
}

/** The difference challenger - champion in one metric, over the same users; undefined where there are none. */
export function compareGenerators(
  pair: { readonly challenger: UserMetricValues; readonly champion: UserMetricValues },
  metric: UserMetric,
  options: BootstrapOptions,
): PairedComparison | undefined {
  return comparePaired({ challenger: pair.challenger.values[metric], champion: pair.champion.values[metric] }, options)
}

/**
 * The slices every evaluation shows: users with few and with many items in their history, popular and rare items. Popular are the most popular
 * items that together make up half of all entries; rare are all others.
 *
 * @param newUserItems a user with at most this many items is new, default 5; with more, frequent
 */
export function standardSlices(
  trainItemsByUser: Csr,
  { newUserItems = 5 }: { readonly newUserItems?: number } = {},
): Readonly<Record<'newUsers' | 'frequentUsers' | 'popularItems' | 'rareItems', Slice>> {
  const historySize = (user: number) => trainItemsByUser.offsets[user + 1]! - trainItemsByUser.offsets[user]!
  const isPopular = popularItems(usersPerItem(trainItemsByUser))
  return {
    newUsers: { hasUser: (user) => historySize(user) <= newUserItems },
    frequentUsers: { hasUser: (user) => historySize(user) > newUserItems },
    popularItems: { hasItem: (item) => isPopular[item] === 1 },
    rareItems: { hasItem: (item) => isPopular[item] === 0 },
  }
}

/** 1 for the items that, from the most popular down, are needed to reach half of all entries; ties by the smaller index. */
function popularItems(userCounts: Int32Array): Uint8Array {
  const order = Int32Array.from(userCounts.keys()).sort((a, b) => userCounts[b]! - userCounts[a]! || a - b)
  const total = userCounts.reduce((sum, count) => sum + count, 0)
  const isPopular = new Uint8Array(userCounts.length)
  let covered = 0
  for (const item of order) {
    if (covered * 2 >= total) break
    isPopular[item] = 1
    covered += userCounts[item]!
  }
  return isPopular
}

function usersPerItem(itemsByUser: Csr): Int32Array {
  const counts = new Int32Array(itemsByUser.columnCount)
  for (const item of itemsByUser.columns) counts[item]!++
  return counts
}

function usersWithEntries(itemsByUser: Csr): Int32Array {
  const users: number[] = []
  for (let user = 0; user < itemsByUser.rowCount; user++) {
    if (itemsByUser.offsets[user + 1]! > itemsByUser.offsets[user]!) users.push(user)
  }
  return Int32Array.from(users)
}
