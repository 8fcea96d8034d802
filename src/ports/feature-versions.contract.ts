import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { FeatureVersion, FeatureVersionId } from '../domain/feature-version.ts'
import type { FeatureVersions } from './feature-versions.ts'
import { type Fresh, withFresh } from './port-under-test.contract.ts'

const v1: FeatureVersionId = { feature: 'click_rate_7d', version: '1111111111111111' }
const v2: FeatureVersionId = { feature: 'click_rate_7d', version: '2222222222222222' }
const definition = { family: 'rate', of: ['view'], windowMs: 604_800_000 }
const notBackfilling = expect.objectContaining({ code: 'FEATURE_VERSION_NOT_BACKFILLING' })

/** What every memory of feature versions must do. */
export function testFeatureVersions(fresh: Fresh<FeatureVersions>): void {
  it('makes a version known as backfilling from the start', () =>
    withFresh(fresh, async (versions) => {
      expect(await versions.list()).toEqual([])
      const expected = { ...v1, state: 'backfilling', definition, createdAtMs: 100 }
      expect(await versions.begin({ ...v1, definition, atMs: 100 })).toEqual(expected)
      expect(await versions.list()).toEqual([expected])
    }))

  it('leaves a version that is backfilling or live as it is when it begins again', () =>
    withFresh(fresh, async (versions) => {
      await versions.begin({ ...v1, definition, atMs: 100 })
      expect(await versions.begin({ ...v1, definition, atMs: 200 })).toMatchObject({
        state: 'backfilling',
        createdAtMs: 100,
      })
      await versions.activate(v1, 300)
      expect(await versions.begin({ ...v1, definition, atMs: 400 })).toMatchObject({
        state: 'live',
        activatedAtMs: 300,
      })
    }))

  it('puts a version in charge and retires the one before it', () =>
    withFresh(fresh, async (versions) => {
      await versions.begin({ ...v1, definition, atMs: 100 })
      await versions.activate(v1, 200)
      await versions.begin({ ...v2, definition, atMs: 300 })
      await versions.activate(v2, 400)
      await versions.activate(v2, 500)
      expect(await versions.list('click_rate_7d')).toEqual([
        {
          ...v1,
          state: 'retired',
          definition,
          createdAtMs: 100,
          activatedAtMs: 200,
          retiredAtMs: 400,
        },
        { ...v2, state: 'live', definition, createdAtMs: 300, activatedAtMs: 400 },
      ])
    }))

  it('leaves other features alone', () =>
    withFresh(fresh, async (versions) => {
      const other = { ...v1, feature: 'session_recency' }
      for (const id of [v1, other]) {
        await versions.begin({ ...id, definition, atMs: 100 })
        await versions.activate(id, 200)
      }
      await versions.retire(v1, 300)
      expect((await versions.list()).map(({ feature, state }) => [feature, state])).toEqual([
        ['click_rate_7d', 'retired'],
        ['session_recency', 'live'],
      ])
      expect((await versions.list('session_recency')).length).toBe(1)
    }))

  it('starts a retired version over, since its state may be gone', () =>
    withFresh(fresh, async (versions) => {
      await versions.begin({ ...v1, definition, atMs: 100 })
      await versions.activate(v1, 200)
      await versions.retire(v1, 300)
      await versions.retire(v1, 400)
      expect((await versions.list())[0]).toMatchObject({ state: 'retired', retiredAtMs: 300 })
      expect(await versions.begin({ ...v1, definition, atMs: 500 })).toEqual({
        ...v1,
        state: 'backfilling',
        definition,
        createdAtMs: 500,
      })
    }))

  it('refuses to activate what is unknown or retired, and keeps the live version in charge', () =>
    withFresh(fresh, async (versions) => {
      await versions.begin({ ...v1, definition, atMs: 100 })
      await versions.activate(v1, 200)
      await expect(versions.activate(v2, 300)).rejects.toThrow(notBackfilling)
      await versions.retire(v2, 300)
      await versions.begin({ ...v2, definition, atMs: 300 })
      await versions.retire(v2, 400)
      await expect(versions.activate(v2, 500)).rejects.toThrow(notBackfilling)
      expect((await versions.list()).map(({ state }) => state)).toEqual(['live', 'retired'])
    }))

  it('never has two live versions of a feature, whoever activates at the same moment', () =>
    withFresh(fresh, async (versions, again) => {
      const everyone = [versions, await again(), await again()]
      const ids = Array.from({ length: 6 }, (_, n) => ({ feature: 'f', version: `v${n}` }))
      for (const id of ids) await versions.begin({ ...id, definition, atMs: 100 })
      await Promise.all(ids.map((id, n) => everyone[n % 3]!.activate(id, 200 + n)))
      const states = (await versions.list()).map(({ state }) => state).sort()
      expect(states).toEqual(['live', ...Array(5).fill('retired')])
    }))

  it('lets several processes begin the same version at the same moment, for the first time or again', () =>
    withFresh(fresh, async (versions, again) => {
      const everyone = [versions, versions, await again(), await again()]
      for (const round of [0, 100, 200]) {
        const begun = await Promise.all(everyone.map((one, n) => one.begin({ ...v1, definition, atMs: round + n })))
        const [stored, ...others] = await versions.list()
        expect(others).toEqual([])
        for (const one of begun) expect(one).toEqual(stored)
        await versions.retire(v1, round + 50)
      }
    }))

  it('does for any steps what a plain map would', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            step: fc.constantFrom('begin', 'activate', 'retire'),
            feature: fc.constantFrom('f', 'g'),
            version: fc.constantFrom('1', '2', '3'),
          }),
          { maxLength: 15 },
        ),
        (steps) =>
          withFresh(fresh, async (versions) => {
            const model = new Map<string, FeatureVersion>()
            for (const [atMs, { step, ...id }] of steps.entries()) {
              const isAllowed = applyToModel(model, step, id, atMs)
              const applied = applyToPort(versions, step, id, atMs)
              if (isAllowed) await applied
              else await expect(applied).rejects.toThrow(notBackfilling)
            }
            const expected = [...model.values()].sort(
              (a, b) => compare(a.feature, b.feature) || a.createdAtMs - b.createdAtMs,
            )
            expect(await versions.list()).toEqual(expected)
          }),
      ),
      { numRuns: 15 },
    ))
}

type Step = 'begin' | 'activate' | 'retire'

function applyToPort(versions: FeatureVersions, step: Step, id: FeatureVersionId, atMs: number): Promise<unknown> {
  if (step === 'begin') return versions.begin({ ...id, definition, atMs })
  return step === 'activate' ? versions.activate(id, atMs) : versions.retire(id, atMs)
}

/** Whether the port must allow the step. */
function applyToModel(model: Map<string, FeatureVersion>, step: Step, id: FeatureVersionId, atMs: number): boolean {
  const key = `${id.feature} ${id.version}`
  const known = model.get(key)
  switch (step) {
    case 'begin':
      if (known && known.state !== 'retired') return true
      model.set(key, { ...id, state: 'backfilling', definition, createdAtMs: atMs })
      return true
    case 'activate': {
      if (known?.state === 'live') return true
      if (known?.state !== 'backfilling') return false
      for (const [otherKey, other] of model) {
        if (other.feature === id.feature && other.state === 'live') {
          model.set(otherKey, { ...other, state: 'retired', retiredAtMs: atMs })
        }
      }
      model.set(key, { ...known, state: 'live', activatedAtMs: atMs })
      return true
    }
    case 'retire':
      if (known && known.state !== 'retired') model.set(key, { ...known, state: 'retired', retiredAtMs: atMs })
      return true
  }
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
