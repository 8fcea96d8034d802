// Reading the text models that LightGBM writes with `save_model`.
import { joinTrees, type TreeNode, type TreeParts, type Trees } from '../../kernels/trees.ts'
import { MillraceError, type Problem } from '../../lib/errors.ts'

/** A model as LightGBM trained it. */
export interface LightgbmModel {
  readonly trees: Trees
  readonly featureNames: readonly string[]
  /** As in the file, such as "lambdarank" or "binary sigmoid:1". The trees give raw scores, as `predict(raw_score=True)` does. */
  readonly objective: string
  /** By feature, where LightGBM was given a column of categories by pandas: the category that the trees know as 0, 1, … Empty where the file does not say which column is which. */
  readonly categories: ReadonlyMap<number, readonly string[]>
}

/**
 * Scores of the trees are LightGBM's to the bit, for float32 rows without infinite values: its thresholds are float64, and each becomes the
 * largest float32 up to it, which parts float32 values alike.
 *
 * Refused is what `Trees` cannot say: several classes, linear leaves, random forests, and zeros that count as missing.
 * @throws MODEL_FILE_INVALID
 */
export function parseLightgbmModel(text: string): LightgbmModel {
  const [header, ...blocks] = text.split(/^(?=Tree=\d+$)/m).map(fieldsOf)
  if (!header?.has('version') || !header.has('max_feature_idx')) {
    throw invalid([{ where: 'line 1', message: 'found no header, expected a text model that LightGBM saved.' }])
  }
  const refused = whyRefused(header, blocks)
  if (refused.length > 0) throw invalid(refused)
  const featureCount = Number(header.get('max_feature_idx')) + 1
  const parts = blocks.map((fields, tree) => parseTree(fields, `Tree=${tree}`, featureCount))
  return {
    trees: joinTrees(parts, { featureCount, baseScore: 0 }),
    featureNames: (header.get('feature_names') ?? '').split(' '),
    objective: header.get('objective') ?? '',
    categories: pandasCategories(text, header.get('feature_infos') ?? ''),
  }
}

/** The last line lists the categories of each such column, and `feature_infos` says of each column that varied whether it is one: "[low:high]" is a column of numbers. */
function pandasCategories(text: string, featureInfos: string): ReadonlyMap<number, readonly string[]> {
  const [, listed = 'null'] = /^pandas_categorical:(.*)$/m.exec(text) ?? []
  const infos = featureInfos.split(' ')
  const columns = [...infos.keys()].filter((f) => infos[f] !== 'none' && !infos[f]!.startsWith('['))
  try {
    const lists = (JSON.parse(listed) ?? []) as unknown[][]
    if (lists.length !== columns.length) return new Map()
    return new Map(columns.map((f, i) => [f, lists[i]!.map(String)]))
  } catch {
    // Other programs write models of this format too, and this line is LightGBM's Python package's alone.
    return new Map()
  }
}

type Fields = ReadonlyMap<string, string>

/** The lines `name=value` up to the first empty line after a tree's begin; a name alone has the value "". */
function fieldsOf(block: string): Fields {
  const lines = block.split(/^(?:end of trees|parameters:)/m)[0]!.split(/\r?\n/)
  return new Map(
    lines.map((line) => {
      const at = line.indexOf('=')
      return at < 0 ? [line.trim(), ''] : [line.slice(0, at), line.slice(at + 1)]
    }),
  )
}

function whyRefused(header: Fields, blocks: readonly Fields[]): Problem[] {
  const problems: Problem[] = []
  const refuse = (where: string, found: string, expected: string): void => {
    problems.push({ where, message: `found ${found}, expected ${expected}.` })
  }
  const classCount = header.get('num_tree_per_iteration') ?? '1'
  if (classCount !== '1') refuse('num_tree_per_iteration', classCount, 'one score a row')
  if (header.has('average_output')) refuse('average_output', 'a random forest', 'trees that are added up')
  if (blocks.length === 0) refuse('the file', 'no trees', 'at least one')
  const treeCount = (header.get('tree_sizes') ?? '').split(' ').filter((size) => size !== '').length
  if (treeCount > 0 && treeCount !== blocks.length) {
    refuse('tree_sizes', `${blocks.length} trees`, `${treeCount}, as the header says: the file ends early`)
  }
  for (const [tree, fields] of blocks.entries()) {
    if ((fields.get('is_linear') ?? '0') !== '0') refuse(`Tree=${tree}`, 'linear leaves', 'one output a leaf')
  }
  return problems
}

function invalid(problems: readonly Problem[]): MillraceError {
  return new MillraceError('MODEL_FILE_INVALID', 'The file is not a LightGBM model that can be used.', {
    problems,
    fix: 'Save it with save_model, trained without what is named here.',
  })
}

function parseTree(fields: Fields, where: string, featureCount: number): TreeParts {
  const numbers = (name: string, length: number): number[] => {
    const text = fields.get(name)?.trim() ?? ''
    const found = text === '' ? [] : text.split(/\s+/).map(numberOf)
    const wrong = found.find((value) => Number.isNaN(value))
    if (found.length !== length || wrong !== undefined) {
      const what = wrong === undefined ? `${found.length} numbers` : `${JSON.stringify(text.slice(0, 60))}`
      throw invalid([{ where: `${where} ${name}`, message: `found ${what}, expected ${length} numbers.` }])
    }
    return found
  }
  const leafCount = numbers('num_leaves', 1)[0]!
  const nodeCount = leafCount - 1
  const leafOutputs = numbers('leaf_value', leafCount)
  if (nodeCount === 0) return { nodes: [], leafOutputs, leafRowCounts: [0] }
  const thresholds = numbers('threshold', nodeCount)
  const types = numbers('decision_type', nodeCount)
  const features = numbers('split_feature', nodeCount)
  const left = numbers('left_child', nodeCount)
  const right = numbers('right_child', nodeCount)
  const gains = fields.has('split_gain') ? numbers('split_gain', nodeCount) : undefined
  const rowCounts = fields.has('internal_count') ? numbers('internal_count', nodeCount) : undefined
  const setCount = fields.has('num_cat') ? numbers('num_cat', 1)[0]! : 0
  const setOffsets = setCount > 0 ? numbers('cat_boundaries', setCount + 1) : [0]
  const setWords = setCount > 0 ? numbers('cat_threshold', setOffsets.at(-1)!) : []
  checkShape(where, { features, featureCount, left, right, leafCount })
  const nodes = thresholds.map((threshold, node): TreeNode => {
    const type = types[node]!
    const common = {
      feature: features[node]!,
      left: left[node]!,
      right: right[node]!,
      gain: gains?.[node] ?? 0,
      rowCount: rowCounts?.[node] ?? 0,
    }
    if (type & CATEGORICAL) {
      const words = setWords.slice(setOffsets[threshold], setOffsets[threshold + 1])
      return { ...common, threshold: 0, categories: categoriesIn(words), missingGoesLeft: false }
    }
    return { ...common, threshold: floorFloat32(threshold), missingGoesLeft: missingGoesLeft(type, threshold, where) }
  })
  const leafRowCounts = fields.has('leaf_count') ? numbers('leaf_count', leafCount) : new Array(leafCount).fill(0)
  return { nodes, leafOutputs, leafRowCounts }
}

/** Of `decision_type`; the two bits above say what is missing: nothing (NaN is 0), zeros, or NaN. */
const CATEGORICAL = 1
const DEFAULT_LEFT = 2
const ZERO_IS_MISSING = 1
const NAN_IS_MISSING = 2

function missingGoesLeft(type: number, threshold: number, where: string): boolean {
  const missing = (type >> 2) & 3
  if (missing === ZERO_IS_MISSING) {
    const message = 'found zeros that count as missing, expected NaN for missing values.'
    throw invalid([{ where: `${where} decision_type`, message }])
  }
  return missing === NAN_IS_MISSING ? (type & DEFAULT_LEFT) !== 0 : threshold >= 0
}

function numberOf(text: string): number {
  if (text === 'inf') return Number.POSITIVE_INFINITY
  if (text === '-inf') return Number.NEGATIVE_INFINITY
  return Number(text)
}

/** Bit b of word w stands for category 32 w + b. */
function categoriesIn(words: readonly number[]): number[] {
  return words.flatMap((word, w) =>
    Array.from({ length: 32 }, (_, bit) => bit)
      .filter((bit) => (word >>> bit) & 1)
      .map((bit) => 32 * w + bit),
  )
}

/** The largest float32 that is not above a number. */
function floorFloat32(value: number): number {
  const near = Math.fround(value)
  if (!(near > value)) return near
  const bits = new Int32Array(Float32Array.of(near).buffer)
  // Neighbours of float32 are neighbours as whole numbers; below zero their order is turned round, and below 0 comes the smallest number below it.
  if (near === 0) return -(2 ** -149)
  bits[0]! += near > 0 ? -1 : 1
  return new Float32Array(bits.buffer)[0]!
}

interface TreeShape {
  readonly features: readonly number[]
  readonly featureCount: number
  readonly left: readonly number[]
  readonly right: readonly number[]
  readonly leafCount: number
}

/** Every node but the root, and every leaf, hangs from exactly one node that comes before it: then walking down ends. */
function checkShape(where: string, { features, featureCount, left, right, leafCount }: TreeShape): void {
  const problems: Problem[] = []
  const feature = features.findIndex((f) => !(Number.isInteger(f) && f >= 0 && f < featureCount))
  if (feature >= 0) {
    const message = `found ${features[feature]}, expected a feature from 0 to ${featureCount - 1}.`
    problems.push({ where: `${where} split_feature[${feature}]`, message })
  }
  const seen = new Set<number>()
  for (const [name, children] of [
    ['left_child', left],
    ['right_child', right],
  ] as const) {
    for (const [node, child] of children.entries()) {
      const isPossible = Number.isInteger(child) && child < leafCount - 1 && child >= -leafCount
      const isBelow = child < 0 || child > node
      if (isPossible && isBelow && !seen.has(child)) seen.add(child)
      else {
        const message = `found ${child}, expected a node below this one, or a leaf, that hangs from no other.`
        problems.push({ where: `${where} ${name}[${node}]`, message })
      }
    }
  }
  if (problems.length > 0) throw invalid(problems.slice(0, 10))
}
