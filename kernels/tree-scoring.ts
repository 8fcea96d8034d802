// Scores rows by an ensemble of trees without a branch per node.
// Lucchese et al., "QuickScorer: a fast algorithm to rank documents with additive ensembles of regression trees", SIGIR 2015, with rows in SIMD lanes as
// in Lucchese et al., "Exploiting CPU SIMD extensions to speed-up document scoring with tree ensembles", SIGIR 2016:
//
// The leaves of a tree are numbered from left to right, a bit each. A node that a row leaves to the right rules out all leaves of its left side; when
// every node has been asked, the lowest bit left is the row's leaf.
//
// We differ in asking all nodes of a tree for 16 rows at a time: with a few dozen nodes that is cheaper than keeping nodes sorted by threshold over
// all trees, and needs no list of features per row.

/** Rows that are scored together. */
const BLOCK_ROWS: i32 = 16
const NODE_BYTES: usize = 12
const LEAVES: usize = 32

/**
 * @param treeCount      trees of at most 32 leaves
 * @param nodeOffsets    treeCount + 1 int32: each tree's nodes
 * @param missingRights  treeCount int32: how many of a tree's nodes, its first, send a missing value to the right; the others to the left
 * @param nodes          by node 12 bytes: feature int32, threshold float32 (up to it a row goes left), the left side's leaves as bits of a uint32
 * @param values         treeCount x 32 float64
 * @param columns        by feature `stride` float32; NaN is missing
 * @param stride         rows of a column, a multiple of 16
 * @param scores         rowCount float64, rounded up to a multiple of 16: added to, tree by tree
 */
export function scoreRows(
  treeCount: i32,
  nodeOffsets: usize,
  missingRights: usize,
  nodes: usize,
  values: usize,
  columns: usize,
  stride: i32,
  rowCount: i32,
  scores: usize,
): void {
  const columnBytes = usize(stride) << 2
  for (let row = 0; row < rowCount; row += BLOCK_ROWS) {
    const rows = columns + (usize(row) << 2)
    const out = scores + (usize(row) << 3)
    let leafValues = values
    for (let tree = 0; tree < treeCount; tree++) {
      let node = nodes + usize(load<i32>(nodeOffsets + (usize(tree) << 2))) * NODE_BYTES
      const last = nodes + usize(load<i32>(nodeOffsets + (usize(tree) << 2), 4)) * NODE_BYTES
      const turn = node + usize(load<i32>(missingRights + (usize(tree) << 2))) * NODE_BYTES
      let a = i32x4.splat(-1)
      let b = a
      let c = a
      let d = a
      for (; node < turn; node += NODE_BYTES) {
        const column = rows + usize(load<u32>(node)) * columnBytes
        const threshold = v128.load32_splat(node, 4)
        const left = v128.load32_splat(node, 8)
        // Not `greater`: a comparison with NaN is false, and here that has to mean right.
        a = v128.andnot(a, v128.andnot(left, f32x4.le(v128.load(column), threshold)))
        b = v128.andnot(b, v128.andnot(left, f32x4.le(v128.load(column, 16), threshold)))
        c = v128.andnot(c, v128.andnot(left, f32x4.le(v128.load(column, 32), threshold)))
        d = v128.andnot(d, v128.andnot(left, f32x4.le(v128.load(column, 48), threshold)))
      }
      for (; node < last; node += NODE_BYTES) {
        const column = rows + usize(load<u32>(node)) * columnBytes
        const threshold = v128.load32_splat(node, 4)
        const left = v128.load32_splat(node, 8)
        a = v128.andnot(a, v128.and(left, f32x4.gt(v128.load(column), threshold)))
        b = v128.andnot(b, v128.and(left, f32x4.gt(v128.load(column, 16), threshold)))
        c = v128.andnot(c, v128.and(left, f32x4.gt(v128.load(column, 32), threshold)))
        d = v128.andnot(d, v128.and(left, f32x4.gt(v128.load(column, 48), threshold)))
      }
      addFour(out, a, leafValues)
      addFour(out + 32, b, leafValues)
      addFour(out + 64, c, leafValues)
      addFour(out + 96, d, leafValues)
      leafValues += LEAVES << 3
    }
  }
}

/** Adds to four scores the value of the lowest leaf that is left in each lane. */
// @ts-ignore: decorator
@inline
function addFour(out: usize, leaves: v128, values: usize): void {
  const v0 = load<f64>(values + (usize(ctz(i32x4.extract_lane(leaves, 0))) << 3))
  const v1 = load<f64>(values + (usize(ctz(i32x4.extract_lane(leaves, 1))) << 3))
  const v2 = load<f64>(values + (usize(ctz(i32x4.extract_lane(leaves, 2))) << 3))
  const v3 = load<f64>(values + (usize(ctz(i32x4.extract_lane(leaves, 3))) << 3))
  store<f64>(out, load<f64>(out) + v0)
  store<f64>(out, load<f64>(out, 8) + v1, 8)
  store<f64>(out, load<f64>(out, 16) + v2, 16)
  store<f64>(out, load<f64>(out, 24) + v3, 24)
}
