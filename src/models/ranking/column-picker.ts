import assert from 'node:assert'

/** From rows of all columns to rows of those that a ranker knows. */
export function columnPicker(
  columnNames: readonly string[],
  featureNames: readonly string[],
): (rows: Float32Array, width: number, rowCount: number) => Float32Array {
  const picked = featureNames.map((name) => columnNames.indexOf(name))
  assert(!picked.includes(-1), `the columns ${columnNames.join(', ')} lack one of ${featureNames.join(', ')}`)
  if (picked.length === columnNames.length && picked.every((column, c) => column === c)) return (rows) => rows
  let out = new Float32Array(0)
  return (rows, width, rowCount) => {
    if (out.length < rowCount * picked.length) out = new Float32Array(rowCount * picked.length)
    for (let row = 0, at = 0; row < rowCount; row++) {
      for (const column of picked) out[at++] = rows[row * width + column]!
    }
    return out.subarray(0, rowCount * picked.length)
  }
}
