import { expect, test } from 'vitest'
import { anAnswer } from '../domain/answer-record.contract.ts'
import type { AnswerRecord } from '../domain/answer-record.ts'
import { silentLogger } from '../lib/logger.ts'
import { answerRecorder } from './answer-recorder.ts'

/** A store in memory whose writes wait until they are let through, or fail. */
function heldStore() {
  const records = new Map<string, AnswerRecord>()
  const batches: number[] = []
  let release = Promise.withResolvers<void>()
  return {
    batches,
    letThrough: () => release.resolve(),
    fail: () => {
      release.promise.catch(() => {})
      release.reject(new Error('no room'))
    },
    hold: () => {
      release = Promise.withResolvers<void>()
    },
    async append(added: readonly AnswerRecord[]) {
      batches.push(added.length)
      await release.promise
      for (const record of added) records.set(record.response.requestId, record)
    },
    find: async (requestId: string) => records.get(requestId),
  }
}

/** Begins to write at the end of the turn. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

test('an answer is found from the moment it is recorded: waiting, being written, and in the store', async () => {
  const store = heldStore()
  const recorder = answerRecorder({ store, logger: silentLogger, gatherMs: 0 })
  recorder.record(anAnswer('a'))
  expect(await recorder.find('a')).toEqual(anAnswer('a'))
  await turn()
  expect(store.batches).toEqual([1])
  recorder.record(anAnswer('b'))
  expect(await recorder.find('a')).toEqual(anAnswer('a'))
  expect(recorder.counts()).toEqual({ recordedCount: 0, lostCount: 0, queueLength: 2 })
  store.letThrough()
  await recorder.settled()
  expect(await recorder.find('a')).toEqual(anAnswer('a'))
  expect(await recorder.find('b')).toEqual(anAnswer('b'))
  expect(await recorder.find('c')).toBeUndefined()
  expect(recorder.counts()).toEqual({ recordedCount: 2, lostCount: 0, queueLength: 0 })
})

test('what comes while the store is busy waits within bounds, and what is beyond them is counted as lost', async () => {
  const store = heldStore()
  const recorder = answerRecorder({ store, logger: silentLogger, gatherMs: 0, waitingBytesMax: 10_000 })
  for (let n = 0; n < 20; n++) recorder.record(anAnswer(`r${n}`))
  const { queueLength, lostCount } = recorder.counts()
  expect(queueLength).toBeGreaterThan(5)
  expect(queueLength + lostCount).toBe(20)
  expect(await recorder.find('r19')).toBeUndefined()
  store.letThrough()
  await recorder.settled()
  expect(recorder.counts()).toEqual({ recordedCount: queueLength, lostCount, queueLength: 0 })
  recorder.record(anAnswer('later'))
  await recorder.settled()
  expect(recorder.counts().recordedCount).toBe(queueLength + 1)
})

test('a store that fails costs its batch and no answer, and is told of once', async () => {
  const store = heldStore()
  const told: string[] = []
  const logger = { ...silentLogger, error: (message: string) => told.push(message) }
  const recorder = answerRecorder({ store, logger })
  recorder.record(anAnswer('a'))
  store.fail()
  await recorder.settled()
  recorder.record(anAnswer('b'))
  await recorder.settled()
  expect(told).toHaveLength(1)
  store.hold()
  store.letThrough()
  recorder.record(anAnswer('c'))
  await recorder.settled()
  expect(recorder.counts()).toEqual({ recordedCount: 1, lostCount: 2, queueLength: 0 })
})
