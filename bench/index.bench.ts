// The item index at k = 500 beside faiss, hnswlib and usearch: Gowalla's item vectors, and a made mixture with their spectrum.
// MILLRACE_INDEX_SETS=gowalla,100k,1m picks the catalogues; all by default. The first run builds the peers' indexes under .bench/ (the graphs of
// a million items take some minutes), later ones load them.
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { trainIals } from '../src/kernels/ials.ts'
import { ItemIndex } from '../src/kernels/item-index.ts'
import { buildItemIndex } from '../src/kernels/item-index-build.ts'
import { KernelMemory } from '../src/kernels/memory.ts'
import { csrFromTriplets } from '../src/lib/csr.ts'
import { seededRng } from '../src/lib/rng.ts'
import { dataFile, gzipLines } from './data.ts'
import { type BenchOptions, type Figure, median, percentile, spreadOf } from './figure.ts'
import { type PeerSetting, type Peers, startPeers } from './index-peer.ts'
import { pythonWith } from './peers.ts'
import { madeVectors } from './vector-mixture.ts'

const K = 500
const WIDTH = 64
const EQUAL_RECALL = 0.95
const ROUND_COUNT = 7
const benchDir = fileURLToPath(new URL('../.bench', import.meta.url))
const requirements = ['faiss-cpu==1.15.1', 'hnswlib==0.8.0', 'usearch==2.26.6', 'numpy==2.4.6']
/** Rendle's recipe for large catalogues; the same settings for every run, tuned on nothing. */
const ialsOptions = {
  factors: WIDTH,
  iterations: 8,
  regularization: 0.003,
  regularizationExponent: 1,
  unobservedWeight: 0.05,
  initStdDev: 0.1,
  seed: 1,
  threadCount: 2,
}

interface Catalogue {
  readonly name: string
  readonly items: Float32Array
  /** Fresh queries, rows of WIDTH. */
  readonly queries: Float32Array
  /** Other queries of the same kind: what the index is built with. */
  readonly sampleQueries: Float32Array
  readonly isBarred: boolean
}

export default async function indexBench({ smoke, log }: BenchOptions): Promise<Figure[] | { skipped: string }> {
  if (smoke) return figuresOf(await smokeCatalogue(), undefined, log)
  const train = dataFile('gowalla/train.txt.gz')
  if ('skipped' in train) return train
  const environment = pythonWith(requirements, log)
  if ('skipped' in environment) return environment

  log('training 64 factors on Gowalla')
  const { userVectors, itemVectors } = await trainIals(gowallaItemsByUser(train.path), ialsOptions)
  const wanted = (process.env.MILLRACE_INDEX_SETS ?? 'gowalla,100k,1m').split(',')
  const figures: Figure[] = []
  for (const name of wanted) {
    const catalogue = await catalogueOf(name, userVectors, itemVectors)
    figures.push(...(await figuresOf(catalogue, environment.python, log)))
  }
  return figures
}

function gowallaItemsByUser(path: string) {
  const rows: number[] = []
  const columns: number[] = []
  for (const line of gzipLines(path)) {
    const [user, ...items] = line.trim().split(' ').map(Number)
    for (const item of items) {
      rows.push(user!)
      columns.push(item)
    }
  }
  const size = {
    rowCount: 1 + rows.reduce((a, b) => Math.max(a, b)),
    columnCount: 1 + columns.reduce((a, b) => Math.max(a, b)),
  }
  return csrFromTriplets({ rows, columns, values: new Float32Array(rows.length).fill(1) }, size)
}

async function catalogueOf(name: string, userVectors: Float32Array, itemVectors: Float32Array): Promise<Catalogue> {
  if (name === 'gowalla') {
    const { queries, sampleQueries } = splitQueries(shuffledRows(userVectors))
    return { name, items: itemVectors, queries, sampleQueries, isBarred: true }
  }
  const itemCount = { '100k': 100_000, '1m': 1_000_000 }[name]
  if (!itemCount)
    throw new Error(`MILLRACE_INDEX_SETS: there is no catalogue "${name}"; there are gowalla, 100k and 1m.`)
  const items = await madeVectors(itemVectors, WIDTH, itemCount, 11)
  const { queries, sampleQueries } = splitQueries(await madeVectors(userVectors, WIDTH, 12_000, 12))
  return { name, items, queries, sampleQueries, isBarred: true }
}

/** 8,000 made vectors without much structure: enough to run every line, and too hard to mean anything. */
async function smokeCatalogue(): Promise<Catalogue> {
  const rng = seededRng(1)
  const seeds = Float32Array.from({ length: 2000 * WIDTH }, () => rng.normal() * Math.exp(rng.normal() / 2))
  const items = await madeVectors(seeds, WIDTH, 8000, 11)
  return { name: 'smoke', items, ...splitQueries(await madeVectors(seeds, WIDTH, 2000, 12)), isBarred: false }
}

function splitQueries(rows: Float32Array) {
  return { queries: rows.slice(0, 1000 * WIDTH), sampleQueries: rows.slice(1000 * WIDTH) }
}

function shuffledRows(rows: Float32Array): Float32Array {
  const rng = seededRng(3)
  const shuffled = rows.slice()
  for (let i = rows.length / WIDTH - 1; i > 0; i--) {
    const j = rng.integer(i + 1)
    const row = shuffled.slice(i * WIDTH, (i + 1) * WIDTH)
    shuffled.copyWithin(i * WIDTH, j * WIDTH, (j + 1) * WIDTH)
    shuffled.set(row, j * WIDTH)
  }
  return shuffled
}

async function figuresOf(
  catalogue: Catalogue,
  python: string | undefined,
  log: (line: string) => void,
): Promise<Figure[]> {
  const { name, items, sampleQueries } = catalogue
  log(`${name}: building over ${items.length / WIDTH} items`)
  const startedAt = performance.now()
  const artifacts = await buildItemIndex(items, WIDTH, { seed: 1, threadCount: 2, sampleQueries })
  const buildSeconds = (performance.now() - startedAt) / 1000
  const memory = new KernelMemory()
  const index = new ItemIndex(memory, artifacts)
  const search = new MeasuredSearch(index, catalogue.queries)
  const figures: Figure[] = [
    { name: `${name}.build`, value: buildSeconds, unit: 's', note: `two threads, ${artifacts.shape[3]} lists` },
    {
      name: `${name}.memory`,
      value: memory.usedBytes / 2 ** 20,
      unit: 'MiB',
      note: `vectors alone ${(items.byteLength / 2 ** 20).toFixed(0)} MiB; the rest is ids and scratch space`,
    },
    ...defaultEffortFigures(catalogue, search),
    ...filterFigures(catalogue, index),
  ]
  if (python) figures.push(...(await peerFigures(catalogue, search, python, log)))
  return figures
}

/** All queries, one call each, on this thread. */
class MeasuredSearch {
  readonly #index: ItemIndex
  readonly #queries: readonly Float32Array[]
  readonly #exact: readonly Set<number>[]
  readonly #out = { itemIndexes: new Int32Array(K), scores: new Float32Array(K) }

  constructor(index: ItemIndex, queries: Float32Array) {
    this.#index = index
    this.#queries = rowsOf(queries)
    this.#exact = this.#queries.map((query) => {
      index.search(query, K, undefined, this.#out, { scanBudget: Number.POSITIVE_INFINITY })
      return new Set(this.#out.itemIndexes)
    })
  }

  recall(scanBudget: number): number {
    let hitCount = 0
    for (const [i, query] of this.#queries.entries()) {
      this.#index.search(query, K, undefined, this.#out, { scanBudget })
      for (const item of this.#out.itemIndexes) if (this.#exact[i]!.has(item)) hitCount++
    }
    return hitCount / (K * this.#queries.length)
  }

  get defaultScanBudget(): number {
    return this.#index.scanBudgetOf(K)
  }

  /** The smallest budget, within 1 %, whose recall is the wanted one. */
  scanBudgetAt(wantedRecall: number): number {
    let low = K
    let high = this.#index.itemCount
    while (high > low * 1.01) {
      const middle = Math.round(Math.sqrt(low * high))
      if (this.recall(middle) >= wantedRecall) high = middle
      else low = middle
    }
    return high
  }

  latenciesMs(scanBudget: number): Float64Array {
    return Float64Array.from(this.#queries, (query) => {
      const startedAt = performance.now()
      this.#index.search(query, K, undefined, this.#out, { scanBudget })
      return performance.now() - startedAt
    })
  }

  secondsPerQuery(scanBudget: number): number {
    const startedAt = performance.now()
    for (const query of this.#queries) this.#index.search(query, K, undefined, this.#out, { scanBudget })
    return (performance.now() - startedAt) / 1000 / this.#queries.length
  }
}

function defaultEffortFigures({ name, isBarred }: Catalogue, search: MeasuredSearch): Figure[] {
  const scanBudget = search.defaultScanBudget
  const recall = search.recall(scanBudget)
  const rounds = Array.from({ length: ROUND_COUNT }, () => search.latenciesMs(scanBudget))
  const p50s = rounds.map((latencies) => percentile(latencies, 0.5))
  const p99s = rounds.map((latencies) => percentile(latencies, 0.99))
  const p50 = median(p50s)
  const note = `default effort, ${scanBudget} items scored, one core, one query a call`
  return [
    {
      name: `${name}.recall@${K}`,
      value: recall,
      unit: '',
      ...(isBarred && { bar: '>= 0.95', ok: recall >= 0.95 }),
      note,
    },
    {
      name: `${name}.p50`,
      value: p50,
      unit: 'ms',
      spread: spreadOf(p50s),
      ...(name === '100k' && { bar: '<= 0.15', ok: p50 <= 0.15 }),
      note,
    },
    { name: `${name}.p99`, value: median(p99s), unit: 'ms', spread: spreadOf(p99s), note },
  ]
}

/** A filter that keeps a random 1 % must give the same answer as a naive float64 search of what it keeps. */
function filterFigures({ name, items, queries, isBarred }: Catalogue, index: ItemIndex): Figure[] {
  const rng = seededRng(21)
  const allowed = new Uint32Array(Math.ceil(index.itemCount / 32))
  const kept: number[] = []
  for (let item = 0; item < index.itemCount; item++) {
    if (rng.next() >= 0.01) continue
    allowed[item >> 5]! |= 1 << (item & 31)
    kept.push(item)
  }
  const out = { itemIndexes: new Int32Array(K), scores: new Float32Array(K) }
  const someQueries = rowsOf(queries).slice(0, 200)
  const latencies: number[] = []
  let rightCount = 0
  for (const query of someQueries) {
    const startedAt = performance.now()
    const found = index.search(query, K, allowed, out)
    latencies.push(performance.now() - startedAt)
    if (isExactAnswer(items, query, kept, out.itemIndexes.subarray(0, found))) rightCount++
  }
  const value = rightCount / someQueries.length
  return [
    {
      name: `${name}.filter-1%.full-and-exact`,
      value,
      unit: 'of answers',
      ...(isBarred && { bar: '= 1', ok: value === 1 }),
      note: `${kept.length} items allowed, ${Math.min(K, kept.length)} wanted, against a naive float64 search`,
    },
    { name: `${name}.filter-1%.p50`, value: percentile(latencies, 0.5), unit: 'ms' },
  ]
}

/** Full, without repetition, allowed only, and nothing left out beats what is in by more than float32 rounding. */
function isExactAnswer(items: Float32Array, query: Float32Array, kept: readonly number[], answer: Int32Array): boolean {
  const found = new Set(answer)
  if (found.size !== Math.min(K, kept.length)) return false
  const score = (item: number) => query.reduce((sum, q, d) => sum + q * items[item * WIDTH + d]!, 0)
  let worstFound = Number.POSITIVE_INFINITY
  let bestMissed = Number.NEGATIVE_INFINITY
  let foundKeptCount = 0
  for (const item of kept) {
    if (found.has(item)) {
      foundKeptCount++
      worstFound = Math.min(worstFound, score(item))
    } else {
      bestMissed = Math.max(bestMissed, score(item))
    }
  }
  return foundKeptCount === found.size && bestMissed <= worstFound + 1e-6
}

async function peerFigures(
  { name, items, queries }: Catalogue,
  search: MeasuredSearch,
  python: string,
  log: (line: string) => void,
): Promise<Figure[]> {
  // Named for the vectors: an index that was built over other ones finds nothing, which would look like a slow peer.
  const digest = createHash('sha256')
    .update(new Uint8Array(items.buffer, items.byteOffset, items.byteLength))
    .digest('hex')
  const dir = join(benchDir, `index-${name}-${digest.slice(0, 12)}`)
  mkdirSync(dir, { recursive: true })
  const files = { items: join(dir, 'items.f32'), queries: join(dir, 'queries.f32') }
  writeFileSync(files.items, items)
  writeFileSync(files.queries, queries)
  const peers = await startPeers(python, { ...files, width: WIDTH, k: K, recall: EQUAL_RECALL, cache: dir }, log)
  try {
    const scanBudget = search.scanBudgetAt(EQUAL_RECALL)
    const figures: Figure[] = []
    for (const setting of peers.settings) figures.push(await comparison(name, search, scanBudget, peers, setting))
    return figures
  } finally {
    peers.close()
  }
}

/** Rounds of ours and theirs in turn; the ratio is the median of the rounds' ratios. */
async function comparison(
  name: string,
  search: MeasuredSearch,
  scanBudget: number,
  peers: Peers,
  { peer, setting, recall, batchSeconds, singleSeconds }: PeerSetting,
): Promise<Figure> {
  const bound = peer === 'faiss' ? 1 : 2
  const figure = { name: `${name}.queries-per-second@${peer}`, unit: '/s', peer, bar: `ratio >= ${bound}` }
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < ROUND_COUNT; round++) {
    ours.push(1 / search.secondsPerQuery(scanBudget))
    if (setting) theirs.push(1 / (await peers.secondsPerQuery(peer)))
  }
  const value = median(ours)
  const ourNote = `at recall >= ${EQUAL_RECALL}, one core; ours scores ${scanBudget} items`
  // Nothing to compare with is no bar met.
  if (!setting)
    return { name: figure.name, value, unit: '/s', note: `${ourNote}; ${peer} reached it at no setting tried` }
  const ratio = median(ours.map((our, round) => our / theirs[round]!))
  return {
    ...figure,
    value,
    spread: spreadOf(ours),
    peerValue: median(theirs),
    ratio,
    ok: ratio >= bound,
    note: `${ourNote}; ${peer}: ${setting}, recall ${recall!.toFixed(4)}, when tuned ${(batchSeconds! * 1e3).toFixed(3)} ms a query in one call for all, ${(singleSeconds! * 1e3).toFixed(3)} ms in a call of its own; the better one is compared`,
  }
}

function rowsOf(rows: Float32Array): Float32Array[] {
  return Array.from({ length: rows.length / WIDTH }, (_, row) => rows.subarray(row * WIDTH, (row + 1) * WIDTH))
}
