// How the tables came to be, step by step. A step that was released is never changed: what it should have done, a later one does.
import { type Kysely, type RawBuilder, type SchemaModule, sql } from 'kysely'
import { MillraceError } from '../../lib/errors.ts'
import type { MetadataTables } from './metadata-tables.ts'

/** What the databases have different names for. */
export interface ColumnTypes {
  /** Text that sorts by its bytes, whatever the database's locale. */
  readonly name: string
  readonly bytes: string
  /** Statements after which the rows of a table cannot be changed or removed. */
  appendOnly(table: string): readonly RawBuilder<unknown>[]
}

interface Migration {
  readonly name: string
  apply(schema: SchemaModule, types: ColumnTypes, db: Kysely<MetadataTables>): Promise<void>
}

/** The version of a database is how many of these it has seen. */
const migrations: readonly Migration[] = [
  { name: 'first tables', apply: createFirstTables },
  { name: 'table publications', apply: createTablePublications },
  { name: 'makers of training sets', apply: addTrainingSetMaker },
  { name: 'no progress of backfills', apply: dropBackfillProgress },
  { name: 'model registry', apply: createModelRegistry },
  { name: 'runs', apply: createRuns },
  { name: 'gate reports', apply: createGateReports },
]

export interface MigrationOptions {
  /** The database in words, without credentials. */
  readonly place: string
  readonly types: ColumnTypes
  readonly nowMs: number
  /** Whether the table `migration` is there. */
  hasMigrationTable(db: Kysely<MetadataTables>): Promise<boolean>
  /** Runs the steps in one transaction, in one process at a time. */
  locked(steps: (db: Kysely<MetadataTables>) => Promise<void>): Promise<void>
}

/**
 * Brings the database up to what this version of Millrace expects: all missing steps or none. Where nothing is missing, it only reads, so that
 * a user without the right to change tables can open the database.
 * @throws MillraceError METADATA_NEWER
 */
export async function migrate(db: Kysely<MetadataTables>, options: MigrationOptions): Promise<void> {
  if ((await versionOf(db, options)) === migrations.length) return
  await options.locked(async (locked) => {
    // Another process may have done it while this one waited for the lock.
    const version = await versionOf(locked, options)
    if (version === 0) await createMigrationTable(locked.schema, options.types)
    for (const [i, { name, apply }] of migrations.entries()) {
      if (i < version) continue
      await apply(locked.schema, options.types, locked)
      await locked
        .insertInto('migration')
        .values({ version: i + 1, name, applied_at_ms: options.nowMs })
        .execute()
    }
  })
}

async function versionOf(db: Kysely<MetadataTables>, { place, hasMigrationTable }: MigrationOptions): Promise<number> {
  if (!(await hasMigrationTable(db))) return 0
  const { version } = await db
    .selectFrom('migration')
    .select((eb) => eb.fn.max('version').as('version'))
    .executeTakeFirstOrThrow()
  if (version <= migrations.length) return version
  throw new MillraceError(
    'METADATA_NEWER',
    `${place} has metadata of version ${version}, and this version of Millrace knows up to ${migrations.length}.`,
    { fix: 'Upgrade Millrace, or name another database.' },
  )
}

async function createMigrationTable(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  await schema
    .createTable('migration')
    .addColumn('version', 'integer', (column) => column.primaryKey())
    .addColumn('name', sql.raw(types.name), (column) => column.notNull())
    .addColumn('applied_at_ms', 'bigint', (column) => column.notNull())
    .execute()
}

async function createFirstTables(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  const name = sql.raw(types.name)
  const bytes = sql.raw(types.bytes)

  await schema
    .createTable('source_state')
    .addColumn('source', name, (column) => column.primaryKey())
    .addColumn('generation', 'integer', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .execute()

  await schema
    .createTable('check_result')
    .addColumn('run_id', name, (column) => column.notNull())
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('table_name', name, (column) => column.notNull())
    .addColumn('check_name', name, (column) => column.notNull())
    .addColumn('column_name', name)
    .addColumn('checked_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('result', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('check_result_key', ['run_id', 'position'])
    .execute()
  await schema.createIndex('check_result_by_time').on('check_result').column('checked_at_ms').execute()
  await schema
    .createIndex('check_result_by_check')
    .on('check_result')
    .columns(['table_name', 'check_name', 'checked_at_ms'])
    .execute()

  await schema
    .createTable('table_profile')
    .addColumn('table_name', name, (column) => column.notNull())
    .addColumn('date', name, (column) => column.notNull())
    .addColumn('profile', bytes, (column) => column.notNull())
    .addPrimaryKeyConstraint('table_profile_key', ['table_name', 'date'])
    .execute()

  await schema
    .createTable('feature_version')
    .addColumn('feature', name, (column) => column.notNull())
    .addColumn('version', name, (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('definition', 'text', (column) => column.notNull())
    .addColumn('created_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('backfilled_to_offset', 'bigint', (column) => column.notNull().defaultTo(0))
    .addColumn('activated_at_ms', 'bigint')
    .addColumn('retired_at_ms', 'bigint')
    .addPrimaryKeyConstraint('feature_version_key', ['feature', 'version'])
    .addCheckConstraint('feature_version_state', sql`state in ('backfilling', 'live', 'retired')`)
    .execute()
  // The database itself refuses a second live version.
  await schema
    .createIndex('feature_version_live')
    .unique()
    .on('feature_version')
    .column('feature')
    .where(sql<boolean>`state = 'live'`)
    .execute()

  await schema
    .createTable('training_set')
    .addColumn('content_hash', name, (column) => column.primaryKey())
    .addColumn('manifest', 'text', (column) => column.notNull())
    .addColumn('tables', 'text', (column) => column.notNull())
    .addColumn('created_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('released_at_ms', 'bigint')
    .execute()
  await schema
    .createTable('training_set_table')
    .addColumn('content_hash', name, (column) => column.notNull().references('training_set.content_hash'))
    .addColumn('table_name', name, (column) => column.notNull())
    .addColumn('version', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('training_set_table_key', ['content_hash', 'table_name', 'version'])
    .execute()
  await schema
    .createIndex('training_set_table_by_table')
    .on('training_set_table')
    .columns(['table_name', 'version'])
    .execute()
}

async function createTablePublications(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  const name = sql.raw(types.name)
  await schema
    .createTable('table_publication')
    .addColumn('table_name', name, (column) => column.primaryKey())
    .addColumn('version', 'bigint', (column) => column.notNull())
    .addColumn('record', 'text', (column) => column.notNull())
    .execute()
  await schema
    .createTable('table_hold')
    .addColumn('number', 'integer', (column) => column.primaryKey())
    .addColumn('table_name', name, (column) => column.notNull())
    .addColumn('is_open', 'integer', (column) => column.notNull())
    .addColumn('record', 'text', (column) => column.notNull())
    .execute()
  await schema.createIndex('table_hold_by_table').on('table_hold').columns(['table_name', 'number']).execute()
  // The database itself refuses a second hold at a time.
  await schema
    .createIndex('table_hold_open')
    .unique()
    .on('table_hold')
    .column('table_name')
    .where(sql<boolean>`is_open = 1`)
    .execute()
}

/** Sets of before are taken for made: of those that were not, nothing tells. */
async function addTrainingSetMaker(schema: SchemaModule): Promise<void> {
  await schema.alterTable('training_set').addColumn('maker', 'text').execute()
}

/** The online store says how far a backfill is; nothing ever wrote it here. */
async function dropBackfillProgress(schema: SchemaModule): Promise<void> {
  await schema.alterTable('feature_version').dropColumn('backfilled_to_offset').execute()
}

async function createModelRegistry(
  schema: SchemaModule,
  types: ColumnTypes,
  db: Kysely<MetadataTables>,
): Promise<void> {
  const name = sql.raw(types.name)
  await schema
    .createTable('model_version')
    .addColumn('version', name, (column) => column.primaryKey())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('trained_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('registered_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('retired_at_ms', 'bigint')
    .addColumn('deleted_at_ms', 'bigint')
    .addColumn('summary', 'text', (column) => column.notNull())
    .addCheckConstraint('model_version_status', sql`status in ('registered', 'retired', 'deleted')`)
    .execute()
  await schema
    .createTable('model_alias')
    .addColumn('alias', name, (column) => column.primaryKey())
    .addColumn('version', name, (column) => column.notNull().references('model_version.version'))
    .addCheckConstraint('model_alias_name', sql`alias in ('champion', 'challenger', 'previous')`)
    .execute()
  await schema
    .createTable('model_alias_move')
    .addColumn('number', 'integer', (column) => column.primaryKey())
    .addColumn('alias', name, (column) => column.notNull())
    .addColumn('from_version', name, (column) => column.references('model_version.version'))
    .addColumn('to_version', name, (column) => column.references('model_version.version'))
    .addColumn('at_ms', 'bigint', (column) => column.notNull())
    .addColumn('decision', 'text', (column) => column.notNull())
    .execute()
  await schema.createIndex('model_alias_move_by_alias').on('model_alias_move').columns(['alias', 'number']).execute()
  for (const statement of types.appendOnly('model_alias_move')) await statement.execute(db)
  await schema
    .createTable('model_use')
    .addColumn('user_id', name, (column) => column.notNull())
    .addColumn('version', name, (column) => column.notNull().references('model_version.version'))
    .addColumn('process', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('model_use_key', ['user_id', 'version'])
    .execute()
}

async function createRuns(schema: SchemaModule, types: ColumnTypes): Promise<void> {
  const name = sql.raw(types.name)
  await schema
    .createTable('run')
    .addColumn('id', name, (column) => column.primaryKey())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('priority', 'double precision', (column) => column.notNull())
    .addColumn('queued_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('not_before_ms', 'bigint', (column) => column.notNull())
    .addColumn('record', 'text', (column) => column.notNull())
    .addCheckConstraint('run_state', sql`state in ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'lost')`)
    .execute()
  await schema.createIndex('run_by_state').on('run').columns(['state', 'queued_at_ms']).execute()
  await schema.createIndex('run_by_time').on('run').columns(['queued_at_ms', 'id']).execute()
  await schema
    .createTable('run_metric')
    .addColumn('run_id', name, (column) => column.notNull().references('run.id'))
    .addColumn('name', name, (column) => column.notNull())
    .addColumn('step', 'bigint', (column) => column.notNull())
    .addColumn('metric', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('run_metric_key', ['run_id', 'name', 'step'])
    .execute()
}

/** A report may come before its model is registered, and stays when the model is deleted. */
async function createGateReports(schema: SchemaModule, types: ColumnTypes, db: Kysely<MetadataTables>): Promise<void> {
  const name = sql.raw(types.name)
  await schema
    .createTable('gate_report')
    .addColumn('id', name, (column) => column.primaryKey())
    .addColumn('version', name, (column) => column.notNull())
    .addColumn('judged_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('report', 'text', (column) => column.notNull())
    .execute()
  await schema.createIndex('gate_report_by_version').on('gate_report').columns(['version', 'judged_at_ms']).execute()
  for (const statement of types.appendOnly('gate_report')) await statement.execute(db)
}
