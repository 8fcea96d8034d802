// Candidates by a filter on the graph of users and items, served from a table of similar items. Strong where tastes are many and data is
// sparse, trained in seconds without a gradient, and open to anyone with a history: nothing about a user is stored.
import { filterItemGraph, type GraphFilterOptions } from '../../kernels/graph-filter.ts'
import type { Csr } from '../../lib/csr.ts'
import type { GeneratorKind } from '../../ports/candidate-generator.ts'
import { ItemItemGenerator, itemItemArtifacts } from '../item-item/item-item-generator.ts'
import { checkSettings } from '../settings-check.ts'

/** Settings of `graphFilter`; see `GraphFilterOptions` of the kernel for what each does. */
export type GraphFilterSettings = Omit<GraphFilterOptions, 'seed' | 'threadCount'> & {
  /** A history entry counts as its weight to this power; 0 counts every item alike. */
  readonly historyWeightPower: number
}

/** Between the settings that were best on Gowalla and on MovieLens-100K (see bench/quality-*.bench.ts); on Online Retail better than either. */
const defaults: GraphFilterSettings = {
  neighbours: 500,
  userPower: 0.5,
  historyPower: 0.6,
  candidatePower: 0.4,
  sharpening: 0.5,
  sharpeningMiddlePower: 1,
  sharpeningCandidatePower: 0.45,
  smoothing: 0.1,
  smoothingRank: 128,
  smoothingCandidatePower: 0.5,
  historyWeightPower: 0.5,
}

const tunable = {
  userPower: { low: 0, high: 1, scale: 'linear' },
  historyPower: { low: 0.2, high: 1, scale: 'linear' },
  candidatePower: { low: 0, high: 0.7, scale: 'linear' },
  sharpening: { low: 0, high: 1, scale: 'linear' },
  sharpeningMiddlePower: { low: 0.5, high: 1.5, scale: 'linear' },
  sharpeningCandidatePower: { low: 0, high: 0.8, scale: 'linear' },
  smoothing: { low: 0, high: 0.5, scale: 'linear' },
  smoothingRank: { low: 16, high: 512, scale: 'integer' },
  smoothingCandidatePower: { low: 0, high: 1, scale: 'linear' },
} as const satisfies GeneratorKind['tunable']

/** A kind of candidate generator: a graph filter over items that share users. Proposes nothing for an empty history. */
export function graphFilter(settings: Partial<GraphFilterSettings> = {}): GeneratorKind {
  const options: GraphFilterSettings = { ...defaults, ...settings }
  return {
    kind: 'graph-filter',
    options: { ...options },
    tunable,
    with: (replaced) => graphFilter({ ...options, ...replaced }),
    async train({ itemsByUser }, { seed, threadCount, log }) {
      checkSettings('graph-filter', options, {
        neighbours: { low: 1, isInteger: true },
        userPower: { low: 0, high: 4 },
        historyPower: { low: 0, high: 4 },
        candidatePower: { low: -4, high: 4 },
        sharpening: { low: 0 },
        sharpeningMiddlePower: { low: 0, high: 4 },
        sharpeningCandidatePower: { low: -4, high: 4 },
        smoothing: { low: 0 },
        smoothingRank: { low: 1, isInteger: true },
        smoothingCandidatePower: { low: -4, high: 4 },
        historyWeightPower: { low: 0, high: 1 },
      })
      const seconds = sharpeningSeconds(itemsByUser, threadCount)
      if (options.sharpening > 0 && seconds > WORTH_SAYING_SECONDS) {
        log(`graph-filter: sharpening takes about ${Math.round(seconds / 60)} minutes; "sharpening: 0" leaves it out`)
      }
      const similarItems = await filterItemGraph(itemsByUser, { ...options, seed, threadCount })
      log(`graph-filter: ${similarItems.columns.length} pairs of similar items`)
      return itemItemArtifacts(similarItems)
    },
    open: (artifacts) => new ItemItemGenerator(artifacts, { historyWeightPower: options.historyWeightPower }),
  }
}

const WORTH_SAYING_SECONDS = 120
/** Measured on Gowalla, one core of an AMD EPYC. */
const MULTIPLY_ADDS_PER_SECOND = 2.5e9

/** The second walk passes every entry twice for every item. */
function sharpeningSeconds(itemsByUser: Csr, threadCount: number): number {
  return (2 * itemsByUser.columns.length * itemsByUser.columnCount) / (MULTIPLY_ADDS_PER_SECOND * threadCount)
}
