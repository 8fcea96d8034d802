// Goal: the gates refuse what is wrong with a model, each with its reason, and let a sound retraining through. Method: a simulated shop, trained the way `millrace train` does it: a
// sound model is put in charge first, then models that are wrong in one way each try to take its place.
import { itemNeighbours, MillraceError, readTrainingInput, trainModel, trainWithGates } from 'millrace'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { promoteModel } from '../../src/app/promote-model.ts'
import type { App } from '../../src/app.ts'
import type { GateOptions } from '../../src/config/check-gates.ts'
import type { GateReport, GateResult } from '../../src/domain/gate-report.ts'
import { seededRng } from '../../src/lib/rng.ts'
import type { CandidateGenerator, GeneratorKind } from '../../src/ports/candidate-generator.ts'
import { changed, DAY_MS, fill, gatedShop, isOfFirstCountry, NOW_MS } from './gated-shop.testing.ts'

const sound = itemNeighbours({ shrinkage: 1 })
const shop = gatedShop()
let champion: string

beforeAll(async () => {
  const app = await shop.open(sound)
  await fill(app, { seed: 1, userCount: 140, viewsPerUser: 12 })
  await app.close()
  champion = (await trained(sound)).version
})
afterAll(() => shop.remove())

/** Trains, and tells what the gates said; a refusal is no failure here. */
async function trained(kind: GeneratorKind, gates?: GateOptions): Promise<GateReport> {
  shop.clock.nowMs += 1000
  return withApp(kind, gates, async (app) => {
    let report: GateReport | undefined
    const training = trainWithGates(app, await readTrainingInput(app), {
      threadCount: 1,
      log: () => {},
      onReport: (told) => {
        report = told
      },
    })
    const refusal = await training.then(
      () => undefined,
      (error: unknown) => error,
    )
    if (refusal !== undefined && !(refusal instanceof MillraceError && refusal.code === 'MODEL_REFUSED')) throw refusal
    expect(refusal === undefined).toBe(report!.passed)
    return report!
  })
}

async function withApp<T>(
  kind: GeneratorKind,
  gates: GateOptions | undefined,
  work: (app: App) => Promise<T>,
): Promise<T> {
  const app = await shop.open(kind, { gates })
  try {
    return await work(app)
  } finally {
    await app.close()
  }
}

const inCharge = () => withApp(sound, undefined, async (app) => (await (await app.models()).aliases()).champion)
const failedOf = ({ results }: GateReport): readonly GateResult[] =>
  results.filter(({ verdict }) => verdict === 'failed')
const resultOf = ({ results }: GateReport, gate: GateResult['gate'], subject?: string): GateResult =>
  results.find((result) => result.gate === gate && (subject === undefined || result.subject === subject))!

test('a model that learned from shuffled labels is refused as worse than the champion, and not found better than popularity', async () => {
  const rng = seededRng(7)
  const shuffled = changed('shuffled-labels', {
    data: (data) => {
      const columns = data.itemsByUser.columns.slice()
      for (let i = columns.length - 1; i > 0; i--) {
        const other = rng.integer(i + 1)
        const item = columns[i]!
        columns[i] = columns[other]!
        columns[other] = item
      }
      return { ...data, itemsByUser: { ...data.itemsByUser, columns } }
    },
  })
  const report = await trained(shuffled)
  expect(resultOf(report, 'popularity').verdict).not.toBe('passed')
  expect(failedOf(report).map(({ gate }) => gate)).toContain('accuracy')
  expect(resultOf(report, 'accuracy').reason).toMatch(/worse, by more than a loss/)
  expect(await inCharge()).toBe(champion)
})

test('a planted leak is refused as too good to be true', async () => {
  const everything = await withApp(sound, undefined, async (app) => (await readTrainingInput(app)).table)
  const itemsOf = Array.from({ length: everything.userIds.length }, () => new Set<number>())
  everything.userIndexes.forEach((user, i) => void itemsOf[user]!.add(everything.itemIndexes[i]!))
  const leaking = changed('leak', {
    answer: (_sound, history, k, allowed, out) => leaked(itemsOf, history.itemIndexes, k, allowed, out),
  })
  const report = await trained(leaking)
  expect(failedOf(report).map(({ gate }) => gate)).toEqual(['leak'])
  expect(resultOf(report, 'leak').reason).toMatch(/NDCG 1.0000, \d+ users: too good to be true/)
})

/** Finds the user whose whole history has most of these items, and proposes the rest of it: what happens next. */
function leaked(
  itemsOf: readonly ReadonlySet<number>[],
  history: Int32Array,
  k: number,
  allowed: Uint32Array | undefined,
  out: Parameters<CandidateGenerator['generate']>[3],
): number {
  const overlap = (items: ReadonlySet<number>): number =>
    history.filter((item) => items.has(item)).length - items.size / 1e6
  const own = itemsOf.reduce((best, items) => (overlap(items) > overlap(best) ? items : best))
  let count = 0
  for (const item of own) {
    if (count === k || (allowed && !(allowed[item >> 5]! & (1 << (item & 31))))) continue
    out.itemIndexes[count] = item
    out.scores[count] = k - count
    count++
  }
  return count
}

test('a model that is slow for some users is refused by what its answers take on this machine', async () => {
  const slow = changed('slow', {
    // Most visitors would never notice.
    answer: (opened, ...question) => {
      const untilMs = performance.now() + (question[0].itemIndexes[0]! % 10 === 0 ? 4 : 0)
      while (performance.now() < untilMs);
      return opened.generate(...question)
    },
  })
  const report = await trained(slow, { latencyMsP99: 2.5 })
  expect(failedOf(report).map(({ gate }) => gate)).toEqual(['latency'])
  expect(resultOf(report, 'latency').measured[0]!.value).toBeGreaterThanOrEqual(4)
  expect(resultOf(report, 'latency').reason).toContain('above 2.5 ms')
})

test('a model that serves one country with junk is refused as biased, and as worse on that slice', async () => {
  const itemIds = await withApp(sound, undefined, async (app) => (await readTrainingInput(app)).table.itemIds)
  const biased = changed('biased', {
    answer: (opened, history, k, allowed, out) => {
      const ofFirst = history.itemIndexes.filter((item) => isOfFirstCountry(itemIds[item]!)).length
      if (ofFirst * 2 >= history.itemIndexes.length) return opened.generate(history, k, allowed, out)
      const all = { itemIndexes: new Int32Array(itemIds.length), scores: new Float32Array(itemIds.length) }
      const count = opened.generate(history, itemIds.length, allowed, all)
      for (let place = 0; place < Math.min(k, count); place++) {
        out.itemIndexes[place] = all.itemIndexes[count - 1 - place]!
        out.scores[place] = k - place
      }
      return Math.min(k, count)
    },
  })
  const report = await trained(biased)
  expect(failedOf(report).map(({ gate }) => gate)).toEqual(expect.arrayContaining(['bias', 'slices']))
  expect(resultOf(report, 'bias', 'user.country').reason).toMatch(/for FR \(\d+ users\), .* beyond the bound of 50.0 %/)
  expect(resultOf(report, 'slices').reason).toContain('user.country = FR')
  expect(resultOf(report, 'slices').reason).not.toContain('user.country = DE: ')
})

test('a model whose scores are not numbers is refused, also where its lists look fine', async () => {
  const broken = changed('nan', {
    answer: (opened, history, k, allowed, out) => {
      const count = opened.generate(history, k, allowed, out)
      out.scores.fill(Number.NaN, 0, count)
      return count
    },
  })
  const report = await trained(broken)
  expect(failedOf(report).map(({ gate }) => gate)).toEqual(['sanity'])
  expect(resultOf(report, 'sanity').reason).toMatch(/taste gave scores that are no finite numbers in \d+ of \d+ lists/)
})

test('a model of old data is refused where the shop says how old it may be', async () => {
  shop.clock.nowMs = NOW_MS + 40 * DAY_MS
  const report = await trained(sound, { staleness: { age: '30 days' } })
  shop.clock.nowMs = NOW_MS + DAY_MS
  expect(failedOf(report).map(({ gate }) => gate)).toEqual(['staleness'])
  expect(resultOf(report, 'staleness').reason).toMatch(/40 days ago; .* too old: at most 7 days behind and 30 days old/)
})

test('a model that nobody judged is put in charge by a reason only, which the log of moves keeps', async () => {
  const { version } = await withApp(sound, undefined, async (app) =>
    trainModel(app, await readTrainingInput(app), { threadCount: 1, log: () => {} }),
  )
  const decision = { by: 'ada', command: 'a test', why: 'to see' }
  await withApp(sound, undefined, async (app) => {
    await expect(promoteModel(app, { version, decision })).rejects.toMatchObject({ code: 'MODEL_NOT_JUDGED' })
    await promoteModel(app, { version, decision: { ...decision, override: 'known to be good' } })
    const models = await app.models()
    const [last] = await models.audit({ version, limit: 1 })
    expect(last).toMatchObject({ to: version, decision: { override: 'known to be good' } })
    // Going back asks no gate.
    await models.rollBack({ decision })
  })
  expect(await inCharge()).toBe(champion)
})

// The last two change what the shop knows.
test('a model that was let through, and has fallen behind the log since, is refused until it is trained again', async () => {
  const { version } = await withApp(sound, undefined, async (app) => {
    const { manifest } = await trainWithGates(app, await readTrainingInput(app), {
      threadCount: 1,
      promote: false,
      log: () => {},
    })
    return manifest
  })
  shop.clock.nowMs = NOW_MS + 10 * DAY_MS
  await withApp(sound, undefined, async (app) => {
    await fill(app, { seed: 2, userCount: 260, viewsPerUser: 4, fromMs: NOW_MS, untilMs: NOW_MS + 10 * DAY_MS })
    const promotion = { version, decision: { by: 'ada', command: 'a test', why: 'to see' } }
    await expect(promoteModel(app, promotion)).rejects.toMatchObject({
      code: 'MODEL_REFUSED',
      message: expect.stringMatching(/1,040 interactions came since, up to 10 days later; too old/),
    })
  })
})

test('once enough users have acted since, the champion itself is asked about what came after, and a retraining takes its place', async () => {
  const report = await trained(sound)
  expect(report.comparison).toMatchObject({ champion, on: 'fresh', splitAtMs: expect.any(Number) })
  expect(report.comparison!.splitAtMs).toBeLessThan(report.comparison!.untilMs)
  expect(resultOf(report, 'accuracy')).toMatchObject({ verdict: 'passed', measured: [{ value: 0 }] })
  expect(report.passed).toBe(true)
  expect(await inCharge()).toBe(report.version)
})
