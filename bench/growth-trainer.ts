// Makes what a point of the growth benchmark serves from: features in the store, by the real engine over a log, and a model's bundle. Its arrays are made and not learned, of the size and
// the shape that learning gives: a million items are learned from in hours, and how good the lists are is not measured here. Prints what it made.
import { engineUnlessTaken } from '../src/app/feature-engine.ts'
import { openApp } from '../src/app.ts'
import type { LogEvent } from '../src/domain/event.ts'
import { buildItemIndex } from '../src/kernels/item-index-build.ts'
import { joinTrees, type TreeNode, type TreeParts } from '../src/kernels/trees.ts'
import { seededRng } from '../src/lib/rng.ts'
import { treeArtifacts } from '../src/models/boosted-trees/tree-artifacts.ts'
import { type BundledRanker, writeBundle } from '../src/models/bundle.ts'
import { itemItemArtifacts } from '../src/models/item-item/item-item-generator.ts'
import { poolColumnNames } from '../src/models/ranking/candidate-pool.ts'
import { storedIndex } from '../src/models/stored-index.ts'
import type { Artifacts } from '../src/ports/candidate-generator.ts'
import { funnelSystem } from './funnel-system.ts'
import { askedUserIds, HISTORY_MS, interactionOf, itemEvents } from './growth-shop.ts'
import { BRAND_COUNT, CATEGORY_COUNT, ITEMS_PER_TOPIC, itemIdOf } from './load-shop.ts'

/** Those of the system: as many as training keeps at most, so that the tables are as large as they get. */
const NEIGHBOUR_COUNT = 300
/** Neighbours lie within so many items on either side: a topic and a half. */
const NEIGHBOUR_REACH = 600
const WIDTH = 64
const TREE_COUNT = 100
const LEAF_COUNT = 8
const SAMPLE_QUERY_COUNT = 20_000
/** Users of whom nobody asks, whose interactions are the rest of what the items' features count. */
const CROWD_SIZE = 10_000

const options = JSON.parse(process.argv[2]!) as {
  readonly dataDir: string
  readonly itemCount: number
  /** Whose asked users have features. */
  readonly userCounts: readonly number[]
  readonly interactionsPerUser: number
  readonly candidateCount: number
  readonly seed: number
}
const { itemCount, seed } = options
const system = funnelSystem({ candidateCount: options.candidateCount, leaves: LEAF_COUNT })
const app = await openApp({ system, dataDir: options.dataDir })
const { plan } = app
const nowMs = Date.now()
const beganMs = performance.now()
await fillLog()
const engine = await engineUnlessTaken(app)
await engine!.catchUp()
await engine!.stop()
const featuresMs = performance.now() - beganMs
const rng = seededRng(seed).fork('model')
const generators: Readonly<Record<string, Artifacts>> = {
  cf: await factors(),
  alike: neighbours(),
  trending: { scores: Float32Array.from({ length: itemCount }, () => Math.ceil(1 / (rng.next() ** 2 + 1e-4))) },
}
const { version } = await writeBundle(app.modelsDir, {
  lineage: {
    planHash: plan.hash,
    commit: undefined,
    millraceVersion: 'made',
    seed,
    nextOffset: 0,
    interactionCount: 0,
    trainedAtMs: nowMs,
    asOfMs: nowMs,
  },
  userCount: Math.max(...options.userCounts),
  itemIds: Array.from({ length: itemCount }, (_, item) => itemIdOf(item)),
  metrics: [],
  generators: Object.fromEntries(
    Object.entries(generators).map(([name, artifacts]) => {
      const { kind, options: settings } = system.generators[name]!
      return [name, { kind, options: settings, artifacts }]
    }),
  ),
  ranker: ranker(),
})
console.log(JSON.stringify({ version, featuresMs, modelMs: performance.now() - beganMs - featuresMs }))
await app.close()

/** Every item, what the asked users did, and as many interactions of others as there are items. */
async function fillLog(): Promise<void> {
  const fromMs = nowMs - HISTORY_MS
  const { userCounts, interactionsPerUser } = options
  const asked = [...new Set(userCounts.flatMap(askedUserIds))]
  const ofAsked = asked.length * interactionsPerUser
  const count = ofAsked + itemCount
  const order = seededRng(seed).fork('order')
  const batch: LogEvent[] = []
  const flush = async (): Promise<void> => {
    if (batch.length > 0) await app.log.append(batch.splice(0))
  }
  for (const event of itemEvents(itemCount, fromMs, seed)) {
    batch.push(event)
    if (batch.length === 5000) await flush()
  }
  for (let n = 0; n < count; n++) {
    const user =
      order.integer(count) < ofAsked ? asked[order.integer(asked.length)]! : `crowd-${order.integer(CROWD_SIZE)}`
    const eventTimeMs = fromMs + Math.floor((n * HISTORY_MS) / count)
    batch.push({ ...interactionOf(user, { n, itemCount, eventTimeMs }, order), knownTimeMs: eventTimeMs })
    if (batch.length === 5000) await flush()
  }
  await flush()
}

/** Items of a topic lie together, popular ones further out. */
async function factors(): Promise<Artifacts> {
  const centres = new Map<number, Float32Array>()
  const centreOf = (topic: number): Float32Array => {
    const known = centres.get(topic) ?? Float32Array.from({ length: WIDTH }, () => rng.normal() / 8)
    centres.set(topic, known)
    return known
  }
  const itemVectors = new Float32Array(itemCount * WIDTH)
  const itemGramDiagonal = new Float32Array(WIDTH)
  for (let item = 0; item < itemCount; item++) {
    const centre = centreOf(Math.floor(item / ITEMS_PER_TOPIC))
    const length = 0.2 + 0.8 * rng.next() ** 2
    for (let d = 0; d < WIDTH; d++) {
      const value = length * (centre[d]! + (rng.next() - 0.5) / 4)
      itemVectors[item * WIDTH + d] = value
      itemGramDiagonal[d]! += value ** 2
    }
  }
  const topicCount = Math.ceil(itemCount / ITEMS_PER_TOPIC)
  const sampleQueries = new Float32Array(SAMPLE_QUERY_COUNT * WIDTH)
  for (let query = 0; query < SAMPLE_QUERY_COUNT; query++) {
    for (let n = 0; n < 3; n++) {
      const centre = centreOf(rng.integer(topicCount))
      for (let d = 0; d < WIDTH; d++) sampleQueries[query * WIDTH + d]! += centre[d]! + rng.normal() / 16
    }
  }
  const index = await buildItemIndex(itemVectors, WIDTH, { seed, threadCount: 2, sampleQueries })
  return { itemVectors, itemGramDiagonal, ...storedIndex(index) }
}

function neighbours(): Artifacts {
  const span = Math.min(2 * NEIGHBOUR_REACH + 1, itemCount)
  const count = Math.min(NEIGHBOUR_COUNT, span - 1)
  const columns = new Int32Array(itemCount * count)
  const values = new Float32Array(itemCount * count)
  for (let item = 0; item < itemCount; item++) {
    // A walk around the span in equal steps meets different items: 1,201 is a prime.
    const step = span > 2 * NEIGHBOUR_REACH ? 1 + rng.integer(span - 1) : 1
    for (let n = 0; n < count; n++) {
      const away = ((n + 1) * step) % span
      columns[item * count + n] = (item + away - Math.floor(span / 2) + itemCount + itemCount) % itemCount
      values[item * count + n] = 0.5 / (1 + n / 20)
    }
  }
  const offsets = Int32Array.from({ length: itemCount + 1 }, (_, item) => item * count)
  return itemItemArtifacts({ rowCount: itemCount, columnCount: itemCount, offsets, columns, values })
}

function ranker(): BundledRanker {
  const generatorNames = Object.keys(generators)
  const features = plan.data.features.filter(({ formula }) => formula.family !== 'share')
  const featureNames = [...poolColumnNames(generatorNames), ...features.map(({ name }) => name)]
  const dictionaries = {
    item_category: Array.from({ length: CATEGORY_COUNT }, (_, n) => `c${n}`),
    item_brand: Array.from({ length: BRAND_COUNT }, (_, n) => `b${n}`),
  }
  const categoryCounts = featureNames.map((name) => dictionaries[name as keyof typeof dictionaries]?.length ?? 0)
  const trees = Array.from({ length: TREE_COUNT }, () => tree(categoryCounts))
  const { kind, options: settings } = system.ranker!
  return {
    kind,
    options: settings,
    featureNames,
    features: features.map(({ name, version: featureVersion }) => ({ name, version: featureVersion })),
    generatorNames,
    perGenerator: Math.ceil(options.candidateCount / 2),
    examples: { windowCount: 0, fromMs: 0, beforeMs: 0, questionCount: 0, answeredCount: 0, rowCount: 0 },
    looks: [],
    artifacts: treeArtifacts(joinTrees(trees, { featureCount: featureNames.length, baseScore: 0 })),
    dictionaries,
  }
}

/** A whole binary tree: node n has the children 2n + 1 and 2n + 2. */
function tree(categoryCounts: readonly number[]): TreeParts {
  const nodeCount = LEAF_COUNT - 1
  const childOf = (child: number): number => (child < nodeCount ? child : nodeCount - 1 - child)
  const nodes = Array.from({ length: nodeCount }, (_, n): TreeNode => {
    const feature = rng.integer(categoryCounts.length)
    const categoryCount = categoryCounts[feature]!
    const categories = Array.from({ length: categoryCount }, (_, category) => category).filter(() => rng.next() < 0.5)
    return {
      feature,
      threshold: Math.abs(rng.normal()) * 10,
      ...(categoryCount > 0 && { categories }),
      missingGoesLeft: rng.next() < 0.5,
      left: childOf(2 * n + 1),
      right: childOf(2 * n + 2),
      gain: 1,
      rowCount: 1,
    }
  })
  const leafOutputs = Array.from({ length: LEAF_COUNT }, () => rng.normal() / 10)
  return { nodes, leafOutputs, leafRowCounts: leafOutputs.map(() => 1) }
}
