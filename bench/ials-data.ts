// The interactions that the `ials` benchmark trains on, and the file in which both sides read them.
import { readFileSync, writeFileSync } from 'node:fs'
import { type Csr, csrFromTriplets } from '../src/lib/csr.ts'
import { seededRng } from '../src/lib/rng.ts'
import { dataFile, gzipLines } from './data.ts'

/** Every value is 1. */
export interface Split {
  readonly train: Csr
  readonly test: Csr
}

/** The LightGCN split: one line per user, "user item item ...". */
export function gowalla(): Split | { skipped: string } {
  const parts: { rows: number[]; columns: number[] }[] = []
  for (const name of ['gowalla/train.txt.gz', 'gowalla/test.txt.gz']) {
    const file = dataFile(name)
    if ('skipped' in file) return file
    const rows: number[] = []
    const columns: number[] = []
    for (const line of gzipLines(file.path)) {
      const [user, ...items] = line.trim().split(' ').map(Number)
      for (const item of items) {
        rows.push(user!)
        columns.push(item)
      }
    }
    parts.push({ rows, columns })
  }
  const size = { rowCount: 29_858, columnCount: 40_981 }
  return { train: ones(parts[0]!, size), test: ones(parts[1]!, size) }
}

/** Fold 1 is the test part; a rating of any height is an interaction. */
export function movieLens1M(): Split | { skipped: string } {
  const file = dataFile('ml-1m/ratings_with_fold.tsv.gz')
  if ('skipped' in file) return file
  const train = { rows: [] as number[], columns: [] as number[] }
  const test = { rows: [] as number[], columns: [] as number[] }
  for (const line of gzipLines(file.path).slice(1)) {
    const [user, movie, , fold] = line.split('\t').map(Number)
    const part = fold === 1 ? test : train
    part.rows.push(user!)
    part.columns.push(movie!)
  }
  const size = { rowCount: 6_041, columnCount: 3_953 }
  return { train: ones(train, size), test: ones(test, size) }
}

/** Users with a taste for one of 20 groups of items; small, for smoke runs. */
export function madeInteractions(): Split {
  const rng = seededRng('ials bench')
  const size = { rowCount: 1_000, columnCount: 800 }
  const train = { rows: [] as number[], columns: [] as number[] }
  const test = { rows: [] as number[], columns: [] as number[] }
  for (let user = 0; user < size.rowCount; user++) {
    for (let n = 0; n < 20; n++) {
      const part = n < 16 ? train : test
      part.rows.push(user)
      part.columns.push(((user % 20) * 40 + Math.floor(rng.next() ** 2 * 60)) % size.columnCount)
    }
  }
  return { train: ones(train, size), test: ones(test, size) }
}

function ones(pairs: { rows: number[]; columns: number[] }, size: { rowCount: number; columnCount: number }): Csr {
  const matrix = csrFromTriplets({ ...pairs, values: new Float32Array(pairs.rows.length).fill(1) }, size)
  matrix.values.fill(1)
  return matrix
}

/** int32: rows, columns, entries, then the offsets, then the columns of the entries. */
export function writeMatrix(path: string, matrix: Csr): void {
  const header = Int32Array.of(matrix.rowCount, matrix.columnCount, matrix.columns.length)
  writeFileSync(
    path,
    Buffer.concat([header, matrix.offsets, matrix.columns].map((part) => new Uint8Array(part.buffer))),
  )
}

/** What `writeMatrix` wrote, with values of 1. */
export function readMatrix(path: string): Csr {
  const bytes = readFileSync(path)
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)
  const [rowCount, columnCount, entryCount] = [words[0]!, words[1]!, words[2]!]
  return {
    rowCount,
    columnCount,
    offsets: words.slice(3, 4 + rowCount),
    columns: words.slice(4 + rowCount),
    values: new Float32Array(entryCount).fill(1),
  }
}
