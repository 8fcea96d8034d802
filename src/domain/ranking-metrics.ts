// How good ranked lists are: one number per user from what was proposed and what the user really chose, and a few numbers about all lists
// together. Relevance is binary. Every metric of a user is undefined where nothing is relevant: leave that user out of the mean.

/**
 * The share of what the user chose that is among the first k.
 *
 * @param ranked   item indexes, best first, no duplicates
 * @param relevant item indexes the user really chose
 * @param k        at least 1; it may exceed the list's length
 * @returns [0, 1]; below 1 even for a perfect list where more than k items are relevant
 */
export function recallAtK(ranked: ArrayLike<number>, relevant: ReadonlySet<number>, k: number): number | undefined {
  if (relevant.size === 0) return undefined
  return hitCount(ranked, relevant, k) / relevant.size
}

/**
 * The share of the first k places that hold something the user chose. Empty places of a short list count as misses.
 *
 * @returns [0, 1]; below 1 even for a perfect list where fewer than k items are relevant
 */
export function precisionAtK(ranked: ArrayLike<number>, relevant: ReadonlySet<number>, k: number): number | undefined {
  if (relevant.size === 0) return undefined
  return hitCount(ranked, relevant, k) / k
}

/**
 * Normalised discounted cumulative gain at k, binary relevance.
 * Järvelin & Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002.
 * We differ: the ideal list holds min(k, |relevant|) items, so a perfect list scores 1 for every k.
 *
 * @returns [0, 1]
 */
export function ndcgAtK(ranked: ArrayLike<number>, relevant: ReadonlySet<number>, k: number): number | undefined {
  if (relevant.size === 0) return undefined
  let dcg = 0
  const end = Math.min(k, ranked.length)
  for (let rank = 0; rank < end; rank++) if (relevant.has(ranked[rank]!)) dcg += discount(rank)
  let idealDcg = 0
  for (let rank = 0; rank < Math.min(k, relevant.size); rank++) idealDcg += discount(rank)
  return dcg / idealDcg
}

/**
 * The reciprocal of the place of the first item that the user chose; its mean over users is MRR@k.
 * Voorhees, "The TREC-8 question answering track report", 1999.
 *
 * @returns (0, 1], or 0 where none is among the first k
 */
export function reciprocalRankAtK(
  ranked: ArrayLike<number>,
  relevant: ReadonlySet<number>,
  k: number,
): number | undefined {
  if (relevant.size === 0) return undefined
  const end = Math.min(k, ranked.length)
  for (let rank = 0; rank < end; rank++) if (relevant.has(ranked[rank]!)) return 1 / (rank + 1)
  return 0
}

/**
 * The mean, over the relevant items, of the precision at the place where each was found; its mean over users is MAP@k.
 * We differ from Manning, Raghavan & Schütze, "Introduction to information retrieval", 2008, chapter 8.4, as all who cut at k must: the sum is
 * divided by min(k, |relevant|), so a perfect list scores 1 for every k.
 *
 * @returns [0, 1]
 */
export function averagePrecisionAtK(
  ranked: ArrayLike<number>,
  relevant: ReadonlySet<number>,
  k: number,
): number | undefined {
  if (relevant.size === 0) return undefined
  let hits = 0
  let sum = 0
  const end = Math.min(k, ranked.length)
  for (let rank = 0; rank < end; rank++) if (relevant.has(ranked[rank]!)) sum += ++hits / (rank + 1)
  return sum / Math.min(k, relevant.size)
}

/**
 * The share of the catalogue that was proposed to anybody.
 *
 * @param proposedCounts how often each item stood in a list, one entry an item of the catalogue
 * @returns [0, 1]; undefined for an empty catalogue
 */
export function catalogueCoverage(proposedCounts: ArrayLike<number>): number | undefined {
  if (proposedCounts.length === 0) return undefined
  let proposed = 0
  for (let item = 0; item < proposedCounts.length; item++) if (proposedCounts[item]! > 0) proposed++
  return proposed / proposedCounts.length
}

/**
 * How unequally the places in the lists are shared among the items: 0, all alike; towards 1, all places to one item.
 * Gini, "Variabilità e mutabilità", 1912, over the whole catalogue, so that items never proposed count.
 *
 * @param proposedCounts how often each item stood in a list, one entry an item of the catalogue
 * @returns [0, 1 - 1/items]; undefined where nothing was proposed
 */
export function giniOfExposure(proposedCounts: ArrayLike<number>): number | undefined {
  const ascending = Float64Array.from(proposedCounts).sort()
  let total = 0
  let weighted = 0
  for (let i = 0; i < ascending.length; i++) {
    total += ascending[i]!
    weighted += (2 * (i + 1) - ascending.length - 1) * ascending[i]!
  }
  return total === 0 ? undefined : weighted / (ascending.length * total)
}

/**
 * Mean self-information of what was proposed, in bits: -log2 of the share of users who had the item before. Popular items are no news.
 * Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS 2010. We differ: an item that nobody had counts as
 * if one user had had it, so that the mean stays finite.
 *
 * @param proposedCounts  how often each item stood in a list
 * @param usersWithItem   how many users had each item before, in the same order
 * @param userCount       how many users there are, at least the largest of `usersWithItem`
 * @returns [0, log2(userCount)]; undefined where nothing was proposed
 */
export function meanSelfInformationBits(
  proposedCounts: ArrayLike<number>,
  usersWithItem: ArrayLike<number>,
  userCount: number,
): number | undefined {
  let places = 0
  let bits = 0
  for (let item = 0; item < proposedCounts.length; item++) {
    if (proposedCounts[item]! === 0) continue
    places += proposedCounts[item]!
    bits += proposedCounts[item]! * Math.log2(userCount / Math.max(1, usersWithItem[item]!))
  }
  return places === 0 ? undefined : bits / places
}

function hitCount(ranked: ArrayLike<number>, relevant: ReadonlySet<number>, k: number): number {
  let hits = 0
  const end = Math.min(k, ranked.length)
  for (let rank = 0; rank < end; rank++) if (relevant.has(ranked[rank]!)) hits++
  return hits
}

// `rank` is 0-based, so first place weighs 1 / log2(2) = 1.
const discount = (rank: number): number => 1 / Math.log2(rank + 2)
