// What the rules of a placement cost: the same ranked candidates become a list under ten rules, and under none, in turn in one process. Retrieval, features and ranking are not part
// of it; reading the user's history and what they were shown is.
import { category, integer, number, text } from '../src/config/attributes.ts'
import { defineSystem } from '../src/config/define-system.ts'
import {
  atLeast,
  atMost,
  blocked,
  boost,
  bury,
  explore,
  inStock,
  pin,
  rotate,
  rule,
  spread,
} from '../src/config/rules.ts'
import { httpIngest } from '../src/config/sources.ts'
import { seededRng } from '../src/lib/rng.ts'
import { popularity } from '../src/models/popularity/popularity.ts'
import type { StoredEvent } from '../src/ports/event-log.ts'
import type { RankedCandidates } from '../src/serving/candidate-ranking.ts'
import { Funnel } from '../src/serving/funnel.ts'
import { LiveState } from '../src/serving/live-state.ts'
import { placementsOf } from '../src/serving/placement.ts'
import { type Bench, median, spreadOf } from './figure.ts'
import { itemIdOf, makeShop, type ShopSize, userIdOf } from './load-shop.ts'

const SEED = 1
const CANDIDATE_COUNT = 500
const LIMIT = 20
const BAR_US = 20
const SHOWN_LIST_COUNT = 10

const owner = 'bench'
const tenRules = [
  inStock(),
  blocked({ attribute: 'brand', values: ['b7', 'b13'] }),
  atMost(3, { per: 'brand' }),
  atLeast(4, { of: 'price < 10' }),
  spread(0.2, { by: ['category', 'brand'] }),
  boost(2, { of: "category in ('c1', 'c2', 'c3')" }),
  bury(3, { of: 'price > 60' }),
  pin(itemIdOf(1), { at: 3 }),
  rotate(3, { within: '7 days' }),
  explore(0.1),
]
const item = { title: text(), category: category(), brand: category(), price: number(), stock: integer() }
const { plan, ruleFunctions } = defineSystem({
  name: 'ruled-shop',
  data: {
    owner,
    entities: { user: {}, item },
    interactions: { view: { weight: 1 }, purchase: { weight: 10 } },
    sources: { web: httpIngest() },
  },
  training: { owner, candidates: { cf: popularity() } },
  serving: {
    owner,
    placements: {
      none: { limit: LIMIT, candidateCount: CANDIDATE_COUNT, newItemShare: 0 },
      ten: { limit: LIMIT, candidateCount: CANDIDATE_COUNT, newItemShare: 0, rules: tenRules },
      code: {
        limit: LIMIT,
        candidateCount: CANDIDATE_COUNT,
        newItemShare: 0,
        rules: [rule<typeof item>('cheap', ({ attributes }) => ((attributes.price ?? 0) < 5 ? 2 : true))],
      },
    },
  },
  monitoring: { owner },
})

const bench: Bench = async ({ smoke, log }) => {
  const size: ShopSize = smoke
    ? { itemCount: 2000, userCount: 50, interactionsPerUser: 10 }
    : { itemCount: 100_000, userCount: 1000, interactionsPerUser: 30 }
  const rounds = smoke ? 3 : 25
  const perRound = smoke ? 50 : 5000
  log(`a shop of ${size.itemCount} items; ${rounds} rounds of ${perRound} lists of each kind`)
  const questions = questionsOf(size)
  const timesUs: Record<string, number[]> = { none: [], ten: [], code: [] }
  for (let round = -2; round < rounds; round++) {
    for (const name of ['none', 'ten', 'code'] as const) {
      // The thread's own processor time: what other processes take of the machine is not counted.
      const start = process.threadCpuUsage()
      for (let n = 0; n < perRound; n++) questions.ask(name, n)
      const { user, system } = process.threadCpuUsage(start)
      // The first rounds compile.
      if (round >= 0) timesUs[name]!.push((user + system) / perRound)
    }
  }
  const more = (name: string): number[] => timesUs[name]!.map((us, round) => us - timesUs.none![round]!)
  const tenUs = median(more('ten'))
  const note = `${LIMIT} of ${CANDIDATE_COUNT} ranked candidates, ${size.itemCount} items, ${size.interactionsPerUser} interactions and ${SHOWN_LIST_COUNT * LIMIT} shown items a user; processor time of the thread, median over ${rounds} rounds of ${perRound} lists, alternating with the same lists without rules, which take ${median(timesUs.none!).toFixed(1)} µs`
  return [
    {
      name: 'ten rules more than none',
      value: tenUs,
      unit: 'µs',
      spread: spreadOf(more('ten')),
      bar: `<= ${BAR_US}`,
      ok: tenUs <= BAR_US,
      note: `${note}. inStock, blocked, atMost, atLeast, spread over two attributes, boost, bury, pin, rotate, explore.`,
    },
    {
      name: 'one function more than no rule',
      value: median(more('code')),
      unit: 'µs',
      spread: spreadOf(more('code')),
      note: `It reads a price of each of ${CANDIDATE_COUNT} candidates and boosts a sixteenth of them.`,
    },
  ]
}
export default bench

function questionsOf(size: ShopSize) {
  const live = new LiveState(plan)
  const shop = makeShop(size, SEED)
  const batch: StoredEvent[] = [...shop.events()]
  live.apply(batch)
  const rng = seededRng(SEED).fork('shown')
  const nowMs = batch.at(-1)!.event.eventTimeMs
  let offset = batch.length
  for (let user = 0; user < size.userCount; user++) {
    for (let list = 0; list < SHOWN_LIST_COUNT; list++) {
      const itemIds = Array.from({ length: LIMIT }, () => itemIdOf(rng.integer(size.itemCount)))
      const event = {
        kind: 'impression',
        id: `s${offset}`,
        userId: userIdOf(user),
        itemIds,
        eventTimeMs: nowMs,
      } as const
      live.apply([{ offset: offset++, availableTimeMs: nowMs, event }])
    }
  }
  const placements = placementsOf(plan, live, ruleFunctions)
  const model = { version: 'made', itemIds: shop.data.itemIds, generators: new Map() }
  const funnel = new Funnel(live, model, { placements: placements.values() })
  const drawing = seededRng(SEED)
  const lists = Array.from({ length: 50 }, () => rankedCandidates(size.itemCount, rng))
  return {
    ask(name: 'none' | 'ten' | 'code', n: number): void {
      const request = { placement: name, userId: userIdOf(n % size.userCount), includeSeen: true }
      const question = {
        request,
        placement: placements.get(name)!,
        filter: undefined,
        similarRow: undefined,
        otherSimilarRows: [],
        bestRung: 'full' as const,
        limit: LIMIT,
        nowMs,
        requestId: `r${n}`,
        rng: () => drawing,
      }
      const { answer } = funnel.ask(question, lists[n % lists.length]!)
      if (answer.count !== LIMIT) throw new Error(`found ${answer.count} items, expected ${LIMIT}`)
    },
  }
}

function rankedCandidates(itemCount: number, rng: ReturnType<typeof seededRng>): RankedCandidates {
  const chosen = new Set<number>()
  while (chosen.size < CANDIDATE_COUNT) chosen.add(rng.integer(itemCount))
  return {
    itemIndexes: Int32Array.from(chosen),
    scores: Float64Array.from({ length: CANDIDATE_COUNT }, (_, place) => -place),
    proposers: new Uint8Array(CANDIDATE_COUNT),
    generatorNames: ['cf'],
    columns: [],
    places: new Int32Array(CANDIDATE_COUNT),
    failures: [],
    features: undefined,
    stepMs: { candidates: 0, others: 0, features: 0, ranking: 0 },
    release() {},
  }
}
