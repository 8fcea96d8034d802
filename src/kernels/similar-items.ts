// A table of similar items in kernel memory, and the best sums over rows of it: lays out what kernels/similar-items.ts, where the method is explained, works with.
import assert from 'node:assert/strict'
import { grownLength } from '../lib/grown.ts'
import { instantiateKernel, type KernelMemory } from './memory.ts'

interface SimilarItemsExports {
  bestSums(task: number, historyCount: number, k: number): number
}

/** What of a request the scratch space has room for. */
interface Room {
  readonly history: number
  readonly parts: number
}

const COUNTER_COUNT = 1024
/** SLOT_COUNT_MIN of the kernel. */
const SLOT_COUNT_MIN = 64
/** Fields of the kernel's `Task`. */
const TASK_LENGTH = 15
/** The first of those that depend on the room. */
const SCRATCH_FIELD = 6

/** Items x items, in compressed rows. Not to be shared between threads: the scratch space is its own. */
export class SimilarItems {
  readonly itemCount: number
  /** Views of the table. */
  readonly offsets: Int32Array
  readonly indexes: Int32Array
  readonly similarities: Float32Array
  readonly #kernel: SimilarItemsExports
  readonly #memory: KernelMemory
  readonly #task: Uint32Array
  readonly #allowed: Uint32Array
  readonly #scratchStart: number
  #room: Room = { history: 0, parts: 0 }
  #historyItems: Int32Array = new Int32Array(0)
  #historyWeights: Float64Array = new Float64Array(0)
  #outItems: Int32Array = new Int32Array(0)
  #outScores: Float32Array = new Float32Array(0)

  /**
   * Copies the table. Beside it an eighth of a byte an item, and scratch as the longest history so far needs it: at most 6 bytes for every similar item of all of its items, and 84 for
   * every different one of them.
   * @param memory       nobody else's: its end moves
   * @param offsets      itemCount + 1
   * @param indexes      by pair
   * @param similarities by pair
   */
  constructor(memory: KernelMemory, offsets: Int32Array, indexes: Int32Array, similarities: Float32Array) {
    this.itemCount = offsets.length - 1
    this.#memory = memory
    this.offsets = memory.placeInt32(offsets)
    this.indexes = memory.placeInt32(indexes)
    this.similarities = memory.placeFloat32(similarities)
    this.#allowed = memory.uint32(Math.ceil(this.itemCount / 32))
    const counters = memory.uint32(COUNTER_COUNT)
    this.#task = memory.uint32(TASK_LENGTH)
    this.#task.set([
      this.itemCount,
      this.offsets.byteOffset,
      this.indexes.byteOffset,
      this.similarities.byteOffset,
      this.#allowed.byteOffset,
      counters.byteOffset,
    ])
    this.#scratchStart = memory.mark()
    this.#makeRoom(0, 0)
    this.#kernel = instantiateKernel<SimilarItemsExports>('similar-items', memory.memory)
  }

  /**
   * The k largest sums of weight times similarity over the rows of some items, largest first, ties by the smaller item. A sum is float32, the parts added in the order of the items.
   *
   * @param items   the first `count` are different from each other
   * @param weights as many
   * @param allowed bit i says whether item i may be in the answer (`allowed[i >> 5] & (1 << (i & 31))`); undefined allows all
   * @param out     written from 0 on, best first, as far as the shorter array goes
   * @returns how many were written
   */
  bestSums(
    items: Int32Array,
    weights: Float64Array,
    count: number,
    k: number,
    allowed: Uint32Array | undefined,
    out: { readonly itemIndexes: Int32Array; readonly scores: Float32Array },
  ): number {
    this.#placeHistory(items, weights, count)
    this.#placeAllowed(allowed)
    const capacity = Math.min(k, out.itemIndexes.length, out.scores.length)
    const written = this.#kernel.bestSums(this.#task.byteOffset, count, capacity)
    for (let i = 0; i < written; i++) {
      out.itemIndexes[i] = this.#outItems[i]!
      out.scores[i] = this.#outScores[i]!
    }
    return written
  }

  #placeHistory(items: Int32Array, weights: Float64Array, count: number): void {
    let partCount = 0
    for (let h = 0; h < count; h++) partCount += this.offsets[items[h]! + 1]! - this.offsets[items[h]!]!
    assert(partCount >= 0, 'every item of a history has a row')
    if (count > this.#room.history || partCount > this.#room.parts) this.#makeRoom(count, partCount)
    for (let h = 0; h < count; h++) {
      this.#historyItems[h] = items[h]!
      this.#historyWeights[h] = weights[h]!
    }
  }

  #placeAllowed(allowed: Uint32Array | undefined): void {
    const { length } = this.#allowed
    if (allowed === undefined) this.#allowed.fill(0xffffffff)
    else {
      assert(allowed.length >= length, 'the set of allowed items has a bit for each item')
      this.#allowed.set(allowed.length === length ? allowed : allowed.subarray(0, length))
    }
  }

  /** Scratch space in the place of that before. */
  #makeRoom(historyCount: number, partCount: number): void {
    const room = {
      history: Math.max(this.#room.history, grownLength(historyCount)),
      parts: Math.max(this.#room.parts, grownLength(partCount)),
    }
    const foundCount = Math.min(room.parts, this.itemCount)
    let slotCount = SLOT_COUNT_MIN
    while (slotCount < 4 * foundCount) slotCount *= 2
    const memory = this.#memory
    memory.rewind(this.#scratchStart)
    const historyItems = memory.int32(room.history)
    const historyWeights = memory.float64(room.history)
    const partEnds = memory.uint32(room.history)
    // One more: what is not counted is written, too.
    const parts = memory.uint32(room.parts + 1)
    const slots = memory.uint32(slotCount)
    // One more for the same reason, and one to fill up the last two.
    const sums = memory.uint32(2 * (foundCount + 2))
    const keys = memory.uint32(2 * (foundCount + 2))
    const outItems = memory.int32(foundCount)
    const outScores = memory.float32(foundCount)
    const fields = [historyItems, historyWeights, partEnds, parts, slots, sums, keys, outItems, outScores]
    // Last, so that a history for which there is no memory leaves everything as it was.
    this.#task.set(
      fields.map(({ byteOffset }) => byteOffset),
      SCRATCH_FIELD,
    )
    this.#historyItems = historyItems
    this.#historyWeights = historyWeights
    this.#outItems = outItems
    this.#outScores = outScores
    this.#room = room
  }
}
