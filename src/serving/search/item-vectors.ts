// A vector for the texts of every item, by catalogue row, changed item by item; compared with a query's all at once.
import { ExactSearch } from '../../kernels/exact-search.ts'
import { KernelMemory } from '../../kernels/memory.ts'
import type { TextEmbedding } from '../../models/content/text-embedding.ts'

const CAPACITY_MIN = 256

export class ItemVectors {
  readonly #embedding: TextEmbedding
  #memory = new KernelMemory()
  /** rows x width, with room for more. */
  #vectors: Float32Array
  #search: ExactSearch
  readonly #query: Float32Array

  constructor(embedding: TextEmbedding) {
    this.#embedding = embedding
    this.#query = new Float32Array(embedding.width)
    this.#vectors = this.#memory.float32(CAPACITY_MIN * embedding.width)
    this.#search = new ExactSearch(this.#memory, this.#vectors, embedding.width)
  }

  /** An empty text takes the row out: it is like nothing. */
  set(row: number, text: string): void {
    const { width } = this.#embedding
    if ((row + 1) * width > this.#vectors.length) this.#enlarge(row + 1)
    this.#embedding.encode(text, this.#vectors.subarray(row * width, (row + 1) * width))
  }

  /** Of length 1; a view that the next call overwrites. Undefined where the text says nothing that any item says. */
  vectorOf(text: string): Float32Array | undefined {
    return this.#embedding.encode(text, this.#query) ? this.#query : undefined
  }

  /** Cosines of the vector and every row, by row; a view that the next call overwrites. */
  similarities(vector: Float32Array): Float32Array {
    return this.#search.scores(vector)
  }

  /** Of a vector of length 1 and a row: its cosine. */
  similarity(vector: Float32Array, row: number): number {
    const { width } = this.#embedding
    let sum = 0
    for (let r = 0, at = row * width; r < width; r++) sum += vector[r]! * (this.#vectors[at + r] ?? 0)
    return sum
  }

  /** Of length 1; undefined where nothing is written about any of the rows. */
  meanOf(rows: Iterable<number>): Float32Array | undefined {
    const { width } = this.#embedding
    const mean = new Float32Array(width)
    for (const row of rows) {
      for (let r = 0, at = row * width; r < width; r++) mean[r]! += this.#vectors[at + r] ?? 0
    }
    const length = Math.hypot(...mean)
    return length > 0 ? mean.map((value) => value / length) : undefined
  }

  get byteLength(): number {
    return this.#memory.usedBytes
  }

  #enlarge(rowCount: number): void {
    const { width } = this.#embedding
    const capacity = Math.max(rowCount, Math.ceil((this.#vectors.length / width) * 1.5))
    // Kernel memory gives nothing back; another one does, as a whole.
    this.#memory = new KernelMemory()
    const larger = this.#memory.float32(capacity * width)
    larger.set(this.#vectors)
    this.#vectors = larger
    this.#search = new ExactSearch(this.#memory, larger, width)
  }
}
