// What most users chose lately: the baseline of every evaluation and the answer for someone about whom nothing is known.
import type { TrainingData } from '../../domain/training-data.ts'
import { SparseTable } from '../../lib/sparse-table.ts'
import { KeptBySet, type SteadySet } from '../../lib/steady-sets.ts'
import type {
  CandidateGenerator,
  Candidates,
  GenerateOptions,
  GeneratorKind,
  History,
  ItemSet,
} from '../../ports/candidate-generator.ts'
import { checkSettings } from '../settings-check.ts'

export interface PopularitySettings {
  /** After this many days a weight counts half. 0, the default, and Infinity: it never fades. Without times in the data it never fades either. */
  readonly halfLifeDays: number
}

const DAY_MS = 86_400_000

/** A kind of candidate generator: items by the sum of their interactions' weights, faded by age; the same for everybody. */
export function popularity(settings: Partial<PopularitySettings> = {}): GeneratorKind {
  const asked = settings.halfLifeDays ?? 0
  // Infinity does not survive the plan's JSON, so "never" has one spelling inside.
  const options = { halfLifeDays: asked === Number.POSITIVE_INFINITY ? 0 : asked }
  return {
    kind: 'popularity',
    options,
    tunable: { halfLifeDays: { low: 0.5, high: 365, scale: 'log' } },
    with: (replaced) => popularity({ ...options, ...replaced }),
    async train(data) {
      checkSettings('popularity', options, { halfLifeDays: { low: 0 } })
      return { scores: popularityScores(data, options) }
    },
    open: ({ scores }) => new PopularityGenerator(scores as Float32Array),
  }
}

/** One score an item: the sum over users of weight * 0.5 ^ (age / half-life), the age being that of the newest interaction; 0 for nobody's. */
export function popularityScores(data: TrainingData, { halfLifeDays }: PopularitySettings): Float32Array {
  const { itemsByUser, newestTimesMs, asOfMs } = data
  const scores = new Float64Array(itemsByUser.columnCount)
  for (let i = 0; i < itemsByUser.columns.length; i++) {
    let weight = itemsByUser.values[i]!
    if (halfLifeDays > 0 && newestTimesMs) weight *= 0.5 ** ((asOfMs - newestTimesMs[i]!) / (halfLifeDays * DAY_MS))
    scores[itemsByUser.columns[i]!]! += weight
  }
  return Float32Array.from(scores)
}

/** So many looks at the next item of the order cost what finding the place of one allowed item does, measured among others in a server, whose caches hold other things; and so many what going through 32 items' bits does. */
const LOOKS_PER_ALLOWED = 16
const LOOKS_PER_WORD = 2
/** So many are looked at before it is judged how rare allowed ones are. */
const FIRST_LOOKS = 1024

/** Kept of a set are so many times as many items as are wanted: what is withheld from the next visitor is among the most popular, too. */
const KEPT_TIMES = 2

/** The most popular items of a set, best first. */
interface Head {
  readonly itemIndexes: Int32Array
  readonly scores: Float32Array
  readonly count: number
}

class PopularityGenerator implements CandidateGenerator {
  readonly supportsEmptyHistory = true
  /** Items with a score, best first, ties by the smaller index. */
  readonly #order: Int32Array
  /** In that order. */
  readonly #scores: Float32Array
  /** By item its place in the order; -1 where it has no score. */
  readonly #ranks: Int32Array
  /** Scratch: a bit a place of the order, all of them 0 between two uses. */
  readonly #allowedRanks: Uint32Array
  readonly #heads = new KeptBySet<Head>()
  readonly #withheld = new SparseTable()

  constructor(scores: Float32Array) {
    const scored: number[] = []
    for (let item = 0; item < scores.length; item++) if (scores[item]! > 0) scored.push(item)
    this.#order = Int32Array.from(scored.sort((a, b) => scores[b]! - scores[a]! || a - b))
    this.#scores = Float32Array.from(this.#order, (item) => scores[item]!)
    this.#ranks = new Int32Array(scores.length).fill(-1)
    for (let rank = 0; rank < this.#order.length; rank++) this.#ranks[this.#order[rank]!] = rank
    this.#allowedRanks = new Uint32Array(Math.ceil(this.#order.length / 32))
  }

  generate(
    _history: History,
    k: number,
    allowed: ItemSet | undefined,
    out: Candidates,
    { steady }: GenerateOptions = {},
  ): number {
    const capacity = Math.min(k, out.itemIndexes.length)
    if (allowed === undefined || steady === undefined) return this.#take(allowed, capacity, out)
    const head = this.#heads.of(allowed, steady, (whole) => this.#headOf(whole, capacity * KEPT_TIMES))
    const count = head === undefined ? 0 : this.#takeHead(head, steady, capacity, out)
    const isAll = head !== undefined && (count === capacity || head.count < head.itemIndexes.length)
    return isAll ? count : this.#take(allowed, capacity, out)
  }

  /** Without those that are withheld: a few numbers, while the set itself would have to come from memory. */
  #takeHead(head: Head, { withheld, withheldCount }: SteadySet, capacity: number, out: Candidates): number {
    const places = this.#withheld
    places.begin(withheldCount)
    for (let n = 0; n < withheldCount; n++) places.placeOf(withheld[n]!)
    let count = 0
    for (let n = 0; n < head.count && count < capacity; n++) {
      const item = head.itemIndexes[n]!
      if (places.find(item) >= 0) continue
      out.itemIndexes[count] = item
      out.scores[count] = head.scores[n]!
      count++
    }
    return count
  }

  #headOf(allowed: ItemSet, capacity: number): Head {
    const head = { itemIndexes: new Int32Array(capacity), scores: new Float32Array(capacity) }
    return { ...head, count: this.#take(allowed, capacity, head) }
  }

  #take(allowed: ItemSet | undefined, capacity: number, out: Candidates): number {
    const { length } = this.#order
    const first = Math.min(length, Math.max(FIRST_LOOKS, capacity))
    const count = this.#takeInOrder(0, first, 0, capacity, allowed, out)
    if (count === capacity || first === length) return count
    const looksToGo = Math.min(length - first, (capacity - count) * (first / count))
    const allowedToGo = (length - first) * (count / first)
    // Where a filter leaves few, it is cheaper to put all of these in order than to look for them among those that it does not.
    if (allowed !== undefined && allowedToGo * LOOKS_PER_ALLOWED + allowed.length * LOOKS_PER_WORD < looksToGo)
      return this.#takeAllowed(allowed, count, capacity, first, out)
    return this.#takeInOrder(first, length, count, capacity, allowed, out)
  }

  /** Of the places from `start` to before `end`, behind the `count` that there are; returns how many there are then. */
  #takeInOrder(
    start: number,
    end: number,
    count: number,
    capacity: number,
    allowed: ItemSet | undefined,
    out: Candidates,
  ): number {
    for (let rank = start; rank < end && count < capacity; rank++) {
      const item = this.#order[rank]!
      if (allowed !== undefined && !(allowed[item >> 5]! & (1 << (item & 31)))) continue
      out.itemIndexes[count] = item
      out.scores[count] = this.#scores[rank]!
      count++
    }
    return count
  }

  /** The same, for all places from `start` on. */
  #takeAllowed(allowed: ItemSet, count: number, capacity: number, start: number, out: Candidates): number {
    const ranks = this.#ranks
    const allowedRanks = this.#allowedRanks
    for (let word = 0; word < allowed.length; word++) {
      for (let bits = allowed[word]! | 0; bits !== 0; bits &= bits - 1) {
        const rank = ranks[word * 32 + 31 - Math.clz32(bits & -bits)]!
        if (rank >= start) allowedRanks[rank >> 5]! |= 1 << (rank & 31)
      }
    }
    for (let word = start >> 5; word < allowedRanks.length; word++) {
      for (let bits = allowedRanks[word]! | 0; bits !== 0 && count < capacity; bits &= bits - 1) {
        const rank = word * 32 + 31 - Math.clz32(bits & -bits)
        out.itemIndexes[count] = this.#order[rank]!
        out.scores[count] = this.#scores[rank]!
        count++
      }
      allowedRanks[word] = 0
    }
    return count
  }
}
