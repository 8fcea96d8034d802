// Item-item similarities as a filter on the graph of users and items, each item's strongest kept.
//
// Legend: R the users x items pattern of who did anything with what (0 or 1), d_i and d_u the degrees of items and users in it,
// C = R^T diag(d_u^-a) R the co-occurrences, Q an orthonormal basis of the low frequencies (the leading right singular vectors of
// diag(d_u^-1/2) R diag(d_i^-1/2)). For a source item i and a candidate j the kernel sums three parts:
//
//   near   s_i C_ij n_j                    one walk item - user - item
//   far    s_i sum_k C_ik m_k C_kj f_j     two such walks; f is negative: what a neighbour's neighbours explain is taken off
//   smooth p_i <Q_i, Q_j> t_j              the ideal low-pass filter
//
// where s, m, n, f, p and t are powers of d_i that the host has filled in. `near + smooth` is GF-CF (Shen et al., "How powerful is graph
// convolution for recommendation?", CIKM 2021, equation 15); `far` is the sharpening of Choi et al., "Blurring-sharpening process models for
// collaborative filtering", SIGIR 2023, equation 11, in one Euler step.
// We differ from both: the powers of the degrees are free (they use 1/2 throughout), and only pairs with C_ij > 0 are kept.
//
// Sixteen sources are filtered at once: a row of a panel (items x 16 or users x 16 float32) is one cache line.
import { rowTimesMatrix } from './lib/matrix'
import { dot } from './lib/vector'

export { gramPartials } from './lib/matrix'

const LANES: i32 = 16
const ROW_BYTES: usize = 64

/** What all threads share. The host writes it field by field: see src/kernels/graph-filter.ts. */
@unmanaged
class Filter {
  itemCount: i32
  userCount: i32
  /** R by rows and its transpose, as CSR patterns. */
  userOffsets: usize
  userItems: usize
  itemOffsets: usize
  itemUsers: usize
  /** d_u^-a, one float32 a user. */
  userScales: usize
  /** s, m, n, f, p, t: one float32 an item. */
  sourceScales: usize
  middleScales: usize
  nearScales: usize
  farScales: usize
  smoothSourceScales: usize
  smoothTargetScales: usize
  /** Whether there is a far part. */
  hasFar: i32
  /** Q, items x width float32; width 0 where there is no smooth part. */
  basis: usize
  width: i32
  /** The sources, as a CSR pattern: source r is the sum of these items. */
  sourceOffsets: usize
  sourceItems: usize
  sourceCount: i32
  /** An int32 at 0 before the call: the next panel. */
  counter: usize
}

// @ts-ignore: decorator
@inline
function int(base: usize, index: i32): i32 {
  return load<i32>(base + (usize(index) << 2))
}

// @ts-ignore: decorator
@inline
function float(base: usize, index: i32): f32 {
  return load<f32>(base + (usize(index) << 2))
}

/** near (items x 16), without the candidates' scale n. Walks only what the sources touch. */
function walkFromSources(filter: Filter, first: i32, laneCount: i32, near: usize): void {
  memory.fill(near, 0, usize(filter.itemCount) * ROW_BYTES)
  for (let lane = 0; lane < laneCount; lane++) {
    const out = near + (usize(lane) << 2)
    const sourceEnd = int(filter.sourceOffsets, first + lane + 1)
    for (let s = int(filter.sourceOffsets, first + lane); s < sourceEnd; s++) {
      const item = int(filter.sourceItems, s)
      const scale = float(filter.sourceScales, item)
      const userEnd = int(filter.itemOffsets, item + 1)
      for (let a = int(filter.itemOffsets, item); a < userEnd; a++) {
        const user = int(filter.itemUsers, a)
        const weight = scale * float(filter.userScales, user)
        const itemEnd = int(filter.userOffsets, user + 1)
        for (let b = int(filter.userOffsets, user); b < itemEnd; b++) {
          const at = out + usize(int(filter.userItems, b)) * ROW_BYTES
          store<f32>(at, load<f32>(at) + weight)
        }
      }
    }
  }
}

/** far = C diag(m) near, without the scale f; `users` (users x 16) is scratch. */
function walkAgain(filter: Filter, near: usize, users: usize, far: usize): void {
  gather(filter.userCount, filter.userOffsets, filter.userItems, filter.middleScales, filter.userScales, near, users)
  gather(filter.itemCount, filter.itemOffsets, filter.itemUsers, 0, 0, users, far)
}

/** out[r] = outScale[r] * sum over the row's columns of inScale[c] * input[c], for panels; a scale at address 0 is 1. */
function gather(rowCount: i32, offsets: usize, columns: usize, inScales: usize, outScales: usize, input: usize, out: usize): void {
  let at = columns
  for (let row = 0; row < rowCount; row++) {
    const end = columns + (usize(int(offsets, row + 1)) << 2)
    let s0 = f32x4.splat(0)
    let s1 = s0
    let s2 = s0
    let s3 = s0
    for (; at < end; at += 4) {
      const column = usize(load<i32>(at))
      const from = input + column * ROW_BYTES
      if (inScales !== 0) {
        const scale = v128.load32_splat(inScales + (column << 2))
        s0 = f32x4.relaxed_madd(v128.load(from), scale, s0)
        s1 = f32x4.relaxed_madd(v128.load(from, 16), scale, s1)
        s2 = f32x4.relaxed_madd(v128.load(from, 32), scale, s2)
        s3 = f32x4.relaxed_madd(v128.load(from, 48), scale, s3)
      } else {
        s0 = f32x4.add(s0, v128.load(from))
        s1 = f32x4.add(s1, v128.load(from, 16))
        s2 = f32x4.add(s2, v128.load(from, 32))
        s3 = f32x4.add(s3, v128.load(from, 48))
      }
    }
    if (outScales !== 0) {
      const scale = v128.load32_splat(outScales + (usize(row) << 2))
      s0 = f32x4.mul(s0, scale)
      s1 = f32x4.mul(s1, scale)
      s2 = f32x4.mul(s2, scale)
      s3 = f32x4.mul(s3, scale)
    }
    const to = out + usize(row) * ROW_BYTES
    v128.store(to, s0)
    v128.store(to, s1, 16)
    v128.store(to, s2, 32)
    v128.store(to, s3, 48)
  }
}

/**
 * The `keptCount` best candidates of every source, which must be single items; the item itself and scores of 0 or less are left out.
 * Source r writes its count to counts[r], and, best first, ties by the smaller index, to row r of `indexes` and `scores` (sources x keptCount).
 * `near` and `far` (items x 16) and `users` (users x 16) are this thread's scratch.
 */
export function keepStrongest(filter: Filter, keptCount: i32, counts: usize, indexes: usize, scores: usize, near: usize, users: usize, far: usize): void {
  const rowBytes = usize(filter.width) << 2
  for (;;) {
    const first = atomic.add<i32>(filter.counter, 1) * LANES
    if (first >= filter.sourceCount) return
    const laneCount = min(LANES, filter.sourceCount - first)
    walkFromSources(filter, first, laneCount, near)
    if (filter.hasFar) walkAgain(filter, near, users, far)
    for (let lane = 0; lane < laneCount; lane++) store<i32>(counts + (usize(first + lane) << 2), 0)

    for (let item = 0; item < filter.itemCount; item++) {
      const row = near + usize(item) * ROW_BYTES
      const any = v128.or(v128.or(v128.load(row), v128.load(row, 16)), v128.or(v128.load(row, 32), v128.load(row, 48)))
      if (!v128.any_true(any)) continue
      for (let lane = 0; lane < laneCount; lane++) {
        const walked = float(row, lane)
        if (walked <= 0) continue
        const source = first + lane
        const sourceItem = int(filter.sourceItems, int(filter.sourceOffsets, source))
        if (sourceItem === item) continue
        let score = walked * float(filter.nearScales, item)
        if (filter.hasFar) score += float(far + usize(item) * ROW_BYTES, lane) * float(filter.farScales, item)
        if (filter.width > 0) {
          const smooth = dot(filter.basis + usize(sourceItem) * rowBytes, filter.basis + usize(item) * rowBytes, filter.width)
          score += smooth * float(filter.smoothSourceScales, sourceItem) * float(filter.smoothTargetScales, item)
        }
        if (!(score > 0)) continue
        const count = counts + (usize(source) << 2)
        const start = usize(source) * usize(keptCount) << 2
        store<i32>(count, offer(indexes + start, scores + start, load<i32>(count), keptCount, item, score))
      }
    }
    for (let lane = 0; lane < laneCount; lane++) {
      const start = usize(first + lane) * usize(keptCount) << 2
      sortBestFirst(indexes + start, scores + start, int(counts, first + lane))
    }
  }
}

// The kept candidates are a binary heap whose root is the worst: the smallest score, among equals the largest index.

// @ts-ignore: decorator
@inline
function isWorse(score: f32, index: i32, otherScore: f32, otherIndex: i32): bool {
  return score < otherScore || (score === otherScore && index > otherIndex)
}

/** Adds a candidate or drops the worst; returns the new count. */
function offer(indexes: usize, scores: usize, count: i32, capacity: i32, index: i32, score: f32): i32 {
  if (count < capacity) {
    let at = count
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isWorse(score, index, float(scores, parent), int(indexes, parent))) break
      place(indexes, scores, at, int(indexes, parent), float(scores, parent))
      at = parent
    }
    place(indexes, scores, at, index, score)
    return count + 1
  }
  if (isWorse(score, index, float(scores, 0), int(indexes, 0))) return count
  sink(indexes, scores, count, index, score)
  return count
}

/** Puts a candidate in the place of the root of a heap of `count`. */
function sink(indexes: usize, scores: usize, count: i32, index: i32, score: f32): void {
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= count) break
    if (child + 1 < count && isWorse(float(scores, child + 1), int(indexes, child + 1), float(scores, child), int(indexes, child))) child++
    if (isWorse(score, index, float(scores, child), int(indexes, child))) break
    place(indexes, scores, at, int(indexes, child), float(scores, child))
    at = child
  }
  place(indexes, scores, at, index, score)
}

function sortBestFirst(indexes: usize, scores: usize, count: i32): void {
  for (let end = count - 1; end > 0; end--) {
    const index = int(indexes, 0)
    const score = float(scores, 0)
    sink(indexes, scores, end, int(indexes, end), float(scores, end))
    place(indexes, scores, end, index, score)
  }
}

// @ts-ignore: decorator
@inline
function place(indexes: usize, scores: usize, at: i32, index: i32, score: f32): void {
  store<i32>(indexes + (usize(at) << 2), index)
  store<f32>(scores + (usize(at) << 2), score)
}

/**
 * How much each part of the filter spreads the scores of a source: its sum and its sum of squares over all items, for near, far and smooth.
 * Source r writes six float64 to row r of `moments`. `query` (width float32) and the panels are this thread's scratch.
 */
export function scoreMoments(filter: Filter, moments: usize, near: usize, users: usize, far: usize, query: usize): void {
  const rowBytes = usize(filter.width) << 2
  for (;;) {
    const first = atomic.add<i32>(filter.counter, 1) * LANES
    if (first >= filter.sourceCount) return
    const laneCount = min(LANES, filter.sourceCount - first)
    walkFromSources(filter, first, laneCount, near)
    if (filter.hasFar) walkAgain(filter, near, users, far)
    for (let lane = 0; lane < laneCount; lane++) {
      sumSource(filter, first + lane, query)
      const out = moments + usize(first + lane) * 48
      let nearSum: f64 = 0
      let nearSquares: f64 = 0
      let farSum: f64 = 0
      let farSquares: f64 = 0
      let smoothSum: f64 = 0
      let smoothSquares: f64 = 0
      for (let item = 0; item < filter.itemCount; item++) {
        const nearScore = f64(float(near + usize(item) * ROW_BYTES, lane) * float(filter.nearScales, item))
        nearSum += nearScore
        nearSquares += nearScore * nearScore
        if (filter.hasFar) {
          const farScore = f64(float(far + usize(item) * ROW_BYTES, lane) * float(filter.farScales, item))
          farSum += farScore
          farSquares += farScore * farScore
        }
        if (filter.width > 0) {
          const smooth = f64(dot(query, filter.basis + usize(item) * rowBytes, filter.width) * float(filter.smoothTargetScales, item))
          smoothSum += smooth
          smoothSquares += smooth * smooth
        }
      }
      store<f64>(out, nearSum)
      store<f64>(out, nearSquares, 8)
      store<f64>(out, farSum, 16)
      store<f64>(out, farSquares, 24)
      store<f64>(out, smoothSum, 32)
      store<f64>(out, smoothSquares, 40)
    }
  }
}

/** query = sum over the source's items i of p_i Q_i. */
function sumSource(filter: Filter, source: i32, query: usize): void {
  const rowBytes = usize(filter.width) << 2
  memory.fill(query, 0, rowBytes)
  const end = int(filter.sourceOffsets, source + 1)
  for (let s = int(filter.sourceOffsets, source); s < end; s++) {
    const item = int(filter.sourceItems, s)
    const scale = f32x4.splat(float(filter.smoothSourceScales, item))
    const row = filter.basis + usize(item) * rowBytes
    for (let k: usize = 0; k < rowBytes; k += 16) {
      v128.store(query + k, f32x4.relaxed_madd(v128.load(row + k), scale, v128.load(query + k)))
    }
  }
}

/** out[r] = rowScale[r] * sum over the row's columns of columnScale[c] * input[c], rows of `width` float32; threads take `chunkRows` at a time. */
export function sparseTimesDense(
  offsets: usize,
  columns: usize,
  rowScales: usize,
  columnScales: usize,
  rowCount: i32,
  width: i32,
  input: usize,
  out: usize,
  chunkRows: i32,
  counter: usize,
): void {
  const rowBytes = usize(width) << 2
  for (;;) {
    const start = atomic.add<i32>(counter, 1) * chunkRows
    if (start >= rowCount) return
    const end = min(rowCount, start + chunkRows)
    for (let row = start; row < end; row++) {
      const to = out + usize(row) * rowBytes
      memory.fill(to, 0, rowBytes)
      const rowScale = float(rowScales, row)
      const entryEnd = int(offsets, row + 1)
      for (let entry = int(offsets, row); entry < entryEnd; entry++) {
        const column = int(columns, entry)
        const scale = f32x4.splat(rowScale * float(columnScales, column))
        const from = input + usize(column) * rowBytes
        for (let k: usize = 0; k < rowBytes; k += 16) {
          v128.store(to + k, f32x4.relaxed_madd(v128.load(from + k), scale, v128.load(to + k)))
        }
      }
    }
  }
}

/** Replaces every row by row * matrix (width x width); `scratch` (width float32) belongs to this thread. */
export function turnRows(rows: usize, rowCount: i32, width: i32, matrix: usize, chunkRows: i32, counter: usize, scratch: usize): void {
  const rowBytes = usize(width) << 2
  for (;;) {
    const start = atomic.add<i32>(counter, 1) * chunkRows
    if (start >= rowCount) return
    const end = min(rowCount, start + chunkRows)
    for (let row = start; row < end; row++) {
      const at = rows + usize(row) * rowBytes
      rowTimesMatrix(at, matrix, width, scratch)
      memory.copy(at, scratch, rowBytes)
    }
  }
}
