// How soon what was acknowledged shows: a click in the next answer, a new item in its first answer. Over HTTP, against the whole system with its
// log on disk, while other visitors keep asking.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient, type MillraceClient } from '../src/client.ts'
import { seededRng } from '../src/lib/rng.ts'
import { type Bench, type Figure, percentile } from './figure.ts'
import { runLoad, startServer } from './load.ts'
import { itemIdOf, makeQuestions, makeShop, type ShopSize, userIdOf } from './load-shop.ts'

const SEED = 1
/** Other visitors' requests per second, beside the probe's own. */
const BACKGROUND_PER_SECOND = 300
const EVENT_BAR_MS = 100
const ITEM_BAR_MS = 1000
/** A change that has not shown by then counts with this time. */
const GIVE_UP_MS = 5000

const bench: Bench = async ({ smoke, log }) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const size: ShopSize = smoke
    ? { itemCount: 2000, userCount: 500, interactionsPerUser: 10 }
    : { itemCount: 50_000, userCount: 20_000, interactionsPerUser: 20 }
  const probeCount = smoke ? 20 : 500
  log(`making a shop of ${size.itemCount} items, and training on it`)
  const server = await startServer('load-app-server.ts', { ...size, seed: SEED, dataDir: join(folder, 'data') })
  try {
    const bodiesFile = join(folder, 'questions.jsonl')
    writeFileSync(bodiesFile, makeQuestions(size, 1000, SEED).join('\n'))
    const client = createClient({ url: `http://127.0.0.1:${server.port}` })
    let isProbing = true
    const background = (async () => {
      while (isProbing) {
        await runLoad({
          port: server.port,
          path: '/v1/recommend',
          bodiesFile,
          connectionCount: 8,
          arrivalsPerSecond: BACKGROUND_PER_SECOND,
          warmupMs: 0,
          durationMs: 1000,
          seed: SEED,
        })
      }
    })()
    log(`${probeCount} clicks`)
    const eventMs = await eventProbes(client, size, probeCount)
    log(`${probeCount} new items`)
    const itemMs = await itemProbes(client, size, probeCount)
    isProbing = false
    await background
    const note = `${probeCount} probes, ${size.itemCount} items, ${BACKGROUND_PER_SECOND} other requests/s; from the acknowledgement`
    return [
      ...figuresOf('freshness-event', eventMs, EVENT_BAR_MS, `${note} of a click until it has changed an answer`),
      ...figuresOf(
        'freshness-new-item',
        itemMs,
        ITEM_BAR_MS,
        `${note} of an item until the first answer that contains it`,
      ),
    ]
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
export default bench

/** A visitor clicks the first item of a list; the click shows once the item has left the list, as seen items do. */
async function eventProbes(client: MillraceClient, { userCount }: ShopSize, probeCount: number): Promise<number[]> {
  const rng = seededRng(SEED).fork('events')
  const delaysMs: number[] = []
  for (let probe = 0; probe < probeCount; probe++) {
    const question = { placement: 'home', userId: userIdOf(rng.integer(userCount)) }
    const { items } = await client.recommend(question)
    const clicked = items[0]!.itemId
    const { acceptedCount } = await client.sendEvents([
      { interaction: 'view', userId: question.userId, itemId: clicked },
    ])
    if (acceptedCount !== 1) throw new Error(`the click on ${clicked} was not accepted`)
    delaysMs.push(
      await msUntil(async () => {
        const answer = await client.recommend(question)
        return answer.items.every((item) => item.itemId !== clicked)
      }),
    )
  }
  return delaysMs
}

/** An item like one of the shop arrives; it shows once it is recommended to a visitor who has just looked at that one. */
async function itemProbes(client: MillraceClient, size: ShopSize, probeCount: number): Promise<number[]> {
  const rng = seededRng(SEED).fork('items')
  const { attributes } = makeShop(size, SEED)
  const delaysMs: number[] = []
  for (let probe = 0; probe < probeCount; probe++) {
    const model = rng.integer(size.itemCount)
    const id = `new-${probe}`
    const { acceptedCount } = await client.putItem(id, { ...attributes[model]!, title: `New ${probe}`, stock: 5 })
    if (acceptedCount !== 1) throw new Error(`the item ${id} was not accepted`)
    const question = { placement: 'home', recent: [{ itemId: itemIdOf(model) }] }
    delaysMs.push(
      await msUntil(async () => {
        const answer = await client.recommend(question)
        return answer.items.some((item) => item.itemId === id)
      }),
    )
  }
  return delaysMs
}

/** Asks again and again; the time of the answer that shows the change counts, not that of the question. */
async function msUntil(shows: () => Promise<boolean>): Promise<number> {
  const startMs = performance.now()
  while (performance.now() - startMs < GIVE_UP_MS) {
    if (await shows()) return performance.now() - startMs
  }
  return GIVE_UP_MS
}

function figuresOf(name: string, delaysMs: readonly number[], barMs: number, note: string): Figure[] {
  const p99 = percentile(delaysMs, 0.99)
  return [
    { name: `${name}-p99`, value: p99, unit: 'ms', bar: `< ${barMs}`, ok: p99 < barMs, note },
    { name: `${name}-p50`, value: percentile(delaysMs, 0.5), unit: 'ms' },
  ]
}
