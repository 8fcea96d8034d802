// What comparisons found, feature by feature.
import type { FeatureDefinition } from '../../domain/feature.ts'
import { plainFeatureValue } from '../../domain/feature-value.ts'
import type { ServedFeatures, ServedReading } from '../../domain/served-features.ts'
import type { Difference, DifferenceCause, FeatureSkew, ShownReading, SkewExample } from '../../domain/skew-report.ts'
import type { JsonValue } from '../../lib/json.ts'
import { sizeOf } from './compare-readings.ts'

const EXAMPLE_COUNT = 3

export interface Differing {
  readonly row: ServedFeatures
  readonly served: ServedReading
  readonly recomputed: Pick<ServedReading, 'status' | 'value'>
  readonly difference: Difference
}

export class FeatureTally {
  readonly #definition: FeatureDefinition
  #comparedCount = 0
  readonly #differenceCounts: Record<Difference, number> = { mismatch: 0, missingOnline: 0, extraOnline: 0 }
  readonly #causeCounts: Record<DifferenceCause, number> = { lag: 0, unexplained: 0, unjudged: 0 }
  readonly #sizes: number[] = []
  #examples: SkewExample[] = []

  constructor(definition: FeatureDefinition) {
    this.#definition = definition
  }

  countCompared(): void {
    this.#comparedCount++
  }

  countDiffering(found: Differing, cause: DifferenceCause): void {
    this.#differenceCounts[found.difference]++
    this.#causeCounts[cause]++
    const size = sizeOf(found.served, found.recomputed)
    if (size !== undefined) this.#sizes.push(size)
    const isShown =
      this.#examples.length < EXAMPLE_COUNT ||
      (cause === 'unexplained' && this.#causeCounts.unexplained <= EXAMPLE_COUNT)
    if (isShown) this.#examples = [...this.#examples, exampleOf(found, cause)].sort(byCause).slice(0, EXAMPLE_COUNT)
  }

  skew(): FeatureSkew {
    const { name, version, owner } = this.#definition
    const differingCount = Object.values(this.#differenceCounts).reduce((sum, count) => sum + count, 0)
    return {
      name,
      version,
      owner,
      comparedCount: this.#comparedCount,
      equalCount: this.#comparedCount - differingCount,
      differenceCounts: { ...this.#differenceCounts },
      causeCounts: { ...this.#causeCounts },
      size: spreadOf(this.#sizes),
      examples: this.#examples,
    }
  }
}

/** Undefined where there are none. The median of an even number is the upper one. */
export function spreadOf(values: readonly number[]): { readonly median: number; readonly max: number } | undefined {
  if (values.length === 0) return undefined
  const ascending = Float64Array.from(values).sort()
  return { median: ascending[ascending.length >> 1]!, max: ascending.at(-1)! }
}

const causes: readonly DifferenceCause[] = ['unexplained', 'unjudged', 'lag']
const byCause = (a: SkewExample, b: SkewExample): number => causes.indexOf(a.cause) - causes.indexOf(b.cause)

function exampleOf({ row, served, recomputed, difference }: Differing, cause: DifferenceCause): SkewExample {
  const { momentMs, userId, itemId } = row
  return {
    momentMs,
    ...(userId !== undefined && { userId }),
    ...(itemId !== undefined && { itemId }),
    difference,
    cause,
    served: shown(served),
    recomputed: shown(recomputed),
  }
}

const shown = ({ status, value }: Pick<ServedReading, 'status' | 'value'>): ShownReading => ({
  status,
  ...(value !== undefined && { value: plainFeatureValue(value) as JsonValue }),
})
