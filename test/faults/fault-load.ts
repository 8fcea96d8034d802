// Requests at random moments, whether or not earlier ones are answered; every answer is held against what no answer may be.
import { Agent, request } from 'node:http'
import type { RecommendResponse } from '../../src/domain/recommendation.ts'
import { seededRng } from '../../src/lib/rng.ts'
import { BRAND_MOST, brandOf, ITEM_COUNT, LIMIT, stockOf, USER_COUNT, userIdOf } from './fault-system.ts'

export interface Seen {
  /** Since the load began. */
  readonly atMs: number
  readonly latencyMs: number
  /** What failed, or why the answer may not be; undefined where it is good. */
  readonly trouble: string | undefined
  readonly rung: string | undefined
  readonly modelVersion: string | undefined
}

export interface Load {
  /** Grows while the load lasts. */
  readonly seen: Seen[]
  /** Sends no more; resolves when all that were sent have been answered. */
  stop(): Promise<void>
}

const TICK_MS = 5
/** Later it counts as failed. */
const GIVE_UP_MS = 5000

export function beginLoad(port: number, perSecond: number, seed: number): Load {
  const rng = seededRng(seed)
  const agent = new Agent({ keepAlive: true, maxSockets: 256 })
  const seen: Seen[] = []
  const open = new Set<Promise<void>>()
  const startMs = performance.now()
  let dueMs = startMs
  const send = (): void => {
    const sentMs = performance.now()
    const body = { placement: 'home', userId: userIdOf(rng.integer(USER_COUNT)) }
    const answered = ask(agent, port, body).then(
      ({ status, text }) => {
        const answer = status === 200 ? (JSON.parse(text) as RecommendResponse) : undefined
        const trouble = answer === undefined ? `${status}: ${text.slice(0, 200)}` : troubleOf(answer)
        const atMs = performance.now()
        const { rung, modelVersion } = answer ?? {}
        seen.push({ atMs: atMs - startMs, latencyMs: atMs - sentMs, trouble, rung, modelVersion })
      },
      (error: unknown) => {
        const atMs = performance.now()
        const trouble = String(error)
        seen.push({ atMs: atMs - startMs, latencyMs: atMs - sentMs, trouble, rung: undefined, modelVersion: undefined })
      },
    )
    open.add(answered)
    void answered.then(() => open.delete(answered))
  }
  const timer = setInterval(() => {
    for (; dueMs <= performance.now(); dueMs += (-Math.log(1 - rng.next()) * 1000) / perSecond) send()
  }, TICK_MS)
  return {
    seen,
    async stop() {
      clearInterval(timer)
      await Promise.all(open)
      agent.destroy()
    },
  }
}

/** One question, and its answer whatever it is. */
export function ask(
  agent: Agent | undefined,
  port: number,
  body: object,
  path = '/v1/recommend',
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const payload = JSON.stringify(body)
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }
    const asked = request({ agent, port, path, method: 'POST', host: '127.0.0.1', headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      response.on('end', () => resolve({ status: response.statusCode!, text }))
      response.on('error', reject)
    })
    asked.setTimeout(GIVE_UP_MS, () => asked.destroy(new Error(`no answer in ${GIVE_UP_MS} ms`)))
    asked.on('error', reject)
    asked.end(payload)
  })
}

function troubleOf({ items, shortfall }: RecommendResponse): string | undefined {
  if (items.length !== LIMIT) return `${items.length} items, expected ${LIMIT}: ${JSON.stringify(shortfall)}`
  if (new Set(items.map(({ itemId }) => itemId)).size !== items.length) return 'an item twice'
  const perBrand = new Map<string, number>()
  for (const { itemId, score } of items) {
    const n = Number(itemId.slice(1))
    if (!(n >= 0 && n < ITEM_COUNT)) return `unknown item ${itemId}`
    if (stockOf(n) === 0) return `${itemId} is sold out`
    if (!Number.isFinite(score)) return `${itemId} has the score ${score}`
    perBrand.set(brandOf(n), (perBrand.get(brandOf(n)) ?? 0) + 1)
  }
  const most = Math.max(...perBrand.values())
  return most > BRAND_MOST ? `${most} items of one brand` : undefined
}
