import type { Kysely } from 'kysely'
import type { TableHold, TablePublication } from '../../domain/table-publication.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import { MillraceError } from '../../lib/errors.ts'
import type { TablePublications } from '../../ports/table-publications.ts'
import type { MetadataDatabase } from './metadata-database.ts'
import type { MetadataTables } from './metadata-tables.ts'

export function tablePublications(database: MetadataDatabase): TablePublications {
  return {
    find: (table) => database.read((db) => published(db, table)),

    async publish(publication, { follows, hold }) {
      const { table, version, publishedAtMs, by, why } = publication
      await database.write(async (transaction) => {
        const known = await published(transaction, table)
        if (known?.version === version && known.publishedAtMs === publishedAtMs) return
        assertFollows(known, { table, follows })
        const record = canonicalJson(publication)
        await transaction
          .insertInto('table_publication')
          .values({ table_name: table, version, record })
          .onConflict((conflict) => conflict.column('table_name').doUpdateSet({ version, record }))
          .execute()
        const open = await openHold(transaction, table)
        if (open) {
          const released = {
            atMs: publishedAtMs,
            version,
            ...(by !== undefined && { by }),
            ...(why !== undefined && { why }),
          }
          await updateHold(transaction, open.number, { ...open.hold, released })
        }
        if (hold) await insertHold(transaction, hold)
      })
    },

    hold: (hold, { follows }) =>
      database.write(async (transaction) => {
        assertFollows(await published(transaction, hold.table), { table: hold.table, follows })
        const open = await openHold(transaction, hold.table)
        if (!open) {
          await insertHold(transaction, hold)
          return hold
        }
        if (open.hold.by !== undefined) return open.hold
        const lasting = { ...open.hold, checkedAtMs: hold.checkedAtMs, reasons: hold.reasons }
        await updateHold(transaction, open.number, lasting)
        return lasting
      }),

    openHold: async (table) => (await database.read((db) => openHold(db, table)))?.hold,

    async holds(table, limit) {
      const rows = await database.read((db) =>
        db
          .selectFrom('table_hold')
          .select('record')
          .where('table_name', '=', table)
          .orderBy('number', 'desc')
          .limit(limit)
          .execute(),
      )
      return rows.map(({ record }) => JSON.parse(record) as TableHold)
    },
  }
}

async function published(db: Kysely<MetadataTables>, table: string): Promise<TablePublication | undefined> {
  const row = await db
    .selectFrom('table_publication')
    .select('record')
    .where('table_name', '=', table)
    .executeTakeFirst()
  return row && (JSON.parse(row.record) as TablePublication)
}

async function openHold(
  db: Kysely<MetadataTables>,
  table: string,
): Promise<{ readonly number: number; readonly hold: TableHold } | undefined> {
  const row = await db
    .selectFrom('table_hold')
    .select(['number', 'record'])
    .where('table_name', '=', table)
    .where('is_open', '=', 1)
    .executeTakeFirst()
  return row && { number: row.number, hold: JSON.parse(row.record) as TableHold }
}

async function insertHold(transaction: Kysely<MetadataTables>, hold: TableHold): Promise<void> {
  const { last } = await transaction
    .selectFrom('table_hold')
    .select((eb) => eb.fn.max('number').as('last'))
    .executeTakeFirstOrThrow()
  await transaction
    .insertInto('table_hold')
    .values({ number: Number(last ?? 0) + 1, table_name: hold.table, is_open: 1, record: canonicalJson(hold) })
    .execute()
}

async function updateHold(transaction: Kysely<MetadataTables>, number: number, hold: TableHold): Promise<void> {
  await transaction
    .updateTable('table_hold')
    .set({ is_open: hold.released ? 0 : 1, record: canonicalJson(hold) })
    .where('number', '=', number)
    .execute()
}

function assertFollows(
  known: TablePublication | undefined,
  { table, follows }: { readonly table: string; readonly follows: number | undefined },
): void {
  if (known?.version === follows) return
  throw new MillraceError(
    'TABLE_PUBLICATION_CHANGED',
    `Version ${known?.version ?? 'none'} of table "${table}" is published, expected ${follows ?? 'none'}.`,
    { fix: 'Somebody else published in between. Look at "millrace data list", then repeat it if it is still wanted.' },
  )
}
