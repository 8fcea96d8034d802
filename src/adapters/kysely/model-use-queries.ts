import type { ModelUser } from '../../domain/registered-model.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import type { ModelUses } from '../../ports/model-uses.ts'
import type { MetadataDatabase } from './metadata-database.ts'
import { assertRegistered } from './model-registry-queries.ts'

export function modelUses(database: MetadataDatabase): ModelUses {
  return {
    declare: ({ id, pid, startedAt }, versions) =>
      database.write(async (transaction) => {
        const held = await transaction.selectFrom('model_use').select('version').where('user_id', '=', id).execute()
        const before = new Set(held.map(({ version }) => version))
        for (const version of before) {
          if (versions.includes(version)) continue
          await transaction.deleteFrom('model_use').where('user_id', '=', id).where('version', '=', version).execute()
        }
        const process = canonicalJson({ pid, startedAt })
        for (const version of new Set(versions)) {
          if (before.has(version)) continue
          await assertRegistered(transaction, version)
          await transaction.insertInto('model_use').values({ user_id: id, version, process }).execute()
        }
      }),

    async list() {
      const rows = await database.read((db) =>
        db.selectFrom('model_use').selectAll().orderBy('version').orderBy('user_id').execute(),
      )
      return rows.map(({ user_id, version, process }) => ({
        user: { id: user_id, ...(JSON.parse(process) as Omit<ModelUser, 'id'>) },
        version,
      }))
    },

    async forget(userId) {
      await database.write((transaction) => transaction.deleteFrom('model_use').where('user_id', '=', userId).execute())
    },
  }
}
