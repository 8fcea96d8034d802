// Rules of the schema: every violation is a fact, so one is enough and no history is asked.
import type { ViolationKind } from '../../domain/column-profile.ts'
import type { TableProfile } from '../../domain/table-profile.ts'
import { type Measurement, notMeasured } from './measurement.ts'
import { percentText, plural } from './wording.ts'

/** Whether the batch has the column at all. */
export function measureColumn(profile: TableProfile, column: string, isRequired: boolean): Measurement {
  const isMissing = isRequired ? !hasAnyValue(profile, column) : profile.columns[column] === undefined
  // A batch without rows says nothing of its columns; `volume` says that it is empty.
  const isBeyondThreshold = profile.rowCount > 0 && isMissing
  return {
    ...notMeasured(
      isBeyondThreshold
        ? `no row of ${profile.rowCount} has a value; the column was dropped or renamed`
        : 'the column is there',
    ),
    evidence: { kind: 'certain' },
    isBeyondThreshold,
  }
}

const hasAnyValue = (profile: TableProfile, name: string): boolean => {
  const column = profile.columns[name]
  return column !== undefined && column.nullCount < column.rowCount
}

const faults: Readonly<Record<ViolationKind, string>> = {
  type: 'of another type',
  range: 'out of range',
  enumeration: 'not among the values allowed',
  uniqueness: 'with an id that came before',
  reference: 'of an id that the other table does not have',
}

/** How many rows break a rule. */
export function measureViolations(profile: TableProfile, name: string, kind: ViolationKind): Measurement {
  const column = profile.columns[name]
  if (!column || column.rowCount === 0) return { ...notMeasured('no row to look at'), evidence: { kind: 'certain' } }
  const { count, example } = column.violations[kind] ?? { count: 0, example: '' }
  const share = count / column.rowCount
  return {
    ...notMeasured(
      count === 0
        ? `no value ${faults[kind]}`
        : `${plural(count, 'value')} (${percentText(share)}) ${faults[kind]}, such as ${example}; none is allowed`,
    ),
    value: share,
    expected: 0,
    threshold: { low: null, high: 0 },
    isBeyondThreshold: count > 0,
    evidence: { kind: 'certain' },
  }
}
