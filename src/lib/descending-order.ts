// Scores are put into buckets of equal width and compared only with those near them. Where many crowd in one bucket: radix sort by what float32 knows of the scores, then
// whatever is equal there by comparison. A sort that asks a callback takes some ten times as long.

const BUCKET_COUNT = 512
/** In a bucket, for insertion to be fast. */
const CROWD = 24
/** Longer runs of equal float32 are left to the library's sort: insertion is quadratic. */
const LONG_RUN = 24
/** By bucket, or by byte of the key and its value, how many there are; then where the next one goes. */
const counts = new Int32Array(4 * 256)
let buckets = new Uint16Array(0)
// Scratch: one list is sorted at a time.
let floats = new Float32Array(0)
let floatBits = new Int32Array(0)
let keys = new Uint32Array(0)
let spareKeys = new Uint32Array(0)
let sparePlaces: Int32Array = new Int32Array(0)

/**
 * Places in descending order of their scores; among equal scores the one with the smaller tie goes first.
 * @param scores none of them NaN
 * @param ties one a score, all different
 * @param out one a score, for the places
 */
export function descendingOrder(scores: Float64Array, ties: Int32Array, out: Int32Array): void {
  reserve(scores.length)
  if (!intoBuckets(scores, out)) {
    sortByKeys(scores, ties, out)
    return
  }
  insertInOrder(out, scores, ties)
}

/** Writes the places in the order of their buckets; false where that is of no use. */
function intoBuckets(scores: Float64Array, out: Int32Array): boolean {
  const count = scores.length
  let lowest = Number.POSITIVE_INFINITY
  let highest = Number.NEGATIVE_INFINITY
  for (let n = 0; n < count; n++) {
    const score = scores[n]!
    if (score < lowest) lowest = score
    if (score > highest) highest = score
  }
  const scale = (BUCKET_COUNT - 1) / (highest - lowest)
  if (!(scale > 0 && scale < Number.POSITIVE_INFINITY)) return false
  counts.fill(0, 0, BUCKET_COUNT)
  for (let n = 0; n < count; n++) {
    const bucket = ((highest - scores[n]!) * scale) | 0
    buckets[n] = bucket
    counts[bucket]!++
  }
  let start = 0
  let most = 0
  for (let bucket = 0; bucket < BUCKET_COUNT; bucket++) {
    const here = counts[bucket]!
    counts[bucket] = start
    start += here
    if (here > most) most = here
  }
  if (most > CROWD) return false
  for (let n = 0; n < count; n++) out[counts[buckets[n]!]!++] = n
  return true
}

function sortByKeys(scores: Float64Array, ties: Int32Array, out: Int32Array): void {
  const count = scores.length
  countKeys(scores)
  let from: Int32Array = out
  let to = sparePlaces
  for (let n = 0; n < count; n++) from[n] = n
  let fromKeys = keys
  let toKeys = spareKeys
  for (let byte = 0; byte < 4; byte++) {
    const shift = 8 * byte
    // The same everywhere: nothing to sort by.
    if (count === 0 || counts[256 * byte + ((fromKeys[0]! >>> shift) & 255)] === count) continue
    startPlaces(256 * byte)
    for (let n = 0; n < count; n++) {
      const key = fromKeys[n]!
      const place = counts[256 * byte + ((key >>> shift) & 255)]!++
      toKeys[place] = key
      to[place] = from[n]!
    }
    const sorted = to
    to = from
    from = sorted
    const sortedKeys = toKeys
    toKeys = fromKeys
    fromKeys = sortedKeys
  }
  if (from !== out) for (let n = 0; n < count; n++) out[n] = from[n]!
  for (let start = 0, end = 0; start < count; start = end) {
    for (end = start + 1; end < count && fromKeys[end] === fromKeys[start]; ) end++
    if (end - start > 1) sortRun(out.subarray(start, end), scores, ties)
  }
}

function reserve(count: number): void {
  if (keys.length >= count) return
  const length = 2 * count
  buckets = new Uint16Array(length)
  floats = new Float32Array(length)
  floatBits = new Int32Array(floats.buffer)
  keys = new Uint32Array(length)
  spareKeys = new Uint32Array(length)
  sparePlaces = new Int32Array(length)
}

/** Keys that ascend where scores descend, and the counts of their bytes. */
function countKeys(scores: Float64Array): void {
  counts.fill(0)
  // Adding 0 makes one of the two zeros.
  for (let n = 0; n < scores.length; n++) floats[n] = scores[n]! + 0
  for (let n = 0; n < scores.length; n++) {
    const bits = floatBits[n]!
    const key = bits < 0 ? bits : ~bits & 0x7fffffff
    keys[n] = key
    counts[key & 255]!++
    counts[256 + ((key >>> 8) & 255)]!++
    counts[512 + ((key >>> 16) & 255)]!++
    counts[768 + (key >>> 24)]!++
  }
}

/** Counts of 256 values become the places where each begins. */
function startPlaces(first: number): void {
  let start = 0
  for (let value = first; value < first + 256; value++) {
    const here = counts[value]!
    counts[value] = start
    start += here
  }
}

function sortRun(places: Int32Array, scores: Float64Array, ties: Int32Array): void {
  if (places.length > LONG_RUN) {
    places.sort((a, b) => scores[b]! - scores[a]! || ties[a]! - ties[b]!)
    return
  }
  insertInOrder(places, scores, ties)
}

/** Fast where each is near its place. */
function insertInOrder(places: Int32Array, scores: Float64Array, ties: Int32Array): void {
  for (let n = 1; n < places.length; n++) {
    const place = places[n]!
    let at = n
    for (; at > 0 && isBefore(place, places[at - 1]!, scores, ties); at--) places[at] = places[at - 1]!
    places[at] = place
  }
}

const isBefore = (a: number, b: number, scores: Float64Array, ties: Int32Array): boolean =>
  scores[a]! > scores[b]! || (scores[a]! === scores[b]! && ties[a]! < ties[b]!)
