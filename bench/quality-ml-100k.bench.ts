// How well the generators rank on MovieLens-100K (random 75/25 per user, train items masked, all items), each asked through the call that serves.
import { graphFilter } from '../src/models/graph-filter/graph-filter.ts'
import { ials } from '../src/models/ials/ials.ts'
import { itemNeighbours } from '../src/models/item-neighbours/item-neighbours.ts'
import { popularity } from '../src/models/popularity/popularity.ts'
import { rp3beta } from '../src/models/rp3beta/rp3beta.ts'
import type { BenchOptions, Figure } from './figure.ts'
import { ml100k } from './ml-100k.ts'
import {
  type AssessedGenerator,
  assess,
  type ContestantKind,
  contestFigures,
  smokeItemsByUser,
  splitPerUser,
} from './ranking-quality.ts'

// Found by `node bench/tune-ranking.ts ml-100k KIND` on a quarter of each user's train items, mean over the splits of seeds 1 to 5, 14 to 18 trials
// each from a start nearby; the test parts were looked at once, afterwards.
const contestants: readonly ContestantKind[] = [
  { name: 'popularity', kind: popularity() },
  { name: 'item neighbours', kind: itemNeighbours({ neighbours: 328, shrinkage: 30 }) },
  { name: 'RP3beta', kind: rp3beta({ alpha: 0.76, beta: 0.535, neighbours: 479 }) },
  {
    name: 'iALS',
    kind: ials({
      factors: 20,
      iterations: 8,
      regularization: 0.186,
      regularizationExponent: 0.594,
      unobservedWeight: 0.387,
    }),
  },
  {
    name: 'graph filter',
    kind: graphFilter({
      neighbours: 500,
      userPower: 0.5,
      historyPower: 0.65,
      candidatePower: 0.45,
      sharpening: 0.5,
      sharpeningMiddlePower: 1.1,
      sharpeningCandidatePower: 0.382,
      smoothing: 0.062,
      smoothingRank: 49,
      smoothingCandidatePower: 0.6,
    }),
  },
]

const seeds = [1, 2, 3, 4, 5]
const bars = { ndcg: { bar: 0.442, goal: 0.475 } } as const
const published = 'published with this protocol: NCF .396, LightGCN .420, BPR .442, BiVAE .475'

export default async function qualityMl100k({ smoke, log }: BenchOptions): Promise<Figure[] | { skipped: string }> {
  const itemsByUser = smoke ? smokeItemsByUser() : ml100k()
  if ('skipped' in itemsByUser) return itemsByUser
  const splits = (smoke ? [1] : seeds).map((seed) => splitPerUser(itemsByUser, 0.25, seed))
  const assessed = []
  for (const { name, kind } of contestants) {
    const results: AssessedGenerator[] = []
    for (const heldOut of splits) results.push(await assess(kind, heldOut, { k: 10, seed: 1 }))
    log(`${name}: ${results.length} splits`)
    assessed.push({ name, results })
  }
  return contestFigures(assessed, {
    dataset: smoke ? 'made data' : 'ML-100K',
    k: 10,
    metrics: ['ndcg'],
    best: 'iALS',
    bars: smoke ? {} : bars,
    published,
  })
}
