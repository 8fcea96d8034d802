/** Entries by bucket. */
export interface Grouped {
  /** bucketCount + 1: bucket b has the entries `order[offsets[b] .. offsets[b + 1]]`. */
  readonly offsets: Int32Array
  /** Numbers of entries, those of a bucket in their old order. */
  readonly order: Int32Array
}

/** A stable counting sort; linear time. @param buckets by entry, in [0, bucketCount) */
export function groupByBucket(buckets: Int32Array, bucketCount: number): Grouped {
  const offsets = new Int32Array(bucketCount + 1)
  for (const bucket of buckets) offsets[bucket + 1]!++
  for (let bucket = 0; bucket < bucketCount; bucket++) offsets[bucket + 1]! += offsets[bucket]!
  const next = offsets.slice(0, bucketCount)
  const order = new Int32Array(buckets.length)
  for (let entry = 0; entry < buckets.length; entry++) order[next[buckets[entry]!]!++] = entry
  return { offsets, order }
}
