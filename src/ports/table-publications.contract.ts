import { expect, it } from 'vitest'
import type { TableHold, TablePublication } from '../domain/table-publication.ts'
import { type Fresh, withFresh } from './port-under-test.contract.ts'
import type { TablePublications } from './table-publications.ts'

const publication = (version: number, changes: Partial<TablePublication> = {}): TablePublication => ({
  table: 'changes',
  version,
  publishedAtMs: 1000 + version,
  ...changes,
})

const hold = (sinceVersion: number, changes: Partial<TableHold> = {}): TableHold => ({
  table: 'changes',
  sinceVersion,
  heldAtMs: 2000 + sinceVersion,
  checkedAtMs: 2000 + sinceVersion,
  reasons: [`found ${sinceVersion}`],
  ...changes,
})

/** What every memory of published versions must do. */
export function testTablePublications(fresh: Fresh<TablePublications>): void {
  it('begins with nothing published and nothing held', () =>
    withFresh(fresh, async (tables) => {
      expect(await tables.find('changes')).toBeUndefined()
      expect(await tables.openHold('changes')).toBeUndefined()
      expect(await tables.holds('changes', 10)).toEqual([])
    }))

  it('gives back what was published last, table by table', () =>
    withFresh(fresh, async (tables, again) => {
      await tables.publish(publication(1), { follows: undefined })
      const full = publication(2 ** 33, {
        by: 'ada',
        why: 'looked at it',
        checked: { through: '2026-03-01', version: 12 },
      })
      await tables.publish(full, { follows: 1 })
      await tables.publish(publication(7, { table: 'interactions' }), { follows: undefined })
      expect(await (await again()).find('changes')).toEqual(full)
      expect((await tables.find('interactions'))?.version).toBe(7)
    }))

  it('lets one of several who go on from the same version publish, and takes the same publication twice', () =>
    withFresh(fresh, async (tables, again) => {
      await tables.publish(publication(1), { follows: undefined })
      const other = await again()
      const results = await Promise.allSettled([
        tables.publish(publication(2), { follows: 1 }),
        other.publish(publication(3), { follows: 1 }),
      ])
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      const refused = results.find((result) => result.status === 'rejected')
      expect(refused?.reason).toMatchObject({ code: 'TABLE_PUBLICATION_CHANGED' })
      const winner = (await tables.find('changes'))!
      await tables.publish(winner, { follows: 1 })
      expect(await tables.find('changes')).toEqual(winner)
      await expect(tables.publish(publication(9), { follows: undefined })).rejects.toMatchObject({
        code: 'TABLE_PUBLICATION_CHANGED',
      })
    }))

  it('keeps a hold from its beginning with the newest reasons, until something is published', () =>
    withFresh(fresh, async (tables, again) => {
      await tables.publish(publication(1), { follows: undefined })
      expect(await tables.hold(hold(2), { follows: 1 })).toEqual(hold(2))
      const later = hold(5, { checkedAtMs: 3000 })
      const lasting = { ...hold(2), checkedAtMs: 3000, reasons: later.reasons }
      expect(await (await again()).hold(later, { follows: 1 })).toEqual(lasting)
      expect(await tables.openHold('changes')).toEqual(lasting)
      expect(await tables.openHold('interactions')).toBeUndefined()
      await expect(tables.hold(hold(9), { follows: 9 })).rejects.toMatchObject({ code: 'TABLE_PUBLICATION_CHANGED' })
      expect(await tables.openHold('changes')).toEqual(lasting)

      await tables.publish(publication(5, { by: 'ada', why: 'a sale' }), { follows: 1 })
      expect(await tables.openHold('changes')).toBeUndefined()
      const released = { atMs: 1005, version: 5, by: 'ada', why: 'a sale' }
      expect(await tables.holds('changes', 10)).toEqual([{ ...lasting, released }])

      await tables.hold(hold(6), { follows: 5 })
      await tables.publish(publication(6), { follows: 5 })
      expect(await tables.holds('changes', 1)).toEqual([{ ...hold(6), released: { atMs: 1006, version: 6 } }])
      expect(await tables.holds('changes', 10)).toHaveLength(2)
    }))

  it('begins the hold of a person with an older version, and no check takes it over', () =>
    withFresh(fresh, async (tables) => {
      await tables.publish(publication(4), { follows: undefined })
      await tables.hold(hold(5), { follows: 4 })
      const byPerson = hold(4, { by: 'ada', reasons: ['broken import'] })
      await tables.publish(publication(3, { by: 'ada' }), { follows: 4, hold: byPerson })
      expect(await tables.openHold('changes')).toEqual(byPerson)
      expect(await tables.hold(hold(7), { follows: 3 })).toEqual(byPerson)
      const known = (await tables.holds('changes', 10)).map(({ sinceVersion, released }) => [
        sinceVersion,
        released?.by,
      ])
      expect(known).toEqual([
        [4, undefined],
        [5, 'ada'],
      ])
      // Again, as after an answer that was lost: no second hold.
      await tables.publish(publication(3, { by: 'ada' }), { follows: 4, hold: byPerson })
      expect(await tables.holds('changes', 10)).toHaveLength(2)
    }))
}
