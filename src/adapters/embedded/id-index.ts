// Which event ids the log holds. Ids are hashes, so they fall all over a B-tree: once it is large, every id of a batch dirties a page of its own.
// Therefore ids go into generations: only the newest one grows, and it is small enough that a batch rewrites few pages; an older one is asked
// only where its filter says that it may know the id. Measured at a million ids in batches of 5,000: 171,000 ids/s against 66,000 in one tree,
// and the gap widens with size.
import { hash } from 'node:crypto'
import type { Database, RootDatabase } from 'lmdb'
import { IdFilter, type IdHash } from './id-filter.ts'

/** Ids after which a generation is closed, checked between transactions. */
const GENERATION_ID_COUNT = 131_072
/** Closed generations that share a second filter, so that a log of 100 million ids asks 50 filters, not 800. */
const GENERATIONS_PER_GROUP = 16
/** Generations forgotten in one go: each costs about 0.2 s. The others wait for the next time. */
const FORGOTTEN_PER_CALL = 4

/** Questions to a group after which its generations' filters are loaded: as many cost as much as loading them, 16 filters of 200 kB. */
const FREQUENT_ASKED_COUNT = 100

const NOTHING = Buffer.alloc(0)

interface Generations {
  /** The oldest that is still there. */
  readonly first: number
  /** The one that grows. */
  readonly open: number
  readonly openIdCount: number
  /** For each closed generation from `first` on: one past the offset of its last event. */
  readonly endOffsets: readonly number[]
}

/** All methods run inside the caller's write transaction, and undo with it. */
export class IdIndex {
  readonly #hashes: Database<Buffer, Uint8Array>
  /** Filters of closed generations by number, and of full groups by "g" and number. */
  readonly #filters: Database<Buffer, string>
  readonly #meta: Database<Generations, string>
  /** Filters of whole groups, and of closed generations that are in none: neither changes any more. About 12 bits per id. */
  readonly #cached = new Map<string, IdFilter>()
  /** How often each group was asked in vain of its generations' filters. */
  readonly #askedCounts = new Map<number, number>()
  #frequentGroup: { readonly groupFirst: number; readonly filters: readonly IdFilter[] } | undefined
  readonly #generationIdCount: number
  readonly #key = Buffer.alloc(20)

  constructor(environment: RootDatabase<unknown, string>, generationIdCount = GENERATION_ID_COUNT) {
    this.#hashes = environment.openDB<Buffer, Uint8Array>('ids', { keyEncoding: 'binary', encoding: 'binary' })
    this.#filters = environment.openDB<Buffer, string>('id-filters', { encoding: 'binary' })
    this.#meta = environment.openDB<Generations, string>('id-generations', { encoding: 'json' })
    this.#generationIdCount = generationIdCount
  }

  /**
   * Has to come first in a transaction that adds ids. Generations are closed here and nowhere else: what a closed one holds was committed before,
   * so it is the same in every process, even where this transaction fails and another one closes it.
   * @param nextOffset of the log
   */
  begin(nextOffset: number): void {
    const generations = this.#generations()
    if (generations.openIdCount >= this.#generationIdCount)
      this.#meta.put('generations', this.#close(generations, nextOffset))
  }

  /**
   * Takes ids in.
   * @param hashes from `hashOfId`
   * @returns for each id, whether it is new: neither known nor earlier in the batch
   */
  addAll(hashes: readonly Uint8Array[]): boolean[] {
    const generations = this.#generations()
    const closed = this.#closedParts(generations)
    let newCount = 0
    const areNew = hashes.map((idHash) => {
      const isNew = !this.#isInClosed(closed, idHash) && this.#addToOpen(generations.open, idHash)
      if (isNew) newCount++
      return isNew
    })
    this.#meta.put('generations', { ...generations, openIdCount: generations.openIdCount + newCount })
    return areNew
  }

  /** Lets go of ids whose events are all before `firstOffset`; a few generations per call. */
  forgetBefore(firstOffset: number): void {
    let generations = this.#generations()
    for (let n = 0; n < FORGOTTEN_PER_CALL; n++) {
      const [endOffset, ...laterEndOffsets] = generations.endOffsets
      if (endOffset === undefined || endOffset > firstOffset) break
      const doomed = generations.first
      for (const key of [...this.#keysOf(doomed)]) this.#hashes.removeSync(key)
      this.#filters.removeSync(String(doomed))
      this.#filters.removeSync(groupName(doomed))
      generations = { ...generations, first: doomed + 1, endOffsets: laterEndOffsets }
    }
    this.#meta.put('generations', generations)
  }

  #generations(): Generations {
    return this.#meta.get('generations') ?? { first: 0, open: 0, openIdCount: 0, endOffsets: [] }
  }

  #close({ open, openIdCount, ...others }: Generations, endOffset: number): Generations {
    const filter = IdFilter.forMembers(openIdCount)
    const group =
      this.#storedFilter(groupName(open)) ?? IdFilter.forMembers(this.#generationIdCount * GENERATIONS_PER_GROUP)
    for (const key of this.#keysOf(open)) {
      const words = wordsOf(key.subarray(4))
      filter.add(words)
      group.add(words)
    }
    this.#filters.put(String(open), asBytes(filter))
    this.#filters.put(groupName(open), asBytes(group))
    return { ...others, open: open + 1, openIdCount: 0, endOffsets: [...others.endOffsets, endOffset] }
  }

  /** Newest first: what is sent twice is most often sent again soon. */
  #closedParts({ first, open }: Generations): ClosedPart[] {
    const parts: ClosedPart[] = []
    let generation = open - 1
    while (generation >= first) {
      const groupFirst = generation - (generation % GENERATIONS_PER_GROUP)
      const isWholeGroup = generation % GENERATIONS_PER_GROUP === GENERATIONS_PER_GROUP - 1 && groupFirst >= first
      if (isWholeGroup) {
        parts.push({ filter: this.#filter(groupName(groupFirst)), groupFirst })
        this.#dropMembers(groupFirst)
        generation = groupFirst - 1
      } else {
        parts.push({ filter: this.#filter(String(generation)), generation })
        generation--
      }
    }
    return parts
  }

  /** The group's filter speaks for its generations from now on. */
  #dropMembers(groupFirst: number): void {
    if (!this.#cached.has(String(groupFirst))) return
    for (let n = 0; n < GENERATIONS_PER_GROUP; n++) this.#cached.delete(String(groupFirst + n))
  }

  #isInClosed(parts: readonly ClosedPart[], idHash: Uint8Array): boolean {
    if (parts.length === 0) return false
    const words = wordsOf(idHash)
    for (const { filter, generation, groupFirst } of parts) {
      if (!filter.mayHave(words)) continue
      const isThere =
        generation === undefined ? this.#isInGroup(groupFirst!, idHash, words) : this.#isIn(generation, idHash)
      if (isThere) return true
    }
    return false
  }

  /** A group that is asked again and again, as when a file is imported twice, gets its generations' filters for a while. */
  #isInGroup(groupFirst: number, idHash: Uint8Array, words: IdHash): boolean {
    const filters = this.#filtersOfGroup(groupFirst)
    for (let n = GENERATIONS_PER_GROUP - 1; n >= 0; n--) {
      if (filters && !filters[n]!.mayHave(words)) continue
      if (this.#isIn(groupFirst + n, idHash)) return true
    }
    return false
  }

  #filtersOfGroup(groupFirst: number): readonly IdFilter[] | undefined {
    if (this.#frequentGroup?.groupFirst === groupFirst) return this.#frequentGroup.filters
    const askedCount = (this.#askedCounts.get(groupFirst) ?? 0) + 1
    this.#askedCounts.set(groupFirst, askedCount)
    if (askedCount < FREQUENT_ASKED_COUNT) return undefined
    this.#askedCounts.clear()
    const filters = Array.from({ length: GENERATIONS_PER_GROUP }, (_, n) => this.#storedFilter(String(groupFirst + n))!)
    this.#frequentGroup = { groupFirst, filters }
    return filters
  }

  #isIn(generation: number, idHash: Uint8Array): boolean {
    return this.#hashes.doesExist(this.#keyOf(generation, idHash))
  }

  #addToOpen(generation: number, idHash: Uint8Array): boolean {
    // Within a transaction LMDB answers whether it stored; its types only know the promise.
    return this.#hashes.putSync(this.#keyOf(generation, idHash), NOTHING, { noOverwrite: true }) as unknown as boolean
  }

  /** Valid until the next call. */
  #keyOf(generation: number, idHash: Uint8Array): Uint8Array {
    this.#key.writeUInt32BE(generation, 0)
    this.#key.set(idHash, 4)
    return this.#key
  }

  #keysOf(generation: number): Iterable<Uint8Array> {
    const start = Buffer.alloc(4)
    start.writeUInt32BE(generation)
    const end = Buffer.alloc(4)
    end.writeUInt32BE(generation + 1)
    return this.#hashes.getKeys({ start, end })
  }

  #filter(name: string): IdFilter {
    let filter = this.#cached.get(name)
    if (!filter) {
      filter = this.#storedFilter(name)
      if (!filter) throw new Error(`the filter ${name} of the id index is missing`)
      this.#cached.set(name, filter)
    }
    return filter
  }

  #storedFilter(name: string): IdFilter | undefined {
    const bytes = this.#filters.get(name)
    // Copied, because words must begin at a multiple of four bytes.
    return bytes && new IdFilter(new Uint32Array(new Uint8Array(bytes).buffer))
  }
}

/** The filter of a generation, or of a whole group: then `groupFirst` is its first generation. */
interface ClosedPart {
  readonly filter: IdFilter
  readonly generation?: number
  readonly groupFirst?: number
}

const groupName = (generation: number): string => `g${Math.floor(generation / GENERATIONS_PER_GROUP)}`

const asBytes = ({ words }: IdFilter): Buffer => Buffer.from(words.buffer, words.byteOffset, words.byteLength)

function wordsOf(idHash: Uint8Array): IdHash {
  const { buffer, byteOffset } = idHash
  const view = new DataView(buffer, byteOffset)
  return [view.getUint32(0), view.getUint32(4), view.getUint32(8), view.getUint32(12)]
}

/**
 * 128 bits of SHA-256. By the birthday bound, two of a million million (10^12) different ids collide with probability below 2 * 10^-15, and
 * nobody can make two on purpose; so equal hashes are taken for equal ids, which keeps the index at 16 bytes per event whatever the ids' length.
 *
 * @param quotedId the id as a JSON string in UTF-8, quotes included: different ids never look the same there
 */
export function hashOfId(quotedId: Uint8Array): Uint8Array {
  return hash('sha256', quotedId, 'buffer').subarray(0, 16)
}
