// Scores of rows by trees: lays trees out for kernels/tree-scores.ts, where the method is explained.
import assert from 'node:assert'
import { instantiateKernel, KernelMemory } from './memory.ts'
import { MISSING_GOES_LEFT, PARTS_CATEGORIES, type Trees, treeCountOf } from './trees.ts'

interface TreeScoresExports {
  score(task: number, rowCount: number): void
}

/** Rows come in whole groups. */
const GROUP_ROWS = 64
const CHUNK_ROWS = 512
/** Thresholds of one column: their numbers, and one more above and below, fit a signed byte. */
const MOST_THRESHOLDS = 254
/** Categories below this are looked up in a table; a feature with greater ones, as an import may have, is searched. */
const TABLED_CATEGORIES = 2 ** 20
/** A byte of a node's table: the row goes left, or right. */
const LEFT = 0x80
const RIGHT = 0x81
/** Leaves of one tree that have numbers of their own; the last number of a byte is for all others. */
const MOST_LEAVES = 255

/**
 * Scores up to `capacity` rows a call, without allocating. A score is the base score and the outputs of the row's leaves, added in float64 in the
 * order of the trees.
 */
export class TreeScorer {
  readonly capacity: number
  /** One a feature, `capacity` values each, for the caller to fill before `score`; NaN is missing. */
  readonly inputs: readonly Float32Array[]
  readonly #kernel: TreeScoresExports
  readonly #taskAddress: number
  readonly #scores: Float64Array

  constructor(memory: KernelMemory, trees: Trees, capacity: number) {
    assert(Number.isInteger(capacity) && capacity > 0, `capacity is ${capacity}, expected a whole number above 0`)
    this.capacity = capacity
    const paddedRows = Math.ceil(capacity / GROUP_ROWS) * GROUP_ROWS
    const inputs = Array.from({ length: trees.featureCount }, () => memory.float32(paddedRows).fill(0))
    this.inputs = inputs.map((values) => values.subarray(0, capacity))
    this.#scores = memory.float64(paddedRows)
    this.#taskAddress = layOut(memory, trees, inputs, this.#scores)
    this.#kernel = instantiateKernel<TreeScoresExports>('tree-scores', memory.memory)
  }

  /** The scores of the first `rowCount` rows of `inputs`; a view that the next call overwrites. */
  score(rowCount: number): Float64Array {
    if (!(rowCount >= 0 && rowCount <= this.capacity))
      assert.fail(`${rowCount} rows, expected at most ${this.capacity}`)
    this.#kernel.score(this.#taskAddress, rowCount)
    return this.#scores.subarray(0, rowCount)
  }
}

/**
 * The scores of any number of rows.
 * @param columns one a feature, equally long; NaN is missing
 */
export function scoreRows(trees: Trees, columns: readonly Float32Array[]): Float64Array {
  assert(columns.length === trees.featureCount, `${columns.length} columns, expected ${trees.featureCount}`)
  const rowCount = columns[0]?.length ?? 0
  const capacity = Math.min(Math.max(1, rowCount), 8 * CHUNK_ROWS)
  const scorer = new TreeScorer(new KernelMemory(), trees, capacity)
  const scores = new Float64Array(rowCount)
  for (let from = 0; from < rowCount; from += capacity) {
    const end = Math.min(from + capacity, rowCount)
    for (const [feature, input] of scorer.inputs.entries()) input.set(columns[feature]!.subarray(from, end))
    scores.set(scorer.score(end - from), from)
  }
  return scores
}

/** Writes the kernel's `ScoreTask`; returns its address. */
function layOut(memory: KernelMemory, trees: Trees, inputs: readonly Float32Array[], scores: Float64Array): number {
  const parts = partsOf(trees)
  const { columns, places } = columnsOf(trees)
  const bins = memory.uint8(columns.length * CHUNK_ROWS)
  const results = memory.uint8(Math.max(1, ...parts.map(({ nodes }) => nodes.length)) * GROUP_ROWS)
  const leafNumbers = memory.uint8((MOST_LEAVES + 1) * GROUP_ROWS)
  for (let leaf = 0; leaf <= MOST_LEAVES; leaf++) leafNumbers.fill(leaf, leaf * GROUP_ROWS, (leaf + 1) * GROUP_ROWS)
  const addressOf = (result: Result): number =>
    'leaf' in result ? leafNumbers.byteOffset + result.leaf * GROUP_ROWS : results.byteOffset + result.node * GROUP_ROWS

  const treeWords = parts.flatMap(({ nodes, outputs, root }) => {
    const words = nodes.flatMap(({ node, left, right }) => {
      const { column, threshold } = places[node]!
      return [bins.byteOffset + column * CHUNK_ROWS, threshold - 128, addressOf(left), addressOf(right)]
    })
    const outputView = memory.float64(outputs.length)
    outputView.set(outputs)
    return [memory.placeInt32(words).byteOffset, nodes.length, outputView.byteOffset, addressOf(root)]
  })
  const numbered = numberedFeatures(memory, columns)
  const columnWords = columns.flatMap(({ feature, categories, thresholds, isMissingAbove, source }) => {
    const input = inputs[feature]!.byteOffset
    if (categories === undefined) {
      const sourceAt = source === undefined ? 0 : bins.byteOffset + source * CHUNK_ROWS
      return [input, 0, placeThresholds(memory, thresholds), thresholds.length, isMissingAbove ? 1 : 0, sourceAt]
    }
    const numbers = numbered.get(feature)
    if (numbers === undefined) return [input, 1, memory.placeInt32(categories).byteOffset, categories.length, 0, 0]
    return [input, 2, placeTable(memory, numbers, categories), 0, 0, numbers.rows.byteOffset]
  })
  const categoryWords = [...numbered].flatMap(([feature, { dictionary, rows }]) => [
    inputs[feature]!.byteOffset,
    dictionary.byteOffset,
    dictionary.length,
    rows.byteOffset,
  ])
  const task = memory.int32(11)
  task.set([
    columns.length,
    memory.placeInt32(columnWords).byteOffset,
    parts.length,
    memory.placeInt32(treeWords).byteOffset,
    bins.byteOffset,
    results.byteOffset,
    scores.byteOffset,
    memory.placeInt32(categoryWords).byteOffset,
  ])
  task[10] = numbered.size
  new Float64Array(task.buffer, task.byteOffset + 32, 1)[0] = trees.baseScore
  return task.byteOffset
}

/** The categories of a feature that some node names, numbered from 1. */
interface NumberedCategories {
  /** By category; 0 for one without a number. */
  readonly dictionary: Uint16Array
  /** Where the kernel notes the number of each row. */
  readonly rows: Uint16Array
  readonly count: number
}

function numberedFeatures(memory: KernelMemory, columns: readonly ScoreColumn[]): Map<number, NumberedCategories> {
  const named = new Map<number, Set<number>>()
  for (const { feature, categories } of columns) {
    if (categories === undefined) continue
    const known = named.get(feature) ?? new Set()
    for (const category of categories) known.add(category)
    named.set(feature, known)
  }
  const numbered = new Map<number, NumberedCategories>()
  for (const [feature, categories] of named) {
    let largest = -1
    for (const category of categories) largest = Math.max(largest, category < 0 ? TABLED_CATEGORIES : category)
    if (largest >= TABLED_CATEGORIES || categories.size > 0xfffe) continue
    const dictionary = memory.uint16(largest + 1).fill(0)
    let count = 0
    for (const category of categories) dictionary[category] = ++count
    numbered.set(feature, { dictionary, rows: memory.uint16(CHUNK_ROWS), count })
  }
  return numbered
}

function placeTable(memory: KernelMemory, { dictionary, count }: NumberedCategories, left: Int32Array): number {
  const table = memory.uint8(count + 1).fill(RIGHT)
  for (const category of left) table[dictionary[category]!] = LEFT
  return table.byteOffset
}

/** Padded with infinity to a power of two, as the search needs them. */
function placeThresholds(memory: KernelMemory, thresholds: readonly number[]): number {
  const view = memory.float32(2 ** Math.ceil(Math.log2(thresholds.length + 1))).fill(Number.POSITIVE_INFINITY)
  view.set(thresholds)
  return view.byteOffset
}

// ---- columns: a feature in the forms in which nodes compare it ----

interface ScoreColumn {
  readonly feature: number
  /** Ascending, each once. */
  readonly thresholds: readonly number[]
  readonly categories: Int32Array | undefined
  readonly isMissingAbove: boolean
  /** The column of the same thresholds with the missing below, if there is one. */
  readonly source: number | undefined
}

/** Where a node finds its bytes, and what it compares them with. */
interface Place {
  readonly column: number
  readonly threshold: number
}

/** The columns, and the place of each node. */
function columnsOf(trees: Trees): { columns: ScoreColumn[]; places: Place[] } {
  const columns: ScoreColumn[] = []
  const places: Place[] = []
  const nodesByFeature = new Map<number, number[]>()
  for (let node = 0; node < trees.nodeFeatures.length; node++) {
    const feature = trees.nodeFeatures[node]!
    if (trees.nodeFlags[node]! & PARTS_CATEGORIES) {
      const set = trees.nodeCategorySets[node]!
      const categories = trees.categories.slice(trees.categoryOffsets[set], trees.categoryOffsets[set + 1])
      places[node] = { column: columns.length, threshold: 0 }
      columns.push({ feature, thresholds: [], categories, isMissingAbove: false, source: undefined })
    } else {
      const nodes = nodesByFeature.get(feature)
      if (nodes) nodes.push(node)
      else nodesByFeature.set(feature, [node])
    }
  }
  for (const [feature, nodes] of nodesByFeature) placeThresholdNodes(trees, feature, nodes, columns, places)
  return { columns, places }
}

/** Columns for the nodes of one feature: one for the missing below and one for them above, as needed, for each few thresholds. */
function placeThresholdNodes(
  trees: Trees,
  feature: number,
  nodes: readonly number[],
  columns: ScoreColumn[],
  places: Place[],
): void {
  const all = [...new Set(nodes.map((node) => trees.nodeThresholds[node]!))].sort((a, b) => a - b)
  const numberOf = new Map(all.map((threshold, number) => [threshold, number]))
  const columnOf = new Map<string, number>()
  const formOf = (node: number): string => {
    const isMissingAbove = (trees.nodeFlags[node]! & MISSING_GOES_LEFT) === 0
    return `${Math.floor(numberOf.get(trees.nodeThresholds[node]!)! / MOST_THRESHOLDS)} ${isMissingAbove}`
  }
  const forms = new Set(nodes.map(formOf))
  for (let from = 0; from < all.length; from += MOST_THRESHOLDS) {
    const thresholds = all.slice(from, from + MOST_THRESHOLDS)
    for (const isMissingAbove of [false, true]) {
      const form = `${from / MOST_THRESHOLDS} ${isMissingAbove}`
      if (!forms.has(form)) continue
      const source = isMissingAbove ? columnOf.get(`${from / MOST_THRESHOLDS} false`) : undefined
      columnOf.set(form, columns.length)
      columns.push({ feature, thresholds, categories: undefined, isMissingAbove, source })
    }
  }
  for (const node of nodes) {
    const threshold = numberOf.get(trees.nodeThresholds[node]!)! % MOST_THRESHOLDS
    places[node] = { column: columnOf.get(formOf(node))!, threshold }
  }
}

// ---- trees in an order from the leaves to the root ----

/** Where a result comes from: a node of the part, by its place in the order, or a leaf's number. */
type Result = { readonly node: number } | { readonly leaf: number }

/** A tree, or as much of a large one as has leaves with numbers of their own. */
interface TreePart {
  /** `node` counts through all trees. */
  readonly nodes: readonly { readonly node: number; readonly left: Result; readonly right: Result }[]
  readonly outputs: Float64Array
  readonly root: Result
}

/**
 * A tree of more leaves than a byte has numbers becomes several: each with a part of the leaves, the others with an output of 0. Their sum is
 * the same to the bit.
 */
function partsOf(trees: Trees): TreePart[] {
  const parts: TreePart[] = []
  for (let tree = 0; tree < treeCountOf(trees); tree++) {
    const leafCount = leafCountOf(trees, tree)
    for (let from = 0; from < leafCount; from += MOST_LEAVES) {
      parts.push(partOf(trees, tree, from, Math.min(from + MOST_LEAVES, leafCount)))
    }
  }
  return parts
}

const leafCountOf = ({ nodeOffsets }: Trees, tree: number): number => nodeOffsets[tree + 1]! - nodeOffsets[tree]! + 1

const OTHER_LEAF: Result = { leaf: MOST_LEAVES }

/** The part with the leaves from `fromLeaf` to before `endLeaf`. */
function partOf(trees: Trees, tree: number, fromLeaf: number, endLeaf: number): TreePart {
  const firstNode = trees.nodeOffsets[tree]!
  const firstLeaf = firstNode + tree
  // One for each number, so that the outputs of all trees lie near each other; the last number of a byte stands for other parts' leaves.
  const isWhole = leafCountOf(trees, tree) <= MOST_LEAVES
  const outputs = new Float64Array(isWhole ? endLeaf - fromLeaf : MOST_LEAVES + 1)
  outputs.set(trees.leafOutputs.subarray(firstLeaf + fromLeaf, firstLeaf + endLeaf))
  const nodes: { node: number; left: Result; right: Result }[] = []
  // A stack of our own: a tree may be as deep as it has leaves.
  const open: { child: number; isExpanded: boolean }[] = [
    { child: trees.nodeOffsets[tree + 1] === firstNode ? -1 : 0, isExpanded: false },
  ]
  const done: Result[] = []
  for (let top = open.pop(); top; top = open.pop()) {
    const { child, isExpanded } = top
    if (child < 0) {
      const leaf = -1 - child
      done.push(leaf >= fromLeaf && leaf < endLeaf ? { leaf: leaf - fromLeaf } : OTHER_LEAF)
    } else if (isExpanded) {
      const right = done.pop()!
      const left = done.pop()!
      if (left === OTHER_LEAF && right === OTHER_LEAF) done.push(OTHER_LEAF)
      else {
        done.push({ node: nodes.length })
        nodes.push({ node: firstNode + child, left, right })
      }
    } else {
      open.push({ child, isExpanded: true })
      open.push({ child: trees.rightChildren[firstNode + child]!, isExpanded: false })
      open.push({ child: trees.leftChildren[firstNode + child]!, isExpanded: false })
    }
  }
  return { nodes, outputs, root: done[0]! }
}
