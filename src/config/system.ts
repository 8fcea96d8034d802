import type { RuleFunction } from '../domain/rule-function.ts'
import type { GeneratorKind } from '../ports/candidate-generator.ts'
import type { RankerKind } from '../ports/ranker.ts'
import type { Plan } from './plan.ts'

/** What a system file yields: the plan, and the values in it that are more than data. */
export interface System {
  readonly plan: Plan
  /** The generators of `plan.training.candidates`, by the same names. */
  readonly generators: Readonly<Record<string, GeneratorKind>>
  /** The ranker of `plan.training.ranker`; left out where there is none. */
  readonly ranker?: RankerKind
  /** The functions of rules that are code, by the names that the plan has; left out where there are none. */
  readonly ruleFunctions?: Readonly<Record<string, RuleFunction>>
  /** The folder of the system file, which the paths in it are relative to; set by `loadSystem`. */
  readonly folder?: string
  /** The system file itself; set by `loadSystem`. */
  readonly file?: string
}

/** Whether a value, such as a file's default export, came from `defineSystem`; of any copy of this package. */
export function isSystem(value: unknown): value is System {
  if (typeof value !== 'object' || value === null) return false
  const { plan, generators } = value as Partial<System>
  return typeof plan?.hash === 'string' && /^[0-9a-f]{64}$/.test(plan.hash) && typeof generators === 'object'
}
