// A stored list as candidates of now: only items that may be shown at this moment, and for hybrid placements merged with what generators propose live.
import type { StoredList } from '../domain/stored-list.ts'
import type { RankedCandidates } from './candidate-ranking.ts'
import type { Catalogue } from './catalogue.ts'
import type { ItemBitmap } from './item-bitmap.ts'
import type { ItemIndexes } from './item-indexes.ts'

/** Best first. */
export type OrderedCandidates = Pick<
  RankedCandidates,
  'itemIndexes' | 'scores' | 'proposers' | 'generatorNames' | 'failures'
>

/** What a generator proposes now, best first. */
export interface LiveProposals {
  readonly generator: string
  readonly itemIndexes: Int32Array
}

/** Cormack, Clarke & Büttcher, "Reciprocal rank fusion outperforms Condorcet and individual rank learning methods", SIGIR 2009: how little the first places differ. */
const FUSION_K = 60

/** The items of the list that may be shown, in its order and with its scores. */
export function storedCandidates(
  list: StoredList,
  allowed: ItemBitmap,
  { catalogue, indexes }: { readonly catalogue: Catalogue; readonly indexes: ItemIndexes },
): OrderedCandidates {
  const generatorNames: string[] = []
  const itemIndexes = new Int32Array(list.itemIds.length)
  const scores = new Float64Array(list.itemIds.length)
  const proposers = new Uint8Array(list.itemIds.length)
  let count = 0
  for (let place = 0; place < list.itemIds.length; place++) {
    const row = catalogue.rowOf(list.itemIds[place]!)
    const index = row === undefined ? -1 : indexes.indexOf(row)
    if (index < 0 || !allowed.has(index)) continue
    itemIndexes[count] = index
    scores[count] = list.scores[place]!
    proposers[count++] = numberIn(generatorNames, list.generators[place]!)
  }
  return {
    itemIndexes: itemIndexes.subarray(0, count),
    scores: scores.subarray(0, count),
    proposers: proposers.subarray(0, count),
    generatorNames,
    failures: [],
  }
}

/**
 * By reciprocal rank fusion: the sum over both orders of 1 / (60 + place), places from 1. That asks nothing of the scores, which come from different models. An item
 * of both bears the name of the generator that proposes it live where that puts it further up. Equal sums: the smaller index first.
 */
export function mergedWithLive(stored: OrderedCandidates, live: readonly LiveProposals[]): OrderedCandidates {
  const generatorNames = [...stored.generatorNames]
  const merged = new Map<number, { score: number; place: number; proposer: number }>()
  const add = (index: number, place: number, proposer: number): void => {
    const score = 1 / (FUSION_K + place + 1)
    const known = merged.get(index)
    if (known === undefined) merged.set(index, { score, place, proposer })
    else {
      known.score += score
      if (place < known.place) Object.assign(known, { place, proposer })
    }
  }
  for (const [place, index] of stored.itemIndexes.entries()) add(index, place, stored.proposers[place]!)
  for (const { generator, itemIndexes } of live) {
    const proposer = numberIn(generatorNames, generator)
    for (const [place, index] of itemIndexes.entries()) add(index, place, proposer)
  }
  const order = [...merged].sort(([a, one], [b, other]) => other.score - one.score || a - b)
  return {
    itemIndexes: Int32Array.from(order, ([index]) => index),
    scores: Float64Array.from(order, ([, { score }]) => score),
    proposers: Uint8Array.from(order, ([, { proposer }]) => proposer),
    generatorNames,
    failures: stored.failures,
  }
}

function numberIn(names: string[], name: string): number {
  const known = names.indexOf(name)
  return known >= 0 ? known : names.push(name) - 1
}
