// Everything that searches look things up in, kept equal to the catalogue: read once in full by the first search, then change by change. Work comes in slices of some
// milliseconds, between which the process answers others.
import { fnv1a } from '../../lib/fnv1a.ts'
import { grown } from '../../lib/grown.ts'
import { othersTurn } from '../../lib/others-turn.ts'
import { searchWords, stemOf } from '../../lib/search-words.ts'
import { learnTermsApart } from '../../models/content/learn-terms.ts'
import { TextEmbedding } from '../../models/content/text-embedding.ts'
import type { Catalogue } from '../catalogue.ts'
import { ItemTexts } from './item-texts.ts'
import { ItemVectors } from './item-vectors.ts'
import { NearCopies } from './near-copies.ts'
import { TextIndex } from './text-index.ts'

/** Of an item's texts, only so many words are found. */
const WORD_COUNT_MAX = 1_000
/** Rows that are read in one go. */
const SLICE_COUNT = 200
/** Texts that vectors are learned from; more of them take longer and say little more. */
const LEARNED_COUNT_MAX = 10_000
/** Fewer texts have nothing in common to learn. */
const LEARNED_COUNT_MIN = 3
/** As many times more texts than were learned from are reason to learn again. */
const LEARN_AGAIN_FACTOR = 2
/** Length of the vectors: 256 bytes an item. Of titles with a word and a letter left out, 32 find 84 % among the first ten by vectors alone, 64 92 %, 128 97 %. */
const DIMENSIONS = 64
const SEED = 1

export class SearchIndex {
  readonly texts: ItemTexts
  readonly words = new TextIndex()
  readonly nearCopies: NearCopies
  readonly #catalogue: Catalogue
  readonly #onFailure: (error: unknown) => void
  #vectors: ItemVectors | undefined
  /** Vectors that are being made, beside those that answer. */
  #coming: ItemVectors | undefined
  /** The catalogue's change that comes next; -1 before the first reading. */
  #place = -1
  /** By row: of what was read last; 0 before. */
  #textHashes = new Int32Array(0)
  #learnedCount = 0
  #following: Promise<void> | undefined
  #learning: Promise<void> | undefined

  /** Nothing is read before the first `current`. @param onFailure told why vectors cannot be learned: searches do without them */
  constructor(catalogue: Catalogue, onFailure: (error: unknown) => void) {
    this.#catalogue = catalogue
    this.#onFailure = onFailure
    this.texts = new ItemTexts(catalogue)
    this.nearCopies = new NearCopies(this.words, (row) => this.texts.ownOf(row))
  }

  /** Undefined where nothing could be learned of the texts. */
  get vectors(): ItemVectors | undefined {
    return this.#vectors
  }

  /** Resolves, without a pause after it, when all that the catalogue knows is in. */
  async current(): Promise<void> {
    while (this.#place !== this.#catalogue.changeCount) {
      this.#following ??= this.#follow().finally(() => {
        this.#following = undefined
      })
      await this.#following
    }
    if (this.words.describedCount < LEARN_AGAIN_FACTOR * this.#learnedCount || this.#learnedCount >= LEARNED_COUNT_MAX)
      return
    if (this.words.describedCount < LEARNED_COUNT_MIN) return
    this.#learning ??= this.#learn().finally(() => {
      this.#learning = undefined
    })
    if (this.#vectors !== undefined) return
    await this.#learning
    return this.current()
  }

  /** Of typed arrays, which is nearly everything: words are kept once each. */
  get byteLength(): number {
    return this.words.byteLength + this.nearCopies.byteLength + (this.#vectors?.byteLength ?? 0)
  }

  async #follow(): Promise<void> {
    const upTo = this.#catalogue.changeCount
    const changed = new Set<number>()
    const isKnown = this.#place >= 0 && this.#catalogue.changesSince(this.#place, (row) => changed.add(row))
    const rows = isKnown ? changed : new Array<undefined>(this.#catalogue.rowCount).keys()
    await inSlices(rows, (row) => this.#update(row))
    this.#place = upTo
  }

  #update(row: number): void {
    const text = this.texts.of(row)
    const own = this.texts.ownOf(row)
    const hash = fnv1a(`${text}\0${own}`)
    this.#textHashes = grown(this.#textHashes, row + 1)
    // A whole catalogue that is sent again as it was is no work.
    if (this.#textHashes[row] === hash) return
    this.#textHashes[row] = hash
    this.words.set(row, searchWords(text, WORD_COUNT_MAX).map(stemOf))
    this.nearCopies.set(row, own)
    this.#vectors?.set(row, text)
    this.#coming?.set(row, text)
  }

  async #learn(): Promise<void> {
    const describedCount = this.words.describedCount
    try {
      const embedding = new TextEmbedding(
        await learnTermsApart({ texts: this.#sample(), dimensions: DIMENSIONS, seed: SEED }),
      )
      this.#coming = new ItemVectors(embedding)
      const coming = this.#coming
      await inSlices(new Array<undefined>(this.#catalogue.rowCount).keys(), (row) =>
        coming.set(row, this.texts.of(row)),
      )
      this.#vectors = coming
    } catch (error) {
      this.#onFailure(error)
    } finally {
      this.#coming = undefined
      // After a failure too: it is tried again when there is twice as much to learn from.
      this.#learnedCount = describedCount
    }
  }

  /** Texts from all over the catalogue. */
  #sample(): readonly string[] {
    const described: number[] = []
    for (let row = 0; row < this.#catalogue.rowCount; row++) if (this.words.lengthOf(row) > 0) described.push(row)
    const step = Math.max(1, described.length / LEARNED_COUNT_MAX)
    const count = Math.min(described.length, LEARNED_COUNT_MAX)
    return Array.from({ length: count }, (_, n) => this.texts.of(described[Math.floor(n * step)]!))
  }
}

async function inSlices(rows: Iterable<number>, act: (row: number) => void): Promise<void> {
  let count = 0
  for (const row of rows) {
    act(row)
    if (++count % SLICE_COUNT === 0) await othersTurn()
  }
}
