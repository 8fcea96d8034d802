import { expect, it } from 'vitest'
import type { ServedFeatures } from '../domain/served-features.ts'
import type { SkewReport } from '../domain/skew-report.ts'
import { type Fresh, withFresh } from './port-under-test.contract.ts'
import type { ServedFeaturesStore } from './served-features-store.ts'

const row = (momentMs: number, changes: Partial<ServedFeatures> = {}): ServedFeatures => ({
  momentMs,
  userId: 'u',
  nextOffset: momentMs * 2,
  readings: [{ name: 'views', version: 'v1', status: 'present', value: momentMs }],
  ...changes,
})

const ALWAYS = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER }

async function all(store: ServedFeaturesStore, range = ALWAYS): Promise<ServedFeatures[]> {
  const rows: ServedFeatures[] = []
  for await (const batch of store.read(range)) rows.push(...batch)
  return rows
}

/** What every store of served features must do. */
export function testServedFeaturesStore(fresh: Fresh<ServedFeaturesStore>): void {
  it('begins empty, without a report', () =>
    withFresh(fresh, async (store) => {
      expect(await all(store)).toEqual([])
      expect(await store.lastReport()).toBeUndefined()
    }))

  it('gives values of every type back as they came, and none where there was none', () =>
    withFresh(fresh, async (store) => {
      const reading = { name: 'f', version: 'v', status: 'present' } as const
      const served: ServedFeatures = {
        momentMs: 7,
        // Some of it ends a line for some readers of lines.
        userId: 'ü\n"\u{1f600}\u2028\u2029\u0085\r',
        itemId: 'i',
        readings: [
          { ...reading, value: 0.1 + 0.2 },
          { ...reading, value: 'text' },
          { ...reading, value: false },
          { ...reading, value: ['a', 'b'] },
          { ...reading, value: [] },
          {
            ...reading,
            value: new Map([
              ['b', 0.75],
              ['10', 0.25],
              ['__proto__', 1],
            ]),
          },
          { ...reading, status: 'missing', value: undefined },
        ],
      }
      await store.append([served])
      const [found] = await all(store)
      expect(found).toEqual(served)
      // The order of a map's keys, too.
      expect([...(found!.readings[5]!.value as Map<string, number>).keys()]).toEqual(['b', '10', '__proto__'])
    }))

  it('gives the rows of a range, the beginning included and the end not, in the order they were added', () =>
    withFresh(fresh, async (store) => {
      await store.append([row(1), row(5)])
      await store.append([])
      await store.append(Array.from({ length: 3000 }, (_, n) => row(10 + n)))
      expect((await all(store, { fromMs: 5, toMs: 12 })).map(({ momentMs }) => momentMs)).toEqual([5, 10, 11])
      expect((await all(store)).map(({ momentMs }) => momentMs)).toEqual([
        1,
        5,
        ...Array.from({ length: 3000 }, (_, n) => 10 + n),
      ])
    }))

  it('is one to all who have it open, and knows everything after opening again', () =>
    withFresh(fresh, async (store, again) => {
      const other = await again()
      await store.append([row(1)])
      await other.append([row(2)])
      await store.append([row(3)])
      await store.close()
      const moments = (await all(await again())).map(({ momentMs }) => momentMs)
      expect(moments.sort()).toEqual([1, 2, 3])
      expect(await all(other)).toHaveLength(3)
    }))

  it('keeps the newest report', () =>
    withFresh(fresh, async (store, again) => {
      const report: SkewReport = {
        measuredAtMs: 9,
        fromMs: 0,
        toMs: 8,
        rowCount: 1,
        otherVersionCount: 0,
        firstOffset: 0,
        lagMs: undefined,
        features: [],
      }
      await store.saveReport({ ...report, rowCount: 0 })
      await store.saveReport(report)
      expect(await (await again()).lastReport()).toEqual(report)
      expect(await all(store)).toEqual([])
    }))
}
