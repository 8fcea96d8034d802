// Goal: where visitors see a ranked list, it is the ranked list that is held against the champion's. Method: the simulated shop with a ranker; its champion is followed by the same recipe,
// whose lists are equal to the last digit, by one whose ranker has the order the wrong way round, and by one whose champion cannot be asked.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { itemNeighbours, lambdaMart, MillraceError, readTrainingInput, trainModel, trainWithGates } from 'millrace'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { evaluateOnHeldOut } from '../../src/app/evaluate-models.ts'
import type { App } from '../../src/app.ts'
import type { GateReport, GateResult } from '../../src/domain/gate-report.ts'
import { readHeldOutRanking } from '../../src/models/bundle.ts'
import type { RankerKind, RankingRows } from '../../src/ports/ranker.ts'
import { DAY_MS, fill, gatedShop, NOW_MS, type ShopOptions } from './gated-shop.testing.ts'

const taste = itemNeighbours({ shrinkage: 1 })
const sound = lambdaMart({ trees: 30, minRowsPerLeaf: 20 })
const options = { threadCount: 1, log: () => {} }
const shop = gatedShop()
let champion: string

beforeAll(async () => {
  const app = await shop.open(taste, { ranker: sound })
  await fill(app, { seed: 1, userCount: 160, viewsPerUser: 12 })
  await app.close()
  const first = await trained({ ranker: sound })
  expect(first.passed).toBe(true)
  champion = first.version
})
afterAll(() => shop.remove())

/** Trains, and tells what the gates said; a refusal is no failure here. */
async function trained(described: ShopOptions): Promise<GateReport> {
  shop.clock.nowMs += 1000
  const app = await shop.open(taste, described)
  try {
    const reports: GateReport[] = []
    const onReport = (told: GateReport) => void reports.push(told)
    await trainWithGates(app, await readTrainingInput(app), { ...options, onReport }).catch((error: unknown) => {
      if (!(error instanceof MillraceError && error.code === 'MODEL_REFUSED')) throw error
    })
    return reports[0]!
  } finally {
    await app.close()
  }
}

const resultOf = ({ results }: GateReport, gate: GateResult['gate'], subject?: string): GateResult | undefined =>
  results.find((result) => result.gate === gate && result.subject === subject)

/** Learns the order the other way round. */
const contrary: RankerKind<never> = {
  ...sound,
  with: () => contrary,
  train: (rows, validation, context) => sound.train(turned(rows), validation && turned(validation), context),
}
const another: RankerKind<never> = { ...contrary, kind: 'another', with: () => another }
const turned = (rows: RankingRows): RankingRows => ({
  ...rows,
  labels: rows.labels.map((label) => (label > 0 ? 0 : 1)),
})

const inShop = async <T>(look: (app: App) => Promise<T>): Promise<T> => {
  const app = await shop.open(taste, { ranker: sound })
  try {
    return await look(app)
  } finally {
    await app.close()
  }
}
/** What a version's evaluation found of its ranked list. */
const keptOf = (version: string) => inShop(async (app) => (await readHeldOutRanking(app.modelsDir, version))!)

test('the same recipe on the same data is held against what the champion kept, and differs in nothing', async () => {
  const report = await trained({ ranker: sound })
  expect(report.comparison).toMatchObject({ champion, on: 'replayed' })
  for (const gate of ['accuracy', 'slices'] as const) {
    const result = resultOf(report, gate, 'ranked list')!
    expect(result.verdict).toBe('passed')
    expect(result.measured.map(({ value }) => value)).toEqual(result.measured.map(() => 0))
    expect(resultOf(report, gate)).toBeUndefined()
  }
  expect(resultOf(report, 'slices', 'ranked list')!.measured.length).toBeGreaterThan(1)
  champion = report.version
})

test('another seed trains another ranker, which is asked the same', async () => {
  const report = await trained({ ranker: sound, seed: 2 })
  expect(report.comparison).toMatchObject({ champion, on: 'replayed' })
  const { verdict, measured, userCount } = resultOf(report, 'accuracy', 'ranked list')!
  expect(verdict).not.toBe('failed')
  expect(Math.abs(measured[0]!.value)).toBeLessThan(0.02)
  expect(userCount).toBeGreaterThan(100)
  champion = report.passed ? report.version : champion
})

test('a ranked list that became worse is refused, though the generators give the same lists as before', async () => {
  const report = await trained({ ranker: contrary })
  const { verdict, reason } = resultOf(report, 'accuracy', 'ranked list')!
  expect(verdict).toBe('failed')
  expect(reason).toMatch(/against the champion's 0\.\d+, \d+ users: worse, by more than a loss of/)
  expect(report.passed).toBe(false)
})

test('other questions than the champion was asked are no comparison: then the lists of generators are', async () => {
  const report = await trained({ ranker: sound, attribution: '3 days' })
  expect(resultOf(report, 'accuracy')?.verdict).toBe('passed')
  expect(resultOf(report, 'slices')?.verdict).toBe('passed')
  expect(resultOf(report, 'accuracy', 'ranked list')).toMatchObject({
    verdict: 'notJudged',
    reason: expect.stringMatching(/was asked other questions: training\.examples or the kinds/),
  })
})

test('neither are questions of other kinds of interactions, and where accuracy is not asked nothing is compared', async () => {
  const report = await trained({ ranker: sound, interactions: { view: { weight: 1 }, buy: { weight: 5 } } })
  expect(resultOf(report, 'accuracy', 'ranked list')?.reason).toMatch(/was asked other questions/)
  const unasked = await trained({ ranker: contrary, gates: { accuracy: false } })
  expect(unasked.results.some(({ gate }) => gate === 'accuracy' || gate === 'slices')).toBe(false)
})

// The following change what the shop knows, or who is in charge.

/** More views, of the days from one to another after what the shop knew at first. */
async function later(fromDay: number, untilDay: number, userCount: number): Promise<void> {
  const [fromMs, untilMs] = [NOW_MS + fromDay * DAY_MS, NOW_MS + untilDay * DAY_MS]
  shop.clock.nowMs = untilMs
  await inShop((app) => fill(app, { seed: fromDay + 2, userCount, viewsPerUser: 4, fromMs, untilMs }))
}

test('where few have acted since, the recipe is trained up to the split of the champion, and users are found by their ids', async () => {
  const { version } = await trained({ ranker: sound, gates: false })
  const kept = await keptOf(version)
  // Somebody in the middle of whom the champion was not asked: in their row everybody behind them would be taken for their neighbour.
  const unasked = Array.from({ length: 140 }, (_, n) => `u${n}`).find((userId) => !kept.userIds.includes(userId))!
  const late = { id: 'late', interaction: 'view', userId: unasked, itemId: 'new', eventTime: kept.splitAtMs + DAY_MS }
  await inShop((app) => app.ingest.acceptEvents([late], { source: 'http', where: 'test' }))
  await later(0, 5, 100)
  const report = await trained({ ranker: sound })
  expect(report.comparison).toMatchObject({ champion: version, on: 'replayed', splitAtMs: kept.splitAtMs })
  expect((await keptOf(report.version)).splitAtMs).toBeGreaterThan(kept.splitAtMs)
  // What was learned from before the split is the same, to the last digit.
  expect(resultOf(report, 'accuracy', 'ranked list')).toMatchObject({
    verdict: 'passed',
    measured: [{ value: 0 }],
    userCount: kept.userIds.length,
  })
  const worse = await trained({ ranker: contrary })
  expect(resultOf(worse, 'accuracy', 'ranked list')?.verdict).toBe('failed')
})

test('once enough users have acted since, the champion itself ranks what came after, as its recipe would', async () => {
  const { version: champion } = await trained({ ranker: sound, gates: false })
  await later(5, 15, 260)
  const worse = await trained({ ranker: contrary })
  expect(worse.comparison).toMatchObject({ champion, on: 'fresh' })
  expect(resultOf(worse, 'accuracy', 'ranked list')?.verdict).toBe('failed')
  // A ranker of another kind cannot open the champion's: then what the champion's own evaluation found stands.
  const unfit = await trained({ ranker: another })
  expect(unfit.comparison).toMatchObject({ champion, on: 'replayed' })
  expect(resultOf(unfit, 'accuracy', 'ranked list')?.verdict).toBe('failed')
  // The champion has learned of all that the candidate's recipe learns of before the split, with the same seed: not a digit may differ.
  const same = await trained({ ranker: sound })
  expect(same.comparison).toMatchObject({ champion, on: 'fresh' })
  expect(same.comparison!.splitAtMs).toBeGreaterThan(NOW_MS + 4 * DAY_MS)
  expect(resultOf(same, 'accuracy', 'ranked list')).toMatchObject({ verdict: 'passed', measured: [{ value: 0 }] })
})

test('the champion answers for itself: one that ranks the wrong way round is left behind', async () => {
  const { version } = await trained({ ranker: contrary, gates: false })
  await later(15, 25, 260)
  const report = await trained({ ranker: sound })
  expect(report.comparison).toMatchObject({ champion: version, on: 'fresh' })
  expect(resultOf(report, 'accuracy', 'ranked list')!.measured[0]!.value).toBeGreaterThan(0.1)
})

test('beside a champion that kept nothing of its ranked list, and beside one that lost what it kept, the report says so', async () => {
  const app = await shop.open(taste, { ranker: sound })
  const input = await readTrainingInput(app)
  const evaluation = await evaluateOnHeldOut(app, input, options)
  const { version } = await trainModel(app, input, { ...options, evaluation, override: 'a bundle as they were before' })
  await app.close()
  const before = await trained({ ranker: sound })
  expect(resultOf(before, 'accuracy')?.verdict).toBe('passed')
  expect(resultOf(before, 'accuracy', 'ranked list')?.reason).toMatch(
    new RegExp(`^${version} keeps no evaluation of its ranked list, and fewer than 200 users have acted since`),
  )
  rmSync(join(app.modelsDir, before.version, 'ranked-values.bin'))
  const after = await trained({ ranker: sound })
  expect(resultOf(after, 'accuracy', 'ranked list')?.reason).toMatch(/^the champion cannot be asked: .*ranked-values/)
})

test('beside a champion without a ranker the lists of generators are compared, and the ranked list has a gate of its own', async () => {
  await trained({})
  const report = await trained({ ranker: sound })
  expect(resultOf(report, 'accuracy')).toBeDefined()
  expect(resultOf(report, 'accuracy', 'ranked list')).toBeUndefined()
  expect(resultOf(report, 'ranking')).toBeDefined()
})
