import { alignedColumns } from '../lib/aligned-columns.ts'

/** Prints a header and rows with their columns lined up. */
export function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  for (const line of alignedColumns([header, ...rows])) console.log(line)
}
