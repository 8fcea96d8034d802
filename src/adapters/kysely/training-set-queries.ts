import type { Selectable } from 'kysely'
import type { TrainingSet } from '../../domain/training-set.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import type { TrainingSets } from '../../ports/training-sets.ts'
import type { MetadataDatabase } from './metadata-database.ts'
import type { MetadataTables } from './metadata-tables.ts'

export function trainingSets(database: MetadataDatabase): TrainingSets {
  return {
    record: ({ contentHash, manifest, tables, createdAtMs }) =>
      database.write(async (transaction) => {
        await transaction
          .insertInto('training_set')
          .values({
            content_hash: contentHash,
            manifest: canonicalJson(manifest),
            tables: canonicalJson(tables),
            created_at_ms: createdAtMs,
            released_at_ms: null,
          })
          .onConflict((conflict) => conflict.column('content_hash').doUpdateSet({ released_at_ms: null }))
          .execute()
        for (const { table, version } of tables) {
          await transaction
            .insertInto('training_set_table')
            .values({ content_hash: contentHash, table_name: table, version })
            .onConflict((conflict) => conflict.doNothing())
            .execute()
        }
      }),

    async find(contentHash) {
      const row = await database.read((db) =>
        db.selectFrom('training_set').selectAll().where('content_hash', '=', contentHash).executeTakeFirst(),
      )
      return row && fromRow(row)
    },

    async list(limit) {
      const rows = await database.read((db) =>
        db
          .selectFrom('training_set')
          .selectAll()
          .orderBy('created_at_ms', 'desc')
          .orderBy('content_hash')
          .limit(limit)
          .execute(),
      )
      return rows.map(fromRow)
    },

    release: (contentHash, atMs) =>
      database.write(async (transaction) => {
        const known = await transaction
          .selectFrom('training_set')
          .select('released_at_ms')
          .where('content_hash', '=', contentHash)
          .executeTakeFirst()
        if (!known) return false
        if (known.released_at_ms === null) {
          await transaction
            .updateTable('training_set')
            .set({ released_at_ms: atMs })
            .where('content_hash', '=', contentHash)
            .execute()
        }
        return true
      }),

    async pinnedVersions(table) {
      const rows = await database.read((db) =>
        db
          .selectFrom('training_set_table')
          .innerJoin('training_set', 'training_set.content_hash', 'training_set_table.content_hash')
          .select('version')
          .distinct()
          .where('table_name', '=', table)
          .where('released_at_ms', 'is', null)
          .orderBy('version')
          .execute(),
      )
      return rows.map(({ version }) => Number(version))
    },
  }
}

const fromRow = (row: Selectable<MetadataTables['training_set']>): TrainingSet => ({
  contentHash: row.content_hash,
  manifest: JSON.parse(row.manifest),
  tables: JSON.parse(row.tables),
  createdAtMs: Number(row.created_at_ms),
  ...(row.released_at_ms !== null && { releasedAtMs: Number(row.released_at_ms) }),
})
