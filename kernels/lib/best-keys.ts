// The best first: scores and what they belong to as whole numbers of 64 bits whose ascending order is the answer's, put near their places by a histogram of buckets and sorted from
// there.

/** Buckets of a histogram of scores; the highest holds the best. */
export const CUT_BUCKETS: i32 = 512
/** A run of equal scores, or a bucket, longer than this is sorted by radix instead of insertion. */
const LONG_TIE: i32 = 32

/** Ascending order of keys is descending order of scores, and ascending order of items where scores are equal. */
// @ts-ignore: decorator
@inline
export function keyOf(score: f32, item: u32): u64 {
  const bits = reinterpret<i32>(score)
  // Negative floats order by magnitude, downwards: flip everything but the sign. This line maps to the complement of the usual ordered integer.
  const descending = bits ^ (~(bits >> 31) & 0x7fffffff)
  return (u64(u32(descending)) << 32) | u64(item)
}

/** The score that a key was made of. */
// @ts-ignore: decorator
@inline
export function scoreOfKey(key: u64): f32 {
  const descending = i32(key >> 32)
  return reinterpret<f32>(descending ^ (~(descending >> 31) & 0x7fffffff))
}

/** Counts one more. */
// @ts-ignore: decorator
@inline
export function bump(counter: usize): void {
  store<i32>(counter, load<i32>(counter) + 1)
}

/** Turns the counts of the buckets from `bucket` up into the places where they start, the highest bucket first. Returns the largest count, the crowd. */
export function startBuckets(counters: usize, bucket: i32): i32 {
  let start = 0
  let most = 0
  for (let at = CUT_BUCKETS - 1; at >= bucket; at--) {
    const here = load<i32>(counters + (usize(at) << 2))
    store<i32>(counters + (usize(at) << 2), start)
    start += here
    most = max(most, here)
  }
  return most
}

/** The place of the next one of a bucket. */
// @ts-ignore: decorator
@inline
export function nextPlace(counters: usize, bucket: i32): usize {
  const counter = counters + (usize(bucket) << 2)
  const place = load<i32>(counter)
  store<i32>(counter, place + 1)
  return usize(place)
}

/**
 * Sorts keys that are in order of their buckets; where those are small, each key is near its place. Returns where the sorted keys are.
 * @param crowd    keys in the fullest bucket
 * @param counters scratch, 1024 of them
 */
export function sortPlaced(keys: usize, spare: usize, keyCount: i32, counters: usize, crowd: i32): usize {
  if (crowd > LONG_TIE) return sortKeys(keys, spare, keyCount, counters)
  insertionSort(keys, 0, keyCount)
  return keys
}

/** Sorts by the upper half with a radix sort, then mends runs of equal scores. Returns where the sorted keys are. */
function sortKeys(keys: usize, spare: usize, keyCount: i32, counters: usize): usize {
  if (keyCount <= 48) {
    insertionSort(keys, 0, keyCount)
    return keys
  }
  let sorted = radixSort(keys, spare, keyCount, counters, 32)
  for (let from = 0; from < keyCount; ) {
    const upper = u32(load<u64>(sorted + (usize(from) << 3)) >> 32)
    let to = from + 1
    while (to < keyCount && u32(load<u64>(sorted + (usize(to) << 3)) >> 32) == upper) to++
    if (to - from > LONG_TIE) {
      const other = sorted == keys ? spare : keys
      sorted = radixSort(sorted, other, keyCount, counters, 0)
      return radixSort(sorted, sorted == keys ? spare : keys, keyCount, counters, 32)
    }
    if (to - from > 1) insertionSort(sorted, from, to)
    from = to
  }
  return sorted
}

function insertionSort(keys: usize, from: i32, to: i32): void {
  for (let i = from + 1; i < to; i++) {
    const key = load<u64>(keys + (usize(i) << 3))
    let hole = i
    while (hole > from && load<u64>(keys + (usize(hole - 1) << 3)) > key) {
      store<u64>(keys + (usize(hole) << 3), load<u64>(keys + (usize(hole - 1) << 3)))
      hole--
    }
    store<u64>(keys + (usize(hole) << 3), key)
  }
}

/** Stable sort by the 32 bits from `shift` up, one byte at a time, least significant first. Returns where the sorted keys are. */
function radixSort(keys: usize, spare: usize, keyCount: i32, counters: usize, shift: u64): usize {
  memory.fill(counters, 0, 4 * 256 * 4)
  for (let i: usize = 0; i < usize(keyCount); i++) {
    const part = u32(load<u64>(keys + (i << 3)) >> shift)
    bump(counters + (usize(part & 255) << 2))
    bump(counters + 1024 + (usize((part >> 8) & 255) << 2))
    bump(counters + 2048 + (usize((part >> 16) & 255) << 2))
    bump(counters + 3072 + (usize(part >> 24) << 2))
  }
  const firstPart = u32(load<u64>(keys) >> shift)
  for (let byte = 0; byte < 4; byte++) {
    const table = counters + (usize(byte) << 10)
    const byteShift = u64(byte << 3)
    // A byte that is the same everywhere needs no pass.
    if (load<i32>(table + (usize((firstPart >> u32(byteShift)) & 255) << 2)) == keyCount) continue
    let start = 0
    for (let value: usize = 0; value < 256; value++) {
      const here = load<i32>(table + (value << 2))
      store<i32>(table + (value << 2), start)
      start += here
    }
    for (let i: usize = 0; i < usize(keyCount); i++) {
      const key = load<u64>(keys + (i << 3))
      const slot = table + (usize((key >> (shift + byteShift)) & 255) << 2)
      const to = load<i32>(slot)
      store<i32>(slot, to + 1)
      store<u64>(spare + (usize(to) << 3), key)
    }
    const swap = keys
    keys = spare
    spare = swap
  }
  return keys
}
