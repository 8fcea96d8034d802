// Builds the artifacts of an `ItemIndex`: metric of the queries, clusters in that metric, calibration.
import assert from 'node:assert/strict'
import { type Rng, seededRng } from '../lib/rng.ts'
import type { ItemIndexArtifacts } from './item-index-artifacts.ts'
import { calibrateScanBudgets } from './item-index-calibration.ts'
import { type Clusters, clusterRows } from './item-index-clusters.ts'
import { instantiateKernel, KernelMemory } from './memory.ts'
import { KernelThreads } from './threads.ts'

export interface BuildItemIndexOptions {
  readonly seed: number
  readonly threadCount: number
  /**
   * Rows of `width` numbers like those that will be searched for, such as the users' vectors; some hundreds suffice. They shape the lists and
   * calibrate the effort. Default: the item vectors themselves, which fits the search for similar items.
   */
  readonly sampleQueries?: Float32Array
  /** Default 3 x sqrt(items), and 0, an exact search, below 5,000 items. */
  readonly listCount?: number
  /** Mean share of the true best k that an answer without a filter must hold, in (0, 1]. Default 0.97, so that fresh queries stay above 0.95. */
  readonly targetRecall?: number
}

/** Below this an exact search takes under 20 µs, as long as a search through lists. */
const SMALLEST_LISTED_ITEM_COUNT = 5000
const METRIC_QUERY_COUNT = 20_000
const CALIBRATION_QUERY_COUNT = 300

interface QuadraticForms {
  quadraticForms(rows: number, rowCount: number, matrix: number, width: number, out: number): void
}

/**
 * An index over the rows of `itemVectors` for the search by inner product. The same seed gives the same index, whatever the thread count.
 * Cost: about 64 x items^1.5 x width multiplications; 1,000,000 x 64 take under a minute on two cores and 4 times the vectors' memory.
 *
 * @param itemVectors items x width, row-major, finite
 */
export async function buildItemIndex(
  itemVectors: Float32Array,
  width: number,
  options: BuildItemIndexOptions,
): Promise<ItemIndexArtifacts> {
  assert(Number.isInteger(width) && width > 0, 'width is a positive integer')
  assert(itemVectors.length % width === 0, 'the vectors are whole rows')
  assert(itemVectors.every(Number.isFinite), 'the vectors are finite')
  const itemCount = itemVectors.length / width
  const listCount = Math.min(
    itemCount,
    options.listCount ?? (itemCount < SMALLEST_LISTED_ITEM_COUNT ? 0 : Math.round(3 * Math.sqrt(itemCount))),
  )
  if (listCount === 0) return withoutLists(itemVectors, width)

  const rng = seededRng(options.seed)
  const queries = options.sampleQueries?.length ? options.sampleQueries : itemVectors
  const storedWidth = paddedWidth(width)
  const memory = new KernelMemory()
  const rows = memory.float32(itemCount * storedWidth)
  padRows(itemVectors, width, rows, storedWidth)
  const metric = metricOf(sampledRows(queries, width, METRIC_QUERY_COUNT, rng.fork('metric')), storedWidth)
  const threads = new KernelThreads(memory, options.threadCount)
  let clusters: Clusters
  try {
    const clusterTask = { memory, threads, rows, width: storedWidth, metric, clusterCount: listCount }
    clusters = await clusterRows({ ...clusterTask, rng: rng.fork('clusters') })
  } finally {
    await threads.close()
  }
  const lists = inLists(clusters, itemCount, storedWidth)
  const artifacts = {
    shape: Int32Array.of(itemCount, width, storedWidth, lists.listOffsets.length - 1),
    vectors: reorderedRows(rows, storedWidth, lists.itemByPosition),
    ...lists,
    centroids: clusters.centroids,
    radii: radiiOf(memory, rows, metric, clusters, storedWidth),
    inverseMetric: Float32Array.from(inverseOf(metric, storedWidth)),
    scanBudgets: new Int32Array(0),
  }
  const sample = sampledRows(queries, width, CALIBRATION_QUERY_COUNT, rng.fork('calibration'))
  return { ...artifacts, scanBudgets: calibrateScanBudgets(artifacts, sample, options.targetRecall ?? 0.97) }
}

function withoutLists(itemVectors: Float32Array, width: number): ItemIndexArtifacts {
  const itemCount = itemVectors.length / width
  const storedWidth = paddedWidth(width)
  const vectors = new Float32Array(itemCount * storedWidth)
  padRows(itemVectors, width, vectors, storedWidth)
  return {
    shape: Int32Array.of(itemCount, width, storedWidth, 0),
    vectors,
    itemByPosition: Int32Array.from({ length: itemCount }, (_, item) => item),
    listOffsets: Int32Array.of(0),
    centroids: new Float32Array(0),
    radii: new Float32Array(0),
    inverseMetric: new Float32Array(0),
    scanBudgets: new Int32Array(0),
  }
}

const paddedWidth = (width: number): number => Math.ceil(width / 4) * 4

function padRows(from: Float32Array, width: number, to: Float32Array, storedWidth: number): void {
  if (width === storedWidth) {
    to.set(from)
    return
  }
  to.fill(0)
  for (let row = 0; row * width < from.length; row++) {
    to.set(from.subarray(row * width, (row + 1) * width), row * storedWidth)
  }
}

/** At most `count` rows: all of them, or uniform ones, perhaps with repetition. */
function sampledRows(rows: Float32Array, width: number, count: number, rng: Rng): Float32Array[] {
  const rowCount = rows.length / width
  return Array.from({ length: Math.min(count, rowCount) }, (_, i) => {
    const row = rowCount <= count ? i : rng.integer(rowCount)
    return rows.subarray(row * width, (row + 1) * width)
  })
}

/**
 * M = mean of q q' over the queries, so that (x - y)' M (x - y) is the mean squared difference of the scores of x and y. A hundredth of the
 * mean variance is added to every direction, which keeps M invertible and items apart where the sample has no queries.
 */
function metricOf(queries: readonly Float32Array[], storedWidth: number): Float64Array {
  const metric = new Float64Array(storedWidth * storedWidth)
  for (const query of queries) {
    for (let i = 0; i < query.length; i++) {
      for (let j = 0; j < query.length; j++) metric[i * storedWidth + j]! += (query[i]! * query[j]!) / queries.length
    }
  }
  let trace = 0
  for (let i = 0; i < storedWidth; i++) trace += metric[i * storedWidth + i]!
  // Queries that are all zero say nothing: any metric will do.
  const floor = trace > 0 ? (0.01 * trace) / storedWidth : 1
  for (let i = 0; i < storedWidth; i++) metric[i * storedWidth + i]! += floor
  return metric
}

/** Inverse of a symmetric positive definite matrix, by Gauss-Jordan elimination; no pivoting is needed. */
function inverseOf(matrix: Float64Array, size: number): Float64Array {
  const left = matrix.slice()
  const right = new Float64Array(size * size)
  for (let i = 0; i < size; i++) right[i * size + i] = 1
  for (let pivot = 0; pivot < size; pivot++) {
    const scale = 1 / left[pivot * size + pivot]!
    for (let j = 0; j < size; j++) {
      left[pivot * size + j]! *= scale
      right[pivot * size + j]! *= scale
    }
    for (let i = 0; i < size; i++) {
      const factor = i === pivot ? 0 : left[i * size + pivot]!
      for (let j = 0; j < size; j++) {
        left[i * size + j]! -= factor * left[pivot * size + j]!
        right[i * size + j]! -= factor * right[pivot * size + j]!
      }
    }
  }
  return right
}

/** Items ordered by list, ascending within each (a counting sort). */
function inLists({ assigned, centroids }: Clusters, itemCount: number, width: number) {
  const listOffsets = new Int32Array(centroids.length / width + 1)
  for (let item = 0; item < itemCount; item++) listOffsets[assigned[item]! + 1]!++
  for (let list = 1; list < listOffsets.length; list++) listOffsets[list]! += listOffsets[list - 1]!
  const next = listOffsets.slice()
  const itemByPosition = new Int32Array(itemCount)
  for (let item = 0; item < itemCount; item++) itemByPosition[next[assigned[item]!]!++] = item
  return { listOffsets, itemByPosition }
}

function reorderedRows(rows: Float32Array, width: number, itemByPosition: Int32Array): Float32Array {
  const reordered = new Float32Array(rows.length)
  for (let position = 0; position < itemByPosition.length; position++) {
    const item = itemByPosition[position]!
    reordered.set(rows.subarray(item * width, (item + 1) * width), position * width)
  }
  return reordered
}

/** radius(list)^2 = mean of x' M x over the list's items - c' M c, with c their mean. */
function radiiOf(
  memory: KernelMemory,
  rows: Float32Array,
  metric: Float64Array,
  { centroids, assigned }: Clusters,
  width: number,
): Float32Array {
  const listCount = centroids.length / width
  const itemForms = quadraticFormsOf(memory, rows, metric, width)
  const centroidForms = quadraticFormsOf(memory, memory.placeFloat32(centroids), metric, width)
  const sums = new Float64Array(listCount)
  const sizes = new Int32Array(listCount)
  for (let item = 0; item < assigned.length; item++) {
    sums[assigned[item]!]! += itemForms[item]!
    sizes[assigned[item]!]!++
  }
  return Float32Array.from(sums, (sum, list) => Math.sqrt(Math.max(0, sum / sizes[list]! - centroidForms[list]!)))
}

function quadraticFormsOf(memory: KernelMemory, rows: Float32Array, metric: Float64Array, width: number): Float32Array {
  const out = memory.float32(rows.length / width)
  const matrix = memory.placeFloat32(metric)
  const kernel = instantiateKernel<QuadraticForms>('item-index', memory.memory)
  kernel.quadraticForms(rows.byteOffset, out.length, matrix.byteOffset, width, out.byteOffset)
  return out
}
