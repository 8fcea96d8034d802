// Trees as an ONNX file, for servers that run no Millrace. Its scores are checked by `compareScores`.
import { MISSING_GOES_LEFT, PARTS_CATEGORIES, type Trees, treeCountOf } from '../../kernels/trees.ts'
import { ProtobufWriter } from '../../lib/protobuf-writer.ts'

/**
 * The model has one input, `features`: float32, rows x features, NaN where missing; and one output, `scores`: float32, rows x 1. The features' names, in order, are
 * the metadata `feature_names`, as JSON.
 *
 * Inside, values become float64 and go through a TreeEnsembleRegressor (ai.onnx.ml, version 3) whose thresholds and outputs are float64: with float32 ones
 * onnxruntime adds the leaves up in float32, and the error grows with the number of trees. So what is left of a difference is the rounding of the final
 * score, at most 2^-24 of it (6e-8 for a score of 1; below 1e-5 for scores up to 167), beside sums of float64 in another order.
 *
 * A node that parts categories becomes a chain of nodes, one a category: equal to it goes left, where all of the chain lead to one and the same node,
 * otherwise on to the next, and from the last to the right. Missing and unknown categories equal none and end on the right, as in `Trees`.
 *
 * @param featureNames one a feature of the trees
 * @param categories by feature, the text of category 0, 1, …; they are the metadata `categories`, as JSON, for whoever fills the rows
 * @returns the same bytes for the same trees
 */
export function onnxModelOf(
  trees: Trees,
  featureNames: readonly string[],
  categories: Readonly<Record<string, readonly string[]>> = {},
): Uint8Array {
  const graph = new ProtobufWriter()
    .message(GRAPH.node, castNode())
    .message(GRAPH.node, treesNode(trees))
    .text(GRAPH.name, 'boosted-trees')
    .message(GRAPH.input, floatMatrix('features', trees.featureCount))
    .message(GRAPH.output, floatMatrix('scores', 1))
  const operators = (domain: string, version: number): ProtobufWriter =>
    new ProtobufWriter().text(1, domain).whole(2, version)
  const metadata = (key: string, value: unknown): ProtobufWriter =>
    new ProtobufWriter().text(1, key).text(2, JSON.stringify(value))
  return (
    new ProtobufWriter()
      // Files of version 8 are read by every onnxruntime since 1.10.
      .whole(MODEL.irVersion, 8)
      .text(MODEL.producerName, 'millrace')
      .message(MODEL.graph, graph)
      .message(MODEL.operators, operators('', 13))
      .message(MODEL.operators, operators('ai.onnx.ml', 3))
      .message(MODEL.metadata, metadata('feature_names', featureNames))
      .message(MODEL.metadata, metadata('categories', categories))
      .finish()
  )
}

// Numbers of fields, from onnx.proto.
const MODEL = { irVersion: 1, producerName: 2, graph: 7, operators: 8, metadata: 14 }
const GRAPH = { node: 1, name: 2, input: 11, output: 12 }
const NODE = { input: 1, output: 2, name: 3, operator: 4, attribute: 5, domain: 7 }
const ATTRIBUTE = { name: 1, whole: 3, text: 4, tensor: 5, wholes: 8, texts: 9, type: 20 }
const ATTRIBUTE_TYPE = { whole: 2, text: 3, tensor: 4, wholes: 7, texts: 8 }
const TENSOR = { dimensions: 1, type: 2, name: 8, bytes: 9 }
const FLOAT32 = 1
const FLOAT64 = 11

/** A value of type float32, any number of rows. */
function floatMatrix(name: string, columnCount: number): ProtobufWriter {
  const shape = new ProtobufWriter()
    .message(1, new ProtobufWriter().text(2, 'rows'))
    .message(1, new ProtobufWriter().whole(1, columnCount))
  const type = new ProtobufWriter().message(1, new ProtobufWriter().whole(1, FLOAT32).message(2, shape))
  return new ProtobufWriter().text(1, name).message(2, type)
}

function castNode(): ProtobufWriter {
  return new ProtobufWriter()
    .text(NODE.input, 'features')
    .text(NODE.output, 'features64')
    .text(NODE.operator, 'Cast')
    .message(NODE.attribute, wholeAttribute('to', FLOAT64))
}

function treesNode(trees: Trees): ProtobufWriter {
  const rows = ensembleRows(trees)
  const column = (of: (row: EnsembleRow) => number): number[] => rows.map(of)
  const leaves = rows.filter(({ mode }) => mode === 'LEAF')
  const node = new ProtobufWriter()
    .text(NODE.input, 'features64')
    .text(NODE.output, 'scores')
    .text(NODE.name, 'trees')
    .text(NODE.operator, 'TreeEnsembleRegressor')
    .text(NODE.domain, 'ai.onnx.ml')
  const attributes = [
    textAttribute('aggregate_function', 'SUM'),
    textAttribute('post_transform', 'NONE'),
    wholeAttribute('n_targets', 1),
    float64Attribute('base_values_as_tensor', [trees.baseScore]),
    wholesAttribute(
      'nodes_treeids',
      column(({ tree }) => tree),
    ),
    wholesAttribute(
      'nodes_nodeids',
      column(({ id }) => id),
    ),
    textsAttribute(
      'nodes_modes',
      rows.map(({ mode }) => mode),
    ),
    wholesAttribute(
      'nodes_featureids',
      column(({ feature }) => feature),
    ),
    float64Attribute(
      'nodes_values_as_tensor',
      column(({ value }) => value),
    ),
    wholesAttribute(
      'nodes_truenodeids',
      column(({ whenTrue }) => whenTrue),
    ),
    wholesAttribute(
      'nodes_falsenodeids',
      column(({ whenFalse }) => whenFalse),
    ),
    wholesAttribute(
      'nodes_missing_value_tracks_true',
      column(({ isMissingTrue }) => (isMissingTrue ? 1 : 0)),
    ),
    wholesAttribute(
      'target_treeids',
      leaves.map(({ tree }) => tree),
    ),
    wholesAttribute(
      'target_nodeids',
      leaves.map(({ id }) => id),
    ),
    wholesAttribute(
      'target_ids',
      leaves.map(() => 0),
    ),
    float64Attribute(
      'target_weights_as_tensor',
      leaves.map(({ output }) => output),
    ),
  ]
  for (const attribute of attributes) node.message(NODE.attribute, attribute)
  return node
}

const attributeOf = (name: string, type: number): ProtobufWriter =>
  new ProtobufWriter().text(ATTRIBUTE.name, name).whole(ATTRIBUTE.type, type)

const textAttribute = (name: string, value: string): ProtobufWriter =>
  attributeOf(name, ATTRIBUTE_TYPE.text).text(ATTRIBUTE.text, value)

function textsAttribute(name: string, values: readonly string[]): ProtobufWriter {
  const attribute = attributeOf(name, ATTRIBUTE_TYPE.texts)
  for (const value of values) attribute.text(ATTRIBUTE.texts, value)
  return attribute
}

const wholeAttribute = (name: string, value: number): ProtobufWriter =>
  attributeOf(name, ATTRIBUTE_TYPE.whole).whole(ATTRIBUTE.whole, value)

const wholesAttribute = (name: string, values: readonly number[]): ProtobufWriter =>
  attributeOf(name, ATTRIBUTE_TYPE.wholes).wholes(ATTRIBUTE.wholes, values)

function float64Attribute(name: string, values: readonly number[]): ProtobufWriter {
  const bytes = new DataView(new ArrayBuffer(8 * values.length))
  for (const [i, value] of values.entries()) bytes.setFloat64(8 * i, value, true)
  const tensor = new ProtobufWriter()
    .wholes(TENSOR.dimensions, [values.length])
    .whole(TENSOR.type, FLOAT64)
    .text(TENSOR.name, name)
    .bytes(TENSOR.bytes, new Uint8Array(bytes.buffer))
  return attributeOf(name, ATTRIBUTE_TYPE.tensor).message(ATTRIBUTE.tensor, tensor)
}

/** A node or a leaf of a TreeEnsembleRegressor. */
interface EnsembleRow {
  readonly tree: number
  /** Within the tree, the root 0. */
  readonly id: number
  readonly mode: 'BRANCH_LEQ' | 'BRANCH_EQ' | 'LEAF'
  readonly feature: number
  readonly value: number
  readonly whenTrue: number
  readonly whenFalse: number
  readonly isMissingTrue: boolean
  readonly output: number
}

const ensembleRows = (trees: Trees): EnsembleRow[] =>
  Array.from({ length: treeCountOf(trees) }, (_, tree) => rowsOfTree(trees, tree)).flat()

/** Nodes keep their numbers, leaves follow, and last come the further nodes of chains. */
function rowsOfTree(trees: Trees, tree: number): EnsembleRow[] {
  const firstNode = trees.nodeOffsets[tree]!
  const nodeCount = trees.nodeOffsets[tree + 1]! - firstNode
  const idOf = (child: number): number => (child >= 0 ? child : nodeCount - 1 - child)
  const branches: EnsembleRow[] = []
  const chained: EnsembleRow[] = []
  for (let n = 0; n < nodeCount; n++) {
    const node = firstNode + n
    const flags = trees.nodeFlags[node]!
    const common = {
      tree,
      feature: trees.nodeFeatures[node]!,
      whenTrue: idOf(trees.leftChildren[node]!),
      isMissingTrue: (flags & MISSING_GOES_LEFT) !== 0,
      output: 0,
    }
    const whenFalse = idOf(trees.rightChildren[node]!)
    if (!(flags & PARTS_CATEGORIES)) {
      branches.push({ ...common, id: n, mode: 'BRANCH_LEQ', value: trees.nodeThresholds[node]!, whenFalse })
      continue
    }
    const set = trees.nodeCategorySets[node]!
    const categories = trees.categories.subarray(trees.categoryOffsets[set], trees.categoryOffsets[set + 1])
    // An empty set sends all to the right; no value equals NO_CATEGORY.
    for (const [c, value] of (categories.length > 0 ? categories : [NO_CATEGORY]).entries()) {
      const isLast = c >= categories.length - 1
      const next = 2 * nodeCount + 1 + chained.length + (c === 0 ? 0 : 1)
      const row = { ...common, mode: 'BRANCH_EQ', value, whenFalse: isLast ? whenFalse : next } as const
      if (c === 0) branches.push({ ...row, id: n })
      else chained.push({ ...row, id: next - 1 })
    }
  }
  const leaves = Array.from({ length: nodeCount + 1 }, (_, leaf): EnsembleRow => {
    const output = trees.leafOutputs[firstNode + tree + leaf]!
    return {
      tree,
      id: nodeCount + leaf,
      mode: 'LEAF',
      feature: 0,
      value: 0,
      whenTrue: 0,
      whenFalse: 0,
      isMissingTrue: false,
      output,
    }
  })
  return [...branches, ...leaves, ...chained]
}

const NO_CATEGORY = -1
