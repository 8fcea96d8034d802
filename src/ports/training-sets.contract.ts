import { expect, it } from 'vitest'
import type { TrainingSet, TrainingSetMaker } from '../domain/training-set.ts'
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

const maker: TrainingSetMaker = { pid: 7, startedAt: '1234' }
const otherMaker: TrainingSetMaker = { pid: 7, startedAt: '5678' }

/** What every memory of training sets must do. */
export function testTrainingSets(fresh: Fresh<TrainingSets>): void {
  const made = async (sets: TrainingSets, one: TrainingSet): Promise<void> => {
    await sets.begin(one, maker)
    await sets.finish(one.contentHash)
  }

  it('knows nothing at first', () =>
    withFresh(fresh, async (sets) => {
      const { contentHash } = set(1)
      await sets.finish(contentHash)
      await sets.abandon(contentHash, maker, 100)
      expect(await sets.release(contentHash, 100)).toBe(false)
      expect(await sets.list(10)).toEqual([])
      expect(await sets.unfinished()).toEqual([])
      expect(await sets.pinnedVersions('events')).toEqual([])
    }))

  it('lists sets as they were begun, the newest first', () =>
    withFresh(fresh, async (sets) => {
      for (const seed of [2, 1, 3]) await made(sets, set(seed))
      expect(await sets.list(10)).toEqual([set(3), set(2), set(1)])
      expect(await sets.list(2)).toEqual([set(3), set(2)])
    }))

  it('tells a set that is being made, and by whom, from one that is made', () =>
    withFresh(fresh, async (sets) => {
      for (const seed of [3, 1, 2]) await sets.begin(set(seed), seed === 2 ? otherMaker : maker)
      await sets.finish(set(3).contentHash)
      expect(await sets.unfinished()).toEqual([
        { ...set(1), maker },
        { ...set(2), maker: otherMaker },
      ])
      expect(await sets.list(1)).toEqual([set(3)])
    }))

  it('pins each table version that some set needs, from its beginning on, once, in order', () =>
    withFresh(fresh, async (sets) => {
      await made(sets, set(2))
      await sets.begin(set(1), maker)
      expect(await sets.pinnedVersions('events')).toEqual([2 ** 33 + 1, 2 ** 33 + 2])
      expect(await sets.pinnedVersions('items')).toEqual([5])
      expect(await sets.pinnedVersions('users')).toEqual([])
    }))

  it('lets go what a released set alone needed, and keeps the first moment of the release', () =>
    withFresh(fresh, async (sets) => {
      for (const seed of [1, 2]) await made(sets, set(seed))
      expect(await sets.release(set(1).contentHash, 300)).toBe(true)
      expect(await sets.release(set(1).contentHash, 400)).toBe(true)
      expect((await sets.list(10))[1]).toEqual({ ...set(1), releasedAtMs: 300 })
      expect(await sets.pinnedVersions('events')).toEqual([2 ** 33 + 2])
      expect(await sets.pinnedVersions('items')).toEqual([5])
      await sets.release(set(2).contentHash, 500)
      expect(await sets.pinnedVersions('items')).toEqual([])
    }))

  it('lets an abandoned set go, unless it is made or somebody else makes it by now', () =>
    withFresh(fresh, async (sets) => {
      const { contentHash } = set(1)
      await sets.begin(set(1), maker)
      await sets.abandon(contentHash, otherMaker, 300)
      expect(await sets.unfinished()).toHaveLength(1)
      await sets.abandon(contentHash, maker, 400)
      await sets.abandon(contentHash, maker, 500)
      expect(await sets.list(10)).toEqual([{ ...set(1), maker, releasedAtMs: 400 }])
      expect(await sets.unfinished()).toEqual([])
      expect(await sets.pinnedVersions('events')).toEqual([])

      await sets.begin(set(1), otherMaker)
      await sets.abandon(contentHash, maker, 600)
      expect(await sets.unfinished()).toEqual([{ ...set(1), maker: otherMaker }])
      await sets.finish(contentHash)
      await sets.abandon(contentHash, otherMaker, 700)
      expect(await sets.list(10)).toEqual([set(1)])
    }))

  it('keeps a set that its maker finishes after somebody had let it go', () =>
    withFresh(fresh, async (sets) => {
      await sets.begin(set(1), maker)
      await sets.abandon(set(1).contentHash, maker, 300)
      await sets.finish(set(1).contentHash)
      expect(await sets.list(10)).toEqual([set(1)])
      expect(await sets.pinnedVersions('events')).toEqual([2 ** 33 + 1])
    }))

  it('begins the same set once, leaves one that is kept as it is, and pins a released one again', () =>
    withFresh(fresh, async (sets, again) => {
      const { contentHash } = set(1)
      await Promise.all([sets, await again()].map((one) => one.begin(set(1), maker)))
      expect(await sets.unfinished()).toEqual([{ ...set(1), maker }])
      await sets.finish(contentHash)
      await sets.begin(set(1, { createdAtMs: 999 }), otherMaker)
      expect(await sets.list(10)).toEqual([set(1)])
      await sets.release(contentHash, 300)
      await sets.begin(set(1, { createdAtMs: 999 }), otherMaker)
      expect(await sets.list(10)).toEqual([{ ...set(1), maker: otherMaker }])
      expect(await sets.pinnedVersions('events')).toEqual([2 ** 33 + 1])
    }))

  it('takes a set that reads no table, or one in two versions', () =>
    withFresh(fresh, async (sets) => {
      const both = [3, 4].map((version) => ({ table: 'events', version }))
      await made(sets, set(1, { tables: [] }))
      await made(sets, set(2, { tables: both }))
      expect((await sets.list(1))[0]?.tables).toEqual(both)
      expect(await sets.pinnedVersions('events')).toEqual([3, 4])
    }))
}
