// What the gates said of models, for whoever asks why one is in charge, or is not.
import type { GateReport } from '../domain/gate-report.ts'

export interface GateReports {
  /** Durably. A report that is there already stays as it is, so appending again after METADATA_UNAVAILABLE is safe. Nothing is ever changed or removed. */
  append(report: GateReport): Promise<void>
  /** Of one version, newest first. */
  list(version: string, limit: number): Promise<readonly GateReport[]>
}
