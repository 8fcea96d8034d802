// Data for boosted trees: two learning-to-rank sets with a given test part, and a made regression of any size.
import { seededRng } from '../src/lib/rng.ts'
import type { TreesRows } from '../src/models/boosted-trees/trees-settings.ts'
import { dataFile, gzipLines } from './data.ts'

/** Labels, features by column, and queries for ranking. */
export interface TreesData {
  readonly name: string
  readonly featureNames: readonly string[]
  readonly train: TreesRows
  readonly test: TreesRows
}

interface RankedRow {
  readonly query: number
  readonly grade: number
  readonly values: readonly number[]
}

/** Yandex LETOR: 50 features, relevance in [0, 1], cut into grades 0 to 4. */
export function yandexLetor(): TreesData | { readonly skipped: string } {
  const files = ['letor-yandex/features.txt.gz', 'letor-yandex/featuresTest.txt.gz'].map(dataFile)
  const missing = files.find((file) => 'skipped' in file)
  if (missing && 'skipped' in missing) return missing
  const cuts = [0.07, 0.14, 0.41, 0.61]
  const [train, test] = files.map((file) =>
    rankedRows(
      gzipLines((file as { path: string }).path).map((line): RankedRow => {
        const [query, relevance, _url, _group, ...values] = line.split('\t')
        return {
          query: Number(query),
          grade: cuts.filter((cut) => Number(relevance) >= cut).length,
          values: values.map(Number),
        }
      }),
      50,
    ),
  )
  return { name: 'Yandex LETOR', featureNames: numbered(50), train: train!, test: test! }
}

/** The example of ranking that comes with LightGBM: 300 features, grades 0 to 4. */
export function lambdaRankExample(): TreesData | { readonly skipped: string } {
  const parts = ['train', 'test'].map((part) => {
    const rows = dataFile(`lightgbm-examples/lambdarank/rank.${part}.gz`)
    const queries = dataFile(`lightgbm-examples/lambdarank/rank.${part}.query.gz`)
    return { rows, queries }
  })
  for (const { rows, queries } of parts) {
    if ('skipped' in rows) return rows
    if ('skipped' in queries) return queries
  }
  const parsed = parts.map(({ rows, queries }) => {
    const sizes = gzipLines((queries as { path: string }).path).map(Number)
    const queryOfRow = sizes.flatMap((size, query) => new Array<number>(size).fill(query))
    return gzipLines((rows as { path: string }).path).map((line, row) => {
      const [grade, ...entries] = line.split(' ')
      return {
        query: queryOfRow[row]!,
        grade: Number(grade),
        entries: entries.map((entry) => entry.split(':').map(Number)),
      }
    })
  })
  let width = 0
  for (const { entries } of parsed.flat()) for (const [feature] of entries) width = Math.max(width, feature! + 1)
  const [train, test] = parsed.map((rows) =>
    rankedRows(
      rows.map(({ query, grade, entries }) => {
        const values = new Array<number>(width).fill(0)
        for (const [feature, value] of entries) values[feature!] = value!
        return { query, grade, values }
      }),
      width,
    ),
  )
  return { name: 'LightGBM example', featureNames: numbered(width), train: train!, test: test! }
}

/** 50 features, a third of them without influence, and noise of variance 1; 4 in 5 rows train. */
export function madeRegression(rowCount: number): TreesData {
  const rng = seededRng(1).fork('made regression')
  const columns = Array.from({ length: 50 }, () => new Float32Array(rowCount))
  const labels = new Float64Array(rowCount)
  for (let row = 0; row < rowCount; row++) {
    for (const [feature, column] of columns.entries()) {
      column[row] = feature % 5 === 4 ? rng.integer(20) : feature % 5 === 3 ? Math.exp(rng.normal()) : rng.normal()
    }
    const x = (feature: number): number => columns[feature]![row]!
    labels[row] =
      Math.sin(2 * x(0)) +
      0.7 * x(1) * x(2) +
      (x(5) > 0 ? 0.1 * x(4) : 0) +
      0.5 * Math.log(x(3)) +
      Math.abs(x(6)) -
      0.3 * x(7) * x(8) +
      0.2 * (x(10) + x(11) + x(12)) +
      rng.normal()
  }
  const cut = Math.floor(rowCount * 0.8)
  const part = (from: number, to: number): TreesRows => ({
    columns: columns.map((column) => column.slice(from, to)),
    labels: labels.slice(from, to),
    weights: undefined,
    queryOffsets: undefined,
  })
  return {
    name: `${cut} made rows`,
    featureNames: numbered(50),
    train: part(0, cut),
    test: part(cut, rowCount),
  }
}

/** Brings the rows of a query together, in their old order, queries in the order of their first row. */
function rankedRows(rows: readonly RankedRow[], featureCount: number): TreesRows {
  const byQuery = Map.groupBy(rows, ({ query }) => query)
  const ordered = [...byQuery.values()].flat()
  const queryOffsets = new Int32Array(byQuery.size + 1)
  for (const [q, own] of [...byQuery.values()].entries()) queryOffsets[q + 1] = queryOffsets[q]! + own.length
  return {
    columns: Array.from({ length: featureCount }, (_, feature) =>
      Float32Array.from(ordered, ({ values }) => values[feature]!),
    ),
    labels: Float64Array.from(ordered, ({ grade }) => grade),
    weights: undefined,
    queryOffsets,
  }
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, feature) => `f${feature}`)
