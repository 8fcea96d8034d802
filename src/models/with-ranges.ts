import type { GeneratorKind } from '../ports/candidate-generator.ts'
import type { RankerKind } from '../ports/ranker.ts'

/**
 * A generator or a ranker as it is, with other ranges for `millrace tune` to search: `withRanges(ials(), { factors: { low: 32, high: 64, scale: 'integer' } })`.
 * Settings that are not named keep the ranges of the kind. Ranges are no part of the plan: they change what is searched, never what is trained.
 */
export function withRanges<Kind extends GeneratorKind | RankerKind>(kind: Kind, ranges: Kind['tunable']): Kind {
  return {
    ...kind,
    tunable: { ...kind.tunable, ...ranges },
    // A kind with other settings is of the same kind.
    with: (options: Kind['options']) => withRanges(kind.with(options) as Kind, ranges),
  }
}
