// Exact scores of a query against every vector: the reference of the approximate index, and the fast choice for small catalogues.
import { instantiateKernel, type KernelMemory } from './memory.ts'

interface DotExports {
  scoreAll(query: number, vectors: number, count: number, width: number, scores: number): void
}

/** Vectors in kernel memory, `count x width` row-major, ready to be scored. */
export class ExactSearch {
  readonly #kernel: DotExports
  readonly #vectors: Float32Array
  readonly #query: Float32Array
  readonly #scores: Float32Array
  readonly #width: number

  /** @param vectors a view of `memory`, count x width, width a multiple of 4 */
  constructor(memory: KernelMemory, vectors: Float32Array, width: number) {
    this.#kernel = instantiateKernel<DotExports>('dot', memory.memory)
    this.#vectors = vectors
    this.#width = width
    this.#query = memory.float32(width)
    this.#scores = memory.float32(vectors.length / width)
  }

  /** Inner products of the query with every vector, in their order. The array is reused by the next call. */
  scores(query: ArrayLike<number>): Float32Array {
    this.#query.set(query)
    const count = this.#vectors.length / this.#width
    this.#kernel.scoreAll(this.#query.byteOffset, this.#vectors.byteOffset, count, this.#width, this.#scores.byteOffset)
    return this.#scores
  }
}
