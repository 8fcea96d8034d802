/**
 * A built index as plain arrays: what is stored in a model bundle, and all that `ItemIndex` needs.
 * A "position" is the place of an item's vector in storage: list after list, ascending item index within a list.
 */
export type ItemIndexArtifacts = Readonly<{
  /** itemCount, width of the vectors as given, width as stored (a multiple of 4), listCount. */
  shape: Int32Array
  /** itemCount x stored width, row-major, by position; padded with zeros. */
  vectors: Float32Array
  /** The item at each position. */
  itemByPosition: Int32Array
  /** listCount + 1 positions, ascending from 0 to itemCount. Without lists the search is always exact. */
  listOffsets: Int32Array
  /** listCount x stored width, the mean of each list's vectors. */
  centroids: Float32Array
  /** listCount, the root mean square distance of a list's vectors from their mean, in the metric of the queries. */
  radii: Float32Array
  /** stored width x stored width, the inverse of the metric of the queries. */
  inverseMetric: Float32Array
  /** Pairs of k, ascending, and the number of items to score for it, as calibrated. Empty without lists. */
  scanBudgets: Int32Array
}>

interface ItemIndexShape {
  readonly itemCount: number
  readonly width: number
  readonly storedWidth: number
  readonly listCount: number
}

export function shapeOf({ shape }: ItemIndexArtifacts): ItemIndexShape {
  return { itemCount: shape[0]!, width: shape[1]!, storedWidth: shape[2]!, listCount: shape[3]! }
}

/** Centroids are scored 32 at a time, one lane each. */
const CENTROIDS_PER_BLOCK = 32

/** The count, rounded up to whole blocks. */
export function blockedCount(centroidCount: number): number {
  return Math.ceil(centroidCount / CENTROIDS_PER_BLOCK) * CENTROIDS_PER_BLOCK
}

/** Writes row-major centroids as the kernels read them: per block of 32 centroids, `width` rows of 32 values. Padding stays as it is. */
export function writeBlocks(centroids: ArrayLike<number>, width: number, blocks: Float32Array): void {
  for (let centroid = 0; centroid * width < centroids.length; centroid++) {
    const lane = centroid % CENTROIDS_PER_BLOCK
    const blockStart = (centroid - lane) * width
    for (let d = 0; d < width; d++) {
      blocks[blockStart + d * CENTROIDS_PER_BLOCK + lane] = centroids[centroid * width + d]!
    }
  }
}
