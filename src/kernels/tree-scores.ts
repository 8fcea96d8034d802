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
/** From one column's bytes to the next one's, as in the kernel. */
const COLUMN_BYTES = CHUNK_ROWS + 64
/** Leaves of a block of trees are numbered by a byte. */
const LEAF_NUMBERS = 256
/** Leaves of a block of several trees: more, and its results and numbers fill a first-level cache (for trees of 63 leaves, 288 µs a call instead of 271). */
const BLOCK_LEAVES = 128
/** Leaves of one tree that have numbers of their own; one is left for all others of a larger tree. */
const MOST_LEAVES = LEAF_NUMBERS - 1

/**
 * Scores up to `capacity` rows a call, without allocating. A score is the base score and the outputs of the row's leaves, added in float64 in the
 * order of the trees.
 */
export class TreeScorer {
  readonly capacity: number
  /** One a feature, `capacity` values each, for the caller to fill before `score`; NaN is missing. */
  readonly inputs: readonly Float32Array[]
  /** Those that some node asks about, ascending; the others need not be filled. */
  readonly usedFeatures: readonly number[]
  readonly #kernel: TreeScoresExports
  readonly #taskAddress: number
  readonly #scores: Float64Array

  constructor(memory: KernelMemory, trees: Trees, capacity: number) {
    assert(Number.isInteger(capacity) && capacity > 0, `capacity is ${capacity}, expected a whole number above 0`)
    this.capacity = capacity
    const paddedRows = Math.ceil(capacity / GROUP_ROWS) * GROUP_ROWS
    const inputs = Array.from({ length: trees.featureCount }, () => memory.float32(paddedRows).fill(0))
    this.inputs = inputs.map((values) => values.subarray(0, capacity))
    this.usedFeatures = [...new Set(trees.nodeFeatures)].sort((a, b) => a - b)
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
  const blocks = blocksOf(partsOf(trees))
  const { columns, categoryFeatures, places, columnCount } = columnsOf(trees)
  const bins = memory.uint8(columnCount * COLUMN_BYTES)
  const binsOf = (column: number): number => bins.byteOffset + column * COLUMN_BYTES
  const results = memory.uint8(Math.max(1, ...blocks.map(({ nodes }) => nodes.length)) * GROUP_ROWS)
  const leafNumbers = memory.uint8(LEAF_NUMBERS * GROUP_ROWS)
  for (let leaf = 0; leaf < LEAF_NUMBERS; leaf++) leafNumbers.fill(leaf, leaf * GROUP_ROWS, (leaf + 1) * GROUP_ROWS)
  const addressOf = (result: Result): number =>
    'leaf' in result ? leafNumbers.byteOffset + result.leaf * GROUP_ROWS : results.byteOffset + result.node * GROUP_ROWS

  const blockWords = blocks.flatMap(({ nodes, outputs, roots }) => {
    const words = nodes.flatMap(({ node, left, right }) => {
      const { column, mask, threshold } = places[node]!
      return [binsOf(column), mask, threshold, addressOf(left), addressOf(right)]
    })
    const outputView = memory.float64(outputs.length)
    outputView.set(outputs)
    const nodesAt = memory.placeInt32(words).byteOffset
    return [
      nodesAt,
      nodes.length,
      outputView.byteOffset,
      roots.length,
      memory.placeInt32(roots.map(addressOf)).byteOffset,
    ]
  })
  const columnWords = columns.flatMap(({ feature, categories, thresholds, isMissingAbove, source }) => {
    const input = inputs[feature]!.byteOffset
    if (categories) return [input, 1, memory.placeInt32(categories).byteOffset, categories.length, 0, 0]
    const sourceAt = source === undefined ? 0 : binsOf(source)
    return [input, 0, placeThresholds(memory, thresholds), thresholds.length, isMissingAbove ? 1 : 0, sourceAt]
  })
  const categoryWords = categoryFeatures.flatMap(({ feature, dictionary, table, answerBytes, firstColumn }) => {
    const dictionaryView = memory.uint16(dictionary.length)
    dictionaryView.set(dictionary)
    const tableView = memory.uint8(table.length)
    tableView.set(table)
    return [
      inputs[feature]!.byteOffset,
      dictionaryView.byteOffset,
      dictionary.length,
      tableView.byteOffset,
      answerBytes,
      binsOf(firstColumn),
    ]
  })
  const task = memory.int32(12)
  task.set([
    columns.length,
    memory.placeInt32(columnWords).byteOffset,
    blocks.length,
    memory.placeInt32(blockWords).byteOffset,
    bins.byteOffset,
    results.byteOffset,
    scores.byteOffset,
    memory.placeInt32(categoryWords).byteOffset,
  ])
  task[10] = categoryFeatures.length
  task[11] = memory.uint32(CHUNK_ROWS).byteOffset
  new Float64Array(task.buffer, task.byteOffset + 32, 1)[0] = trees.baseScore
  return task.byteOffset
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

/** Where a node finds its bytes, which bits of them count, and above what they send a row to the right. */
interface Place {
  readonly column: number
  readonly mask: number
  readonly threshold: number
}

/** A feature whose nodes all find their answers in one table by category. */
interface CategoryFeature {
  readonly feature: number
  /** By category its number from 1; 0 for one that no node names. */
  readonly dictionary: Uint16Array
  /** `answerBytes` a number: a bit a node. */
  readonly table: Uint8Array
  readonly answerBytes: number
  /** Of `answerBytes` that lie after all of `columns`. */
  readonly firstColumn: number
}

/** The columns, and the place of each node. */
function columnsOf(trees: Trees): {
  columns: ScoreColumn[]
  categoryFeatures: CategoryFeature[]
  places: Place[]
  /** All of them, those of the answers of category features too. */
  columnCount: number
} {
  const columns: ScoreColumn[] = []
  const places: Place[] = []
  const thresholdNodes = new Map<number, number[]>()
  const categoryNodes = new Map<number, number[]>()
  for (let node = 0; node < trees.nodeFeatures.length; node++) {
    const feature = trees.nodeFeatures[node]!
    const byFeature = trees.nodeFlags[node]! & PARTS_CATEGORIES ? categoryNodes : thresholdNodes
    const nodes = byFeature.get(feature)
    if (nodes) nodes.push(node)
    else byFeature.set(feature, [node])
  }
  for (const [feature, nodes] of thresholdNodes) placeThresholdNodes(trees, feature, nodes, columns, places)
  const dictionaries = new Map<number, Uint16Array>()
  for (const [feature, nodes] of categoryNodes) {
    const dictionary = dictionaryOf(nodes.map((node) => categoriesOf(trees, node)))
    if (dictionary) dictionaries.set(feature, dictionary)
    else placeSearchedNodes(trees, feature, nodes, columns, places)
  }
  let columnCount = columns.length
  const categoryFeatures = [...dictionaries].map(([feature, dictionary]) => {
    const firstColumn = columnCount
    const placed = placeCategoryNodes(trees, categoryNodes.get(feature)!, dictionary, firstColumn, places)
    columnCount += placed.answerBytes
    return { feature, dictionary, firstColumn, ...placed }
  })
  return { columns, categoryFeatures, places, columnCount }
}

function categoriesOf(trees: Trees, node: number): Int32Array {
  const set = trees.nodeCategorySets[node]!
  return trees.categories.subarray(trees.categoryOffsets[set], trees.categoryOffsets[set + 1])
}

/** Numbers from 1 for all categories of the sets; undefined where a table by category would be too large. */
function dictionaryOf(sets: readonly Int32Array[]): Uint16Array | undefined {
  const named = new Set<number>()
  let largest = -1
  for (const set of sets) {
    for (const category of set) {
      named.add(category)
      largest = Math.max(largest, category < 0 ? TABLED_CATEGORIES : category)
    }
  }
  if (largest >= TABLED_CATEGORIES || named.size > 0xfffe) return undefined
  const dictionary = new Uint16Array(largest + 1)
  let count = 0
  for (const category of named) dictionary[category] = ++count
  return dictionary
}

/** A column for each node that has to search its categories. */
function placeSearchedNodes(
  trees: Trees,
  feature: number,
  nodes: readonly number[],
  columns: ScoreColumn[],
  places: Place[],
): void {
  for (const node of nodes) {
    const categories = categoriesOf(trees, node)
    places[node] = { column: columns.length, mask: ALL_BITS, threshold: -128 }
    columns.push({ feature, thresholds: [], categories, isMissingAbove: false, source: undefined })
  }
}

const ALL_BITS = 0xff
/** Alone in a byte, it is below 0; the other bits are above. */
const SIGN_BIT = 0x80

/** A bit a node, by number of the category; rows whose category is not in the node's set go right. */
function placeCategoryNodes(
  trees: Trees,
  nodes: readonly number[],
  dictionary: Uint16Array,
  firstColumn: number,
  places: Place[],
): { table: Uint8Array; answerBytes: number } {
  const answerBytes = Math.ceil(nodes.length / 64) * 8
  const numberCount = dictionary.reduce((most, number) => Math.max(most, number), 0) + 1
  const table = new Uint8Array(numberCount * answerBytes)
  for (const [at, node] of nodes.entries()) {
    const byte = at >> 3
    const mask = 1 << (at & 7)
    // The sign's bit says left, every other one says right.
    places[node] = { column: firstColumn + byte, mask, threshold: mask === SIGN_BIT ? -1 : 0 }
    if (mask !== SIGN_BIT) for (let i = byte; i < table.length; i += answerBytes) table[i]! |= mask
    for (const category of categoriesOf(trees, node)) table[dictionary[category]! * answerBytes + byte]! ^= mask
  }
  return { table, answerBytes }
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
    places[node] = { column: columnOf.get(formOf(node))!, mask: ALL_BITS, threshold: threshold - 128 }
  }
}

// ---- trees in an order from the leaves to the root ----

/** Where a result comes from: a node, by its place in the order, or a leaf's number. */
type Result = { readonly node: number } | { readonly leaf: number }

interface ScoreNode {
  /** Counts through all trees. */
  readonly node: number
  readonly left: Result
  readonly right: Result
}

/** A tree, or as much of a large one as has leaves with numbers of their own. */
interface TreePart {
  readonly nodes: readonly ScoreNode[]
  readonly outputs: Float64Array
  readonly root: Result
}

/** Neighbouring parts, with numbers of nodes and leaves that count through all of them. */
interface Block {
  readonly nodes: readonly ScoreNode[]
  readonly outputs: readonly number[]
  readonly roots: readonly Result[]
}

/** As many parts as have few enough leaves together: a row's sum is then read and written once for all of them. */
function blocksOf(parts: readonly TreePart[]): Block[] {
  const blocks: { nodes: ScoreNode[]; outputs: number[]; roots: Result[] }[] = []
  for (const { nodes, outputs, root } of parts) {
    let block = blocks.at(-1)
    if (!block || block.outputs.length + outputs.length > BLOCK_LEAVES) {
      block = { nodes: [], outputs: [], roots: [] }
      blocks.push(block)
    }
    const firstNode = block.nodes.length
    const firstLeaf = block.outputs.length
    const moved = (result: Result): Result =>
      'leaf' in result ? { leaf: firstLeaf + result.leaf } : { node: firstNode + result.node }
    for (const { node, left, right } of nodes) block.nodes.push({ node, left: moved(left), right: moved(right) })
    block.outputs.push(...outputs)
    block.roots.push(moved(root))
  }
  return blocks
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

/** The part with the leaves from `fromLeaf` to before `endLeaf`. */
function partOf(trees: Trees, tree: number, fromLeaf: number, endLeaf: number): TreePart {
  const firstNode = trees.nodeOffsets[tree]!
  const firstLeaf = firstNode + tree
  // The last number stands for the leaves of other parts.
  const isWhole = leafCountOf(trees, tree) <= MOST_LEAVES
  const outputs = new Float64Array(endLeaf - fromLeaf + (isWhole ? 0 : 1))
  outputs.set(trees.leafOutputs.subarray(firstLeaf + fromLeaf, firstLeaf + endLeaf))
  const otherLeaf: Result = { leaf: endLeaf - fromLeaf }
  const nodes: ScoreNode[] = []
  // A stack of our own: a tree may be as deep as it has leaves.
  const open: { child: number; isExpanded: boolean }[] = [
    { child: trees.nodeOffsets[tree + 1] === firstNode ? -1 : 0, isExpanded: false },
  ]
  const done: Result[] = []
  for (let top = open.pop(); top; top = open.pop()) {
    const { child, isExpanded } = top
    if (child < 0) {
      const leaf = -1 - child
      done.push(leaf >= fromLeaf && leaf < endLeaf ? { leaf: leaf - fromLeaf } : otherLeaf)
    } else if (isExpanded) {
      const right = done.pop()!
      const left = done.pop()!
      if (left === otherLeaf && right === otherLeaf) done.push(otherLeaf)
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
