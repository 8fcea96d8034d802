// Vectors of any text, in the space that latent semantic analysis finds in some texts: a text that came later, or a query, is folded in by its terms.
import { truncatedSvd } from '../../kernels/truncated-svd.ts'
import { RecentlyUsed } from '../../lib/recently-used.ts'
import { wordsOf } from '../../lib/words.ts'
import { addTermsOfWord, hashOf, itemTerms, pairTerm, WORD_COUNT_MAX } from './item-terms.ts'

/** What was learned of some texts; plain arrays, to be handed from thread to thread. */
export interface LearnedTerms {
  /** Ascending. */
  readonly termHashes: Uint32Array
  /** By term: how telling it is. */
  readonly termWeights: Float32Array
  /** terms x width, row-major. */
  readonly termVectors: Float32Array
  /** A multiple of 4. */
  readonly width: number
}

export interface LearnOptions {
  /** Length of the vectors, at least 1; rounded up to a multiple of 4. */
  readonly dimensions: number
  readonly seed: number
}

/** The one attribute that all texts of an item are read as, so that a query, which has no attributes, is read alike. */
const TEXT = 'text'

/** A direction counts as its singular value to this power, as in `content`'s vectors. */
const SPECTRUM_POWER = 0.25

/** The same texts and seed give the same arrays. Cost: that of a truncated SVD of texts x terms; some seconds for 20,000 titles. */
export function learnTerms(texts: readonly string[], { dimensions, seed }: LearnOptions): LearnedTerms {
  const width = Math.ceil(dimensions / 4) * 4
  const terms = itemTerms({ [TEXT]: texts }, texts.length)
  const { leftVectors, singularValues } = truncatedSvd(terms, { rank: width, seed })
  // A text is row a of A = U S V'; its vector U S^p is a V S^(p - 1), and V = A' U S^-1.
  const scales = singularValues.map((value, r) => (r < dimensions && value > 0 ? value ** (SPECTRUM_POWER - 2) : 0))
  const order = Array.from(terms.termHashes.keys()).sort((a, b) => terms.termHashes[a]! - terms.termHashes[b]!)
  const placeOfColumn = new Int32Array(order.length)
  for (let place = 0; place < order.length; place++) placeOfColumn[order[place]!] = place
  const termVectors = new Float32Array(order.length * width)
  for (let row = 0; row < terms.rowCount; row++) {
    for (let i = terms.offsets[row]!; i < terms.offsets[row + 1]!; i++) {
      const to = placeOfColumn[terms.columns[i]!]! * width
      const value = terms.values[i]!
      for (let r = 0; r < width; r++) termVectors[to + r]! += value * leftVectors[row * width + r]! * scales[r]!
    }
  }
  return {
    termHashes: Uint32Array.from(order, (column) => terms.termHashes[column]!),
    termWeights: Float32Array.from(order, (column) => terms.termWeights[column]!),
    termVectors,
    width,
  }
}

export class TextEmbedding {
  readonly width: number
  readonly #terms: LearnedTerms
  /** Open addressing over the hashes: the place of a term + 1, 0 where there is none. */
  readonly #table: Int32Array
  readonly #mask: number
  readonly #sum: Float64Array
  readonly #words = new RecentlyUsed<Float64Array>(KEPT_WORD_COUNT)

  constructor(terms: LearnedTerms) {
    this.#terms = terms
    this.width = terms.width
    this.#sum = new Float64Array(terms.width)
    const size = 2 ** Math.ceil(Math.log2(Math.max(2, terms.termHashes.length * 2)))
    this.#table = new Int32Array(size)
    this.#mask = size - 1
    for (let place = 0; place < terms.termHashes.length; place++) {
      let slot = terms.termHashes[place]! & this.#mask
      while (this.#table[slot] !== 0) slot = (slot + 1) & this.#mask
      this.#table[slot] = place + 1
    }
  }

  /**
   * Writes the text's vector, of length 1, into `out`: the sum of its words' and pairs of words'. It differs from the learned texts' own vectors in two small
   * things: a run of letters that two words share counts twice, and the text as a whole is no term.
   * @returns false, and zeros, where the text shares no term with those that were learned from
   */
  encode(text: string, out: Float32Array): boolean {
    const { width } = this
    const sum = this.#sum.fill(0)
    const words = wordsOf(text, WORD_COUNT_MAX)
    for (let w = 0; w < words.length; w++) {
      const vector = this.#vectorOf(words[w]!)
      for (let r = 0; r < width; r++) sum[r]! += vector[r]!
      if (w > 0) this.#add(hashOf(TEXT, pairTerm(words[w - 1]!, words[w]!)), sum)
    }
    let squares = 0
    for (let r = 0; r < width; r++) squares += sum[r]! ** 2
    const isKnown = squares > SMALLEST_SQUARE
    const scale = isKnown ? 1 / Math.sqrt(squares) : 0
    for (let r = 0; r < width; r++) out[r] = sum[r]! * scale
    return isKnown
  }

  /** Words come again and again, and their runs of letters are most of the work. */
  #vectorOf(word: string): Float64Array {
    let vector = this.#words.get(word)
    if (vector === undefined) {
      vector = new Float64Array(this.width)
      const of = vector
      addTermsOfWord(word, (term) => this.#add(hashOf(TEXT, term), of))
      this.#words.set(word, vector, 1)
    }
    return vector
  }

  #add(term: number, sum: Float64Array): void {
    const place = this.#placeOf(term)
    if (place < 0) return
    const { termVectors, termWeights } = this.#terms
    const weight = termWeights[place]!
    const start = place * this.width
    for (let r = 0; r < this.width; r++) sum[r]! += weight * termVectors[start + r]!
  }

  #placeOf(term: number): number {
    let slot = term & this.#mask
    for (;;) {
      const place = this.#table[slot]! - 1
      if (place < 0 || this.#terms.termHashes[place] === term) return place
      slot = (slot + 1) & this.#mask
    }
  }
}

/** Words whose vectors are kept: 10 MB with 64 dimensions. */
const KEPT_WORD_COUNT = 20_000

/** Below it a vector is rounding error. */
const SMALLEST_SQUARE = 1e-20
