// What most users chose lately: the baseline of every evaluation and the answer for someone about whom nothing is known.
import type { TrainingData } from '../../domain/training-data.ts'
import type {
  CandidateGenerator,
  Candidates,
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

class PopularityGenerator implements CandidateGenerator {
  readonly supportsEmptyHistory = true
  readonly #scores: Float32Array
  /** Items with a score, best first, ties by the smaller index. */
  readonly #order: Int32Array

  constructor(scores: Float32Array) {
    this.#scores = scores
    const scored: number[] = []
    for (let item = 0; item < scores.length; item++) if (scores[item]! > 0) scored.push(item)
    this.#order = Int32Array.from(scored.sort((a, b) => scores[b]! - scores[a]! || a - b))
  }

  generate(_history: History, k: number, allowed: ItemSet | undefined, out: Candidates): number {
    const capacity = Math.min(k, out.itemIndexes.length)
    let count = 0
    for (let rank = 0; rank < this.#order.length && count < capacity; rank++) {
      const item = this.#order[rank]!
      if (allowed !== undefined && !(allowed[item >> 5]! & (1 << (item & 31)))) continue
      out.itemIndexes[count] = item
      out.scores[count] = this.#scores[item]!
      count++
    }
    return count
  }
}
