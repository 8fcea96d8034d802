// Lists of every user ahead of time, on one core: fold-in of the whole history, the index, filters, and the bytes that are kept. Beside it, over the same users and
// in alternating runs, the funnel as a visitor's answer goes through it: what a batch would take that asked for one answer after another.
import { systemClock } from '../src/lib/clock.ts'
import type { ServingModel } from '../src/models/serving-model.ts'
import type { StoredEvent } from '../src/ports/event-log.ts'
import { listMaker } from '../src/serving/list-maker.ts'
import { LiveState } from '../src/serving/live-state.ts'
import { RecommendationService } from '../src/serving/recommendation-service.ts'
import { type Bench, median, spreadOf } from './figure.ts'
import { makeShop } from './load-shop.ts'
import { shopSystem } from './load-shop-system.ts'

const SEED = 1
const CHUNK_USER_COUNT = 1000

const bench: Bench = async ({ smoke, log }) => {
  const size = smoke
    ? { itemCount: 2000, userCount: 1000, interactionsPerUser: 10 }
    : { itemCount: 100_000, userCount: 100_000, interactionsPerUser: 20 }
  log(`making a shop of ${size.itemCount} items and ${size.userCount} users`)
  const shop = makeShop(size, SEED)
  const { plan, generators } = shopSystem
  const live = new LiveState(plan)
  const batch: StoredEvent[] = []
  for (const event of shop.events()) {
    batch.push(event)
    if (batch.length === 5000) live.apply(batch.splice(0))
  }
  live.apply(batch)
  log('training')
  const artifacts = await generators.cf!.train(shop.data, { seed: SEED, threadCount: 2, log: () => {} })
  const cf = generators.cf!.open(artifacts, { itemCount: size.itemCount })
  const model: ServingModel = { version: 'made', itemIds: shop.data.itemIds, generators: new Map([['cf', cf]]) }

  const make = listMaker({ plan, placement: 'home', live, model, clock: systemClock })
  const service = new RecommendationService({ plan, live, clock: systemClock, newRequestId: () => '' })
  service.useModel(model)
  const userIds = [...live.histories.userIds()].sort()
  const chunkCount = Math.ceil(userIds.length / CHUNK_USER_COUNT)
  const chunkAt = (n: number) => userIds.slice(n * CHUNK_USER_COUNT, (n + 1) * CHUNK_USER_COUNT)
  const rateOf = async (count: number, work: () => Promise<unknown>): Promise<number> => {
    const startMs = performance.now()
    await work()
    return (count / (performance.now() - startMs)) * 1000
  }
  // Compiled, and the bitmaps made.
  await make(chunkAt(0))
  const lists: number[] = []
  const answers: number[] = []
  let bytes = 0
  for (let n = 0; n < chunkCount; n++) {
    const chunk = chunkAt(n)
    lists.push(
      await rateOf(chunk.length, async () => {
        bytes += (await make(chunk)).bytes.length
      }),
    )
    // A tenth of them: it is the slower one.
    if (n % 10 !== 0) continue
    answers.push(
      await rateOf(chunk.length, async () => {
        for (const userId of chunk) await service.recommend({ placement: 'home', userId })
      }),
    )
    log(`${n + 1} of ${chunkCount}: ${Math.round(lists.at(-1)!)} users/s, answers ${Math.round(answers.at(-1)!)}/s`)
  }
  const totalSeconds = lists.reduce((sum, rate, n) => sum + chunkAt(n).length / rate, 0)
  const value = userIds.length / totalSeconds
  return [
    {
      name: `lists for ${userIds.length.toLocaleString('en-US')} users x ${size.itemCount.toLocaleString('en-US')} items`,
      value,
      unit: 'users/s',
      spread: spreadOf(lists),
      peer: 'live answers of 20, one after another',
      peerValue: median(answers),
      ratio: value / median(answers),
      note: `${plan.serving.placements.home!.limit * 3} items kept for each list of 20; ${Math.round(bytes / userIds.length)} bytes a user; 64 factors, ${size.interactionsPerUser} interactions a user, only-rules and purchases left out. One thread; the spread is that of chunks of ${CHUNK_USER_COUNT}.`,
    },
  ]
}
export default bench
