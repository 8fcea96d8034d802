import type { Kysely, Selectable } from 'kysely'
import { movedAliases } from '../../domain/model-aliases.ts'
import {
  type AliasMove,
  type ModelAliases,
  type ModelDecision,
  modelAliases,
  type RegisteredModel,
} from '../../domain/registered-model.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import { MillraceError } from '../../lib/errors.ts'
import type { AliasChange, ModelRegistry } from '../../ports/model-registry.ts'
import type { MetadataDatabase } from './metadata-database.ts'
import type { MetadataTables } from './metadata-tables.ts'

export function modelRegistry(database: MetadataDatabase): ModelRegistry {
  return {
    async register({ version, ...rest }, atMs) {
      const summary = canonicalJson(rest)
      const trained_at_ms = rest.lineage.trainedAtMs
      const fresh = { status: 'registered', registered_at_ms: atMs, retired_at_ms: null, deleted_at_ms: null } as const
      await database.write((transaction) =>
        transaction
          .insertInto('model_version')
          .values({ version, trained_at_ms, summary, ...fresh })
          .onConflict((conflict) =>
            conflict
              .column('version')
              .doUpdateSet({ trained_at_ms, summary, ...fresh })
              .where('model_version.status', '=', 'deleted'),
          )
          .execute(),
      )
    },

    async list() {
      const rows = await database.read((db) =>
        db
          .selectFrom('model_version')
          .selectAll()
          .orderBy('trained_at_ms', 'desc')
          .orderBy('version', 'desc')
          .execute(),
      )
      return rows.map(modelOf)
    },

    aliases: () => database.read(currentAliases),

    move: (change) => database.write((transaction) => move(transaction, change)),

    async audit({ alias, version, untilMs, limit }) {
      const rows = await database.read((db) => {
        let query = db.selectFrom('model_alias_move').selectAll()
        if (alias !== undefined) query = query.where('alias', '=', alias)
        if (untilMs !== undefined) query = query.where('at_ms', '<=', untilMs)
        if (version !== undefined) {
          query = query.where((row) => row.or([row('from_version', '=', version), row('to_version', '=', version)]))
        }
        return query.orderBy('number', 'desc').limit(limit).execute()
      })
      return rows.map(moveOf)
    },

    retire: (version, atMs) =>
      database.write(async (transaction) => {
        if ((await statusOf(transaction, version)) !== 'registered') return
        await assertUnused(transaction, version)
        await transaction
          .updateTable('model_version')
          .set({ status: 'retired', retired_at_ms: atMs })
          .where('version', '=', version)
          .execute()
      }),

    async confirmDeleted(version, atMs) {
      await database.write((transaction) =>
        transaction
          .updateTable('model_version')
          .set({ status: 'deleted', deleted_at_ms: atMs })
          .where('version', '=', version)
          .where('status', '=', 'retired')
          .execute(),
      )
    },
  }
}

/** @throws MillraceError MODEL_NOT_FOUND, MODEL_RETIRED */
export async function assertRegistered(transaction: Kysely<MetadataTables>, version: string): Promise<void> {
  const status = await statusOf(transaction, version)
  if (status === 'registered') return
  throw new MillraceError('MODEL_RETIRED', `Model ${version} is ${status}, expected registered.`, {
    fix: 'Name another version. "millrace models" lists them.',
  })
}

async function move(transaction: Kysely<MetadataTables>, change: AliasChange): Promise<void> {
  const { from, to, atMs, decision } = change
  const moved = movedAliases(from, to)
  const found = await currentAliases(transaction)
  if (movedAliases(found, from).length > 0) {
    if (await isMadeAlready(transaction, change, found)) return
    throw movedMeanwhile(found, from)
  }
  if (moved.length === 0) return
  const { last } = await transaction
    .selectFrom('model_alias_move')
    .select((eb) => eb.fn.max('number').as('last'))
    .executeTakeFirstOrThrow()
  for (const [i, alias] of moved.entries()) {
    const version = to[alias]
    if (version === undefined) await transaction.deleteFrom('model_alias').where('alias', '=', alias).execute()
    else {
      await assertRegistered(transaction, version)
      await transaction
        .insertInto('model_alias')
        .values({ alias, version })
        .onConflict((conflict) => conflict.column('alias').doUpdateSet({ version }))
        .execute()
    }
    await transaction
      .insertInto('model_alias_move')
      .values({
        number: Number(last ?? 0) + 1 + i,
        alias,
        from_version: from[alias] ?? null,
        to_version: version ?? null,
        at_ms: atMs,
        decision: canonicalJson(decision),
      })
      .execute()
  }
}

/** Whether the last moves are those of this very change: it was made, and the answer was lost. */
async function isMadeAlready(
  transaction: Kysely<MetadataTables>,
  { from, to, atMs, decision }: AliasChange,
  found: ModelAliases,
): Promise<boolean> {
  const moved = movedAliases(from, to)
  if (moved.length === 0 || movedAliases(found, to).length > 0) return false
  const last = await transaction
    .selectFrom('model_alias_move')
    .selectAll()
    .orderBy('number', 'desc')
    .limit(moved.length)
    .execute()
  return last.every((row) => Number(row.at_ms) === atMs && row.decision === canonicalJson(decision))
}

function movedMeanwhile(found: ModelAliases, expected: ModelAliases): MillraceError {
  const [alias] = movedAliases(found, expected)
  const inCharge = found.champion === undefined ? 'No model is in charge now' : `${found.champion} is in charge now`
  const difference = `the ${alias} is ${found[alias!] ?? 'none'}, expected ${expected[alias!] ?? 'none'}`
  return new MillraceError('MODEL_ALIAS_MOVED', `${inCharge}: ${difference}.`, {
    fix: 'Somebody else was first. See "millrace models audit", then repeat it if it is still wanted.',
  })
}

async function currentAliases(db: Kysely<MetadataTables>): Promise<ModelAliases> {
  const rows = await db.selectFrom('model_alias').selectAll().execute()
  const named = modelAliases.flatMap((alias) => rows.filter((row) => row.alias === alias))
  return Object.fromEntries(named.map(({ alias, version }) => [alias, version]))
}

/** @throws MillraceError MODEL_NOT_FOUND */
async function statusOf(db: Kysely<MetadataTables>, version: string): Promise<RegisteredModel['status']> {
  const row = await db.selectFrom('model_version').select('status').where('version', '=', version).executeTakeFirst()
  if (row) return row.status
  throw new MillraceError('MODEL_NOT_FOUND', `The registry has no model version ${version}.`, {
    fix: 'Run "millrace models" to see the versions that exist.',
  })
}

async function assertUnused(transaction: Kysely<MetadataTables>, version: string): Promise<void> {
  const named = await transaction.selectFrom('model_alias').select('alias').where('version', '=', version).execute()
  const uses = await transaction.selectFrom('model_use').select('process').where('version', '=', version).execute()
  const holders = [
    ...named.map(({ alias }) => `it is the ${alias}`),
    ...uses.map(({ process }) => `process ${(JSON.parse(process) as { pid: number }).pid} uses it`),
  ]
  if (holders.length === 0) return
  throw new MillraceError('MODEL_IN_USE', `Model ${version} cannot be deleted: ${holders.join(', ')}.`, {
    fix: 'Put another version in charge, or end the process, and collect again.',
  })
}

const modelOf = (row: Selectable<MetadataTables['model_version']>): RegisteredModel => ({
  version: row.version,
  ...JSON.parse(row.summary),
  status: row.status,
  registeredAtMs: Number(row.registered_at_ms),
  ...(row.retired_at_ms !== null && { retiredAtMs: Number(row.retired_at_ms) }),
  ...(row.deleted_at_ms !== null && { deletedAtMs: Number(row.deleted_at_ms) }),
})

const moveOf = (row: Selectable<MetadataTables['model_alias_move']>): AliasMove => ({
  number: row.number,
  alias: row.alias,
  ...(row.from_version !== null && { from: row.from_version }),
  ...(row.to_version !== null && { to: row.to_version }),
  atMs: Number(row.at_ms),
  decision: JSON.parse(row.decision) as ModelDecision,
})
