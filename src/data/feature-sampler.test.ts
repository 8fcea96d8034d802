import { expect, test } from 'vitest'
import { definitionOf } from '../domain/feature-corpus.contract.ts'
import { isSampled, type ServedFeatures, servedVersion } from '../domain/served-features.ts'
import { silentLogger } from '../lib/logger.ts'
import type { FeatureKey, FeatureRows } from './feature-reader.ts'
import { FeatureSampler, sampledReader } from './feature-sampler.ts'

const ofUser = definitionOf('views', { family: 'count', by: 'user', of: ['view'], windowMs: 60_000 })
const ofItem = { ...definitionOf('seen', { family: 'count', by: 'item', of: ['view'], windowMs: 60_000 }), default: 3 }

const rowsOf = (keys: readonly FeatureKey[]): FeatureRows => ({
  asOfMs: 1000,
  nextOffset: 7,
  definitions: [ofUser, ofItem],
  rows: keys.map((_, k) => [
    { status: 'present', value: k, newestEventTimeMs: 5 },
    { status: 'missing', value: undefined, newestEventTimeMs: undefined },
  ]),
})
const users = (count: number): FeatureKey[] =>
  Array.from({ length: count }, (_, n) => ({ userId: `u${n}`, itemId: 'i' }))

test('keeps what it says it keeps: the keys of the sample, with moment, place, versions and readings', async () => {
  const kept: ServedFeatures[] = []
  const sampler = new FeatureSampler({
    store: { append: async (rows) => void kept.push(...rows) },
    sampleShare: 0.3,
    logger: silentLogger,
  })
  const keys = users(1000)
  sampler.take(keys, rowsOf(keys))
  await sampler.settled()
  const expected = keys.filter((key) => isSampled(key, 0.3))
  expect(kept.map(({ userId }) => userId)).toEqual(expected.map(({ userId }) => userId))
  expect(sampler.counts()).toEqual({ keptCount: expected.length, droppedCount: 0 })
  const k = keys.indexOf(expected[0]!)
  expect(kept[0]).toEqual({
    ...keys[k],
    momentMs: 1000,
    nextOffset: 7,
    readings: [
      { name: 'views', version: servedVersion(ofUser), status: 'present', value: k },
      { name: 'seen', version: servedVersion(ofItem), status: 'missing', value: undefined },
    ],
  })
})

test('leaves out what is missing only because half of the key was given', async () => {
  const kept: ServedFeatures[] = []
  const sampler = new FeatureSampler({
    store: { append: async (rows) => void kept.push(...rows) },
    sampleShare: 1,
    logger: silentLogger,
  })
  sampler.take([{ userId: 'u' }, {}], rowsOf([{}, {}]))
  await sampler.settled()
  expect(kept.map(({ readings }) => readings.map(({ name }) => name))).toEqual([['views']])
})

test('a store that is slow costs no more memory than it may, and what finds no room is counted', async () => {
  let release = (): void => {}
  const batches: number[] = []
  const sampler = new FeatureSampler({
    store: {
      append: (rows) =>
        new Promise((resolve) => {
          batches.push(rows.length)
          release = resolve
        }),
    },
    sampleShare: 1,
    logger: silentLogger,
    waitingReadingCountMax: 20,
  })
  for (let n = 0; n < 5; n++) sampler.take(users(4), rowsOf(users(4)))
  // Ten rows of two readings have room; four of them are being written.
  expect(sampler.counts()).toEqual({ keptCount: 0, droppedCount: 10 })
  release()
  await Promise.resolve()
  await expect.poll(() => batches).toEqual([4, 6])
  release()
  await sampler.settled()
  expect(sampler.counts()).toEqual({ keptCount: 10, droppedCount: 10 })
  sampler.take(users(4), rowsOf(users(4)))
  expect(sampler.counts().droppedCount).toBe(10)
})

test('a store that fails loses the sample, not the answer: it is counted, told once, and goes on when it can', async () => {
  let isBroken = true
  const errors: string[] = []
  const sampler = new FeatureSampler({
    store: {
      append: async () => {
        if (isBroken) throw new Error('no room')
      },
    },
    sampleShare: 1,
    logger: { ...silentLogger, error: (message) => void errors.push(message) },
  })
  const reader = sampledReader(
    { read: async ({ entities }) => rowsOf(entities), definitions: async () => [ofUser] },
    sampler,
  )
  for (let n = 0; n < 3; n++) {
    expect((await reader.read({ features: [], entities: users(2) })).rows).toHaveLength(2)
    await sampler.settled()
  }
  expect(errors).toEqual(['features as served cannot be kept'])
  expect(sampler.counts()).toEqual({ keptCount: 0, droppedCount: 6 })
  isBroken = false
  await reader.read({ features: [], entities: users(2) })
  await sampler.settled()
  expect(sampler.counts()).toEqual({ keptCount: 2, droppedCount: 6 })
})
