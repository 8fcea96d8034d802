import { expect, it } from 'vitest'
import type { TrainingSet } from '../domain/training-set.ts'
import { contentHash } from '../lib/canonical-json.ts'
import { type Fresh, withFresh } from './port-under-test.contract.ts'
import type { TrainingSets } from './training-sets.ts'

const set = (seed: number, changes: Partial<TrainingSet> = {}): TrainingSet => {
  const manifest = { seed, features: ['click_rate_7d'], until: '2026-03-01' }
  const tables = [
    { table: 'events', version: 2 ** 33 + seed },
    { table: 'items', version: 5 },
  ]
  return { contentHash: contentHash(manifest), manifest, tables, createdAtMs: 100 * seed, ...changes }
}

/** What every memory of training sets must do. */
export function testTrainingSets(fresh: Fresh<TrainingSets>): void {
  it('knows nothing at first', () =>
    withFresh(fresh, async (sets) => {
      expect(await sets.list(10)).toEqual([])
      expect(await sets.find(set(1).contentHash)).toBeUndefined()
      expect(await sets.pinnedVersions('events')).toEqual([])
      expect(await sets.release(set(1).contentHash, 100)).toBe(false)
    }))

  it('finds a set by its hash as it was recorded, and lists the newest first', () =>
    withFresh(fresh, async (sets) => {
      for (const seed of [2, 1, 3]) await sets.record(set(seed))
      expect(await sets.find(set(2).contentHash)).toEqual(set(2))
      expect(await sets.list(2)).toEqual([set(3), set(2)])
    }))

  it('pins each table version that some set needs, once, in order', () =>
    withFresh(fresh, async (sets) => {
      for (const seed of [2, 1]) await sets.record(set(seed))
      expect(await sets.pinnedVersions('events')).toEqual([2 ** 33 + 1, 2 ** 33 + 2])
      expect(await sets.pinnedVersions('items')).toEqual([5])
      expect(await sets.pinnedVersions('users')).toEqual([])
    }))

  it('lets go what a released set alone needed, and keeps the first moment of the release', () =>
    withFresh(fresh, async (sets) => {
      for (const seed of [1, 2]) await sets.record(set(seed))
      expect(await sets.release(set(1).contentHash, 300)).toBe(true)
      expect(await sets.release(set(1).contentHash, 400)).toBe(true)
      expect(await sets.find(set(1).contentHash)).toEqual({ ...set(1), releasedAtMs: 300 })
      expect(await sets.pinnedVersions('events')).toEqual([2 ** 33 + 2])
      expect(await sets.pinnedVersions('items')).toEqual([5])
      await sets.release(set(2).contentHash, 500)
      expect(await sets.pinnedVersions('items')).toEqual([])
    }))

  it('records the same set once, and pins a released one again', () =>
    withFresh(fresh, async (sets, again) => {
      await Promise.all([sets, await again()].map((one) => one.record(set(1))))
      await sets.release(set(1).contentHash, 300)
      await sets.record(set(1, { createdAtMs: 999 }))
      expect(await sets.list(10)).toEqual([set(1)])
      expect(await sets.pinnedVersions('events')).toEqual([2 ** 33 + 1])
    }))

  it('takes a set that reads no table, or one in two versions', () =>
    withFresh(fresh, async (sets) => {
      const both = [3, 4].map((version) => ({ table: 'events', version }))
      await sets.record(set(1, { tables: [] }))
      await sets.record(set(2, { tables: both }))
      expect((await sets.find(set(2).contentHash))?.tables).toEqual(both)
      expect(await sets.pinnedVersions('events')).toEqual([3, 4])
    }))
}
