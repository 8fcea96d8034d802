import type { GeneratorKind } from '../ports/candidate-generator.ts'

/**
 * A generator as it is, with other ranges for `millrace tune` to search: `withRanges(ials(), { factors: { low: 32, high: 64, scale: 'integer' } })`.
 * Settings that are not named keep the ranges of the kind. Ranges are no part of the plan: they change what is searched, never what is trained.
 */
export function withRanges(kind: GeneratorKind, ranges: GeneratorKind['tunable']): GeneratorKind {
  return {
    ...kind,
    tunable: { ...kind.tunable, ...ranges },
    with: (options) => withRanges(kind.with(options), ranges),
  }
}
