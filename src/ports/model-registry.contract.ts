import fc from 'fast-check'
import { expect, it } from 'vitest'
import { aliasesAfter, promoted, rolledBack } from '../domain/model-aliases.ts'
import type { AliasMove, ModelAliases, ModelDecision, ModelSummary } from '../domain/registered-model.ts'
import type { ModelRegistry } from './model-registry.ts'
import { type Fresh, withFresh } from './port-under-test.contract.ts'

/** A model for tests, trained at the given moment. */
export function someModel(version: string, trainedAtMs: number): ModelSummary {
  return {
    version,
    lineage: {
      planHash: 'f'.repeat(64),
      commit: 'c0ffee',
      millraceVersion: '0.1.0',
      seed: 1,
      nextOffset: 2 ** 40,
      interactionCount: 9,
      trainedAtMs,
      asOfMs: trainedAtMs - 1,
    },
    userCount: 2,
    itemCount: 3,
    metrics: [{ name: 'NDCG@20', value: 0.25, interval: [0.125, 0.5] }],
    generators: [{ name: 'cf', kind: 'ials' }],
    bundleBytes: 2 ** 33,
  }
}

const decision: ModelDecision = { by: 'ada', command: 'millrace promote', why: 'better on new users' }

const asPromoted = (from: ModelAliases, version: string, atMs: number) => ({
  from,
  to: promoted(from, version, 'champion'),
  atMs,
  decision,
})

/** What every model registry must do. */
export function testModelRegistry(fresh: Fresh<ModelRegistry>): void {
  const withModels = (check: (registry: ModelRegistry, again: () => Promise<ModelRegistry>) => Promise<void>) =>
    withFresh(fresh, async (registry, again) => {
      for (const [i, version] of ['a', 'b', 'c'].entries()) await registry.register(someModel(version, i), 100 + i)
      await check(registry, again)
    })

  it('knows nothing at first', () =>
    withFresh(fresh, async (registry) => {
      expect(await registry.list()).toEqual([])
      expect(await registry.aliases()).toEqual({})
      expect(await registry.audit({ limit: 10 })).toEqual([])
      await registry.confirmDeleted('a', 1)
      await expect(registry.retire('a', 1)).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
    }))

  it('lists models as they were registered, the newest training first, and registers each once', () =>
    withFresh(fresh, async (registry, again) => {
      await registry.register(someModel('old', 5), 100)
      await Promise.all([registry, await again()].map((one) => one.register(someModel('new', 2 ** 41), 50)))
      await registry.register(someModel('old', 5), 300)
      expect(await registry.list()).toEqual([
        { ...someModel('new', 2 ** 41), status: 'registered', registeredAtMs: 50 },
        { ...someModel('old', 5), status: 'registered', registeredAtMs: 100 },
      ])
    }))

  it('moves aliases and says who moved which, from where to where, when and why', () =>
    withModels(async (registry, again) => {
      await registry.move(asPromoted({}, 'a', 1000))
      const inCharge = await registry.aliases()
      expect(inCharge).toEqual({ champion: 'a' })
      const gated = { by: 'gates', command: 'millrace train', gateRunId: 'g7', why: 'not worse' }
      await registry.move({ ...asPromoted(inCharge, 'b', 2 ** 41), decision: gated })
      expect(await (await again()).aliases()).toEqual({ champion: 'b', previous: 'a' })
      expect(await registry.audit({ limit: 10 })).toEqual([
        { number: 3, alias: 'previous', to: 'a', atMs: 2 ** 41, decision: gated },
        { number: 2, alias: 'champion', from: 'a', to: 'b', atMs: 2 ** 41, decision: gated },
        { number: 1, alias: 'champion', to: 'a', atMs: 1000, decision },
      ])
    }))

  it('tells what was in charge at a moment, and what happened to a version', () =>
    withModels(async (registry) => {
      await registry.move(asPromoted({}, 'a', 1000))
      await registry.move(asPromoted(await registry.aliases(), 'b', 2000))
      const inChargeAt = async (untilMs: number) =>
        (await registry.audit({ alias: 'champion', untilMs, limit: 1 }))[0]?.to
      expect(await Promise.all([999, 1000, 1999, 2000, 9999].map(inChargeAt))).toEqual([undefined, 'a', 'a', 'b', 'b'])
      const numbersOf = async (version: string) =>
        (await registry.audit({ version, limit: 10 })).map(({ number }) => number)
      expect([await numbersOf('a'), await numbersOf('b'), await numbersOf('c')]).toEqual([[3, 2, 1], [2], []])
    }))

  it('takes an alias away, and notes nothing where nothing moves', () =>
    withModels(async (registry) => {
      const to = { champion: 'a', challenger: 'b' }
      await registry.move({ from: {}, to, atMs: 1, decision })
      await registry.move({ from: to, to, atMs: 2, decision })
      await registry.move({ from: to, to: { champion: 'a' }, atMs: 3, decision })
      expect(await registry.aliases()).toEqual({ champion: 'a' })
      expect((await registry.audit({ limit: 1 }))[0]).toEqual({
        number: 3,
        alias: 'challenger',
        from: 'b',
        atMs: 3,
        decision,
      })
    }))

  it('lets one of two promotions at once win, and tells the other what is in charge now', () =>
    withModels(async (registry, again) => {
      await registry.move(asPromoted({}, 'a', 1))
      const from = await registry.aliases()
      const other = await again()
      const outcomes = await Promise.allSettled([
        registry.move({ ...asPromoted(from, 'b', 2), decision: { ...decision, by: 'ada' } }),
        other.move({ ...asPromoted(from, 'c', 2), decision: { ...decision, by: 'bob' } }),
      ])
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
      const { champion } = await registry.aliases()
      const [refused] = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []))
      expect(refused).toMatchObject({ code: 'MODEL_ALIAS_MOVED' })
      expect(refused.message).toContain(`${champion} is in charge now`)
      expect(await registry.audit({ limit: 10 })).toHaveLength(3)
    }))

  it('takes the same change twice for one, as after a lost answer, unless something came in between', () =>
    withModels(async (registry) => {
      const change = asPromoted({}, 'a', 1)
      await registry.move(change)
      await registry.move(change)
      expect(await registry.audit({ limit: 10 })).toHaveLength(1)
      await expect(registry.move({ ...change, atMs: 2 })).rejects.toMatchObject({ code: 'MODEL_ALIAS_MOVED' })
      await registry.move(asPromoted({ champion: 'a' }, 'b', 3))
      await expect(registry.move(change)).rejects.toMatchObject({ code: 'MODEL_ALIAS_MOVED' })
    }))

  it('lets no alias name a version that is unknown, retired or deleted, and changes nothing then', () =>
    withModels(async (registry) => {
      await registry.retire('b', 200)
      await registry.retire('c', 200)
      await registry.confirmDeleted('c', 300)
      const move = (version: string) =>
        registry.move({ from: {}, to: { champion: 'a', challenger: version }, atMs: 1, decision })
      await expect(move('x')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
      await expect(move('b')).rejects.toMatchObject({ code: 'MODEL_RETIRED' })
      await expect(move('c')).rejects.toMatchObject({ code: 'MODEL_RETIRED' })
      expect(await registry.aliases()).toEqual({})
      expect(await registry.audit({ limit: 10 })).toEqual([])
    }))

  it('retires no version that an alias names', () =>
    withModels(async (registry) => {
      await registry.move({ from: {}, to: { champion: 'a', challenger: 'b', previous: 'c' }, atMs: 1, decision })
      for (const [version, alias] of [
        ['a', 'champion'],
        ['b', 'challenger'],
        ['c', 'previous'],
      ] as const) {
        const refused = { code: 'MODEL_IN_USE', message: expect.stringContaining(alias) }
        await expect(registry.retire(version, 200)).rejects.toMatchObject(refused)
      }
    }))

  it('keeps what is known of a deleted version, and registers it again where its bundle came back', () =>
    withModels(async (registry) => {
      await registry.retire('a', 200)
      await registry.retire('a', 250)
      await registry.register(someModel('a', 0), 260)
      await registry.confirmDeleted('b', 270)
      const ofA = async () => (await registry.list()).find(({ version }) => version === 'a')
      const retired = { ...someModel('a', 0), status: 'retired', registeredAtMs: 100, retiredAtMs: 200 }
      expect(await ofA()).toEqual(retired)
      await registry.confirmDeleted('a', 300)
      await registry.confirmDeleted('a', 400)
      expect(await ofA()).toEqual({ ...retired, status: 'deleted', deletedAtMs: 300 })
      await registry.register(someModel('a', 0), 500)
      expect(await ofA()).toEqual({ ...someModel('a', 0), status: 'registered', registeredAtMs: 500 })
    }))

  it('has a log that says at every moment what the aliases were, whatever was promoted and rolled back', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('a', 'b', 'c', 'roll back', 'challenge a', 'challenge b'), { maxLength: 12 }),
        (steps) =>
          withModels(async (registry) => {
            const seen: ModelAliases[] = []
            for (const [i, step] of steps.entries()) {
              const from = await registry.aliases()
              const to = targetOf(from, step)
              await registry.move({ from, to, atMs: i, decision })
              seen.push(await registry.aliases())
            }
            const moves = await registry.audit({ limit: 1000 })
            expect(moves.map(({ number }) => number)).toEqual(moves.map((_, i) => moves.length - i))
            for (const [i, aliases] of seen.entries()) {
              expect(aliasesAfter(moves.filter(({ atMs }) => atMs <= i))).toEqual(aliases)
            }
            expectChained(moves)
          }),
      ),
      { numRuns: 10 },
    ))
}

function targetOf(from: ModelAliases, step: string): ModelAliases {
  if (step === 'roll back') return from.previous === undefined ? from : rolledBack(from)
  if (!step.startsWith('challenge ')) return promoted(from, step, 'champion')
  const version = step.slice(-1)
  return from.champion === version ? from : promoted(from, version, 'challenger')
}

/** Each move of an alias begins where the one before it ended. */
function expectChained(moves: readonly AliasMove[]): void {
  const named = new Map<string, string | undefined>()
  for (const { alias, from, to } of [...moves].reverse()) {
    expect(from).toBe(named.get(alias))
    named.set(alias, to)
  }
}
