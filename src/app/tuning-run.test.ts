// Goal: a tuning leaves a record as a training does, learns nothing from what evaluation holds out, and goes on where it stopped. Method: runs over a made shop with a
// ranker, in folders of their own; the same shop with another future; and a run whose process breaks off between two trials.
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import { type App, openApp } from '../app.ts'
import { count, defineSystem, httpIngest, itemNeighbours, lambdaMart, popularity } from '../index.ts'
import { seededRng } from '../lib/rng.ts'
import type { GeneratorKind } from '../ports/candidate-generator.ts'
import type { TuningReport } from '../training/tuning-report.ts'
import { recordRun } from './record-run.ts'
import { goOnWithRun } from './run-work.ts'
import { runsOf } from './runs.ts'
import { readTrainingInput } from './training-input.ts'
import { checkTuning } from './tuning.ts'
import { type TuningRunOptions, tuningOptions, tuningRun } from './tuning-run.ts'

const DAY_MS = 86_400_000
const START_MS = Date.UTC(2026, 0, 1)
const DAY_COUNT = 32
const VISITS_PER_DAY = 12
const VISIT_COUNT = DAY_COUNT * VISITS_PER_DAY
const timeOfMs = (visit: number): number => START_MS + (visit / VISITS_PER_DAY) * DAY_MS
const owner = 'team@test.example'
vi.setConfig({ testTimeout: 60_000 })

/** How often the generators were trained. */
let trainedCount = 0
const counted = (kind: GeneratorKind): GeneratorKind => ({
  ...kind,
  with: (options) => counted(kind.with(options)),
  train: (data, context) => {
    trainedCount++
    return kind.train(data, context)
  },
})

const system = () =>
  defineSystem({
    name: 'tuned-shop',
    data: {
      owner,
      entities: { user: {}, item: {} },
      interactions: { view: { weight: 1 }, purchase: { weight: 5 } },
      sources: { shop: httpIngest() },
      features: { item_views: count({ of: 'view', by: 'item', window: '7 days' }) },
    },
    training: {
      owner,
      candidates: {
        alike: counted(itemNeighbours()),
        trending: popularity({ halfLifeDays: 5 }),
        few: itemNeighbours({ neighbours: 1 }),
      },
      // Four trees that see everything, so that other examples make other trees.
      ranker: lambdaMart({ trees: 4, minRowsPerLeaf: 5, splitFeatureFraction: 1, smoothing: 0 }),
      examples: { windows: 2, window: '4 days', questionsPerUser: 1, wrongPerQuestion: 20 },
    },
    serving: { owner, placements: { home: { limit: 5 } } },
    monitoring: { owner },
  })

const opened: { app: App; dataDir: string }[] = []
afterAll(async () => {
  for (const { app, dataDir } of opened) {
    await app.close()
    rmSync(dataDir, { recursive: true, force: true })
  }
})

/** @param otherFrom share of the visits from which on everybody sees other items than they would */
async function filledShop(otherFrom = 1): Promise<App> {
  const dataDir = mkdtempSync(join(tmpdir(), 'millrace-tuning-'))
  let nowMs = START_MS
  let tickMs = 0
  const app = await openApp({ system: system(), dataDir, clock: { now: () => (nowMs += tickMs) } })
  opened.push({ app, dataDir })
  const rng = seededRng('visits')
  for (let day = 0; day < DAY_COUNT; day++) {
    const events = Array.from({ length: VISITS_PER_DAY * 3 }, (_, n) => {
      const visit = day * VISITS_PER_DAY + Math.floor(n / 3)
      const user = (visit * 7 + (visit % 11)) % 40
      const shift = visit >= otherFrom * VISIT_COUNT ? 50 : 0
      return {
        id: `${day}-${n}`,
        interaction: rng.next() < 0.2 ? 'purchase' : 'view',
        userId: `u${user}`,
        itemId: `i${shift + (user % 2) * 20 + Math.floor(20 * rng.next() ** 2)}`,
        eventTime: new Date(timeOfMs(visit) + (n % 3) * 1000).toISOString(),
      }
    })
    nowMs = START_MS + (day + 1) * DAY_MS
    const { acceptedCount } = await app.ingest.acceptEvents(events, { source: 'shop', where: `day ${day}` })
    expect(acceptedCount).toBe(events.length)
  }
  // From now on, so that runs are in an order.
  tickMs = 1
  return app
}

const wishOf = (options: TuningRunOptions) =>
  ({
    kind: 'tune',
    request: { trigger: 'hand', by: 'ada', command: 'test', isDetached: false, options: tuningOptions(options) },
  }) as const

const tuned = (app: App, options: TuningRunOptions): Promise<TuningReport> =>
  recordRun(app, wishOf({ threads: 1, ...options }), (recorder) => tuningRun(recorder))

/** A run whose process breaks off after so many trials. */
const brokenOff = (app: App, options: TuningRunOptions, trialCount: number) =>
  recordRun(app, wishOf({ threads: 1, ...options }), (recorder) =>
    tuningRun(recorder, (line) => {
      if (line.startsWith(`trial ${trialCount} `)) throw new Error('broken off')
    }),
  )

const lastRun = async (app: App) => {
  const { runs } = await app.metadata()
  const [run] = await runs.list({ limit: 1 })
  return { run: run!, metrics: await runs.metrics(run!.id) }
}

/** What a search found, without how long it took. */
const found = ({ trials, ...report }: TuningReport) => ({
  ...report,
  trials: trials.map(({ seconds: _, ...trial }) => trial),
})

const bySteps = ({ metrics }: Awaited<ReturnType<typeof lastRun>>, name: string) =>
  metrics.filter((metric) => metric.name === name).map(({ step, value }) => [step, value])

test('a tuning of the ranker is recorded: what it rests on, each trial, what it took and what it found', async () => {
  const app = await filledShop()
  trainedCount = 0
  const report = await tuned(app, { target: 'ranker', trials: 3 })
  // Two windows to learn from, one to compare on, one to confirm on: once each, not once a trial.
  expect(trainedCount).toBe(4)
  const { trials, target } = report
  expect([target, trials.length]).toEqual(['ranker', 3])
  expect(trials[0]!.parameters).toMatchObject({ leaves: 8, learningRate: 0.05, minRowsPerLeaf: 5, l2: 1 })
  const last = await lastRun(app)
  expect(last.run).toMatchObject({
    kind: 'tune',
    state: 'succeeded',
    request: { options: { target: 'ranker', trials: 3, threads: 1 } },
    inputs: { planHash: app.plan.hash, seed: app.plan.training.seed, nextOffset: 3 * VISIT_COUNT },
    resources: { cpuSeconds: expect.any(Number), peakMemoryMb: expect.any(Number) },
  })
  expect(bySteps(last, 'NDCG@20 (validation)')).toEqual(trials.map(({ number, value }) => [number, value]))
  let best = 0
  const bests = trials.map(({ number, value }) => [number, (best = Math.max(best, value))])
  expect(bySteps(last, 'NDCG@20 (validation, best so far)')).toEqual(bests)
  expect(best).toBeGreaterThan(0)
  const [artifact] = last.run.artifacts!
  const bytes = readFileSync(join(app.dataDir, artifact!.path))
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(artifact!.sha256)
  expect(JSON.parse(bytes.toString())).toEqual(JSON.parse(JSON.stringify(report)))
  const log = readFileSync(join(app.runsDir, last.run.id, 'log.txt'), 'utf8')
  expect(log.match(/trial \d/g)).toHaveLength(3)
  expect(log).toMatch(/examples from 2026-01-/)
})

test('a winner is confirmed where no trial was measured, with an interval, and said so in the figures', async () => {
  const app = await filledShop()
  const report = await tuned(app, { target: 'few', trials: 6, method: 'random', metric: 'recall', k: 5 })
  const { confirmation } = report
  expect(confirmation).toBeDefined()
  const { metrics } = await lastRun(app)
  const gain = metrics.find(({ name }) => name === 'Recall@5 (confirmation, gain)')
  expect(gain).toMatchObject({ value: confirmation!.gain.mean, interval: confirmation!.gain.interval })
})

test.each(['ranker', 'alike'])('of %s, nothing that evaluation holds out plays a role', async (target) => {
  const { table } = await readTrainingInput(await filledShop())
  const testAtMs = table.eventTimesMs.slice().sort()[Math.floor(0.8 * table.eventTimesMs.length)]!
  const testFrom = Math.floor(0.8 * VISIT_COUNT) / VISIT_COUNT
  expect(testAtMs).toBe(timeOfMs(testFrom * VISIT_COUNT))
  const options = { target, trials: 2, method: 'random' } as const
  const [asItWas, otherwise, tooEarly] = [await filledShop(), await filledShop(testFrom), await filledShop(0.7)]
  const report = found(await tuned(asItWas, options))
  expect(found(await tuned(otherwise, options))).toEqual(report)
  // What came before the test part does.
  expect(found(await tuned(tooEarly, options))).not.toEqual(report)
})

test('one that broke off goes on to what it would have found, and tries nothing twice', async () => {
  const options = { target: 'ranker', trials: 4 } as const
  const whole = found(await tuned(await filledShop(), options))
  const app = await filledShop()
  await expect(brokenOff(app, options, 2)).rejects.toThrow('broken off')
  const { run } = await lastRun(app)
  expect(run).toMatchObject({ state: 'failed', attempt: 1 })
  const lines: string[] = []
  await goOnWithRun(app, run.id, (line) => lines.push(line))
  const resumed = await lastRun(app)
  expect(resumed.run).toMatchObject({ id: run.id, state: 'succeeded', attempt: 2 })
  expect(lines).toContain('going on after 2 trials of an earlier search')
  expect(found(JSON.parse(readFileSync(join(app.runsDir, run.id, 'tuning.json'), 'utf8')))).toEqual(whole)
  expect(bySteps(resumed, 'NDCG@20 (validation)')).toHaveLength(4)
  // And another run takes its trials up, too, for more of them.
  const more = found(await tuned(app, { ...options, trials: 5 }))
  expect(more.trials.slice(0, 4)).toEqual(whole.trials)
  expect(more.trials).toHaveLength(5)
})

test('one that starts over throws away what others found, but not its own trials when it goes on', async () => {
  const app = await filledShop()
  await tuned(app, { target: 'alike', trials: 3, k: 5 })
  await expect(tuned(app, { target: 'alike', trials: 3, k: 6 })).rejects.toMatchObject({
    code: 'TUNING_OTHER_PLAN',
    problems: [{ where: 'k', message: 'found 5, expected 6.' }],
  })
  const anew = { target: 'alike', trials: 4, k: 6, restart: true } as const
  await expect(brokenOff(app, anew, 2)).rejects.toThrow('broken off')
  const lines: string[] = []
  await goOnWithRun(app, (await lastRun(app)).run.id, (line) => lines.push(line))
  expect(lines[0]).toBe('going on after 2 trials of an earlier search')
})

test('time ends a search, though the clock of a run stands still', async () => {
  const report = await tuned(await filledShop(), { target: 'alike', minutes: 1e-4 })
  // Without a time it would be 30.
  expect(report.trials.length).toBeLessThan(30)
})

test('there is one tuning at a time, and what cannot be tuned is refused before it is queued', async () => {
  const app = await filledShop()
  await recordRun(app, wishOf({ target: 'alike' }), async () => {
    await expect(tuned(app, { target: 'trending' })).rejects.toMatchObject({ code: 'RUN_UNDERWAY' })
  })
  const asked = { kind: 'tune', by: 'ada', command: 'POST /v1/runs', why: 'x' } as const
  const { queue } = runsOf(app)
  await expect(queue({ ...asked, target: 'rankr' })).rejects.toMatchObject({
    code: 'UNKNOWN_GENERATOR',
    fix: expect.stringContaining('ranker'),
  })
  await expect(queue({ ...asked, target: 'ranker', ranges: 'leafs=2..4' })).rejects.toMatchObject({
    code: 'TUNING_INPUT_INVALID',
    fix: expect.stringContaining('leaves'),
  })
  expect(() => checkTuning(app, { target: 'alike', minutes: 0 })).toThrow(/nothing to search with/)
  const queued = await queue({ ...asked, target: 'ranker', ranges: 'leaves=2..4', trials: 3, priority: 2 })
  expect(queued).toMatchObject({
    state: 'queued',
    priority: 2,
    request: { isDetached: true, options: { target: 'ranker', ranges: 'leaves=2..4', trials: 3 } },
  })
  expect(Object.keys(queued.request.options)).toHaveLength(3)
})
