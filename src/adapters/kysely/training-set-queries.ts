import type { Selectable } from 'kysely'
import type { TrainingSet, TrainingSetMaker } from '../../domain/training-set.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import type { TrainingSets } from '../../ports/training-sets.ts'
import type { MetadataDatabase } from './metadata-database.ts'
import type { MetadataTables } from './metadata-tables.ts'

export function trainingSets(database: MetadataDatabase): TrainingSets {
  return {
    begin: ({ contentHash, manifest, tables, createdAtMs }, maker) =>
      database.write(async (transaction) => {
        await transaction
          .insertInto('training_set')
          .values({
            content_hash: contentHash,
            manifest: canonicalJson(manifest),
            tables: canonicalJson(tables),
            created_at_ms: createdAtMs,
            released_at_ms: null,
            maker: makerText(maker),
          })
          .onConflict((conflict) => conflict.column('content_hash').doNothing())
          .execute()
        await transaction
          .updateTable('training_set')
          .set({ released_at_ms: null, maker: makerText(maker) })
          .where('content_hash', '=', contentHash)
          .where((set) => set.or([set('maker', 'is not', null), set('released_at_ms', 'is not', null)]))
          .execute()
        for (const { table, version } of tables) {
          await transaction
            .insertInto('training_set_table')
            .values({ content_hash: contentHash, table_name: table, version })
            .onConflict((conflict) => conflict.doNothing())
            .execute()
        }
      }),

    async finish(contentHash) {
      await database.write((transaction) =>
        transaction
          .updateTable('training_set')
          .set({ released_at_ms: null, maker: null })
          .where('content_hash', '=', contentHash)
          .execute(),
      )
    },

    async abandon(contentHash, maker, atMs) {
      await database.write((transaction) =>
        transaction
          .updateTable('training_set')
          .set({ released_at_ms: atMs })
          .where('content_hash', '=', contentHash)
          .where('maker', '=', makerText(maker))
          .where('released_at_ms', 'is', null)
          .execute(),
      )
    },

    async unfinished() {
      const rows = await database.read((db) =>
        db
          .selectFrom('training_set')
          .selectAll()
          .where('maker', 'is not', null)
          .where('released_at_ms', 'is', null)
          .orderBy('created_at_ms')
          .orderBy('content_hash')
          .execute(),
      )
      return rows.map(fromRow)
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

/** Canonical, so that it can be compared. */
const makerText = ({ pid, startedAt }: TrainingSetMaker): string => canonicalJson({ pid, startedAt })

const fromRow = (row: Selectable<MetadataTables['training_set']>): TrainingSet => ({
  contentHash: row.content_hash,
  manifest: JSON.parse(row.manifest),
  tables: JSON.parse(row.tables),
  createdAtMs: Number(row.created_at_ms),
  ...(row.maker !== null && { maker: JSON.parse(row.maker) }),
  ...(row.released_at_ms !== null && { releasedAtMs: Number(row.released_at_ms) }),
})
