// How well the generators foretell what a user reviews next, on Amazon Beauty: the last item of every user, all items ranked, earlier ones left out.
import { graphFilter } from '../src/models/graph-filter/graph-filter.ts'
import { itemNeighbours } from '../src/models/item-neighbours/item-neighbours.ts'
import { itemTransitions } from '../src/models/item-transitions/item-transitions.ts'
import { popularity } from '../src/models/popularity/popularity.ts'
import { sessionNeighbours } from '../src/models/session-neighbours/session-neighbours.ts'
import { beauty } from './beauty.ts'
import type { Bench } from './figure.ts'
import { hitsOf, ndcgOf } from './next-item.ts'
import { type Contestant, contestNextItem, madeNextItemTask } from './next-item-figures.ts'

// Found by `node bench/tune-sessions.ts beauty KIND --trials 50` on the last item but one; the last was looked at once, afterwards.
const contestants: readonly Contestant[] = [
  {
    name: 'item transitions',
    kind: itemTransitions({
      followers: 565,
      stepDecay: 0.757,
      backward: 0.281,
      popularityPower: 0.0606,
      historyDecay: 0.551,
    }),
  },
  {
    name: 'session neighbours',
    kind: sessionNeighbours({
      sessionsPerItem: 388,
      neighbours: 1140,
      historyDecay: 0.68,
      sessionDecay: 0.678,
      lengthPower: 0.0826,
      rarityPower: 0.672,
    }),
  },
  { name: 'item neighbours', kind: itemNeighbours() },
  { name: 'graph filter', kind: graphFilter() },
  { name: 'popularity', kind: popularity() },
]

const bench: Bench = async ({ smoke, log }) => {
  const task = smoke ? madeNextItemTask({ mayRepeat: false }) : beauty('test')
  if ('skipped' in task) return task
  const contest = {
    k: 10,
    metrics: [
      { name: 'HR', of: hitsOf, scale: 1, bar: 0.06, goal: 0.092 },
      { name: 'NDCG', of: ndcgOf, scale: 1 },
    ],
    prefix: 'Beauty, ',
    protocol: 'leave one out, all items ranked, earlier items masked',
    published:
      'published with this protocol: SASRec .0605 / .0318, TIGER .0648 / .0384, SASRec with sampled softmax .0921 / .0531',
  } as const
  return contestNextItem(task, contestants, contest, { isJudged: !smoke, log })
}
export default bench
