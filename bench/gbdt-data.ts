// The rows that the `gbdt` benchmark learns from, and the file in which both sides read them.
import { readFileSync, writeFileSync } from 'node:fs'
import { seededRng } from '../src/lib/rng.ts'
import type { LabelledRows } from '../src/models/boosted-trees/labelled-rows.ts'
import { dataFile, gzipLines } from './data.ts'

export interface RankedRows extends LabelledRows {
  readonly querySizes: Int32Array
}

/** Rows to learn from, and rows to judge by. */
export interface TreesSplit<Rows extends LabelledRows = LabelledRows> {
  readonly train: Rows
  readonly test: Rows
}

/** Lines "query grade url group feature …", not in the order of the queries; grades cut at 0.07, 0.14, 0.41 and 0.61. */
export function letorYandex(): TreesSplit<RankedRows> | { skipped: string } {
  const parts: RankedRows[] = []
  for (const name of ['letor-yandex/features.txt.gz', 'letor-yandex/featuresTest.txt.gz']) {
    const file = dataFile(name)
    if ('skipped' in file) return file
    const rowsByQuery = Map.groupBy(
      gzipLines(file.path).map((line) => line.split('\t')),
      ([query]) => query,
    )
    const rows = [...rowsByQuery.values()].flat()
    const gradeOf = (relevance: number): number => [0.07, 0.14, 0.41, 0.61].filter((cut) => relevance >= cut).length
    parts.push({
      ...rowsOf(
        rows.map(([, , , , ...features]) => features.map(Number)),
        rows.map(([, relevance]) => gradeOf(Number(relevance))),
      ),
      querySizes: Int32Array.from(rowsByQuery.values(), (ofQuery) => ofQuery.length),
    })
  }
  return { train: parts[0]!, test: parts[1]! }
}

/** LightGBM's example of LambdaMART: "grade feature:value …", and the sizes of the queries in a file of their own. Left out means 0. */
export function lambdarankExample(): TreesSplit<RankedRows> | { skipped: string } {
  const parts: RankedRows[] = []
  for (const part of ['train', 'test']) {
    const rows = dataFile(`lightgbm-examples/lambdarank/rank.${part}.gz`)
    const queries = dataFile(`lightgbm-examples/lambdarank/rank.${part}.query.gz`)
    if ('skipped' in rows) return rows
    if ('skipped' in queries) return queries
    const table: number[][] = []
    const grades: number[] = []
    for (const line of gzipLines(rows.path)) {
      const [grade, ...pairs] = line.trim().split(' ')
      const values = new Array<number>(301).fill(0)
      for (const pair of pairs) {
        const [feature, value] = pair.split(':').map(Number)
        values[feature!] = value!
      }
      table.push(values)
      grades.push(Number(grade))
    }
    parts.push({ ...rowsOf(table, grades), querySizes: Int32Array.from(gzipLines(queries.path), Number) })
  }
  return { train: parts[0]!, test: parts[1]! }
}

function rowsOf(table: readonly (readonly number[])[], labels: readonly number[]): LabelledRows {
  return {
    columns: Array.from(table[0]!, (_, f) => ({
      name: `f${f}`,
      values: Float32Array.from(table, (values) => values[f]!),
    })),
    labels: Float32Array.from(labels),
  }
}

/**
 * Made rows with a smooth, an interacting and a noisy part. Of every five features one has 20 values, one is skewed, and three are normal; about half
 * of them mean nothing.
 */
export function madeRegression(size: { trainRows: number; testRows: number; features: number }): TreesSplit {
  const rng = seededRng('gbdt bench')
  const rowCount = size.trainRows + size.testRows
  const columns = Array.from({ length: size.features }, (_, f) => {
    const nextValue = [
      () => rng.normal(),
      () => rng.normal(),
      () => rng.normal(),
      () => Math.exp(rng.normal()),
      () => rng.integer(20),
    ][f % 5]!
    return { name: `f${f}`, values: Float32Array.from({ length: rowCount }, nextValue) }
  })
  const x = (f: number, row: number): number => columns[f]!.values[row]!
  const labels = Float32Array.from({ length: rowCount }, (_, row) => {
    const smooth = Math.sin(2 * x(0, row)) + 0.5 * Math.log(x(3, row)) + Math.abs(x(6, row))
    const interacting =
      0.7 * x(1, row) * x(2, row) - 0.3 * x(7, row) * x(8, row) + (x(5, row) > 0 ? 0.1 * x(4, row) : 0)
    return smooth + interacting + 0.2 * (x(10, row) + x(11, row) + x(12, row)) + rng.normal()
  })
  const part = (from: number, end: number): LabelledRows => ({
    columns: columns.map(({ name, values }) => ({ name, values: values.subarray(from, end) })),
    labels: labels.subarray(from, end),
  })
  return { train: part(0, size.trainRows), test: part(size.trainRows, rowCount) }
}

/** A few queries whose grades follow the first features; small, for smoke runs. */
export function madeRanking(): TreesSplit<RankedRows> {
  const { train, test } = madeRegression({ trainRows: 2_000, testRows: 1_000, features: 20 })
  const graded = ({ columns, labels }: LabelledRows): RankedRows => ({
    columns,
    labels: labels.map((label) => Math.max(0, Math.min(4, Math.round(label)))),
    querySizes: new Int32Array(labels.length / 20).fill(20),
  })
  return { train: graded(train), test: graded(test) }
}

/** int32: rows, features, queries; then float32, feature by feature; float32 labels; int32 rows of each query. */
export function writeRows(path: string, { columns, labels, querySizes = [] }: LabelledRows): void {
  const parts = [
    Int32Array.of(labels.length, columns.length, querySizes.length),
    ...columns.map(({ values }) => values),
    labels,
    Int32Array.from(querySizes),
  ]
  const bytes = Buffer.concat(parts.map((part) => new Uint8Array(part.buffer, part.byteOffset, part.byteLength)))
  writeFileSync(path, bytes)
}

/** What `writeRows` wrote. */
export function readRows(path: string): LabelledRows {
  const bytes = readFileSync(path)
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  const [rowCount, featureCount, queryCount] = new Int32Array(buffer, 0, 3) as unknown as [number, number, number]
  const columnAt = (f: number): number => 12 + f * rowCount * 4
  return {
    columns: Array.from({ length: featureCount }, (_, f) => ({
      name: `f${f}`,
      values: new Float32Array(buffer, columnAt(f), rowCount),
    })),
    labels: new Float32Array(buffer, columnAt(featureCount), rowCount),
    ...(queryCount > 0 && { querySizes: new Int32Array(buffer, columnAt(featureCount + 1), queryCount) }),
  }
}
