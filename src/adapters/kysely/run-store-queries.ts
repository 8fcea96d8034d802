import type { Kysely, Selectable } from 'kysely'
import { hasEnded, type Run, type RunMetric, type RunState } from '../../domain/run.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import { MillraceError } from '../../lib/errors.ts'
import type { RunStore } from '../../ports/run-store.ts'
import type { MetadataDatabase } from './metadata-database.ts'
import type { MetadataTables } from './metadata-tables.ts'

type Tables = Kysely<MetadataTables>

/** A statement takes only so many values. */
const METRICS_PER_STATEMENT = 100

export function runStore(database: MetadataDatabase): RunStore {
  return {
    add: (run) =>
      database.write(async (transaction) => {
        if ((await found(transaction, run.id)) !== undefined) return
        if (run.state === 'running') await assertNoneRuns(transaction, run)
        await transaction.insertInto('run').values(rowOf(run)).execute()
      }),

    find: (id) => database.read((db) => known(db, id)),

    async list({ kind, states, limit }) {
      if (states?.length === 0) return []
      const rows = await database.read((db) => {
        let query = db.selectFrom('run').selectAll()
        if (kind !== undefined) query = query.where('kind', '=', kind)
        if (states !== undefined) query = query.where('state', 'in', states)
        return query.orderBy('queued_at_ms', 'desc').orderBy('id', 'desc').limit(limit).execute()
      })
      return rows.map(runOf)
    },

    claim: ({ process, atMs, runningCountMax }) =>
      database.write(async (transaction) => {
        const { count } = await transaction
          .selectFrom('run')
          .select((eb) => eb.fn.countAll().as('count'))
          .where('state', '=', 'running')
          .executeTakeFirstOrThrow()
        if (Number(count) >= runningCountMax) return undefined
        const next = await transaction
          .selectFrom('run')
          .selectAll()
          .where('state', '=', 'queued')
          .where('not_before_ms', '<=', atMs)
          .orderBy('priority', 'desc')
          .orderBy('queued_at_ms')
          .orderBy('id')
          .executeTakeFirst()
        if (next === undefined) return undefined
        const { endedAtMs, failure, outcome, resources, ...run } = runOf(next)
        const claimed: Run = { ...run, state: 'running', attempt: run.attempt + 1, startedAtMs: atMs, process }
        await save(transaction, claimed)
        return claimed
      }),

    change: (id, from, change) =>
      database.write(async (transaction) => {
        const run = await known(transaction, id)
        if (!from.includes(run.state)) throw inAnotherState(run, from)
        const changed: Run = { ...run, ...(change as Partial<Run>) }
        if (changed.state === 'running' && run.state !== 'running') await assertNoneRuns(transaction, run)
        await save(transaction, changed)
        // As it is read back: without what is undefined.
        return JSON.parse(canonicalJson(changed)) as Run
      }),

    async addMetrics(id, metrics) {
      await database.write(async (transaction) => {
        await known(transaction, id)
        // Of two for one step within the call the last one holds, which a single statement could not say.
        const last = new Map(metrics.map((metric) => [`${metric.step} ${metric.name}`, metric]))
        const rows = [...last.values()].map(({ name, step, ...metric }) => ({
          run_id: id,
          name,
          step,
          metric: canonicalJson(metric),
        }))
        for (let i = 0; i < rows.length; i += METRICS_PER_STATEMENT) {
          await transaction
            .insertInto('run_metric')
            .values(rows.slice(i, i + METRICS_PER_STATEMENT))
            .onConflict((conflict) =>
              conflict.columns(['run_id', 'name', 'step']).doUpdateSet((eb) => ({ metric: eb.ref('excluded.metric') })),
            )
            .execute()
        }
      })
    },

    async metrics(id) {
      const rows = await database.read((db) =>
        db.selectFrom('run_metric').selectAll().where('run_id', '=', id).orderBy('name').orderBy('step').execute(),
      )
      return rows.map(({ name, step, metric }) => ({
        name,
        step: Number(step),
        ...(JSON.parse(metric) as Omit<RunMetric, 'name' | 'step'>),
      }))
    },

    remove: (ids) =>
      database.write(async (transaction) => {
        const removed: string[] = []
        for (const id of ids) {
          const run = await found(transaction, id)
          if (run === undefined || !hasEnded(run)) continue
          await transaction.deleteFrom('run_metric').where('run_id', '=', id).execute()
          await transaction.deleteFrom('run').where('id', '=', id).execute()
          removed.push(id)
        }
        return removed
      }),
  }
}

async function found(db: Tables, id: string): Promise<Run | undefined> {
  const row = await db.selectFrom('run').selectAll().where('id', '=', id).executeTakeFirst()
  return row && runOf(row)
}

/** @throws MillraceError RUN_NOT_FOUND */
async function known(db: Tables, id: string): Promise<Run> {
  const run = await found(db, id)
  if (run !== undefined) return run
  throw new MillraceError('RUN_NOT_FOUND', `There is no run ${JSON.stringify(id)}.`, {
    fix: 'Run "millrace runs" to see those that there are.',
  })
}

/** @throws MillraceError RUN_UNDERWAY */
async function assertNoneRuns(db: Tables, { kind, id }: Run): Promise<void> {
  const row = await db
    .selectFrom('run')
    .selectAll()
    .where('kind', '=', kind)
    .where('state', '=', 'running')
    .where('id', '!=', id)
    .executeTakeFirst()
  if (row === undefined) return
  const { id: other, process } = runOf(row)
  const where = process === undefined ? '' : `, in process ${process.pid}`
  throw new MillraceError('RUN_UNDERWAY', `Run ${other} (${kind}) is running already${where}.`, {
    fix: `Wait for it, queue yours behind it with --detach, or end it with "millrace runs cancel ${other}".`,
  })
}

function inAnotherState({ id, state }: Run, from: readonly RunState[]): MillraceError {
  return new MillraceError('RUN_STATE_CHANGED', `Run ${id} is ${state}, expected ${from.join(' or ')}.`, {
    fix: `See "millrace runs show ${id}".`,
  })
}

async function save(db: Tables, run: Run): Promise<void> {
  const { id, ...columns } = rowOf(run)
  await db.updateTable('run').set(columns).where('id', '=', id).execute()
}

const rowOf = (run: Run) => ({
  id: run.id,
  kind: run.kind,
  state: run.state,
  priority: run.priority,
  queued_at_ms: run.queuedAtMs,
  not_before_ms: run.notBeforeMs,
  record: canonicalJson(run),
})

const runOf = ({ record }: Selectable<MetadataTables['run']>): Run => JSON.parse(record) as Run
