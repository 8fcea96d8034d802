// What one batch or partition holds in one column, in a few kilobytes. Two profiles merge into the profile of both, so that checks of a week read
// seven profiles and no rows. Counts, min, max, histogram and distinct registers merge exactly; mean and variance within rounding; category counts
// exactly up to 256 categories.
import { type DistinctSketch, DistinctSketchBuilder, mergeDistinct } from '../lib/distinct-sketch.ts'
import { type HeavyHitters, HeavyHittersBuilder, mergeHeavyHitters } from '../lib/heavy-hitters.ts'
import { bucketOf, histogramOf, type LogHistogram, mergeHistograms } from '../lib/log-histogram.ts'
import { type Moments, MomentsBuilder, mergeMoments } from '../lib/moments.ts'

/** `id`: text that names a row, here or in another table. The others are the types of attributes. */
export type ColumnType = 'id' | 'category' | 'tags' | 'text' | 'number' | 'integer' | 'boolean' | 'timestamp'

/** What a table promises of a column. */
export interface ColumnRules {
  readonly type: ColumnType
  /** Whether a row without it is a fault. */
  readonly isRequired: boolean
  /** Least and greatest number allowed (for text: length; for tags: how many). */
  readonly min?: number
  readonly max?: number
  /** The only texts (or tags) allowed. */
  readonly values?: readonly string[]
  readonly isUnique?: boolean
  /** The table whose ids this column holds. */
  readonly references?: string
}

/** Ways in which a value can break its column's rules. A value counts for the first that it breaks, in this order. */
export const violationKinds = ['type', 'range', 'enumeration', 'uniqueness', 'reference'] as const
export type ViolationKind = (typeof violationKinds)[number]

export interface Violations {
  readonly count: number
  /** One offending value, cut to 60 characters: the first in the order of code units, so that it does not depend on the order of rows. */
  readonly example: string
}

/** Plain data: survives JSON. */
export interface ColumnProfile {
  readonly type: ColumnType
  readonly rowCount: number
  readonly nullCount: number
  /** Uniqueness is known within what was profiled at once: an id that comes in two batches is no violation of either. */
  readonly violations: Readonly<Partial<Record<ViolationKind, Violations>>>
  /** Of the column's numbers: values, milliseconds of timestamps, 1 and 0 of booleans, lengths of text in UTF-16 units, tags per row. Null where there are none. */
  readonly min: number | null
  readonly max: number | null
  readonly moments: Moments
  /** Of the same numbers; empty for timestamps, which differ by too little of themselves. */
  readonly histogram: LogHistogram
  readonly trueCount: number
  readonly falseCount: number
  /** Of categories and single tags; empty for other types. */
  readonly categories: HeavyHitters
  /** Of ids, categories, tags and texts; '' for other types. */
  readonly distinct: DistinctSketch
}

/** @param knownIds whether an id is one of the referenced table; without it references are not checked */
export interface ProfilerOptions {
  readonly knownIds?: { has(id: string): boolean }
}

/** Reads a column value by value. */
export class ColumnProfiler {
  readonly #rules: ColumnRules
  readonly #knownIds: ProfilerOptions['knownIds']
  readonly #allowed: ReadonlySet<string> | undefined
  readonly #seen: Set<unknown> | undefined
  readonly #moments = new MomentsBuilder()
  readonly #buckets = new Map<number, number>()
  readonly #categories = new HeavyHittersBuilder()
  readonly #distinct = new DistinctSketchBuilder()
  readonly #violations: Partial<Record<ViolationKind, Violations>> = {}
  #rowCount = 0
  #nullCount = 0
  #trueCount = 0
  #min = Number.POSITIVE_INFINITY
  #max = Number.NEGATIVE_INFINITY

  constructor(rules: ColumnRules, options: ProfilerOptions = {}) {
    this.#rules = rules
    this.#knownIds = options.knownIds
    this.#allowed = rules.values && new Set(rules.values)
    this.#seen = rules.isUnique ? new Set() : undefined
  }

  /** `null` and `undefined` are no value. A value of the wrong type is counted as such and left out of everything else. */
  add(value: unknown): void {
    this.#rowCount++
    if (value === null || value === undefined) {
      this.#nullCount++
      return
    }
    const number = numberOf(value, this.#rules.type)
    if (number === undefined) {
      this.#violate('type', value)
      return
    }
    const broken = this.#brokenRule(value, number)
    if (broken) this.#violate(broken, value)
    this.#seen?.add(value)
    this.#count(value, number)
  }

  finish(): ColumnProfile {
    const moments = this.#moments.finish()
    const isBoolean = this.#rules.type === 'boolean'
    return {
      type: this.#rules.type,
      rowCount: this.#rowCount,
      nullCount: this.#nullCount,
      violations: { ...this.#violations },
      min: moments.count === 0 ? null : this.#min,
      max: moments.count === 0 ? null : this.#max,
      moments,
      histogram: histogramOf(this.#buckets),
      trueCount: this.#trueCount,
      falseCount: isBoolean ? moments.count - this.#trueCount : 0,
      categories: this.#categories.finish(),
      distinct: this.#distinct.finish(),
    }
  }

  #brokenRule(value: unknown, number: number): ViolationKind | undefined {
    const { min, max } = this.#rules
    if ((min !== undefined && number < min) || (max !== undefined && number > max)) return 'range'
    if (this.#allowed && textsOf(value).some((text) => !this.#allowed!.has(text))) return 'enumeration'
    if (this.#seen?.has(value)) return 'uniqueness'
    if (this.#knownIds && textsOf(value).some((text) => !this.#knownIds!.has(text))) return 'reference'
    return undefined
  }

  #count(value: unknown, number: number): void {
    const { type } = this.#rules
    this.#moments.add(number)
    if (number < this.#min) this.#min = number
    if (number > this.#max) this.#max = number
    if (value === true) this.#trueCount++
    if (type !== 'timestamp') {
      const bucket = bucketOf(number)
      this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1)
    }
    for (const text of textsOf(value)) {
      this.#distinct.add(text)
      if (type === 'category' || type === 'tags') this.#categories.add(text)
    }
  }

  #violate(kind: ViolationKind, value: unknown): void {
    this.#violations[kind] = mergeViolations(this.#violations[kind], { count: 1, example: exampleOf(value) })
  }
}

/**
 * The profile of the rows of both. Of a column that one of two batches does not have, its rows count as null: see `mergeTableProfiles`.
 * Where the types differ, because the column changed its type, the newer one (`b`) says how to read it, and the numbers of `a` are dropped.
 */
export function mergeColumnProfiles(a: ColumnProfile, b: ColumnProfile): ColumnProfile {
  if (a.type !== b.type) return { ...b, rowCount: a.rowCount + b.rowCount, nullCount: a.rowCount + b.nullCount }
  const violations: Partial<Record<ViolationKind, Violations>> = {}
  for (const kind of violationKinds) {
    const merged = mergeViolations(a.violations[kind], b.violations[kind])
    if (merged) violations[kind] = merged
  }
  return {
    type: a.type,
    rowCount: a.rowCount + b.rowCount,
    nullCount: a.nullCount + b.nullCount,
    violations,
    min: a.min === null || b.min === null ? (a.min ?? b.min) : Math.min(a.min, b.min),
    max: a.max === null || b.max === null ? (a.max ?? b.max) : Math.max(a.max, b.max),
    moments: mergeMoments(a.moments, b.moments),
    histogram: mergeHistograms(a.histogram, b.histogram),
    trueCount: a.trueCount + b.trueCount,
    falseCount: a.falseCount + b.falseCount,
    categories: mergeHeavyHitters(a.categories, b.categories),
    distinct: mergeDistinct(a.distinct, b.distinct),
  }
}

function mergeViolations(a: Violations | undefined, b: Violations): Violations
function mergeViolations(a: Violations | undefined, b: Violations | undefined): Violations | undefined
function mergeViolations(a: Violations | undefined, b: Violations | undefined): Violations | undefined {
  if (!a || !b) return a ?? b
  return { count: a.count + b.count, example: [a.example, b.example].sort()[0]! }
}

/** The number that a value counts as; `undefined` where the value is not of the type. */
function numberOf(value: unknown, type: ColumnType): number | undefined {
  switch (type) {
    case 'boolean':
      return typeof value === 'boolean' ? Number(value) : undefined
    case 'number':
      return typeof value === 'number' && Number.isFinite(value) ? withoutMinusZero(value) : undefined
    case 'integer':
    case 'timestamp':
      return Number.isSafeInteger(value) ? withoutMinusZero(value as number) : undefined
    case 'tags':
      return Array.isArray(value) && value.every((tag) => typeof tag === 'string') ? value.length : undefined
    default:
      return typeof value === 'string' ? value.length : undefined
  }
}

/** JSON has no -0: a profile that was stored would differ from itself. */
const withoutMinusZero = (value: number): number => (value === 0 ? 0 : value)

function textsOf(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value]
  return Array.isArray(value) ? value : []
}

function exampleOf(value: unknown): string {
  const text = typeof value === 'object' ? JSON.stringify(value) : `${typeof value === 'string' ? `"${value}"` : value}`
  return text.length <= 60 ? text : `${text.slice(0, 59)}…`
}
