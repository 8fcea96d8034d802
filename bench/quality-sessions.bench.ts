// How well the generators foretell the next view in a shop, on Diginetica: every prefix of the test sessions.
import { itemNeighbours } from '../src/models/item-neighbours/item-neighbours.ts'
import { itemTransitions } from '../src/models/item-transitions/item-transitions.ts'
import { popularity } from '../src/models/popularity/popularity.ts'
import { sessionNeighbours } from '../src/models/session-neighbours/session-neighbours.ts'
import { diginetica } from './diginetica.ts'
import type { Bench } from './figure.ts'
import { hitsOf, reciprocalRanksOf } from './next-item.ts'
import { type Contestant, contestNextItem, madeNextItemTask } from './next-item-figures.ts'

// Settings are the package's defaults, found by `node bench/tune-sessions.ts diginetica KIND` on the newest 7 % of the train part; the test part was
// looked at once, afterwards.
const contestants: readonly Contestant[] = [
  { name: 'session neighbours', kind: sessionNeighbours() },
  { name: 'item transitions', kind: itemTransitions() },
  { name: 'item neighbours', kind: itemNeighbours() },
  { name: 'popularity', kind: popularity() },
]

const bench: Bench = async ({ smoke, log }) => {
  const task = smoke ? madeNextItemTask({ mayRepeat: true }) : diginetica()
  if ('skipped' in task) return task
  const contest = {
    k: 20,
    metrics: [
      { name: 'P', of: hitsOf, scale: 100, bar: 48, goal: 54.2 },
      { name: 'MRR', of: reciprocalRanksOf, scale: 100, bar: 16.5, goal: 19 },
    ],
    answerBarMs: 1,
    prefix: '',
    protocol: 'Diginetica, all items ranked, nothing masked',
    published: 'published with this protocol: SR-GNN 50.7 / 17.6, GCE-GNN 54.2 / 19.0',
  } as const
  return contestNextItem(task, contestants, contest, { isJudged: !smoke, log })
}
export default bench
