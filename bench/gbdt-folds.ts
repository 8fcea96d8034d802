// Whole queries divided into folds, each fold as files for the two sides of the `gbdt` benchmark.
import { join } from 'node:path'
import { seededRng } from '../src/lib/rng.ts'
import { type RankedRows, writeRows } from './gbdt-data.ts'

const foldCount = 5

export interface Fold {
  readonly trainFile: string
  readonly testFile: string
  readonly test: RankedRows
  /** The places of the test rows' queries in the whole. */
  readonly testQueries: readonly number[]
}

/** Each query is in the test rows of one of five folds; another `division` divides otherwise. The files go to `dir`. */
export function divide(rows: RankedRows, division: number, dir: string): Fold[] {
  const rng = seededRng(`gbdt folds ${division}`)
  const draws = Array.from(rows.querySizes, () => rng.next())
  const places = Array.from(draws.keys()).sort((a, b) => draws[a]! - draws[b]!)
  const foldOf = new Map(places.map((query, place) => [query, place % foldCount]))
  return Array.from({ length: foldCount }, (_, fold) => {
    const [trainFile, testFile] = ['train', 'test'].map((part) => join(dir, `${division}-${fold}-${part}.bin`))
    const test = partOf(rows, (query) => foldOf.get(query) === fold)
    writeRows(
      trainFile!,
      partOf(rows, (query) => foldOf.get(query) !== fold),
    )
    writeRows(testFile!, test)
    const testQueries = Array.from(rows.querySizes.keys()).filter((query) => foldOf.get(query) === fold)
    return { trainFile: trainFile!, testFile: testFile!, test, testQueries }
  })
}

/** The rows of both, first those of `first`. */
export function pooled(first: RankedRows, second: RankedRows): RankedRows {
  const joined = (a: Float32Array, b: Float32Array): Float32Array => {
    const both = new Float32Array(a.length + b.length)
    both.set(a)
    both.set(b, a.length)
    return both
  }
  return {
    columns: first.columns.map((column, c) => ({
      ...column,
      values: joined(column.values, second.columns[c]!.values),
    })),
    labels: joined(first.labels, second.labels),
    querySizes: Int32Array.from([...first.querySizes, ...second.querySizes]),
  }
}

/** Rows of the queries that `isKept` says yes to. */
function partOf({ columns, labels, querySizes }: RankedRows, isKept: (query: number) => boolean): RankedRows {
  const queryOfRow = Array.from(querySizes).flatMap((size, query) => new Array<number>(size).fill(query))
  const keep = (values: Float32Array): Float32Array => values.filter((_, row) => isKept(queryOfRow[row]!))
  return {
    columns: columns.map(({ name, values }) => ({ name, values: keep(values) })),
    labels: keep(labels),
    querySizes: querySizes.filter((_, query) => isKept(query)),
  }
}
