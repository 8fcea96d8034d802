/**
 * Places in descending order of their scores; among equal scores the one with the smaller tie goes first.
 * @param scores none of them NaN
 * @param ties one a score, all different
 */
export function descendingOrder(scores: Float64Array, ties: Int32Array): Int32Array {
  const count = scores.length
  let from = new Int32Array(count)
  for (let n = 0; n < count; n++) from[n] = n
  // Runs by insertion, then merged: a sort that asks a callback takes some ten times as long.
  for (let start = 0; start < count; start += RUN)
    insertionSort(from, start, Math.min(start + RUN, count), scores, ties)
  let to = new Int32Array(count)
  for (let width = RUN; width < count; width *= 2) {
    for (let start = 0; start < count; start += 2 * width) {
      const middle = Math.min(start + width, count)
      merge(from, to, { start, middle, end: Math.min(start + 2 * width, count) }, scores, ties)
    }
    const sorted = to
    to = from
    from = sorted
  }
  return from
}

const RUN = 8

const isBefore = (a: number, b: number, scores: Float64Array, ties: Int32Array): boolean =>
  scores[a]! > scores[b]! || (scores[a]! === scores[b]! && ties[a]! < ties[b]!)

function insertionSort(places: Int32Array, start: number, end: number, scores: Float64Array, ties: Int32Array): void {
  for (let n = start + 1; n < end; n++) {
    const place = places[n]!
    let at = n
    for (; at > start && isBefore(place, places[at - 1]!, scores, ties); at--) places[at] = places[at - 1]!
    places[at] = place
  }
}

function merge(
  from: Int32Array,
  to: Int32Array,
  { start, middle, end }: { readonly start: number; readonly middle: number; readonly end: number },
  scores: Float64Array,
  ties: Int32Array,
): void {
  let left = start
  let right = middle
  for (let n = start; n < end; n++) {
    const takesLeft = left < middle && (right >= end || isBefore(from[left]!, from[right]!, scores, ties))
    to[n] = takesLeft ? from[left++]! : from[right++]!
  }
}
