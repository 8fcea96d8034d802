/** Rows of cells as lines, each column as wide as its widest cell. Every row has as many cells as the first. */
export function alignedColumns(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]!.length))) ?? []
  return rows.map((row) => {
    const cells = row.map((cell, column) => cell.padEnd(widths[column]!))
    return cells.join('  ').trimEnd()
  })
}
