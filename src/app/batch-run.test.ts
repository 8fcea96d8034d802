// Goal: lists made ahead of time are those that a visitor would have got at that moment, in the store as in the file; a batch that stopped goes on without making
// anything twice; and one that cannot be as good as the lists of before leaves those. Method: batches over a small shop, in folders of their own.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { afterAll, expect, test, vi } from 'vitest'
import { type App, openApp } from '../app.ts'
import { defineSystem } from '../config/define-system.ts'
import type { PlacementPlan } from '../config/plan.ts'
import { httpIngest } from '../config/sources.ts'
import type { System } from '../config/system.ts'
import { logBatches } from '../data/log-batches.ts'
import { inStock, integer, itemNeighbours, popularity } from '../index.ts'
import { silentLogger } from '../lib/logger.ts'
import { seededRng } from '../lib/rng.ts'
import { openServingModel } from '../models/open-serving-model.ts'
import type { CandidateGenerator, GeneratorKind } from '../ports/candidate-generator.ts'
import { LiveState } from '../serving/live-state.ts'
import { RecommendationService } from '../serving/recommendation-service.ts'
import { StoredLists } from '../serving/stored-lists.ts'
import { type BatchOptions, batchRequest, batchRun } from './batch-run.ts'
import { recordRun } from './record-run.ts'
import { queueDueLists } from './run-runs.ts'
import { executeRun, goOnWithRun } from './run-work.ts'
import { runsOf } from './runs.ts'
import { systemOfModel } from './system-of-model.ts'
import { trainModel } from './train-model.ts'
import { readTrainingInput } from './training-input.ts'

vi.setConfig({ testTimeout: 60_000 })
const owner = 'team@test.example'
const NOW_MS = Date.UTC(2026, 2, 1)
const USER_COUNT = 1100
const ITEM_COUNT = 80

/** Told before every list that is asked of it. */
let onGenerate: () => void = () => {}
const watched = (kind: GeneratorKind): GeneratorKind => ({
  ...kind,
  with: (options) => watched(kind.with(options)),
  open: (artifacts, size): CandidateGenerator => {
    const generator = kind.open(artifacts, size)
    return {
      supportsEmptyHistory: generator.supportsEmptyHistory,
      generate: (history, k, allowed, out, options) => {
        onGenerate()
        return generator.generate(history, k, allowed, out, options)
      },
    }
  },
})

const system = () =>
  defineSystem({
    name: 'batched-shop',
    data: {
      owner,
      entities: { user: {}, item: { stock: integer() } },
      interactions: { view: { weight: 1 } },
      sources: { shop: httpIngest() },
    },
    training: { owner, candidates: { alike: watched(itemNeighbours()), trending: popularity() } },
    serving: {
      owner,
      placements: {
        newsletter: { pattern: 'batch', limit: 5, newItemShare: 0, rules: [inStock()] },
        home: { limit: 5, newItemShare: 0, rules: [inStock()] },
        similar: { pattern: 'embedding' },
      },
    },
    monitoring: { owner },
  })

const opened: { app: App; dataDir: string }[] = []
afterAll(async () => {
  for (const { app, dataDir } of opened) {
    await app.close()
    rmSync(dataDir, { recursive: true, force: true })
  }
})

async function emptyShop(own: System = system()): Promise<App> {
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-batch-'))
  const app = await openApp({ system: own, dataDir, clock: { now: () => NOW_MS } })
  opened.push({ app, dataDir })
  return app
}

async function shop(own?: System): Promise<App> {
  const app = await emptyShop(own)
  const rng = seededRng('visits')
  const items = Array.from({ length: ITEM_COUNT }, (_, n) => ({
    kind: 'entity' as const,
    id: `e${n}`,
    entity: 'item' as const,
    entityId: `i${n}`,
    change: 'put' as const,
    attributes: { stock: n % 5 },
    eventTimeMs: NOW_MS - 1000,
  }))
  const views = Array.from({ length: USER_COUNT * 3 }, (_, n) => ({
    kind: 'interaction' as const,
    id: `v${n}`,
    interaction: 'view',
    userId: `u${n % USER_COUNT}`,
    itemId: `i${(rng.integer(8) * 10 + rng.integer(10)) % ITEM_COUNT}`,
    eventTimeMs: NOW_MS - 900 + (n % 800),
  }))
  await app.log.append([...items, ...views])
  await trainModel(app, await readTrainingInput(app), { threadCount: 1, override: 'a test', log: () => {} })
  return app
}

const batch = (app: App, told: BatchOptions = {}) => {
  const request = {
    trigger: 'hand',
    by: 'test',
    command: 'test',
    isDetached: false,
    options: batchRequest(told),
  } as const
  return recordRun(app, { kind: 'batch', request }, (recorder) => batchRun(recorder))
}

async function serviceOf(app: App): Promise<RecommendationService> {
  const live = new LiveState(app.plan)
  for await (const events of logBatches(app.log, await app.log.bounds())) live.apply(events)
  const storedLists = new StoredLists(await app.storedLists())
  const { plan, clock } = app
  const service = new RecommendationService({ plan, live, clock, newRequestId: () => 'r', storedLists })
  const { champion } = await (await app.models()).aliases()
  if (champion !== undefined)
    service.useModel((await openServingModel(app.modelsDir, champion, systemOfModel(app))).model)
  return service
}

async function rowsIn(path: string): Promise<readonly Record<string, unknown>[]> {
  const bytes = readFileSync(path)
  return parquetReadObjects({
    file: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer,
    compressors,
  })
}

const sample = Array.from({ length: 40 }, (_, n) => `u${n * 27}`)

test('the lists are what visitors would have got live, in the store and in the file, and the next batch replaces both', async () => {
  const app = await shop()
  const report = await batch(app)
  expect(report).toMatchObject({ userCount: USER_COUNT, placements: ['newsletter'] })
  const service = await serviceOf(app)
  const rows = await rowsIn(report.file)
  expect(rows).toHaveLength(report.rowCount)
  for (const userId of sample) {
    const stored = await service.recommend({ placement: 'newsletter', userId })
    const live = await service.recommend({ placement: 'home', userId })
    expect(stored).toMatchObject({ rung: 'stored', stored: { batchId: report.batchId, ageSeconds: 0 } })
    expect(stored.items).toEqual(live.items)
    const own = rows.filter((row) => row.userId === userId)
    expect(own.slice(0, 5)).toEqual(
      live.items.map(({ itemId, score, generator }, place) => ({
        userId,
        placement: 'newsletter',
        position: place + 1,
        itemId,
        score,
        generator,
        modelVersion: report.modelVersion,
        batchId: report.batchId,
      })),
    )
  }
  const order = rows.map(({ userId }) => String(userId)).filter((userId, n, all) => userId !== all[n - 1])
  expect(order).toEqual([...order].sort())

  const { runs } = await app.metadata()
  expect(await runs.find(report.batchId)).toMatchObject({
    kind: 'batch',
    state: 'succeeded',
    modelVersion: report.modelVersion,
    artifacts: [{ path: `offline/lists/${report.batchId}.parquet` }],
  })
  expect((await runs.metrics(report.batchId)).at(-1)).toMatchObject({
    name: 'users done (newsletter)',
    value: USER_COUNT,
  })

  const next = await batch(app)
  expect(readdirSync(join(app.offlineDir, 'lists'))).toEqual([`${next.batchId}.parquet`])
  expect(await service.recommend({ placement: 'newsletter', userId: 'u0' })).toMatchObject({
    stored: { batchId: next.batchId },
  })
  // The same log and model, but for the name of the batch.
  const again = await rowsIn(next.file)
  expect(again.map(({ batchId: _, ...row }) => row)).toEqual(rows.map(({ batchId: _, ...row }) => row))
})

test('a batch that stopped goes on from its last chunk, with the log and the model that it began with', async () => {
  const app = await shop()
  let listCount = 0
  onGenerate = () => {
    listCount++
  }
  const { champion } = await (await app.models()).aliases()
  // The second chunk cannot be kept, as on a machine that goes down.
  const request = { trigger: 'hand', by: 'test', command: 'test', isDetached: false, options: {} } as const
  const first = recordRun(app, { kind: 'batch', request }, (recorder) => {
    let keptCount = 0
    const { checkpoints } = recorder
    const save: typeof checkpoints.save = (name, key, artifacts) => {
      if (name !== 'model' && ++keptCount === 2) throw new Error('stopped')
      return checkpoints.save(name, key, artifacts)
    }
    return batchRun({ ...recorder, checkpoints: { ...checkpoints, save } })
  })
  await expect(first).rejects.toThrow('stopped')
  const [stopped] = await (await app.metadata()).runs.list({ kind: 'batch', limit: 1 })
  const service = await serviceOf(app)
  expect(await service.recommend({ placement: 'newsletter', userId: 'u0' })).toMatchObject({ rung: 'popular' })

  // What happens meanwhile is for the next batch.
  await app.log.append([
    { kind: 'interaction', id: 'later', interaction: 'view', userId: 'late', itemId: 'i1', eventTimeMs: NOW_MS },
  ])
  await trainModel(app, await readTrainingInput(app), { threadCount: 1, override: 'a test', log: () => {} })
  listCount = 0
  const lines: string[] = []
  await goOnWithRun(app, stopped!.id, (line) => lines.push(line))
  onGenerate = () => {}
  // A user is a question or two, where the first was too few; the first thousand are not asked about again.
  expect(listCount).toBeGreaterThanOrEqual(USER_COUNT - 1000)
  expect(listCount).toBeLessThan(2 * (USER_COUNT - 1000))
  const after = await serviceOf(app)
  expect(await after.recommend({ placement: 'newsletter', userId: 'u0' })).toMatchObject({
    rung: 'stored',
    modelVersion: champion,
  })
  expect(await after.recommend({ placement: 'newsletter', userId: 'late' })).toMatchObject({ rung: 'popular' })
  const whole = await batch(app, { placements: ['home'] })
  expect(whole.userCount).toBe(USER_COUNT + 1)
})

test('what cannot be done is said at once, and the lists of before count on', async () => {
  const app = await emptyShop()
  await expect(batch(app)).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
  await expect(batch(app, { placements: ['hom'] })).rejects.toMatchObject({
    code: 'UNKNOWN_PLACEMENT',
    fix: expect.stringContaining('home'),
  })
  await expect(batch(app, { placements: ['similar'] })).rejects.toMatchObject({ code: 'REQUEST_INVALID' })
  await expect(
    runsOf(app).queue({ kind: 'batch', placements: ['hom'], by: 'k', command: 'c', why: 'w' }),
  ).rejects.toMatchObject({
    code: 'UNKNOWN_PLACEMENT',
  })
  const run = await runsOf(app).queue({ kind: 'batch', placements: ['home'], by: 'k', command: 'c', why: 'w' })
  expect(run).toMatchObject({ kind: 'batch', state: 'queued', request: { options: { placements: 'home' } } })
})

test('lists are made by schedule as soon as there is a model, one batch at a time', async () => {
  const own = { ...system(), plan: structuredClone(system().plan) }
  const placements = own.plan.serving.placements as Record<string, PlacementPlan>
  placements.newsletter = { ...placements.newsletter!, batches: { everyMs: 3_600_000 } }
  const early = await emptyShop(own)
  const options = { sinceMs: NOW_MS, logger: silentLogger }
  expect(await queueDueLists(early, options)).toBeUndefined()

  const app = await shop(own)
  const run = await queueDueLists(app, options)
  expect(run).toMatchObject({
    state: 'queued',
    request: { trigger: 'schedule', why: 'newsletter: every 1 hour.', options: { placements: 'newsletter' } },
  })
  expect(await queueDueLists(app, options)).toBeUndefined()
  const { runs } = await app.metadata()
  const claimed = await runs.claim({ process: { pid: 1, startedAt: '' }, atMs: NOW_MS, runningCountMax: 1 })
  expect(claimed?.id).toBe(run!.id)
  await executeRun(app, run!.id)
  expect(await runs.find(run!.id)).toMatchObject({ state: 'succeeded' })
  expect(await queueDueLists(app, options)).toBeUndefined()
})

test('a generator that fails, a second batch, a file that cannot be written: each has its name', async () => {
  const app = await shop()
  const good = await batch(app)
  const service = await serviceOf(app)
  const present = () => service.recommend({ placement: 'newsletter', userId: 'u0' })

  onGenerate = () => {
    throw new Error('broken model')
  }
  await expect(batch(app)).rejects.toMatchObject({
    code: 'BATCH_DEGRADED',
    message: expect.stringContaining('broken model'),
  })
  onGenerate = () => {}

  const request = { trigger: 'hand', by: 'test', command: 'test', isDetached: false, options: {} } as const
  await recordRun(app, { kind: 'batch', request }, async () => {
    await expect(batch(app)).rejects.toMatchObject({ code: 'RUN_UNDERWAY' })
  })

  const folder = mkdtempSync(join(tmpdir(), 'millrace-batch-out-'))
  try {
    const file = join(folder, 'lists.parquet')
    mkdirSync(file)
    await expect(batch(app, { out: file })).rejects.toMatchObject({ code: 'EXPORT_UNWRITABLE' })
    if (process.platform === 'linux') {
      const full = join(folder, 'full.parquet')
      symlinkSync('/dev/full', `${full}.writing`)
      await expect(batch(app, { out: full })).rejects.toMatchObject({ code: 'DISK_FULL' })
      expect(readdirSync(folder)).toEqual(['lists.parquet'])
    }
    expect(await present()).toMatchObject({ stored: { batchId: good.batchId } })
    const elsewhere = join(folder, 'new', 'lists.parquet')
    expect(await batch(app, { out: elsewhere })).toMatchObject({ file: elsewhere })
    expect(await rowsIn(elsewhere)).toHaveLength(good.rowCount)
    expect(readdirSync(join(app.offlineDir, 'lists'))).toEqual([])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
