import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Clock } from '../lib/clock.ts'
import type { Quarantine, QuarantinedRow, RejectedRow } from './quarantine.ts'

/** A quarantine that can be opened again, also while it is open: by a second process, as it were. */
export interface QuarantineUnderTest {
  open(): Promise<Quarantine>
  /** Takes away what `open` made; every quarantine is closed by then. */
  remove(): Promise<void>
}

const row = (changes: Partial<RejectedRow> = {}): RejectedRow => ({
  reason: 'MISSING_USER_ID',
  message: 'userId: found nothing, expected an id.',
  source: 'clicks',
  where: 'clicks.csv:7',
  payload: '{"itemId":"i1"}',
  ...changes,
})

const payloadsOf = (rows: readonly QuarantinedRow[]): string[] => rows.map(({ payload }) => payload)

/** What every quarantine must do. `fresh` gives a new, empty one per call. */
export function testQuarantine(fresh: (clock: Clock) => Promise<QuarantineUnderTest>): void {
  const withQuarantine = async (check: (quarantine: Quarantine, again: () => Promise<Quarantine>) => Promise<void>) => {
    const underTest = await fresh({ now: () => 1000 })
    const opened: Quarantine[] = []
    const again = async () => {
      const quarantine = await underTest.open()
      opened.push(quarantine)
      return quarantine
    }
    try {
      await check(await again(), again)
    } finally {
      for (const quarantine of opened) await quarantine.close()
      await underTest.remove()
    }
  }

  it('begins empty', () =>
    withQuarantine(async (quarantine) => {
      expect(await quarantine.list({ limit: 10 })).toEqual([])
      expect(await quarantine.counts()).toEqual([])
    }))

  it('gives rows back as they came, with an id and the time of their rejection', () =>
    withQuarantine(async (quarantine) => {
      await quarantine.add([row(), row({ payload: 'ü\n', sourceDefinition: '{"kind":"file"}' })])
      const [first, second] = await quarantine.list({ limit: 10 })
      expect(first).toEqual({ ...row(), id: expect.any(Number), rejectedAtMs: 1000 })
      expect(second).toMatchObject({ payload: 'ü\n', sourceDefinition: '{"kind":"file"}' })
      expect(second!.id).toBeGreaterThan(first!.id)
    }))

  it('keeps the same row of the same place once', () =>
    withQuarantine(async (quarantine) => {
      await quarantine.add([row(), row()])
      await quarantine.add([row({ message: 'in other words' }), row({ where: 'clicks.csv:8' })])
      expect((await quarantine.list({ limit: 10 })).map(({ where }) => where)).toEqual(['clicks.csv:7', 'clicks.csv:8'])
      expect(await quarantine.counts()).toEqual([{ source: 'clicks', reason: 'MISSING_USER_ID', count: 2 }])
    }))

  it('lists page by page, oldest first, by reason and by source', () =>
    withQuarantine(async (quarantine) => {
      await quarantine.add(
        Array.from({ length: 10 }, (_, n) =>
          row({ payload: String(n), reason: n % 2 === 0 ? 'EVEN' : 'ODD', source: n < 5 ? 'clicks' : 'http' }),
        ),
      )
      const firstPage = await quarantine.list({ limit: 3 })
      expect(payloadsOf(firstPage)).toEqual(['0', '1', '2'])
      expect(payloadsOf(await quarantine.list({ limit: 3, afterId: firstPage.at(-1)!.id }))).toEqual(['3', '4', '5'])
      expect(payloadsOf(await quarantine.list({ limit: 10, reason: 'EVEN', source: 'http' }))).toEqual(['6', '8'])
      expect(await quarantine.list({ limit: 10, reason: 'NEITHER' })).toEqual([])
    }))

  it('counts by source and reason', () =>
    withQuarantine(async (quarantine) => {
      await quarantine.add([
        row({ where: '1' }),
        row({ where: '2' }),
        row({ reason: 'BAD_WEIGHT' }),
        row({ source: 'http' }),
      ])
      expect(await quarantine.counts()).toEqual([
        { source: 'clicks', reason: 'BAD_WEIGHT', count: 1 },
        { source: 'clicks', reason: 'MISSING_USER_ID', count: 2 },
        { source: 'http', reason: 'MISSING_USER_ID', count: 1 },
      ])
    }))

  it('lets removed rows go, takes the same row again later, and never uses an id again', () =>
    withQuarantine(async (quarantine) => {
      await quarantine.add([row(), row({ where: 'clicks.csv:8' })])
      const [first, second] = await quarantine.list({ limit: 10 })
      await quarantine.remove([second!.id, second!.id, 999_999])
      expect(await quarantine.list({ limit: 10 })).toEqual([first])
      expect(await quarantine.counts()).toEqual([{ source: 'clicks', reason: 'MISSING_USER_ID', count: 1 }])
      await quarantine.remove([first!.id])
      expect(await quarantine.counts()).toEqual([])
      await quarantine.add([row()])
      expect((await quarantine.list({ limit: 10 }))[0]!.id).toBeGreaterThan(second!.id)
    }))

  it('knows everything after closing and opening again, and is one to all who have it open', () =>
    withQuarantine(async (quarantine, again) => {
      const other = await again()
      await quarantine.add([row({ where: '1' })])
      await other.add([row({ where: '1' }), row({ where: '2' })])
      await quarantine.close()
      expect((await (await again()).list({ limit: 10 })).map(({ where }) => where)).toEqual(['1', '2'])
      expect((await other.list({ limit: 10 })).length).toBe(2)
    }))

  it('counts exactly what it lists, for any additions and removals', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            add: fc.boolean(),
            source: fc.constantFrom('a', 'b'),
            reason: fc.constantFrom('X', 'Y'),
            n: fc.nat(8),
          }),
          { maxLength: 20 },
        ),
        (steps) =>
          withQuarantine(async (quarantine) => {
            for (const { add, source, reason, n } of steps) {
              if (add) await quarantine.add([row({ source, reason, where: String(n) })])
              else await quarantine.remove([n])
            }
            const listed = new Map<string, number>()
            for (const { source, reason } of await quarantine.list({ limit: 100 })) {
              listed.set(`${source} ${reason}`, (listed.get(`${source} ${reason}`) ?? 0) + 1)
            }
            const counted = (await quarantine.counts()).map(({ source, reason, count }) => [
              `${source} ${reason}`,
              count,
            ])
            expect(Object.fromEntries(counted)).toEqual(Object.fromEntries(listed))
          }),
      ),
      { numRuns: 20 },
    ))
}
