import type { StoredCheckResult } from '../../domain/check-result.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import type { CheckResults } from '../../ports/check-results.ts'
import type { MetadataDatabase } from './metadata-database.ts'

/** Rows of one insert. Of 7 parameters each: SQLite takes 32,766 in a statement, Postgres 65,535. */
const INSERT_ROW_COUNT = 1000

export function checkResults(database: MetadataDatabase): CheckResults {
  return {
    async append({ runId, results }) {
      const rows = results.map((result, position) => ({
        run_id: runId,
        position,
        table_name: result.table,
        check_name: result.check,
        column_name: result.column,
        checked_at_ms: result.checkedAtMs,
        result: canonicalJson(result),
      }))
      await database.write(async (transaction) => {
        for (let start = 0; start < rows.length; start += INSERT_ROW_COUNT) {
          await transaction
            .insertInto('check_result')
            .values(rows.slice(start, start + INSERT_ROW_COUNT))
            .onConflict((conflict) => conflict.columns(['run_id', 'position']).doNothing())
            .execute()
        }
      })
    },

    async list({ table, check, column, beforeMs, limit }) {
      const rows = await database.read((db) => {
        let query = db.selectFrom('check_result').select('result')
        if (table !== undefined) query = query.where('table_name', '=', table)
        if (check !== undefined) query = query.where('check_name', '=', check)
        if (column !== undefined) query = query.where('column_name', '=', column)
        if (beforeMs !== undefined) query = query.where('checked_at_ms', '<', beforeMs)
        return query.orderBy('checked_at_ms', 'desc').orderBy('run_id').orderBy('position').limit(limit).execute()
      })
      return rows.map(({ result }) => JSON.parse(result) as StoredCheckResult)
    },

    async trim(beforeMs) {
      const { numDeletedRows } = await database.write((transaction) =>
        transaction.deleteFrom('check_result').where('checked_at_ms', '<', beforeMs).executeTakeFirst(),
      )
      return { removedCount: Number(numDeletedRows) }
    },

    async saveProfile(table, { date, profile }) {
      await database.write((transaction) =>
        transaction
          .insertInto('table_profile')
          .values({ table_name: table, date, profile })
          .onConflict((conflict) => conflict.columns(['table_name', 'date']).doUpdateSet({ profile }))
          .execute(),
      )
    },

    async profiles(table, { from, to }) {
      const rows = await database.read((db) =>
        db
          .selectFrom('table_profile')
          .select(['date', 'profile'])
          .where('table_name', '=', table)
          .where('date', '>=', from)
          .where('date', '<=', to)
          .orderBy('date')
          .execute(),
      )
      // Of one kind, whichever driver read them: `pg` gives a Buffer.
      return rows.map(({ date, profile }) => ({ date, profile: new Uint8Array(profile) }))
    },
  }
}
