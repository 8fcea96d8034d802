import type { ExpressionBuilder, Kysely, Selectable } from 'kysely'
import type { FeatureVersion, FeatureVersionId } from '../../domain/feature-version.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import { MillraceError } from '../../lib/errors.ts'
import type { FeatureVersions } from '../../ports/feature-versions.ts'
import type { MetadataDatabase } from './metadata-database.ts'
import type { MetadataTables } from './metadata-tables.ts'

export function featureVersions(database: MetadataDatabase): FeatureVersions {
  return {
    begin: ({ feature, version, definition, atMs }) =>
      database.write(async (transaction) => {
        const id = { feature, version }
        const known = await find(transaction, id)
        if (known && known.state !== 'retired') return known
        const fresh = {
          state: 'backfilling',
          definition: canonicalJson(definition),
          created_at_ms: atMs,
          activated_at_ms: null,
          retired_at_ms: null,
        } as const
        if (known) await transaction.updateTable('feature_version').set(fresh).where(isVersion(id)).execute()
        else
          await transaction
            .insertInto('feature_version')
            .values({ ...id, ...fresh })
            .execute()
        return (await find(transaction, id))!
      }),

    activate: (id, atMs) =>
      database.write(async (transaction) => {
        const known = await find(transaction, id)
        if (known?.state === 'live') return
        if (known?.state !== 'backfilling') throw notBackfilling(id, known)
        await transaction
          .updateTable('feature_version')
          .where('feature', '=', id.feature)
          .where('state', '=', 'live')
          .set({ state: 'retired', retired_at_ms: atMs })
          .execute()
        await transaction
          .updateTable('feature_version')
          .where(isVersion(id))
          .set({ state: 'live', activated_at_ms: atMs })
          .execute()
      }),

    async retire(id, atMs) {
      await database.write((transaction) =>
        transaction
          .updateTable('feature_version')
          .where(isVersion(id))
          .where('state', '!=', 'retired')
          .set({ state: 'retired', retired_at_ms: atMs })
          .execute(),
      )
    },

    async list(feature) {
      const rows = await database.read((db) => {
        const query = db.selectFrom('feature_version').selectAll()
        return (feature === undefined ? query : query.where('feature', '=', feature))
          .orderBy('feature')
          .orderBy('created_at_ms')
          .orderBy('version')
          .execute()
      })
      return rows.map(fromRow)
    },
  }
}

const isVersion = (id: FeatureVersionId) => (eb: ExpressionBuilder<MetadataTables, 'feature_version'>) =>
  eb.and({ feature: id.feature, version: id.version })

async function find(db: Kysely<MetadataTables>, id: FeatureVersionId): Promise<FeatureVersion | undefined> {
  const row = await db.selectFrom('feature_version').selectAll().where(isVersion(id)).executeTakeFirst()
  return row && fromRow(row)
}

function fromRow(row: Selectable<MetadataTables['feature_version']>): FeatureVersion {
  return {
    feature: row.feature,
    version: row.version,
    state: row.state,
    definition: JSON.parse(row.definition),
    createdAtMs: Number(row.created_at_ms),
    ...(row.activated_at_ms !== null && { activatedAtMs: Number(row.activated_at_ms) }),
    ...(row.retired_at_ms !== null && { retiredAtMs: Number(row.retired_at_ms) }),
  }
}

function notBackfilling({ feature, version }: FeatureVersionId, found: FeatureVersion | undefined): MillraceError {
  return new MillraceError(
    'FEATURE_VERSION_NOT_BACKFILLING',
    `Version ${version} of feature "${feature}" is ${found?.state ?? 'unknown'}, expected backfilling.`,
    { fix: 'Begin its backfill again; the version that is live stays in charge until then.' },
  )
}
