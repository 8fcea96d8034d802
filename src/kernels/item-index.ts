// Nearest items by inner product: inverted lists of float32 vectors, searched best list first until a calibrated number of items is looked at.
//
// A look is at one byte a dimension, which bounds the inner product from both sides: only what may be among the best k is read in full. The
// answer is the one that scoring every collected vector exactly would give, at a quarter of the memory traffic.
import assert from 'node:assert/strict'
import { KeptBySet, type SteadySet } from '../lib/steady-sets.ts'
import { type ItemIndexArtifacts, shapeOf } from './item-index-artifacts.ts'
import { instantiateKernel, type KernelMemory } from './memory.ts'

interface ItemIndexExports {
  encode(index: number, codeWidth: number): void
  countAllowed(index: number): number
  searchAll(index: number, k: number, allowedCount: number, filter: Filter): number
  searchLists(index: number, k: number, budget: number, effortK: number, leastShare: number, filter: Filter): number
}

/** As kernels/item-index.ts numbers them. */
const EVERY_ITEM = 0
const BY_ITEM = 1
const BY_POSITION = 2
type Filter = typeof EVERY_ITEM | typeof BY_ITEM | typeof BY_POSITION

/** A set of items as the index stores them: a bit each by position. */
interface PositionSet {
  readonly words: Uint32Array
  readonly count: number
}

/** Testing an item's bit costs about this share of scoring an item whose vector lies somewhere: 1.4 of 18 ns at 100,000 items. */
const BIT_TESTS_PER_SCORE = 0.1
/** ROWS_PER_BOUND of kernels/lib/codes.ts. */
const ITEMS_PER_BOUND = 16
/** A filter that keeps at most this share of the catalogue is always answered exactly. */
const EXACT_SHARE = 0.01

/** A filter goes against a query where the lists hold less than this part of the allowed items that they would hold by chance. */
const AGAINST = 0.97
/** Of the k in the table of efforts, each to the one before. */
const EFFORT_STEP = 1.1

interface SearchOptions {
  /** Stop once this many allowed items are scored. Default: as many as are enough, by what was calibrated when the index was built. `Infinity` makes the answer exact. */
  readonly scanBudget?: number
  /** Search at least as thoroughly as for this many, so that a short list is as good as the head of a long one. */
  readonly effortK?: number | undefined
  /** Of `allowed`. From the second time on that a set comes it is read in the order of storage. */
  readonly steady?: SteadySet | undefined
}

/** Answers queries over artifacts of `buildItemIndex`. Not to be shared between threads: the scratch space is its own. */
export class ItemIndex {
  readonly itemCount: number
  /** Length of a query. */
  readonly width: number
  readonly #kernel: ItemIndexExports
  readonly #descriptor: number
  readonly #listCount: number
  readonly #scanBudgets: Int32Array
  readonly #storedWidth: number
  readonly #vectors: Float32Array
  readonly #itemByPosition: Int32Array
  readonly #positionByItem: Int32Array
  readonly #query: Float32Array
  readonly #allowed: Uint32Array
  readonly #allowedPositions: Uint32Array
  readonly #positionSets = new KeptBySet<PositionSet>()
  readonly #outItems: Int32Array
  readonly #outScores: Float32Array

  /** Copies the artifacts into `memory`: 5 x width + 33 bytes per item, scratch included. Beside it, an eighth of a byte an item of every set that comes again. */
  constructor(memory: KernelMemory, artifacts: ItemIndexArtifacts) {
    const { itemCount, width, storedWidth, listCount } = shapeOf(artifacts)
    assert.equal(artifacts.vectors.length, itemCount * storedWidth, 'the vectors fit the shape')
    assert.equal(artifacts.listOffsets.at(-1), listCount > 0 ? itemCount : 0, 'the lists hold all items')
    this.itemCount = itemCount
    this.width = width
    this.#listCount = listCount
    this.#scanBudgets = artifacts.scanBudgets
    this.#storedWidth = storedWidth
    this.#kernel = instantiateKernel<ItemIndexExports>('item-index', memory.memory)
    this.#vectors = memory.placeFloat32(artifacts.vectors)
    const itemByPosition = (this.#itemByPosition = memory.placeInt32(artifacts.itemByPosition))
    this.#positionByItem = memory.int32(itemCount)
    for (let position = 0; position < itemCount; position++) this.#positionByItem[itemByPosition[position]!] = position
    const listOffsets = memory.placeInt32(artifacts.listOffsets)
    const centroids = memory.placeFloat32(artifacts.centroids)
    const paddedListCount = Math.ceil(listCount / 4) * 4
    const radii = memory.float32(paddedListCount)
    radii.set(artifacts.radii)
    const inverseMetric = memory.placeFloat32(artifacts.inverseMetric)
    this.#query = memory.float32(storedWidth).fill(0)
    this.#allowed = memory.uint32(Math.ceil(itemCount / 32))
    this.#allowedPositions = memory.uint32(2 * Math.ceil(itemCount / 64)).fill(0)
    this.#outItems = memory.int32(itemCount)
    this.#outScores = memory.float32(itemCount)

    // In the order of the constants at the top of kernels/item-index.ts.
    const codeWidth = Math.ceil(storedWidth / 8) * 8
    const efforts = memory.placeFloat32(this.#efforts())
    const descriptor = memory.uint32(31)
    descriptor.set([
      itemCount,
      storedWidth,
      listCount,
      this.#vectors.byteOffset,
      itemByPosition.byteOffset,
      this.#positionByItem.byteOffset,
      listOffsets.byteOffset,
      centroids.byteOffset,
      radii.byteOffset,
      inverseMetric.byteOffset,
      this.#query.byteOffset,
      this.#allowed.byteOffset,
      memory.uint32(paddedListCount).byteOffset, // order of the lists
      memory.float32(paddedListCount).byteOffset, // list scores
      memory.int32(itemCount + 4).byteOffset, // positions
      memory.float32(itemCount + 4).byteOffset, // scores
      memory.uint32(2 * itemCount).byteOffset, // sort keys
      memory.uint32(2 * itemCount).byteOffset, // sort keys, spare
      memory.int32(1024).byteOffset, // counters
      this.#outItems.byteOffset,
      this.#outScores.byteOffset,
      0, // code width, until `encode` has made them
      memory.uint32((itemCount * codeWidth) / 4).byteOffset,
      memory.float32(2 * Math.ceil(itemCount / ITEMS_PER_BOUND)).byteOffset, // bounds
      memory.uint32(codeWidth / 2).byteOffset, // query codes
      memory.float32(1).byteOffset, // query scale
      memory.uint32((paddedListCount * codeWidth) / 4).byteOffset, // centroid codes
      memory.float32(2 * Math.ceil(listCount / ITEMS_PER_BOUND)).byteOffset, // centroid bounds
      this.#allowedPositions.byteOffset,
      efforts.byteOffset,
      efforts.length / 2,
    ])
    this.#descriptor = descriptor.byteOffset
    this.#kernel.encode(this.#descriptor, codeWidth)
  }

  /**
   * The k items with the largest inner product, best first, ties by the smaller item index; scores are exact float32 inner products.
   * The answer is full: min(k, items allowed). It is exact for small catalogues and for filters that leave few items, otherwise a member of
   * the true best k is missed as rarely as the index was calibrated for.
   *
   * @param query   `width` finite numbers
   * @param allowed bit i says whether item i may be in the answer (`allowed[i >> 5] & (1 << (i & 31))`); undefined allows all
   * @param out     written from 0 on; each array holds at least min(k, items allowed)
   * @returns how many were written
   */
  search(
    query: ArrayLike<number>,
    k: number,
    allowed: Uint32Array | undefined,
    out: { readonly itemIndexes: Int32Array; readonly scores: Float32Array },
    options?: SearchOptions,
  ): number {
    assert(k >= 0, 'k is 0 or more')
    this.#placeQuery(query)
    const { filter, allowedCount } = this.#placeFilter(allowed, options?.steady)
    const wanted = Math.min(k, allowedCount)
    if (wanted <= 0) return 0
    assert(Math.min(out.itemIndexes.length, out.scores.length) >= wanted, 'the answer fits the arrays')
    const effortK = Math.max(k, options?.effortK ?? 0)
    const share = allowedCount / this.itemCount
    const given = options?.scanBudget
    const expected = Math.max(given ?? this.#budgetByChance(effortK, share), wanted)
    const written = this.#isExactBetter(allowedCount, expected)
      ? this.#kernel.searchAll(this.#descriptor, wanted, allowedCount, filter)
      : given === undefined
        ? this.#kernel.searchLists(
            this.#descriptor,
            wanted,
            Math.max(this.scanBudgetOf(effortK, allowedCount), wanted),
            effortK,
            AGAINST * share,
            filter,
          )
        : this.#kernel.searchLists(this.#descriptor, wanted, expected, 0, 0, filter)
    for (let i = 0; i < written; i++) {
      out.itemIndexes[i] = this.#outItems[i]!
      out.scores[i] = this.#outScores[i]!
    }
    return written
  }

  /**
   * How many allowed items are scored to find k where the filter goes against the query: what it would take by chance, and never less than without a
   * filter. Other filters need less: see `isEnough` of the kernel.
   */
  scanBudgetOf(k: number, allowedCount = this.itemCount): number {
    const byChance = this.#budgetByChance(k, allowedCount / this.itemCount)
    return Math.max(this.#calibratedBudget(k), Math.ceil(byChance))
  }

  /** The best k of a share p of the items, if chance chose them, are spread like the best k / p of all: p times the budget of that larger k. */
  #budgetByChance(k: number, share: number): number {
    return share * this.#calibratedBudget(k / share)
  }

  /** The vector of one item, a view; longer than `width` by zeros where width is no multiple of 4. */
  vectorOf(itemIndex: number): Float32Array {
    const start = this.#positionByItem[itemIndex]! * this.#storedWidth
    return this.#vectors.subarray(start, start + this.#storedWidth)
  }

  /** The calibrated budgets as the kernel reads them: pairs, close enough that a line from one to the next will do. */
  #efforts(): readonly number[] {
    const efforts: number[] = []
    for (let k = 1; k < EFFORT_STEP * this.itemCount; k *= EFFORT_STEP) efforts.push(k, this.#calibratedBudget(k))
    return efforts
  }

  /** The calibrated budgets, interpolated on a logarithmic scale. */
  #calibratedBudget(k: number): number {
    const table = this.#scanBudgets
    if (table.length === 0) return this.itemCount
    let row = 0
    while (row + 2 < table.length && table[row]! < k) row += 2
    const upperK = table[row]!
    const upperBudget = table[row + 1]!
    // Above the table the scored items per item found stay the same.
    if (k >= upperK) return Math.min(this.itemCount, Math.ceil((k / upperK) * upperBudget))
    const lowerK = table[row - 2]!
    const lowerBudget = table[row - 1]!
    const share = Math.log(k / lowerK) / Math.log(upperK / lowerK)
    return Math.ceil(lowerBudget * (upperBudget / lowerBudget) ** share)
  }

  /** Whether scoring every allowed item costs no more than testing the bits of the lists that hold `scanBudget` of them, and scoring those. */
  #isExactBetter(allowedCount: number, scanBudget: number): boolean {
    if (this.#listCount === 0 || scanBudget >= allowedCount) return true
    if (allowedCount === this.itemCount) return false
    if (allowedCount <= EXACT_SHARE * this.itemCount) return true
    const testedCount = scanBudget * (this.itemCount / allowedCount)
    return allowedCount <= scanBudget + BIT_TESTS_PER_SCORE * testedCount
  }

  #placeQuery(query: ArrayLike<number>): void {
    assert(query.length >= this.width, 'a query is as long as the vectors')
    for (let d = 0; d < this.width; d++) {
      const value = query[d]!
      assert(Number.isFinite(value), 'a query holds finite numbers')
      this.#query[d] = value
    }
  }

  #placeFilter(
    allowed: Uint32Array | undefined,
    steady: SteadySet | undefined,
  ): { readonly filter: Filter; readonly allowedCount: number } {
    if (allowed === undefined) return { filter: EVERY_ITEM, allowedCount: this.itemCount }
    assert(allowed.length >= this.#allowed.length, 'the set of allowed items has a bit for each item')
    const known = steady && this.#positionSets.of(allowed, steady, (whole) => this.#positionSetOf(whole))
    if (known !== undefined) return { filter: BY_POSITION, allowedCount: this.#placePositions(known, steady!) }
    this.#placeAllowed(allowed)
    return { filter: BY_ITEM, allowedCount: this.#kernel.countAllowed(this.#descriptor) }
  }

  #positionSetOf(allowed: Uint32Array): PositionSet {
    const words = new Uint32Array(this.#allowedPositions.length)
    let count = 0
    for (let position = 0; position < this.itemCount; position++) {
      const item = this.#itemByPosition[position]!
      const bit = (allowed[item >> 5]! >>> (item & 31)) & 1
      words[position >> 5]! |= bit << (position & 31)
      count += bit
    }
    return { words, count }
  }

  /** The set without what is withheld; returns how many items are left. */
  #placePositions({ words, count }: PositionSet, { withheld, withheldCount }: SteadySet): number {
    const allowed = this.#allowedPositions
    allowed.set(words)
    for (let n = 0; n < withheldCount; n++) {
      const item = withheld[n]!
      if (item >= this.itemCount) continue
      const position = this.#positionByItem[item]!
      allowed[position >> 5]! &= ~(1 << (position & 31))
      count--
    }
    return count
  }

  #placeAllowed(allowed: Uint32Array): void {
    if (allowed.length === this.#allowed.length) this.#allowed.set(allowed)
    else for (let word = 0; word < this.#allowed.length; word++) this.#allowed[word] = allowed[word]!
  }
}
