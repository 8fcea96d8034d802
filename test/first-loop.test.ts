// Goal: the whole loop in one process. Method: a made shop with two kinds of customers, driven over HTTP through the typed client, as its
// users would: events in, train, recommend, one more event, another answer; then the things that go wrong.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { itemNeighbours, openApp, popularity, readTrainingInput, serve, trainModel } from 'millrace'
import { createClient } from 'millrace/client'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { RunningSystem } from '../src/app/serve.ts'
import type { App } from '../src/app.ts'
import { openTestApp, shop } from './system.testing.ts'

const candidates = { alsoBought: itemNeighbours({ shrinkage: 0 }), trending: popularity() }
const silent = { log: () => {} }
const groupSize = 12
/** What a user buys, counted from a first item of their own; no two steps are alike, so all items of a group are bought together by someone. */
const steps = [0, 1, 3, 4, 8]

let app: App
let running: RunningSystem | undefined
const client = () => createClient<ReturnType<typeof shop>>({ url: running!.url })

beforeEach(async () => {
  app = await openTestApp(candidates)
  running = await serve(app, { port: 0 })
})
afterEach(async () => {
  await running?.close()
  await app.close()
})

/** Items a0..a11 are bought by one half of the users, b0..b11 by the other; every user bought 5 of their half's. */
async function fillShop(): Promise<void> {
  const itemIds = ['a', 'b'].flatMap((group) => Array.from({ length: groupSize }, (_, n) => `${group}${n}`))
  await client().putItems(itemIds.map((id, n) => ({ id, attributes: { category: id[0]!, price: n + 1, stock: 5 } })))
  const events = Array.from({ length: 40 }, (_, user) =>
    steps.map((step, n) => ({
      id: `${user}-${n}`,
      interaction: 'purchase' as const,
      userId: `u${user}`,
      itemId: `${user % 2 === 0 ? 'a' : 'b'}${(Math.floor(user / 2) + step) % groupSize}`,
      eventTime: Date.UTC(2026, 0, 1 + n, user),
    })),
  ).flat()
  const answer = await client().sendEvents(events)
  expect(answer).toMatchObject({ acceptedCount: 200, duplicateCount: 0, rejected: [] })
  await running!.caughtUp()
}

const train = async () => trainModel(app, await readTrainingInput(app), { ...silent, override: 'a test' })

/** Waits until the server answers from this version. */
async function inCharge(version: string): Promise<void> {
  const answering = async () => (await client().models()).find(({ isAnswering }) => isAnswering)?.version
  await expect.poll(answering, { timeout: 5_000 }).toBe(version)
}

describe('the first loop', () => {
  test('answers before any model exists, from what is popular, and says so', async () => {
    await fillShop()
    const answer = await client().recommend({ placement: 'home', userId: 'u0' })
    expect(answer).toMatchObject({ rung: 'popular', modelVersion: 'none' })
    expect(answer.items).toHaveLength(5)
  })

  test('recommends to each kind of customer what their kind buys, and nothing they have', async () => {
    await fillShop()
    const { version } = await train()
    await inCharge(version)
    for (const [userId, group] of [
      ['u0', 'a'],
      ['u1', 'b'],
    ] as const) {
      const answer = await client().recommend({ placement: 'home', userId, filter: `category = '${group}'` })
      expect(answer).toMatchObject({ rung: 'full', modelVersion: version })
      const unfiltered = await client().recommend({ placement: 'home', userId })
      expect(unfiltered.items.map((item) => item.itemId[0])).toEqual(Array(5).fill(group))
      const owned = steps.map((step) => `${group}${step}`)
      expect(unfiltered.items.filter((item) => owned.includes(item.itemId))).toEqual([])
    }
  })

  test('a purchase changes the next answer, and sending it again changes nothing more', async () => {
    await fillShop()
    const { version } = await train()
    await inCharge(version)
    const purchase = { id: 'p1', interaction: 'purchase' as const, userId: 'newcomer', itemId: 'b3' }
    const before = await client().recommend({ placement: 'home', userId: 'newcomer' })
    await client().sendEvents([purchase])
    await running!.caughtUp()
    const after = await client().recommend({ placement: 'home', userId: 'newcomer' })
    expect(new Set(before.items.map((item) => item.generator))).toEqual(new Set(['trending']))
    expect(new Set(after.items.map((item) => item.generator))).toEqual(new Set(['alsoBought']))
    expect(after.items.map((item) => item.itemId[0])).toEqual(Array(5).fill('b'))
    expect(await client().sendEvents([purchase])).toMatchObject({ acceptedCount: 0, duplicateCount: 1 })
    await running!.caughtUp()
    expect((await client().recommend({ placement: 'home', userId: 'newcomer' })).items).toEqual(after.items)
  })

  test('an item that arrives after training gets its place in answers', async () => {
    await fillShop()
    await inCharge((await train()).version)
    await client().putItem('brand-new', { category: 'a', price: 3 })
    await running!.caughtUp()
    const { items } = await client().recommend({ placement: 'home', userId: 'u0' })
    expect(items.map((item) => item.itemId)).toContain('brand-new')
  })

  test('a server that starts after the training loads the model before it is done starting', async () => {
    await fillShop()
    const { version } = await train()
    await running!.close()
    running = await serve(app, { port: 0 })
    expect((await client().recommend({ placement: 'home', userId: 'u1' })).modelVersion).toBe(version)
  })
})

describe('retention', () => {
  test('a server removes from the log what the system file lets go', async () => {
    await fillShop()
    await running!.close()
    const { plan } = app
    const trimmed = { ...plan, data: { ...plan.data, retention: { maxBytes: 0 } } }
    running = await serve({ ...app, plan: trimmed }, { port: 0 })
    await expect
      .poll(async () => {
        const { firstOffset, nextOffset } = await app.log.bounds()
        return nextOffset - firstOffset
      })
      .toBe(0)
  })
})

describe('when something is wrong', () => {
  test('a server with a damaged bundle answers from what is popular, and takes the next sound one', async () => {
    await fillShop()
    const { version } = await train()
    await running!.close()
    const file = join(app.modelsDir, version, 'alsoBought', 'similarScores.bin')
    const bytes = readFileSync(file)
    bytes[10]! ^= 1
    writeFileSync(file, bytes)
    running = await serve(app, { port: 0 })
    const answer = await client().recommend({ placement: 'home', userId: 'u0' })
    expect(answer).toMatchObject({ rung: 'popular', modelVersion: 'none' })
    expect(answer.items).toHaveLength(5)
    await inCharge((await train()).version)
  })

  test('a damaged bundle cannot be put in charge, and one that is damaged afterwards leaves the running model in place', async () => {
    await fillShop()
    const first = await train()
    const second = await train()
    await inCharge(second.version)
    const items = join(app.modelsDir, first.version, 'items.txt')
    const whole = readFileSync(items)
    const models = await app.models()
    const promotion = {
      version: first.version,
      decision: { by: 'ada', command: 'test', why: 'to see', override: 'a test' },
    }
    writeFileSync(items, 'x')
    await expect(models.promote(promotion)).rejects.toMatchObject({ code: 'BUNDLE_CORRUPT' })
    expect(await models.aliases()).toEqual({ champion: second.version, previous: first.version })

    // Damaged in the moment between the promotion and the look of the server.
    writeFileSync(items, whole)
    await models.promote(promotion)
    writeFileSync(items, 'x')
    await expect.poll(() => running!.modelProblem(), { timeout: 5_000 }).toMatch(/^BUNDLE_CORRUPT/)
    expect((await client().recommend({ placement: 'home', userId: 'u0' })).modelVersion).toBe(second.version)
  })

  test('a server whose champion was deleted by hand starts with the previous model, and says so everywhere', async () => {
    await fillShop()
    const first = await train()
    const second = await train()
    await running!.close()
    rmSync(join(app.modelsDir, second.version), { recursive: true })
    running = await serve(app, { port: 0 })
    const answer = await client().recommend({ placement: 'home', userId: 'u0' })
    expect(answer).toMatchObject({ rung: 'full', modelVersion: first.version })
    const get = async (path: string) => (await fetch(running!.url + path)).text()
    const problem = expect.stringMatching(/^MODEL_NOT_FOUND/)
    expect(JSON.parse(await get('/v1/status'))).toMatchObject({
      model: second.version,
      modelProblem: problem,
      answeringInstead: first.version,
    })
    expect(JSON.parse(await get('/health/ready')).shortcomings).toEqual([problem])
    expect(await get('/metrics')).toMatch(/^millrace_champion_answers 0$/m)
    expect(await client().models()).toMatchObject([
      { version: second.version, aliases: ['champion'], bundle: { state: 'missing' }, isAnswering: false },
      { version: first.version, aliases: ['previous'], bundle: { state: 'whole' }, isAnswering: true },
    ])
  })

  test('rolling back over HTTP answers from the previous model within a second', async () => {
    await fillShop()
    const first = await train()
    const second = await train()
    await inCharge(second.version)
    const startMs = performance.now()
    const answer = await fetch(`${running!.url}/v1/models/rollback`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ reason: 'fewer clicks', expected: second.version }),
    })
    expect(await answer.json()).toMatchObject({ after: { champion: first.version, previous: second.version } })
    await inCharge(first.version)
    // The claim is 2 s, with a large model; the poll of the server alone takes up to half of one.
    expect(performance.now() - startMs).toBeLessThan(2_000)
    expect(await (await app.models()).inChargeAt(app.clock.now())).toMatchObject({
      to: first.version,
      decision: { command: 'POST /v1/models/rollback', why: 'fewer clicks' },
    })
  })

  test('training on nothing is refused with the way out', async () => {
    await expect(train()).rejects.toMatchObject({
      code: 'NOTHING_TO_TRAIN_ON',
      fix: expect.stringContaining('millrace import'),
    })
    expect(existsSync(app.modelsDir)).toBe(false)
  })

  test('a port in use is named, and the first server is not disturbed', async () => {
    await expect(serve(app, { port: running!.port })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: expect.stringContaining(String(running!.port)),
    })
    expect((await client().recommend({ placement: 'home' })).items).toEqual([])
  })

  test('two processes on one folder share the log: what one takes in, the other one serves', async () => {
    const other = await openApp({ system: shop(candidates), dataDir: app.dataDir })
    const second = await serve(other, { port: 0 })
    try {
      await fillShop()
      await second.caughtUp()
      const here = await client().recommend({ placement: 'home', userId: 'u0' })
      const there = await createClient({ url: second.url }).recommend({ placement: 'home', userId: 'u0' })
      expect(there.items).toEqual(here.items)
      expect(there.items).toHaveLength(5)
    } finally {
      await second.close()
      await other.close()
    }
  })
})
