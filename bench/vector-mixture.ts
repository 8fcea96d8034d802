// Made vectors with the covariance and the clusters of given ones, as many as wanted.
import { clusterRows } from '../src/kernels/item-index-clusters.ts'
import { KernelMemory } from '../src/kernels/memory.ts'
import { KernelThreads } from '../src/kernels/threads.ts'
import { type Rng, seededRng } from '../src/lib/rng.ts'

const CLUSTER_COUNT = 256
/** Share of a vector's deviation from its cluster's mean that is fresh noise; the rest is a real vector's deviation. */
const NOISE_SHARE = 0.5
/** Deviations that are added up to one noise vector, which makes it nearly normal. */
const NOISE_TERM_COUNT = 16

/**
 * A smoothed bootstrap within clusters: x = m + sqrt(1 - h^2) (v - m) + h e, where v is a random real vector, m the mean of its cluster, and
 * e a random combination of the deviations of its cluster's members, which has the cluster's covariance. So mean, covariance (hence
 * spectrum) and cluster sizes are those of the real vectors, and the long tail of norms stays.
 *
 * @param real rows of `width` numbers, width a multiple of 4
 */
export async function madeVectors(real: Float32Array, width: number, count: number, seed: number) {
  const rng = seededRng(seed)
  const { means, clusterOf, members } = await clustersOf(real, width, rng)
  const made = new Float32Array(count * width)
  for (let row = 0; row < count; row++) {
    const start = row * width
    const source = rng.integer(clusterOf.length)
    const cluster = clusterOf[source]!
    addDeviation(made, start, Math.sqrt(1 - NOISE_SHARE ** 2), source, cluster)
    const siblings = members[cluster]!
    for (let term = 0; term < NOISE_TERM_COUNT; term++) {
      const weight = (NOISE_SHARE * rng.normal()) / Math.sqrt(NOISE_TERM_COUNT)
      addDeviation(made, start, weight, siblings[rng.integer(siblings.length)]!, cluster)
    }
    for (let d = 0; d < width; d++) made[start + d]! += means[cluster * width + d]!
  }
  return made

  function addDeviation(target: Float32Array, start: number, weight: number, source: number, cluster: number): void {
    for (let d = 0; d < width; d++) {
      target[start + d]! += weight * (real[source * width + d]! - means[cluster * width + d]!)
    }
  }
}

async function clustersOf(real: Float32Array, width: number, rng: Rng) {
  const memory = new KernelMemory()
  const threads = new KernelThreads(memory, 2)
  const metric = Float64Array.from({ length: width * width }, (_, at) => (at % (width + 1) === 0 ? 1 : 0))
  const clusterCount = Math.min(CLUSTER_COUNT, real.length / width)
  const rows = memory.placeFloat32(real)
  const clusters = await clusterRows({ memory, threads, rows, width, metric, clusterCount, rng: rng.fork('clusters') })
  await threads.close()
  const members: number[][] = Array.from({ length: clusters.centroids.length / width }, () => [])
  for (const [row, cluster] of clusters.assigned.entries()) members[cluster]!.push(row)
  return { means: clusters.centroids, clusterOf: clusters.assigned, members }
}
