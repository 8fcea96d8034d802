import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { StoredCheckResult } from '../domain/check-result.ts'
import type { CheckResults } from './check-results.ts'
import { type Fresh, withFresh } from './port-under-test.contract.ts'

/** A check that passed. */
export const someCheckResult: StoredCheckResult = {
  table: 'events',
  check: 'nullRate',
  column: null,
  value: null,
  expected: null,
  threshold: { low: null, high: null },
  isBeyondThreshold: false,
  calibratedBand: null,
  pValue: null,
  adjustedPValue: null,
  isSignificant: false,
  meanRule: null,
  historyUsed: null,
  verdict: 'pass',
  severity: 'warn',
  owner: 'data@shop.example',
  message: 'as it should be',
  checkedAtMs: 1000,
}

const result = (changes: Partial<StoredCheckResult> = {}): StoredCheckResult => ({ ...someCheckResult, ...changes })

const fullResult = result({
  tableVersion: 12,
  column: 'price',
  value: 0.1 + 0.2,
  threshold: { low: -1e-300, high: 1e21 },
  pValue: 5e-324,
  historyUsed: { dayCount: 28, setAsideDayCount: 1, isByWeekday: true, testedDayCount: 7 },
  message: 'price: found 30 % without a value, expected at most 1 %.',
})

/** What every memory of checks must do. */
export function testCheckResults(fresh: Fresh<CheckResults>): void {
  it('begins empty', () =>
    withFresh(fresh, async (checks) => {
      expect(await checks.list({ limit: 10 })).toEqual([])
      expect(await checks.profiles('events', { from: '0000-01-01', to: '9999-12-31' })).toEqual([])
    }))

  it('gives results back as they came, in the order of their run', () =>
    withFresh(fresh, async (checks) => {
      const results = [result({ column: 'b' }), fullResult, result({ column: 'a', verdict: 'notEnoughHistory' })]
      await checks.append({ runId: 'r1', results })
      expect(await checks.list({ limit: 10 })).toEqual(results)
      await checks.append({ runId: 'without results', results: [] })
      expect(await checks.list({ limit: 10 })).toEqual(results)
    }))

  it('lists the newest first, page by page', () =>
    withFresh(fresh, async (checks) => {
      for (const checkedAtMs of [2000, 1000, 3000]) {
        await checks.append({ runId: `r${checkedAtMs}`, results: [result({ checkedAtMs })] })
      }
      const times = async (query: { limit: number; beforeMs?: number }) =>
        (await checks.list(query)).map(({ checkedAtMs }) => checkedAtMs)
      expect(await times({ limit: 2 })).toEqual([3000, 2000])
      expect(await times({ limit: 2, beforeMs: 2000 })).toEqual([1000])
      expect(await times({ limit: 0 })).toEqual([])
    }))

  it('lists by table, check and column', () =>
    withFresh(fresh, async (checks) => {
      const results = ['events', 'items'].flatMap((table) =>
        (['mean', 'volume'] as const).flatMap((check) => [
          result({ table, check }),
          result({ table, check, column: 'price' }),
        ]),
      )
      await checks.append({ runId: 'r1', results })
      const found = await checks.list({ table: 'items', check: 'mean', column: 'price', limit: 10 })
      expect(found).toEqual([result({ table: 'items', check: 'mean', column: 'price' })])
      expect((await checks.list({ table: 'items', limit: 10 })).length).toBe(4)
      expect((await checks.list({ check: 'volume', limit: 10 })).length).toBe(4)
      expect((await checks.list({ column: 'price', limit: 10 })).length).toBe(4)
    }))

  it('keeps a run once, as it came first', () =>
    withFresh(fresh, async (checks, again) => {
      const run = { runId: 'r1', results: [result(), fullResult] }
      await checks.append(run)
      await (await again()).append(run)
      await checks.append({ runId: 'r1', results: [result({ verdict: 'fail' })] })
      await Promise.all([checks, await again()].map((each) => each.append({ ...run, runId: 'r2' })))
      expect((await checks.list({ limit: 10 })).map(({ verdict }) => verdict)).toEqual(Array(4).fill('pass'))
    }))

  it('takes a run of thousands of results, and drops those of old checks', () =>
    withFresh(fresh, async (checks) => {
      const results = Array.from({ length: 2500 }, (_, n) => result({ column: `c${n}`, checkedAtMs: n }))
      await checks.append({ runId: 'wide', results })
      expect((await checks.list({ limit: 10_000 })).length).toBe(2500)
      expect(await checks.trim(2400)).toEqual({ removedCount: 2400 })
      expect(await checks.trim(2400)).toEqual({ removedCount: 0 })
      expect((await checks.list({ limit: 10_000 })).map(({ column }) => column)).toEqual(
        results
          .slice(2400)
          .reverse()
          .map(({ column }) => column),
      )
    }))

  it('keeps a profile for each table and day, the newest one, to the byte', () =>
    withFresh(fresh, async (checks) => {
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (profile) => {
          await checks.saveProfile('events', { date: '2026-03-01', profile })
          expect(await checks.profiles('events', { from: '2026-03-01', to: '2026-03-01' })).toEqual([
            { date: '2026-03-01', profile },
          ])
        }),
        { numRuns: 30 },
      )
      const everyByte = Uint8Array.from({ length: 256 }, (_, n) => n)
      await checks.saveProfile('events', { date: '2026-03-01', profile: everyByte })
      expect((await checks.profiles('events', { from: '2026-03-01', to: '2026-03-01' }))[0]!.profile).toEqual(everyByte)
    }))

  it('finds the profiles of a range of days, both ends included, by date, of this table only', () =>
    withFresh(fresh, async (checks) => {
      for (const day of ['03', '01', '02', '04']) {
        await checks.saveProfile('events', { date: `2026-03-${day}`, profile: new Uint8Array([Number(day)]) })
      }
      await checks.saveProfile('items', { date: '2026-03-02', profile: new Uint8Array([99]) })
      expect(await checks.profiles('events', { from: '2026-03-02', to: '2026-03-03' })).toEqual([
        { date: '2026-03-02', profile: new Uint8Array([2]) },
        { date: '2026-03-03', profile: new Uint8Array([3]) },
      ])
    }))
}
