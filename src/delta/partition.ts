// Partition values: text, in Delta's serialisation, `null` where there is none. Protocol, section "Partition Value Serialization".
import type { DeltaSchema, DeltaType } from './schema.ts'

/** By partition column. In Delta the empty text and null are one value; here it is null. */
export type PartitionValues = Readonly<Record<string, string | null>>

/** Some of the partition columns, each with a value: every file that has those values. The empty record is every file. */
export type PartitionFilter = PartitionValues

export const isInPartition = (values: PartitionValues, filter: PartitionFilter): boolean =>
  Object.entries(filter).every(([column, value]) => (values[column] || null) === (value || null))

export const isInSomePartition = (values: PartitionValues, filters: readonly PartitionFilter[]): boolean =>
  filters.some((filter) => isInPartition(values, filter))

/** With null for the empty text, columns in the table's order. */
export function normalisedValues(values: PartitionValues, partitionColumns: readonly string[]): PartitionValues {
  return Object.fromEntries(partitionColumns.map((column) => [column, values[column] || null]))
}

/**
 * What is wrong with the values, one sentence each; empty where nothing is.
 * @param isFilter some columns may be missing
 */
export function partitionProblems(
  values: PartitionValues,
  table: { readonly schema: DeltaSchema; readonly partitionColumns: readonly string[]; readonly isFilter?: boolean },
): string[] {
  const problems: string[] = []
  const expected = table.partitionColumns.join(', ') || 'none'
  for (const column of Object.keys(values)) {
    if (!table.partitionColumns.includes(column)) {
      problems.push(`Found a value for "${column}", expected the partition columns: ${expected}.`)
    }
  }
  for (const column of table.partitionColumns) {
    const value = values[column]
    if (value === undefined) {
      if (!table.isFilter)
        problems.push(`Found no value for the partition column "${column}"; null is written as null.`)
      continue
    }
    const { type } = table.schema.find(({ name }) => name === column)!
    if (value && !formOf(type).test(value)) problems.push(`Found ${column} "${value}", expected a ${String(type)}.`)
  }
  return problems
}

const forms: Readonly<Record<string, RegExp>> = {
  date: /^\d{4}-\d\d-\d\d$/,
  timestamp: /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,9})?Z?$/,
  boolean: /^(true|false)$/,
  float: /^-?(\d+(\.\d*)?([eE][+-]?\d+)?|Infinity|NaN)$/,
  double: /^-?(\d+(\.\d*)?([eE][+-]?\d+)?|Infinity|NaN)$/,
}

function formOf(type: DeltaType): RegExp {
  if (/^(long|integer|short|byte)$/.test(String(type))) return /^-?\d+$/
  if (/^decimal/.test(String(type))) return /^-?\d+(\.\d+)?$/
  return forms[String(type)] ?? /^/
}
