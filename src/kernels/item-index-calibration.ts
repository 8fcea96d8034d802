// How many items must be scored so that the answer holds enough of the true best k: found by asking the index itself.
import { ItemIndex } from './item-index.ts'
import type { ItemIndexArtifacts } from './item-index-artifacts.ts'
import { KernelMemory } from './memory.ts'

const CALIBRATED_KS = [1, 10, 50, 100, 200, 500, 1000, 2000, 5000]
/** The bisection stops when the bounds are this close; a finer answer would measure the sample. */
const BOUNDS_RATIO = 1.02

/**
 * Pairs of k and the smallest scan budget with which the mean recall@k of the queries reaches `targetRecall`.
 * Only k up to a quarter of the catalogue; beyond that the lists save nothing.
 *
 * @param queries rows of `width` numbers
 */
export function calibrateScanBudgets(
  artifacts: ItemIndexArtifacts,
  queries: readonly Float32Array[],
  targetRecall: number,
): Int32Array {
  const index = new ItemIndex(new KernelMemory(), artifacts)
  const ks = CALIBRATED_KS.filter((k) => k <= Math.max(1, index.itemCount / 4))
  const exact = queries.map((query) => answer(index, query, ks.at(-1)!, Number.POSITIVE_INFINITY))
  const budgets: number[] = []
  let low = 1
  for (const k of ks) {
    low = smallestBudget(Math.max(k, low), index.itemCount, (scanBudget) => {
      return reachesRecall(index, queries, exact, { k, scanBudget, targetRecall })
    })
    budgets.push(k, low)
  }
  return Int32Array.from(budgets)
}

function smallestBudget(low: number, high: number, isEnough: (scanBudget: number) => boolean): number {
  if (isEnough(low)) return low
  while (high > low * BOUNDS_RATIO && high > low + 1) {
    const middle = Math.round(Math.sqrt(low * high))
    if (isEnough(middle)) high = middle
    else low = middle
  }
  return high
}

/** Whether the mean share of the first k of `exact` that the index finds is the target's; the queries that are left are not asked where they could not bring it there. */
function reachesRecall(
  index: ItemIndex,
  queries: readonly Float32Array[],
  exact: readonly Int32Array[],
  { k, scanBudget, targetRecall }: { readonly k: number; readonly scanBudget: number; readonly targetRecall: number },
): boolean {
  const seenIn = new Int32Array(index.itemCount).fill(-1)
  let possibleCount = queries.length * k
  for (let query = 0; query < queries.length; query++) {
    for (const item of answer(index, queries[query]!, k, scanBudget)) seenIn[item] = query
    for (let rank = 0; rank < k; rank++) if (seenIn[exact[query]![rank]!] !== query) possibleCount--
    if (possibleCount / (queries.length * k) < targetRecall) return false
  }
  return true
}

function answer(index: ItemIndex, query: Float32Array, k: number, scanBudget: number): Int32Array {
  const itemIndexes = new Int32Array(k)
  index.search(query, k, undefined, { itemIndexes, scores: new Float32Array(k) }, { scanBudget })
  return itemIndexes
}
