// What each feature of a row adds to its score: SHAP values of trees.

import { MillraceError } from '../lib/errors.ts'
import { gaussLegendre, type Quadrature } from '../lib/gauss-legendre.ts'
import { goesLeft, type Trees, treeCountOf } from './trees.ts'

/**
 * Explains rows one by one: the Shapley values of the game in which a row's features are revealed, and a node of a feature that is not revealed
 * sends on both ways, each by its part of the training rows (the path-dependent value function; Lundberg et al., "From local explanations to global
 * understanding with explainable AI for trees", Nature Machine Intelligence 2020, algorithm 2 and its supplement).
 *
 * We differ in how they are computed. In that game a leaf of output w, reached through the features of its path, is worth w * product of (o_j if j is revealed,
 * else z_j): o_j is 1 where the row meets all of j's conditions on the path, otherwise 0, z_j the part of the training rows that do. Shapley's weight
 * of s of d features is the integral of t^s (1-t)^(d-1-s) over [0, 1], so that
 *
 *   phi_i = sum over leaves of w (o_i - z_i) * integral of [product over j != i of (o_j t + z_j (1-t))] dt.
 *
 * The integrand is a polynomial, which a few Gauss-Legendre points integrate exactly, and at each point the product is carried down the tree and the sum of
 * leaves up. (The same polynomial is behind Yu et al., "Linear TreeSHAP", NeurIPS 2022.) It takes time in leaves x depth instead of leaves x depth^2,
 * and adds up nothing that cancels, so that additivity holds to rounding.
 */
export class TreeContributions {
  /** The mean score by the trees' own row counts: what a row of which nothing is known would get. */
  readonly average: number
  readonly #trees: Trees
  readonly #plans: readonly TreePlan[]
  // Of the tree at hand, by edge and point.
  readonly #factors: Float64Array
  readonly #products: Float64Array
  readonly #sums: Float64Array
  readonly #isMet: Uint8Array

  /** @throws MODEL_WITHOUT_ROW_COUNTS */
  constructor(trees: Trees) {
    checkRowCounts(trees)
    this.#trees = trees
    const quadratures = new Map<number, Quadrature>()
    const quadratureOf = (count: number): Quadrature => {
      const known = quadratures.get(count) ?? gaussLegendre(count)
      quadratures.set(count, known)
      return known
    }
    this.#plans = Array.from({ length: treeCountOf(trees) }, (_, tree) => planOf(trees, tree, quadratureOf))
    this.average = this.#plans.reduce((sum, { average }) => sum + average, trees.baseScore)
    const edgeCount = Math.max(0, ...this.#plans.map(({ shares }) => shares.length))
    const valueCount = Math.max(
      0,
      ...this.#plans.map(({ shares, quadrature }) => shares.length * quadrature.points.length),
    )
    this.#factors = new Float64Array(valueCount)
    this.#products = new Float64Array(valueCount)
    this.#sums = new Float64Array(valueCount)
    this.#isMet = new Uint8Array(edgeCount)
  }

  /**
   * What each feature adds: together the row's score minus `average`.
   * @param row one value a feature, NaN where missing
   * @param out one number a feature, overwritten
   */
  explain(row: ArrayLike<number>, out: Float64Array): void {
    out.fill(0, 0, this.#trees.featureCount)
    for (const plan of this.#plans) {
      this.#carryProductsDown(plan, row)
      this.#carrySumsUp(plan, out)
    }
  }

  /** To each edge the product over the path's features of o t + z (1-t), and to a leaf's edge its part of the score. */
  #carryProductsDown(
    { nodes, edgesAbove, edgesBefore, shares, outputs, quadrature }: TreePlan,
    row: ArrayLike<number>,
  ): void {
    const { points, weights } = quadrature
    const pointCount = points.length
    const factors = this.#factors
    const products = this.#products
    for (let n = 0; n < nodes.length; n++) {
      const node = nodes[n]!
      const above = edgesAbove[n]! * pointCount
      const before = edgesBefore[n]! * pointCount
      const isLeft = goesLeft(this.#trees, node, row[this.#trees.nodeFeatures[node]!]!)
      const wasMet = before < 0 || this.#isMet[edgesBefore[n]!] === 1
      for (let edge = 2 * n; edge < 2 * n + 2; edge++) {
        const o = wasMet && isLeft === (edge === 2 * n) ? 1 : 0
        this.#isMet[edge] = o
        const z = shares[edge]!
        const output = outputs[edge]!
        for (let q = 0, at = edge * pointCount; q < pointCount; q++, at++) {
          const factor = o * points[q]! + z * (1 - points[q]!)
          let product = (above < 0 ? weights[q]! : products[above + q]!) * factor
          // A feature that comes again: its conditions together take the place of the earlier ones.
          if (before >= 0) product /= factors[before + q]!
          factors[at] = factor
          products[at] = product
          this.#sums[at] = output * product
        }
      }
    }
  }

  /** To each edge the sum of the leaves below, and from it the part of the edge's feature. */
  #carrySumsUp({ nodes, edgesAbove, edgesBefore, shares, quadrature }: TreePlan, out: Float64Array): void {
    const pointCount = quadrature.points.length
    const factors = this.#factors
    const sums = this.#sums
    for (let n = nodes.length - 1; n >= 0; n--) {
      const above = edgesAbove[n]! * pointCount
      const edgeBefore = edgesBefore[n]!
      const before = edgeBefore * pointCount
      const gainBefore = edgeBefore < 0 ? 0 : this.#isMet[edgeBefore]! - shares[edgeBefore]!
      let part = 0
      for (let edge = 2 * n; edge < 2 * n + 2; edge++) {
        const gain = this.#isMet[edge]! - shares[edge]!
        for (let q = 0, at = edge * pointCount; q < pointCount; q++, at++) {
          const sum = sums[at]!
          part += (sum * gain) / factors[at]!
          // Where the earlier conditions were counted, further up, these leaves do not belong to them.
          if (before >= 0) part -= (sum * gainBefore) / factors[before + q]!
          if (above >= 0) sums[above + q]! += sum
        }
      }
      out[this.#trees.nodeFeatures[nodes[n]!]!]! += part
    }
  }
}

/** A tree in the order in which it is computed. Node n of the order has the edges 2n, to the left, and 2n + 1; a leaf is known by its edge. */
interface TreePlan {
  /** Counted through all trees; a parent comes before its children. */
  readonly nodes: Int32Array
  /** By node of the order: the edge that leads to it, -1 at the root. */
  readonly edgesAbove: Int32Array
  /** By node of the order: the nearest edge above at a node of the same feature, -1 where there is none. */
  readonly edgesBefore: Int32Array
  /** By edge: z, the part of the training rows that meets the conditions of its feature up to here. */
  readonly shares: Float64Array
  /** By edge: of the leaf it leads to; 0 where it leads to a node. */
  readonly outputs: Float64Array
  readonly average: number
  /** Exact for the polynomials of the longest path. */
  readonly quadrature: Quadrature
}

/** Where no training row went, z is this instead of 0, so that nothing is divided by 0: far below what a sum in float64 can show. */
const LEAST_SHARE = 1e-150

function planOf(trees: Trees, tree: number, quadratureOf: (count: number) => Quadrature): TreePlan {
  const firstNode = trees.nodeOffsets[tree]!
  const firstLeaf = firstNode + tree
  const nodeCount = trees.nodeOffsets[tree + 1]! - firstNode
  const nodes = new Int32Array(nodeCount).fill(firstNode, 0, 1)
  const edgesAbove = new Int32Array(nodeCount).fill(-1)
  const edgesBefore = new Int32Array(nodeCount).fill(-1)
  const shares = new Float64Array(2 * nodeCount)
  const outputs = new Float64Array(2 * nodeCount)
  const reached = new Float64Array(2 * nodeCount)
  const depths = new Int32Array(2 * nodeCount)
  let average = nodeCount === 0 ? trees.leafOutputs[firstLeaf]! : 0
  for (let n = 0, known = 1; n < nodeCount; n++) {
    const node = nodes[n]!
    const above = edgesAbove[n]!
    const before = edgeBefore(trees, { nodes, edgesAbove }, n)
    edgesBefore[n] = before
    const children = [trees.leftChildren[node]!, trees.rightChildren[node]!]
    const rowCounts = children.map((child) => rowCountOf(trees, tree, child))
    for (const [side, child] of children.entries()) {
      const edge = 2 * n + side
      const share = Math.max(LEAST_SHARE, rowCounts[side]! / (rowCounts[0]! + rowCounts[1]!))
      shares[edge] = Math.max(LEAST_SHARE, share * (before < 0 ? 1 : shares[before]!))
      reached[edge] = share * (above < 0 ? 1 : reached[above]!)
      depths[edge] = (above < 0 ? 0 : depths[above]!) + (before < 0 ? 1 : 0)
      if (child >= 0) {
        nodes[known] = firstNode + child
        edgesAbove[known++] = edge
      } else {
        outputs[edge] = trees.leafOutputs[firstLeaf - 1 - child]!
        average += reached[edge]! * outputs[edge]!
      }
    }
  }
  const longest = depths.reduce((most, depth) => Math.max(most, depth), 1)
  return { nodes, edgesAbove, edgesBefore, shares, outputs, average, quadrature: quadratureOf(Math.ceil(longest / 2)) }
}

function edgeBefore(trees: Trees, { nodes, edgesAbove }: Pick<TreePlan, 'nodes' | 'edgesAbove'>, n: number): number {
  const feature = trees.nodeFeatures[nodes[n]!]!
  for (let edge = edgesAbove[n]!; edge >= 0; edge = edgesAbove[edge >> 1]!) {
    if (trees.nodeFeatures[nodes[edge >> 1]!] === feature) return edge
  }
  return -1
}

/** @param child as in `Trees` */
function rowCountOf(trees: Trees, tree: number, child: number): number {
  const firstNode = trees.nodeOffsets[tree]!
  return child >= 0 ? trees.nodeRowCounts[firstNode + child]! : trees.leafRowCounts[firstNode + tree - 1 - child]!
}

function checkRowCounts(trees: Trees): void {
  for (let tree = 0; tree < treeCountOf(trees); tree++) {
    for (let node = trees.nodeOffsets[tree]!; node < trees.nodeOffsets[tree + 1]!; node++) {
      const left = rowCountOf(trees, tree, trees.leftChildren[node]!)
      const right = rowCountOf(trees, tree, trees.rightChildren[node]!)
      if (left >= 0 && right >= 0 && left + right > 0) continue
      throw new MillraceError(
        'MODEL_WITHOUT_ROW_COUNTS',
        `Tree ${tree} does not say how many training rows went each way at its node ${node - trees.nodeOffsets[tree]!}: found ${left} and ${right}, expected at least one row.`,
        {
          fix: 'Import a model that was saved with its counts (LightGBM: internal_count and leaf_count), or train it here.',
        },
      )
    }
  }
}
