import { expect, it } from 'vitest'
import { anAnswer } from '../domain/answer-record.contract.ts'
import type { AnswerRecord } from '../domain/answer-record.ts'
import type { AnswerStore } from './answer-store.ts'
import { type Fresh, withFresh } from './port-under-test.contract.ts'

const idsOf = (records: readonly AnswerRecord[]): string[] => records.map(({ response }) => response.requestId)

/** What every store of answers must do, whose retention lets a day and a megabyte go by. */
export function testAnswerStore(fresh: Fresh<AnswerStore>): void {
  it('begins empty', () =>
    withFresh(fresh, async (store) => {
      expect(await store.find('a')).toBeUndefined()
      expect(await store.newest(10)).toEqual([])
      await store.append([])
    }))

  it('gives a record back as it was, to the last bit of its numbers', () =>
    withFresh(fresh, async (store) => {
      const whole = anAnswer('whole', {
        request: {
          placement: 'home',
          recent: [{ itemId: 'i9', interaction: 'view' }],
          filter: "category = 'x'",
          exclude: ['a', 'b'],
          limit: 2,
          includeSeen: true,
          after: 'before',
          alreadyShown: ['c'],
        },
        arm: 'b',
        propensities: [1, 0.25],
        features: { asOfMs: 999, nextOffset: 6 },
        rankingFailure: 'too slow',
        failedGenerators: ['alike'],
        served: Float32Array.of(0.1, Number.NaN, Number.NEGATIVE_INFINITY),
        candidates: {
          itemIndexes: Int32Array.of(5, -1, 2 ** 31 - 1),
          scores: Float64Array.of(1 / 3, Number.MIN_VALUE, -0),
          rows: Float32Array.from({ length: 9 }, (_, n) => n / 7),
        },
      })
      const bare = anAnswer('bare', {
        candidates: { itemIndexes: new Int32Array(), scores: new Float64Array(), rows: new Float32Array() },
      })
      await store.append([whole, bare, anAnswer('none')])
      expect(await store.find('whole')).toEqual(whole)
      expect(await store.find('bare')).toEqual(bare)
      expect(await store.find('none')).toEqual(anAnswer('none'))
    }))

  it('gives the newest first, whenever they were added', () =>
    withFresh(fresh, async (store) => {
      const at = (atMs: number) => anAnswer(`r${atMs}`, { atMs })
      // Around a power of 2, where a key that is no number would turn over.
      const middle = 2 ** 40
      await store.append([at(middle - 2), at(middle)])
      await store.append([at(middle + 1), at(middle - 1)])
      expect(idsOf(await store.newest(3))).toEqual([`r${middle + 1}`, `r${middle}`, `r${middle - 1}`])
    }))

  it('gives the newest of batches that overlap in time, those of one moment by their ids from the last', () =>
    withFresh(fresh, async (store) => {
      const records = Array.from({ length: 60 }, (_, n) => anAnswer(`r${n % 7} ${n}`, { atMs: 1000 + ((n * 37) % 23) }))
      for (let n = 0; n < 60; n += 9) await store.append(records.slice(n, n + 9))
      const expected = records.toSorted(
        (a, b) => b.atMs - a.atMs || (a.response.requestId < b.response.requestId ? 1 : -1),
      )
      for (const limit of [1, 2, 10, 59, 60, 100]) expect(await store.newest(limit)).toEqual(expected.slice(0, limit))
    }))

  it('finds each of many that were added together, whatever their lengths', () =>
    withFresh(fresh, async (store) => {
      const records = Array.from({ length: 100 }, (_, n) =>
        anAnswer(`r${n}`, {
          atMs: 1000 - n,
          planHash: 'ü'.repeat(n % 11),
          served: new Float32Array((n * 31) % 50).fill(n),
        }),
      )
      await store.append(records)
      for (const record of records) expect(await store.find(record.response.requestId)).toEqual(record)
    }))

  it('is one to all who have it open, and knows everything after opening again', () =>
    withFresh(fresh, async (store, again) => {
      const other = await again()
      await store.append([anAnswer('a')])
      expect(await other.find('a')).toEqual(anAnswer('a'))
      await Promise.all([other.append([anAnswer('b')]), store.append([anAnswer('c')])])
      await store.close()
      expect(idsOf(await (await again()).newest(9)).sort()).toEqual(['a', 'b', 'c'])
    }))

  it('lets go of what is too old, by the newest moment that it was given, and of the oldest where all is too much', () =>
    withFresh(fresh, async (store) => {
      const large = (n: number): AnswerRecord =>
        anAnswer(`large ${n}`, { atMs: 10 + n, served: new Float32Array(25_000) })
      await store.append([anAnswer('old', { atMs: 1 })])
      for (let n = 0; n < 30; n++) await store.append([large(n)])
      expect(await store.find('old')).toBeUndefined()
      const kept = idsOf(await store.newest(100))
      expect(kept).toEqual(Array.from({ length: kept.length }, (_, n) => `large ${29 - n}`))
      // Of 100,000 bytes each.
      expect(kept.length).toBeGreaterThan(7)
      expect(kept.length).toBeLessThanOrEqual(10)
      await store.append([anAnswer('a day later', { atMs: 86_400_000 + 39 })])
      expect(idsOf(await store.newest(100))).toEqual(['a day later', 'large 29'])
    }))
}
