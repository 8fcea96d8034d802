import type { GateReport } from '../../domain/gate-report.ts'
import { canonicalJson } from '../../lib/canonical-json.ts'
import type { GateReports } from '../../ports/gate-reports.ts'
import type { MetadataDatabase } from './metadata-database.ts'

export function gateReports(database: MetadataDatabase): GateReports {
  return {
    async append(report) {
      const { id, version, judgedAtMs } = report
      await database.write((transaction) =>
        transaction
          .insertInto('gate_report')
          .values({ id, version, judged_at_ms: judgedAtMs, report: canonicalJson(report) })
          .onConflict((conflict) => conflict.column('id').doNothing())
          .execute(),
      )
    },

    async list(version, limit) {
      const rows = await database.read((db) =>
        db
          .selectFrom('gate_report')
          .select('report')
          .where('version', '=', version)
          .orderBy('judged_at_ms', 'desc')
          .orderBy('id', 'desc')
          .limit(limit)
          .execute(),
      )
      return rows.map(({ report }) => JSON.parse(report) as GateReport)
    },
  }
}
