// Goal: no alias without a whole bundle, whatever the order in which people and crashes come. Method: real bundles and a real registry in a folder.
import { existsSync } from 'node:fs'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { emptyBundle, writeEmptyBundle } from '../models/bundle.testing.ts'
import { adoptEarlierModels } from './adopt-models.ts'
import { collectModels } from './collect-models.ts'
import { openTestModels, someDecision, someUser, type TestModels } from './registered-models.testing.ts'

let under: TestModels
beforeEach(async () => {
  under = await openTestModels()
})
afterEach(() => under.close())

const damage = (version: string): Promise<void> => writeFile(join(under.modelsDir, version, 'items.txt'), 'b')
const aliases = () => under.models.aliases()
const statusOf = async (version: string) =>
  (await under.metadata.modelRegistry.list()).find((model) => model.version === version)?.status

test('a new model is checked and registered, and what a killed writer left makes room for it', async () => {
  await mkdir(join(under.modelsDir, '.writing-99'))
  const { version } = await under.models.add(emptyBundle(1000))
  expect(await readdir(under.modelsDir)).toEqual([version])
  expect(await statusOf(version)).toBe('registered')
  expect(await aliases()).toEqual({})
})

describe('promoting', () => {
  test('a whole bundle that nobody registered is registered first', async () => {
    const version = await writeEmptyBundle(under.modelsDir, 1000)
    expect(await under.models.list({ isThorough: true })).toEqual({
      models: [],
      unregistered: [{ version, bundle: { state: 'whole' } }],
    })
    await under.promote(version)
    expect(await under.models.find(version, { isThorough: true })).toMatchObject({
      version,
      status: 'registered',
      aliases: ['champion'],
      bundle: { state: 'whole' },
    })
  })

  test('a damaged bundle moves nothing, and neither does rolling back to one', async () => {
    const [a, b] = [await under.trained(1000), await under.trained(2000)]
    await under.promote(a)
    await damage(b)
    await expect(under.promote(b)).rejects.toMatchObject({ code: 'BUNDLE_CORRUPT' })
    expect(await aliases()).toEqual({ champion: a })
    const c = await under.trained(3000)
    await under.promote(c)
    await damage(a)
    await expect(under.models.rollBack({ decision: someDecision })).rejects.toMatchObject({ code: 'BUNDLE_CORRUPT' })
    expect(await aliases()).toEqual({ champion: c, previous: a })
  })

  test('of two at once one wins, and the other is told what is in charge', async () => {
    const [a, b] = [await under.trained(1000), await under.trained(2000)]
    const outcomes = await Promise.allSettled([a, b].map((version) => under.promote(version)))
    const { champion } = await aliases()
    const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
    expect(refused).toMatchObject([
      { code: 'MODEL_ALIAS_MOVED', message: expect.stringContaining(`${champion} is in charge now`) },
    ])
  })

  test('with an expectation that does not hold is refused, naming what has the alias', async () => {
    const [a, b] = [await under.trained(1000), await under.trained(2000)]
    await under.promote(a)
    const promotion = { version: b, expected: b, decision: someDecision }
    const message = expect.stringContaining(`${a} is champion now, expected ${b}`)
    await expect(under.models.promote(promotion)).rejects.toMatchObject({ code: 'MODEL_ALIAS_MOVED', message })
    await under.models.promote({ ...promotion, expected: a })
    await expect(under.models.rollBack({ expected: a, decision: someDecision })).rejects.toMatchObject({
      code: 'MODEL_ALIAS_MOVED',
    })
    expect(await aliases()).toEqual({ champion: b, previous: a })
  })
})

describe('collecting', () => {
  const newest = (newestCount: number) =>
    collectModels(under.models, { newestCount, inChargeDays: 1 }, { isDryRun: false })

  test('deletes what nothing keeps, status and folder, and nothing that is named, loaded or was lately in charge', async () => {
    const versions: string[] = []
    for (const moment of [1000, 2000, 3000, 4000, 5000, 6000]) versions.push(await under.trained(moment))
    const [lately, champion, previous, loaded, idle, last] = versions as [
      string,
      string,
      string,
      string,
      string,
      string,
    ]
    for (const version of [lately, previous, champion]) await under.promote(version)
    await under.metadata.modelUses.declare(someUser, [loaded])
    under.clock.nowMs += 3_600_000
    expect(await newest(1)).toMatchObject({ deleted: [{ version: idle }], unreadable: [] })
    expect([await statusOf(idle), existsSync(join(under.modelsDir, idle))]).toEqual(['deleted', false])
    expect((await readdir(under.modelsDir)).sort()).toEqual([lately, champion, previous, loaded, last].sort())

    // A day later the first champion counts no more, and the process that had loaded another one was killed.
    under.clock.nowMs += 86_400_000
    under.running.clear()
    const { deleted } = await newest(1)
    expect(deleted.map(({ version }) => version).sort()).toEqual([lately, loaded].sort())
    expect(await under.metadata.modelUses.list()).toEqual([])
    expect(await aliases()).toEqual({ champion, previous })
  })

  test('goes on where a killed collection stopped: before its folder went, halfway through, and before that was noted', async () => {
    const [a, b, c, kept] = [
      await under.trained(1000),
      await under.trained(2000),
      await under.trained(3000),
      await under.trained(4000),
    ]
    for (const version of [a, b, c]) await under.metadata.modelRegistry.retire(version, 1)
    await rm(join(under.modelsDir, b, 'manifest.json'))
    await rm(join(under.modelsDir, c), { recursive: true })
    await mkdir(join(under.modelsDir, `.deleting-${c}`))
    expect((await newest(1)).deleted.map(({ version }) => version).sort()).toEqual([a, b, c].sort())
    expect(await Promise.all([a, b, c, kept].map(statusOf))).toEqual(['deleted', 'deleted', 'deleted', 'registered'])
    expect(await readdir(under.modelsDir)).toEqual([kept])
  })

  test('takes up the whole bundle of a training that was killed before it could register it, and leaves a damaged one alone', async () => {
    const whole = await writeEmptyBundle(under.modelsDir, 1000)
    const damaged = await writeEmptyBundle(under.modelsDir, 2000)
    await damage(damaged)
    expect(await newest(5)).toMatchObject({ deleted: [], unreadable: [{ version: damaged }] })
    expect(await statusOf(whole)).toBe('registered')
    expect(existsSync(join(under.modelsDir, damaged))).toBe(true)
  })

  test('as a rehearsal changes nothing', async () => {
    const [a, b] = [await under.trained(1000), await writeEmptyBundle(under.modelsDir, 2000)]
    await under.trained(3000)
    const before = await under.metadata.modelRegistry.list()
    const report = await collectModels(under.models, { newestCount: 1, inChargeDays: 1 }, { isDryRun: true })
    expect(report.deleted).toMatchObject([{ version: a }])
    expect(await under.metadata.modelRegistry.list()).toEqual(before)
    expect(existsSync(join(under.modelsDir, b))).toBe(true)
  })
})

describe('a project from before the registry', () => {
  const pointer = () => join(under.modelsDir, 'current.json')
  const point = (version: string) => writeFile(pointer(), JSON.stringify({ version }))

  test('has its models registered and its champion set, once, by whoever opens it first', async () => {
    const [a, b] = [await writeEmptyBundle(under.modelsDir, 1000), await writeEmptyBundle(under.modelsDir, 2000)]
    await point(a)
    await Promise.all([adoptEarlierModels(under.models), adoptEarlierModels(under.models)])
    expect(await aliases()).toEqual({ champion: a })
    expect(await Promise.all([a, b].map(statusOf))).toEqual(['registered', 'registered'])
    expect(await under.models.audit({ limit: 10 })).toMatchObject([{ to: a, decision: { by: 'migration' } }])
    expect(existsSync(pointer())).toBe(false)
    await adoptEarlierModels(under.models)
    expect(await under.models.audit({ limit: 10 })).toHaveLength(1)
  })

  test('keeps what was promoted meanwhile: a pointer that is still there moves nothing', async () => {
    const [a, b] = [await writeEmptyBundle(under.modelsDir, 1000), await writeEmptyBundle(under.modelsDir, 2000)]
    await under.promote(b)
    await point(a)
    await adoptEarlierModels(under.models)
    expect([await aliases(), existsSync(pointer())]).toEqual([{ champion: b }, false])
  })

  test.each([
    ['is damaged', async () => writeFile(pointer(), '{"vers')],
    ['names a version that is gone', async () => point('nope')],
  ])('whose pointer %s has nothing in charge, and keeps the pointer until somebody promotes', async (_, make) => {
    const version = await writeEmptyBundle(under.modelsDir, 1000)
    await make()
    await adoptEarlierModels(under.models)
    expect([await aliases(), await statusOf(version), existsSync(pointer())]).toEqual([{}, 'registered', true])
    await under.promote(version)
    await adoptEarlierModels(under.models)
    expect([await aliases(), existsSync(pointer())]).toEqual([{ champion: version }, false])
  })

  test('with a damaged bundle has the others registered', async () => {
    const [a, b] = [await writeEmptyBundle(under.modelsDir, 1000), await writeEmptyBundle(under.modelsDir, 2000)]
    await damage(b)
    await point(b)
    await adoptEarlierModels(under.models)
    expect([await aliases(), await statusOf(a), await statusOf(b)]).toEqual([{}, 'registered', undefined])
  })
})

describe('gates', () => {
  const decision = { by: 'ada', command: 'a test', why: 'to see' }
  const judged = (version: string, champion: string | undefined, passed: boolean) =>
    under.metadata.gateReports.append({
      id: `${version} ${champion} ${passed}`,
      version,
      judgedAtMs: (under.clock.nowMs += 1),
      ...(champion !== undefined && { champion }),
      passed,
      results: [{ gate: 'sanity', verdict: passed ? 'passed' : 'failed', measured: [], reason: 'it is so' }],
    })

  test('nothing gets an alias that no gates judged, that they refused, or that they judged beside another champion', async () => {
    const [a, b, c] = [await under.trained(1000), await under.trained(2000), await under.trained(3000)]
    const promote = (version: string, as: 'champion' | 'challenger' = 'champion') =>
      under.models.promote({ version, as, decision })
    await expect(promote(a)).rejects.toMatchObject({ code: 'MODEL_NOT_JUDGED' })
    await expect(promote(a, 'challenger')).rejects.toMatchObject({ code: 'MODEL_NOT_JUDGED' })
    await judged(a, undefined, false)
    await expect(promote(a)).rejects.toMatchObject({
      code: 'MODEL_REFUSED',
      problems: [{ where: 'sanity', message: 'it is so.' }],
    })
    await judged(a, undefined, true)
    await judged(b, a, true)
    await judged(c, a, true)
    await promote(a)
    await promote(b)
    const message = expect.stringContaining(`beside ${a}, and ${b} is in charge now`)
    await expect(promote(c)).rejects.toMatchObject({ code: 'MODEL_NOT_JUDGED', message })
    // Judged when nothing was in charge, and still welcome back: so it is with a rollback.
    await promote(a)
    expect(await aliases()).toEqual({ champion: a, previous: b })
    const [last] = await under.models.audit({ alias: 'champion', limit: 1 })
    expect(last!.decision).toEqual({ ...decision, gateRunId: `${a} undefined true` })
  })

  test('an override is kept with the report that it overrides', async () => {
    const version = await under.trained(1000)
    await judged(version, undefined, false)
    await under.models.promote({ version, decision: { ...decision, override: 'known to be good' } })
    const [last] = await under.models.audit({ alias: 'champion', limit: 1 })
    expect(last!.decision).toEqual({
      ...decision,
      override: 'known to be good',
      gateRunId: `${version} undefined false`,
    })
  })
})
