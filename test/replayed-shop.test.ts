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
import { liveStateOf } from '../src/app/capacity-counts.ts'
import { explainAnswer } from '../src/app/explain-answer.ts'
import { liveFeatures } from '../src/app/live-features.ts'
import { answerRecordOf } from '../src/app/record-answer.ts'
import { replayAnswers, replayed } from '../src/app/replay-answers.ts'
import { systemOfModel } from '../src/app/system-of-model.ts'
import type { App } from '../src/app.ts'
import type { AnswerRecord } from '../src/domain/answer-record.ts'
import type { ItemVerdict } from '../src/domain/explained-answer.ts'
import type { RecommendRequest, RecommendResponse, Rung } from '../src/domain/recommendation.ts'
import { seededRng } from '../src/lib/rng.ts'
import { openServingModel } from '../src/models/open-serving-model.ts'
import { RecommendationService } from '../src/serving/recommendation-service.ts'
import { describeAnswer } from '../src/training/answer-text.ts'

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
    // Few rows and few trees: what is drawn, or smoothed away, would decide which rules have anything to do.
    ranker: lambdaMart({ trees: 8, minRowsPerLeaf: 5, splitFeatureFraction: 1, smoothing: 0 }),
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
  for (let n = 0; n < 3; n++) await visits(100)
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

/** It may be on its way still. */
async function recordOf(requestId: string): Promise<AnswerRecord> {
  const store = await app.answers()
  await expect.poll(() => store.find(requestId)).toBeDefined()
  return (await store.find(requestId))!
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

test('pages never repeat an item, at once, over a swap of models, and from another server of the folder; unknown ones are refused', async () => {
  const { model } = server.service
  for (const request of [
    { placement: 'home', userId: 'u3' },
    { placement: 'home' },
    { placement: 'plain', userId: 'u4' },
  ]) {
    server.service.useModel(model)
    const shown: string[] = []
    let after: string | undefined
    for (let page = 0; page < 4; page++) {
      const answer = await recommend({ ...request, limit: 4, ...(after !== undefined && { after }) })
      shown.push(...answer.items.map(({ itemId }) => itemId))
      after = answer.requestId
      if (page === 1) await Promise.all([visits(5), newItems(1)])
      if (page === 2) server.service.useModel(undefined)
    }
    expect(shown.length).toBeGreaterThan(8)
    expect(new Set(shown).size).toBe(shown.length)
    // Each page is a record of its own, which can be computed again.
    const last = await recordOf(after!)
    expect(last.request.alreadyShown).toEqual(shown.slice(0, last.request.alreadyShown!.length))
    expect((await replayed(app, [last]))[0]).toMatchObject({ differences: [] })
  }
  server.service.useModel(model)
  const other = await openApp({ system, dataDir: folder, clock: app.clock })
  const beside = await serve(other, { port: 0 })
  const first = await recommend({ placement: 'home', userId: 'u5' })
  const second = await beside.service.recommend({ placement: 'home', userId: 'u5' })
  const next = await fetch(`${beside.url}/v1/recommend`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ placement: 'home', userId: 'u5', after: first.requestId }),
  })
  const { items } = (await next.json()) as RecommendResponse
  const ofFirst = new Set(first.items.map(({ itemId }) => itemId))
  expect(items.length).toBeGreaterThan(0)
  expect(items.filter(({ itemId }) => ofFirst.has(itemId))).toEqual([])
  expect(second.items.length).toBe(5)
  for (const [body, status, code] of [
    [{ placement: 'home', after: 'nope' }, 404, 'ANSWER_NOT_FOUND'],
    [{ placement: 'home', userId: 'u6', after: first.requestId }, 400, 'REQUEST_INVALID'],
  ] as const) {
    const refused = await fetch(`${server.url}/v1/recommend`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([status, code])
  }
  await beside.close()
  await other.close()
}, 60_000)

test('an answer is explained from its record: who proposed what, what moved the scores as served, and why an item is not there', async () => {
  await newItems(1)
  await server.caughtUp()
  const newest = `i${itemCount - 1}`
  await app.ingest.acceptEntityChanges(
    [{ entity: 'item', entityId: 'i1', change: 'delete', attributes: {}, eventTime: nowMs }],
    ofShop,
  )
  await server.caughtUp()
  let rankedCount = 0
  let turnedAwayCount = 0
  for (const userId of ['u2', 'u7']) {
    const filter = "kind != 'k5'"
    const answer = await recommend({ placement: 'home', userId, filter, exclude: ['i3'], limit: 10 })
    await recordOf(answer.requestId)
    const answered = await fetch(`${server.url}/v1/explain/${answer.requestId}?item=i3`)
    const overHttp = (await answered.json()) as { asked: { reason: string } }
    expect([answered.status, overHttp.asked?.reason]).toEqual([200, 'EXCLUDED'])
    const explained = await explainAnswer(app, { requestId: answer.requestId })
    expect(explained.recomputed).toEqual({ isSame: true, caveats: [] })
    expect(explained.items.map(({ itemId }) => itemId)).toEqual(answer.items.map(({ itemId }) => itemId))
    for (const { explanation, score, rankedPlace, proposals, generator } of explained.items) {
      if (explanation === undefined) continue
      rankedCount++
      const sum = explanation.contributions.reduce(
        (all, { contribution }) => all + contribution,
        explanation.averageScore,
      )
      expect(Math.abs(sum - score)).toBeLessThan(1e-6)
      expect(rankedPlace).toBeGreaterThan(0)
      expect(proposals.map((proposal) => proposal.generator)).toContain(generator)
    }
    // Every item that there ever was has a reason to be there or not, and the reason is true. A third of them is looked at, and those of which it is known.
    const reasons = new Map<string, ItemVerdict>()
    for (let n = 0; n < itemCount; n++) {
      const id = `i${n}`
      if (n % 3 !== 0 && n !== 1 && id !== newest && !answer.items.some(({ itemId }) => itemId === id)) continue
      const { asked } = await explainAnswer(app, { requestId: answer.requestId, itemId: `i${n}` })
      reasons.set(`i${n}`, asked!)
    }
    const shown = answer.items.map(({ itemId }) => itemId)
    expect([...reasons].flatMap(([id, { reason }]) => (reason === 'SHOWN' ? [id] : [])).sort()).toEqual(
      [...shown].sort(),
    )
    expect(reasons.get('i1')!.reason).toBe('DELETED')
    expect(reasons.get('i3')!.reason).toBe('EXCLUDED')
    expect(reasons.get('i12')!.reason).toBe('FILTER')
    // Out of stock.
    expect(reasons.get('i9')).toMatchObject({ reason: 'RULE', rule: 0 })
    turnedAwayCount += [...reasons.values()].filter(({ reason, rule }) => reason === 'RULE' && rule === 1).length
    if (!shown.includes(newest)) expect(['NEWER_THAN_MODEL', 'FILTER', 'RULE']).toContain(reasons.get(newest)!.reason)
    const lowest = Math.min(...explained.items.flatMap(({ explanation, score }) => (explanation ? [score] : [])))
    for (const [id, { reason, score, rule }] of reasons) {
      if (reason === 'TOO_LOW') expect(score!, id).toBeLessThanOrEqual(lowest)
      // Turned away though it is no worse: two of its kind are there.
      if (reason !== 'RULE' || rule !== 1) continue
      const kindOf = (itemId: string): number => Number(itemId.slice(1)) % 7
      expect(score!).toBeGreaterThanOrEqual(lowest)
      expect(shown.filter((itemId) => kindOf(itemId) === kindOf(id))).toHaveLength(2)
    }
    const { asked } = await explainAnswer(app, { requestId: answer.requestId, itemId: 'nobody' })
    expect(asked!.reason).toBe('UNKNOWN')
  }
  expect(rankedCount).toBeGreaterThan(5)
  expect(turnedAwayCount).toBeGreaterThan(0)
  await expect(explainAnswer(app, { requestId: 'nope' })).rejects.toMatchObject({ code: 'ANSWER_NOT_FOUND' })
}, 60_000)

test('an answer is explained at once, though its record is on its way still', async () => {
  const { requestId, items } = await recommend({ placement: 'home', userId: 'u1' })
  const response = await fetch(`${server.url}/v1/explain/${requestId}`)
  const explained = (await response.json()) as { items: readonly { itemId: string }[] }
  expect(explained).toMatchObject({ requestId })
  expect(explained.items.map(({ itemId }) => itemId)).toEqual(items.map(({ itemId }) => itemId))
})

test('answers that stood on lower rungs for lack of time come out the same', async () => {
  const live = await liveStateOf(app)
  const { champion } = await (await app.models()).aliases()
  const { model } = await openServingModel(app.modelsDir, champion!, systemOfModel(app))
  const { firstOffset } = await app.log.bounds()
  const records: AnswerRecord[] = []
  let bestRung: Rung = 'full'
  let count = 0
  const service = new RecommendationService({
    plan: app.plan,
    live,
    clock: app.clock,
    newRequestId: () => `lowered-${count++}`,
    features: liveFeatures({ store: await app.onlineStore(), clock: app.clock }, app.plan.data.features),
    ruleFunctions: app.system.ruleFunctions,
    bestRung: () => bestRung,
    onAnswer: (observation) => {
      const circumstances = { planHash: app.plan.hash, firstOffset, nowMs, candidateShare: 0 }
      records.push(answerRecordOf(observation, circumstances))
    },
  })
  service.useModel(model)
  for (const rung of ['full', 'reduced', 'unranked', 'stored'] as const) {
    bestRung = rung
    for (let user = 0; user < 5; user++) await service.recommend({ placement: 'home', userId: `u${user}` })
  }
  service.useModel(undefined)
  expect(new Set(records.map(({ response }) => response.rung))).toEqual(
    new Set(['full', 'reduced', 'unranked', 'popular']),
  )
  const again = await replayed(app, records)
  expect(again.map(({ differences, failure }) => ({ differences, failure }))).toEqual(
    records.map(() => ({ differences: [], failure: undefined })),
  )
  // An explanation says so.
  const reduced = records.find(({ response }) => response.rung === 'reduced')!
  await (await app.answers()).append([reduced])
  const { requestId } = reduced.response
  const explained = await explainAnswer(app, { requestId })
  expect(explained).toMatchObject({ requestId, rung: 'reduced', bestRung: 'reduced', recomputed: { isSame: true } })
  expect(describeAnswer({ ...explained, at: 'then' })).toContain(
    'Requests waited, so that it was allowed no better rung than reduced.',
  )
  // Without the note of the rung they would not.
  const unnoted = await replayed(
    app,
    records.map(({ bestRung: _, ...record }) => record),
  )
  // An answer without the ranker's part does not say what features knew, and may come out unranked for that reason as well.
  const telling = unnoted.filter((_, n) => records[n]!.response.rung !== 'unranked')
  const rungs = records.map(({ response }) => response.rung).filter((rung) => rung !== 'unranked')
  expect(telling.map(({ differences }) => differences.length > 0)).toEqual(rungs.map((rung) => rung !== 'full'))
})
