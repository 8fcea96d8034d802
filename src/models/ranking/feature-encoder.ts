// Readings of features as the numbers that a ranker computes with. Texts become categories by a dictionary, which training makes and the bundle keeps.
import type { FeatureReading, FeatureValue } from '../../domain/feature.ts'

/** A feature that takes more different texts than this says who, not what kind of. */
const MOST_CATEGORIES = 10_000

/** By feature: its texts, the first one being category 0. Empty for a feature of numbers. */
export type Dictionaries = Readonly<Record<string, readonly string[]>>

/** Encodes the same features row by row. While it learns, a new text becomes a new category; afterwards an unknown one counts as missing. */
export class FeatureEncoder {
  readonly names: readonly string[]
  readonly #isLearning: boolean
  readonly #categories: readonly Map<string, number>[]

  /** @param dictionaries of an encoder that has learned; left out, this one learns */
  constructor(names: readonly string[], dictionaries?: Dictionaries) {
    this.names = names
    this.#isLearning = dictionaries === undefined
    this.#categories = names.map((name) => new Map((dictionaries?.[name] ?? []).map((text, number) => [text, number])))
  }

  /** @param at where in `row` the first feature goes */
  encode(readings: readonly FeatureReading[], row: Float32Array, at: number): void {
    for (let f = 0; f < this.names.length; f++) row[at + f] = this.number(f, readings[f]!.value)
  }

  /** Of the features that are categories or numbers: what says who is nobody's business. */
  get dictionaries(): Dictionaries {
    const kept = Array.from(this.names.keys()).filter((f) => this.kindOf(f) !== 'identity')
    return Object.fromEntries(kept.map((f) => [this.names[f]!, [...this.#categories[f]!.keys()]]))
  }

  /** Whether a feature turned out to be of texts, and of few enough to learn from. */
  kindOf(f: number): 'number' | 'category' | 'identity' {
    const { size } = this.#categories[f]!
    if (size === 0) return 'number'
    // What is given was chosen by somebody; only what is learned is judged.
    return size <= MOST_CATEGORIES || !this.#isLearning ? 'category' : 'identity'
  }

  /** Of a value of the feature; NaN for missing. */
  number(f: number, value: FeatureValue | undefined): number {
    if (typeof value === 'number') return value
    if (typeof value === 'boolean') return value ? 1 : 0
    if (typeof value !== 'string') return Number.NaN
    const categories = this.#categories[f]!
    const known = categories.get(value)
    if (known !== undefined) return known
    // One more than there may be says enough.
    if (!this.#isLearning || categories.size > MOST_CATEGORIES) return Number.NaN
    categories.set(value, categories.size)
    return categories.size - 1
  }
}
