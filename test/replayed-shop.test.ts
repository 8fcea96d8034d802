// Goal: what went out can be computed again. Method: a made shop answers a thousand questions of every kind while people click, items come and go and another model takes over; every answer is
// computed again from its record, and has to come out as it was; a record that was changed has to be found out.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  atMost,
  category,
  count,
  defineSystem,
  httpIngest,
  inStock,
  integer,
  itemNeighbours,
  lambdaMart,
  notInteracted,
  openApp,
  popularity,
  type RunningSystem,
  readTrainingInput,
  serve,
  since,
  trainModel,
} from 'millrace'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { replayAnswers, replayed } from '../src/app/replay-answers.ts'
import type { App } from '../src/app.ts'
import type { AnswerRecord } from '../src/domain/answer-record.ts'
import type { RecommendRequest, RecommendResponse } from '../src/domain/recommendation.ts'
import { seededRng } from '../src/lib/rng.ts'
import { removeBundle } from '../src/models/bundle.ts'

const DAY_MS = 86_400_000
const START_MS = Date.UTC(2026, 0, 1)
const owner = 'team@test.example'
const ANSWER_COUNT = 1000

const system = defineSystem({
  name: 'replayed-shop',
  data: {
    owner,
    entities: { user: {}, item: { kind: category(), stock: integer() } },
    interactions: { view: { weight: 1 }, purchase: { weight: 5 } },
    sources: { shop: httpIngest() },
    features: {
      item_views: count({ of: 'view', by: 'item', window: '7 days' }),
      user_recency: since({ of: 'any', by: 'user' }),
    },
  },
  training: {
    owner,
    candidates: { alike: itemNeighbours(), trending: popularity({ halfLifeDays: 5 }) },
    ranker: lambdaMart({ trees: 8, minRowsPerLeaf: 5 }),
    examples: { windows: 1, window: '8 days' },
  },
  serving: {
    owner,
    placements: {
      home: { limit: 5, rules: [inStock({ attribute: 'stock' }), atMost(2, { per: 'kind' })] },
      plain: {
        limit: 4,
        candidates: ['trending', 'alike'],
        ranked: false,
        includeSeen: true,
        rules: [notInteracted('purchase', '30 days')],
      },
      similar: { pattern: 'embedding', limit: 4 },
    },
    impressions: true,
    answers: { candidateShare: 0.3, maxAge: '1000 days' },
    // Answers that wait for nothing are not what is tested here.
    budgetMs: 60_000,
  },
  monitoring: { owner },
})

const folder = mkdtempSync(join(tmpdir(), 'millrace-replayed-'))
const rng = seededRng('replayed')
let nowMs = START_MS
let app: App
let server: RunningSystem
let visitCount = 0
let itemCount = 0

beforeAll(async () => {
  app = await openApp({ system, dataDir: folder, clock: { now: () => nowMs } })
  await newItems(40)
  for (let n = 0; n < 30; n++) await visits(10)
  await train()
  server = await serve(app, { port: 0 })
  await server.featuresCaughtUp()
}, 60_000)
afterAll(async () => {
  await server.close()
  await app.close()
  rmSync(folder, { recursive: true, force: true })
})

const train = async (): Promise<string> =>
  (await trainModel(app, await readTrainingInput(app), { log: () => {}, override: 'a test' })).version

const ofShop = { source: 'shop', where: 'test' }

async function newItems(count: number): Promise<void> {
  await app.ingest.acceptEntityChanges(
    Array.from({ length: count }, () => ({
      entity: 'item' as const,
      entityId: `i${itemCount}`,
      change: 'put' as const,
      attributes: { kind: `k${itemCount % 7}`, stock: itemCount++ % 9 },
      eventTime: nowMs,
    })),
    ofShop,
  )
}

async function visits(count: number): Promise<void> {
  const events = Array.from({ length: count }, () => {
    nowMs = Math.max(nowMs, START_MS + Math.floor(visitCount * 0.08 * DAY_MS))
    const user = rng.integer(40)
    return {
      id: `v${visitCount++}`,
      interaction: rng.next() < 0.2 ? 'purchase' : 'view',
      userId: `u${user}`,
      itemId: `i${Math.floor(itemCount * (user % 2 === 0 ? rng.next() ** 2 : 1 - rng.next() ** 2))}`,
      eventTime: nowMs,
    }
  })
  await app.ingest.acceptEvents(events, ofShop)
}

const someItem = (): string => `i${rng.integer(itemCount)}`

function question(): RecommendRequest {
  const userId = rng.next() < 0.8 ? { userId: `u${rng.integer(50)}` } : {}
  const kind = rng.integer(10)
  if (kind === 0) return { placement: 'similar', itemId: `i${rng.integer(40)}` }
  if (kind <= 2) return { placement: 'plain', ...userId }
  return {
    placement: 'home',
    ...userId,
    ...(rng.next() < 0.2 && { recent: [{ itemId: someItem() }, { itemId: someItem(), interaction: 'purchase' }] }),
    ...(rng.next() < 0.2 && { filter: `kind != 'k${rng.integer(7)}'` }),
    ...(rng.next() < 0.2 && { exclude: [someItem(), someItem()] }),
    ...(rng.next() < 0.1 && { limit: 12 }),
  }
}

const recommend = async (request: RecommendRequest): Promise<RecommendResponse> => {
  const response = await fetch(`${server.url}/v1/recommend`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
  })
  expect(response.status, await response.clone().text()).toBe(200)
  return (await response.json()) as RecommendResponse
}

test('a thousand answers come out as they were, whatever happened in between, and a change of one of them is found', async () => {
  const answers: RecommendResponse[] = []
  const swapped = { at: ANSWER_COUNT / 2, version: '' }
  while (answers.length < ANSWER_COUNT) {
    // Answers that overlap with each other, and with what comes in.
    const batch = Array.from({ length: 10 }, () => server.service.recommend(question()))
    const coming = Promise.all([visits(1 + rng.integer(3)), answers.length % 100 === 0 ? newItems(1) : undefined])
    answers.push(...(await Promise.all(batch)))
    await coming
    nowMs += rng.integer(3) * 10_000
    if (answers.length === swapped.at) {
      swapped.version = await train()
      while (server.service.model?.version !== swapped.version) await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  await expect
    .poll(async () => (await app.answers()).newest(ANSWER_COUNT), { timeout: 5000 })
    .toHaveLength(ANSWER_COUNT)
  const replays = await replayAnswers(app, { last: ANSWER_COUNT })
  expect(replays.filter(({ differences, failure }) => differences.length > 0 || failure !== undefined)).toEqual([])
  expect(new Set(replays.map(({ requestId }) => requestId))).toEqual(new Set(answers.map(({ requestId }) => requestId)))
  expect(replays.flatMap(({ differentColumns, caveats }) => [...differentColumns, ...caveats])).toEqual([])
  // Of every kind there were some.
  expect(new Set(answers.map(({ modelVersion }) => modelVersion)).size).toBe(2)
  for (const features of ['asServed', 'recomputed', 'none'] as const) {
    expect(replays.filter((replay) => replay.features === features).length, features).toBeGreaterThan(80)
  }

  const records = await (await app.answers()).newest(60)
  const planted = records.map((record, n): AnswerRecord => {
    const { items } = record.response
    if (n === 3)
      return {
        ...record,
        response: { ...record.response, items: items.with(0, { ...items[0]!, score: items[0]!.score + 1e-9 }) },
      }
    if (n === 7) return { ...record, response: { ...record.response, rung: 'unranked' } }
    if (n === 9) return { ...record, response: { ...record.response, items: items.toReversed() } }
    return record
  })
  const found = await replayed(app, planted)
  expect(found.flatMap(({ differences }, n) => (differences.length > 0 ? [n] : []))).toEqual([3, 7, 9])
  expect(found[3]!.differences).toMatchObject([{ what: 'score', place: 1 }])
}, 60_000)

test('an answer whose model is gone cannot be computed again, and says so; the others can', async () => {
  const [record] = await (await app.answers()).newest(1)
  const other = { ...record!, response: { ...record!.response, modelVersion: 'gone' } }
  const [gone, whole] = await replayed(app, [other, record!])
  expect(gone).toMatchObject({ differences: [], failure: expect.stringContaining('gone') })
  expect(whole).toMatchObject({ differences: [] })
  expect(whole!.failure).toBeUndefined()
  await expect(replayAnswers(app, { requestIds: ['nope'] })).rejects.toMatchObject({ code: 'ANSWER_NOT_FOUND' })
})
