// Which checks a table gets without anyone asking, from what it promises of its columns and from `checks` in the system file.
import type { CheckName, Severity } from '../../domain/check.ts'
import type { CheckSettings } from '../../domain/check-settings.ts'
import type { ColumnRules, ColumnType } from '../../domain/column-profile.ts'
import type { TableRules } from '../../domain/table-profile.ts'

export interface PlannedCheck {
  readonly check: CheckName
  readonly table: string
  /** Null for checks of the whole table. */
  readonly column: string | null
  readonly severity: Severity
  readonly owner: string
  /** Of a check against history: its share of the run's false alarms, relative to the others'. */
  readonly weight: number
}

const historyChecksByType: Readonly<Record<ColumnType, readonly CheckName[]>> = {
  id: [],
  // The mean of a timestamp moves with the calendar: its freshness is what can be checked.
  timestamp: ['nullRateShift'],
  number: ['nullRateShift', 'mean', 'drift'],
  integer: ['nullRateShift', 'mean', 'drift'],
  boolean: ['nullRateShift', 'mean'],
  // Of a text and of tags the mean is that of its length, of their number.
  text: ['nullRateShift', 'mean'],
  tags: ['nullRateShift', 'mean', 'drift'],
  category: ['nullRateShift', 'drift'],
}

/** Means and volumes are what breaks most often and what the test is strongest for. */
const weights: Readonly<Partial<Record<CheckName, number>>> = { mean: 3, volume: 3 }

/** The checks of a table by default, those of the whole table first, then column by column in the order of the table's. */
export function plannedChecks(rules: TableRules, settings: CheckSettings): PlannedCheck[] {
  const plan = (column: string | null) => (check: CheckName) => ({
    check,
    table: rules.table,
    column,
    severity: settings.severities[check],
    owner: rules.owner,
    weight: weights[check] ?? 1,
  })
  return [
    ...(rules.isRealTime ? (['eventFreshness', 'availableFreshness'] as const) : []).map(plan(null)),
    plan(null)('volume'),
    ...Object.entries(rules.columns).flatMap(([name, column]) => checksOf(column).map(plan(name))),
  ]
}

function checksOf(column: ColumnRules): CheckName[] {
  const checks: CheckName[] = ['column', 'type']
  if (column.min !== undefined || column.max !== undefined) checks.push('range')
  if (column.values) checks.push('enumeration')
  if (column.isUnique) checks.push('uniqueness')
  if (column.references !== undefined) checks.push('reference')
  if (column.isRequired) checks.push('nullRate')
  return [...checks, ...historyChecksByType[column.type]]
}
