// What each candidate generator adds to the list that visitors see, and what would be lost without it.
import { ndcgAtK, recallAtK } from '../domain/ranking-metrics.ts'
import { comparePaired, meanOf, type PairedComparison } from '../lib/bootstrap.ts'
import { type Csr, rowColumns } from '../lib/csr.ts'
import type { RankedLists } from './evaluate.ts'

/** One generator's candidates for every evaluated user. */
export interface NamedLists {
  readonly name: string
  readonly lists: RankedLists
}

export interface Contribution {
  readonly name: string
  /** Share of the places of all lists that it filled, in [0, 1]; 0 where there are no lists. */
  readonly placeShare: number
  /** Share of the hits in those places, in [0, 1]; 0 where there are none. */
  readonly hitShare: number
  /** Chosen items that it alone had among its candidates, at whatever place. */
  readonly ownHitCount: number
  /** Recall of all candidates together minus that without it, user by user. */
  readonly recallLoss: PairedComparison
  /** NDCG of the list minus that of the list without it, user by user. */
  readonly ndcgLoss: PairedComparison
  /** Neither loss can be told from 0, or from a gain: the list would be as good without it, for all that these users show. */
  readonly isWeak: boolean
}

export interface ContributionReport {
  /** Length of the list. */
  readonly k: number
  /** How many candidates each generator was asked for. */
  readonly candidateCount: number
  /** Of what was chosen, what was among all candidates together: mean over users. */
  readonly unionRecall: number
  /** In the placement's order. */
  readonly generators: readonly Contribution[]
}

/**
 * Lists are made as a placement makes them: the first generator orders, those after it fill what it leaves open.
 * @param generators of the same users, and as many candidates of each, in the placement's order; at least one
 * @returns undefined where nobody chose anything
 */
export function contributionOf(
  generators: readonly NamedLists[],
  testItemsByUser: Csr,
  { k, seed }: { readonly k: number; readonly seed: number },
): ContributionReport | undefined {
  const { userIndexes, k: candidateCount } = generators[0]!.lists
  if (userIndexes.length === 0) return undefined
  const users = Array.from(userIndexes, (user, row) => ({
    relevant: new Set(rowColumns(testItemsByUser, user)),
    candidates: generators.map(({ lists }) => candidatesIn(lists, row)),
  }))
  const whole = users.map(({ candidates }) => merged(candidates, k))
  const recallOf = (without?: number) => users.map((user) => unionRecall(user, without))
  const ndcgOf = (without?: number) =>
    users.map(({ candidates, relevant }) => ndcgAtK(merged(withoutOne(candidates, without), k).items, relevant, k) ?? 0)
  const [recall, ndcg] = [recallOf(), ndcgOf()]
  const counts = countPlaces(whole, users, generators.length)
  return {
    k,
    candidateCount,
    unionRecall: meanOf(recall),
    generators: generators.map(({ name }, g) => {
      const recallLoss = comparePaired({ challenger: recall, champion: recallOf(g) }, { seed })!
      const ndcgLoss = comparePaired({ challenger: ndcg, champion: ndcgOf(g) }, { seed })!
      return {
        name,
        placeShare: shareOf(counts.places, g),
        hitShare: shareOf(counts.hits, g),
        ownHitCount: users.reduce((sum, user) => sum + ownHitCount(user, g), 0),
        recallLoss,
        ndcgLoss,
        isWeak: recallLoss.interval[0] <= 0 && ndcgLoss.interval[0] <= 0,
      }
    }),
  }
}

interface User {
  readonly relevant: ReadonlySet<number>
  /** By generator, best first. */
  readonly candidates: readonly Int32Array[]
}

function candidatesIn({ k, rankedItems }: RankedLists, row: number): Int32Array {
  const all = rankedItems.subarray(row * k, (row + 1) * k)
  const end = all.indexOf(-1)
  return end < 0 ? all : all.subarray(0, end)
}

/** The list, and by place the generator that filled it. */
function merged(
  candidates: readonly Int32Array[],
  k: number,
): { readonly items: number[]; readonly sources: number[] } {
  const items: number[] = []
  const sources: number[] = []
  const taken = new Set<number>()
  for (const [g, own] of candidates.entries()) {
    for (const item of own) {
      if (items.length === k) break
      if (taken.has(item)) continue
      taken.add(item)
      items.push(item)
      sources.push(g)
    }
  }
  return { items, sources }
}

/** The places of the others stay what they are. */
const withoutOne = (candidates: readonly Int32Array[], without: number | undefined): readonly Int32Array[] =>
  candidates.map((own, g) => (g === without ? new Int32Array(0) : own))

/** Of all candidates, however many: what a ranker after them could find. */
function unionRecall({ relevant, candidates }: User, without: number | undefined): number {
  const union = new Set<number>()
  for (const own of withoutOne(candidates, without)) for (const item of own) union.add(item)
  return recallAtK([...union], relevant, union.size) ?? 0
}

function ownHitCount({ relevant, candidates }: User, g: number): number {
  const others = new Set<number>()
  for (const own of withoutOne(candidates, g)) for (const item of own) others.add(item)
  return candidates[g]!.reduce((count, item) => count + Number(relevant.has(item) && !others.has(item)), 0)
}

function countPlaces(whole: readonly ReturnType<typeof merged>[], users: readonly User[], generatorCount: number) {
  const places = new Array<number>(generatorCount).fill(0)
  const hits = new Array<number>(generatorCount).fill(0)
  whole.forEach(({ items, sources }, u) => {
    sources.forEach((g, place) => {
      places[g]!++
      if (users[u]!.relevant.has(items[place]!)) hits[g]!++
    })
  })
  return { places, hits }
}

function shareOf(counts: readonly number[], g: number): number {
  const total = counts.reduce((sum, count) => sum + count, 0)
  return total === 0 ? 0 : counts[g]! / total
}
