import { type Csr, csrFromTriplets } from '../src/lib/csr.ts'
import { dataFile, gzipLines } from './data.ts'

/** MovieLens-100K: who rated what; the ratings themselves and the times are left out, as the published tables do. */
export function ml100k(): Csr | { readonly skipped: string } {
  const file = dataFile('ml-100k/ml-100k.inter.gz')
  if ('skipped' in file) return file
  const rows: number[] = []
  const columns: number[] = []
  for (const line of gzipLines(file.path).slice(1)) {
    const [user, item] = line.split('\t').map(Number)
    rows.push(user! - 1)
    columns.push(item! - 1)
  }
  return csrFromTriplets(
    { rows, columns, values: new Float32Array(rows.length).fill(1) },
    { rowCount: 943, columnCount: 1682 },
  )
}
