// K-means in the metric of the queries: two items are near when queries score them alike, not when their coordinates agree.
import type { Rng } from '../lib/rng.ts'
import { blockedCount, writeBlocks } from './item-index-artifacts.ts'
import type { KernelMemory } from './memory.ts'
import type { KernelThreads } from './threads.ts'

/** Enough members per centroid that means are stable; more costs time and buys under 3 % of scanned items. */
const SAMPLED_ROWS_PER_CENTROID = 64
const ITERATION_COUNT = 8

export interface Clusters {
  /** Count x width, row-major; none is empty. */
  readonly centroids: Float32Array
  /** The cluster of each row. */
  readonly assigned: Int32Array
}

interface ClusterTask {
  readonly memory: KernelMemory
  readonly threads: KernelThreads
  /** A view of `memory`, rows x width, width a multiple of 4. */
  readonly rows: Float32Array
  readonly width: number
  /** width x width, symmetric and positive definite: the distance of x and y is (x - y)' M (x - y). */
  readonly metric: Float64Array
  readonly clusterCount: number
  readonly rng: Rng
}

/**
 * Lloyd's algorithm on a sample, then one assignment of all rows. The result does not depend on the number of threads.
 * Lloyd, "Least squares quantization in PCM", 1982. We differ: a fixed number of rounds, and an empty cluster takes a member of the largest.
 */
export async function clusterRows(task: ClusterTask): Promise<Clusters> {
  const { memory, rows, width, clusterCount, rng } = task
  const rowCount = rows.length / width
  const mark = memory.mark()
  const sampleCount = Math.min(rowCount, clusterCount * SAMPLED_ROWS_PER_CENTROID)
  const sample = memory.float32(sampleCount * width)
  sampleRows(rows, width, sample, rng)
  const assign = assigner(task)
  // The sample is in random order, so its first rows are a fair start.
  let centroids: Float32Array = sample.slice(0, clusterCount * width)
  for (let iteration = 0; iteration < ITERATION_COUNT; iteration++) {
    const assigned = await assign(sample, centroids)
    centroids = meansOf(sample, width, assigned, refillEmpty(assigned, clusterCount, rng), centroids)
  }
  const assigned = (await assign(rows, centroids)).slice()
  memory.rewind(mark)
  return withoutEmpty(rows, width, assigned, centroids)
}

/** Uniform rows without repetition, in random order (selection by a partial Fisher-Yates shuffle). */
function sampleRows(rows: Float32Array, width: number, sample: Float32Array, rng: Rng): void {
  const order = Int32Array.from({ length: rows.length / width }, (_, row) => row)
  for (let i = 0; i * width < sample.length; i++) {
    const j = i + rng.integer(order.length - i)
    const row = order[j]!
    order[j] = order[i]!
    order[i] = row
    sample.set(rows.subarray(row * width, (row + 1) * width), i * width)
  }
}

/** A function that finds the nearest centroid of each row; its answer is overwritten by the next call. */
function assigner({ memory, threads, rows, width, metric, clusterCount }: ClusterTask) {
  const blocks = memory.float32(blockedCount(clusterCount) * width).fill(0)
  // Padding can never win: its score is minus infinity.
  const offsets = memory.float32(blockedCount(clusterCount)).fill(Number.POSITIVE_INFINITY)
  const assigned = memory.int32(rows.length / width)
  const nextRow = memory.int32(1)
  return async (someRows: Float32Array, centroids: Float32Array): Promise<Int32Array> => {
    const { projected, halfNorms } = projectCentroids(centroids, width, metric)
    writeBlocks(projected, width, blocks)
    offsets.set(halfNorms)
    nextRow[0] = 0
    const rowCount = someRows.length / width
    await threads.run('item-index', 'assignRows', () => [
      someRows.byteOffset,
      rowCount,
      width,
      blocks.byteOffset,
      offsets.byteOffset,
      clusterCount,
      assigned.byteOffset,
      nextRow.byteOffset,
    ])
    return assigned.subarray(0, rowCount)
  }
}

/** projected[c] = M c and halfNorms[c] = c' M c / 2. */
function projectCentroids(centroids: Float32Array, width: number, metric: Float64Array) {
  const projected = new Float32Array(centroids.length)
  const halfNorms = new Float32Array(centroids.length / width)
  for (let c = 0; c < halfNorms.length; c++) {
    let norm = 0
    for (let i = 0; i < width; i++) {
      let sum = 0
      for (let j = 0; j < width; j++) sum += metric[i * width + j]! * centroids[c * width + j]!
      projected[c * width + i] = sum
      norm += sum * centroids[c * width + i]!
    }
    halfNorms[c] = norm / 2
  }
  return { projected, halfNorms }
}

/** Gives each empty cluster a random member of the largest one. Returns the sizes. */
function refillEmpty(assigned: Int32Array, clusterCount: number, rng: Rng): Int32Array {
  const sizes = sizesOf(assigned, clusterCount)
  for (let cluster = 0; cluster < clusterCount; cluster++) {
    if (sizes[cluster]! > 0) continue
    let largest = 0
    for (let other = 1; other < clusterCount; other++) if (sizes[other]! > sizes[largest]!) largest = other
    let row = rng.integer(assigned.length)
    while (assigned[row] !== largest) row = (row + 1) % assigned.length
    assigned[row] = cluster
    sizes[largest]!--
    sizes[cluster]!++
  }
  return sizes
}

function sizesOf(assigned: Int32Array, clusterCount: number): Int32Array {
  const sizes = new Int32Array(clusterCount)
  for (let row = 0; row < assigned.length; row++) sizes[assigned[row]!]!++
  return sizes
}

/** The mean of each cluster's rows; a cluster without rows keeps its centroid. */
function meansOf(
  rows: Float32Array,
  width: number,
  assigned: Int32Array,
  sizes: Int32Array,
  centroids: Float32Array,
): Float32Array {
  const sums = new Float64Array(sizes.length * width)
  for (let row = 0; row < assigned.length; row++) {
    const cluster = assigned[row]!
    for (let d = 0; d < width; d++) sums[cluster * width + d]! += rows[row * width + d]!
  }
  return Float32Array.from(sums, (sum, at) => {
    const size = sizes[Math.floor(at / width)]!
    return size > 0 ? sum / size : centroids[at]!
  })
}

/** Renumbers the clusters that have rows, with the mean of all their rows as centroid. */
function withoutEmpty(rows: Float32Array, width: number, assigned: Int32Array, centroids: Float32Array): Clusters {
  const sizes = sizesOf(assigned, centroids.length / width)
  const means = meansOf(rows, width, assigned, sizes, centroids)
  const newNumbers = new Int32Array(sizes.length)
  let kept = 0
  for (let cluster = 0; cluster < sizes.length; cluster++) {
    if (sizes[cluster] === 0) continue
    means.copyWithin(kept * width, cluster * width, (cluster + 1) * width)
    newNumbers[cluster] = kept++
  }
  for (let row = 0; row < assigned.length; row++) assigned[row] = newNumbers[assigned[row]!]!
  return { centroids: means.slice(0, kept * width), assigned }
}
