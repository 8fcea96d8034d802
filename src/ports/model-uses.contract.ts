import { expect, it } from 'vitest'
import type { ModelUser } from '../domain/registered-model.ts'
import { someModel } from './model-registry.contract.ts'
import type { ModelRegistry } from './model-registry.ts'
import type { ModelUses } from './model-uses.ts'
import { type Fresh, withFresh } from './port-under-test.contract.ts'

const one: ModelUser = { id: 'one', pid: 7, startedAt: '1234' }
const other: ModelUser = { id: 'other', pid: 8, startedAt: '5678' }

/** What every memory of uses must do, beside the registry that it holds versions in. */
export function testModelUses(fresh: Fresh<{ readonly uses: ModelUses; readonly registry: ModelRegistry }>): void {
  const withModels = (check: (uses: ModelUses, registry: ModelRegistry) => Promise<void>) =>
    withFresh(fresh, async ({ uses, registry }) => {
      for (const version of ['a', 'b']) await registry.register(someModel(version, 1), 1)
      await check(uses, registry)
    })

  it('knows who holds what, and what is declared last holds', () =>
    withModels(async (uses) => {
      expect(await uses.list()).toEqual([])
      await uses.declare(one, ['a', 'b'])
      await uses.declare(other, ['a', 'a'])
      expect(await uses.list()).toEqual([
        { user: one, version: 'a' },
        { user: other, version: 'a' },
        { user: one, version: 'b' },
      ])
      await uses.declare(one, ['b'])
      await uses.declare(other, [])
      expect(await uses.list()).toEqual([{ user: one, version: 'b' }])
    }))

  it('forgets a user that ended without saying so, and one that it does not know', () =>
    withModels(async (uses) => {
      await uses.declare(one, ['a', 'b'])
      await uses.forget('one')
      await uses.forget('nobody')
      expect(await uses.list()).toEqual([])
    }))

  it('keeps a version from being retired while somebody holds it', () =>
    withModels(async (uses, registry) => {
      await uses.declare(one, ['a'])
      const refused = { code: 'MODEL_IN_USE', message: expect.stringContaining('process 7') }
      await expect(registry.retire('a', 2)).rejects.toMatchObject(refused)
      await uses.declare(one, [])
      await registry.retire('a', 2)
    }))

  it('lets nobody hold a version that is unknown or retired, and changes nothing then', () =>
    withModels(async (uses, registry) => {
      await registry.retire('b', 2)
      await uses.declare(one, ['a'])
      await expect(uses.declare(one, ['b'])).rejects.toMatchObject({ code: 'MODEL_RETIRED' })
      await expect(uses.declare(one, ['x'])).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
      expect(await uses.list()).toEqual([{ user: one, version: 'a' }])
    }))
}
