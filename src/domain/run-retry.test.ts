import fc from 'fast-check'
import { expect, test } from 'vitest'
import { seededRng } from '../lib/rng.ts'
import { canPass, retryAtMs } from './run-retry.ts'

test('only what can pass by itself is tried again', () => {
  for (const code of ['RUN_KILLED', 'METADATA_UNAVAILABLE', 'COMPUTE_UNAVAILABLE'])
    expect(canPass(code), code).toBe(true)
  const lasting = [
    'RUN_OVER_MEMORY',
    'RUN_OVER_TIME',
    'DISK_FULL',
    'RUN_HELD',
    'NOTHING_TO_TRAIN_ON',
    'INTERNAL',
    'NO_SUCH',
  ]
  for (const code of lasting) expect(canPass(code), code).toBe(false)
})

test('each wait is up to twice as long as the one before, and the third failure is the last', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(2 ** 40), (seed, nowMs) => {
      const at = (attempt: number) => retryAtMs('RUN_KILLED', { attempt, nowMs, rng: seededRng(seed) })
      expect(at(1)! - nowMs).toBeGreaterThanOrEqual(15_000)
      expect(at(1)! - nowMs).toBeLessThanOrEqual(30_000)
      expect(at(2)! - nowMs).toBeGreaterThanOrEqual(30_000)
      expect(at(2)! - nowMs).toBeLessThanOrEqual(60_000)
      expect(at(3)).toBeUndefined()
    }),
  )
})
