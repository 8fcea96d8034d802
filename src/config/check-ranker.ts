// The ranker of a system, and the examples that it learns from.
import type { RankerKind } from '../ports/ranker.ts'
import { checkImported, type KnownColumns } from './check-imported.ts'
import { describe, type Inspection } from './inspection.ts'
import type { ExamplePlan, RankerPlan } from './plan.ts'

const DAY_MS = 86_400_000

const defaults: ExamplePlan = {
  // Not what was shown, as long as nothing corrects for places: what stood on top was chosen for standing there.
  from: 'history',
  windowCount: 4,
  windowMs: 7 * DAY_MS,
  attributionMs: DAY_MS,
  questionsPerUser: 3,
  perGenerator: 200,
  wrongPerQuestion: 200,
}

/** What a system without a ranker has of it. */
export interface CheckedRanker {
  readonly plan: { readonly ranker?: RankerPlan; readonly examples?: ExamplePlan }
  readonly kind?: RankerKind
}

export function checkRanker(
  { ranker, examples }: { readonly ranker?: unknown; readonly examples?: unknown },
  inspection: Inspection,
  known: KnownColumns,
): CheckedRanker {
  if (ranker === undefined) {
    if (examples !== undefined) {
      inspection.report(
        'training.examples',
        'found examples without a ranker to learn from them.',
        'Add "training.ranker", or leave them out.',
      )
    }
    return { plan: {} }
  }
  if (!isRankerKind(ranker)) {
    checkExamples(examples, inspection, defaults)
    inspection.report('training.ranker', `found ${describe(ranker)}, expected a ranker such as lambdaMart().`)
    return { plan: {} }
  }
  inspection.plainOptions(ranker.options, 'training.ranker')
  const { kind, options, imported } = ranker
  const columns = imported && checkImported(imported, inspection, known)
  // A model that learns nothing here is tried on examples, for which the newest window is enough.
  const checked = checkExamples(examples, inspection, imported ? { ...defaults, windowCount: 1 } : defaults)
  return { plan: { ranker: { kind, options, ...columns }, examples: checked }, kind: ranker }
}

function isRankerKind(value: unknown): value is RankerKind {
  const kind = value as Partial<RankerKind> | null
  return typeof kind?.kind === 'string' && typeof kind.options === 'object' && kind.orders === 'candidates'
}

const counts = {
  windows: { field: 'windowCount', low: 1, high: 100 },
  questionsPerUser: { field: 'questionsPerUser', low: 1, high: 1000 },
  candidates: { field: 'perGenerator', low: 1, high: 10_000 },
  wrongPerQuestion: { field: 'wrongPerQuestion', low: 1, high: 10_000 },
} as const

function checkExamples(value: unknown, inspection: Inspection, defaults: ExamplePlan): ExamplePlan {
  if (value === undefined) return defaults
  const where = 'training.examples'
  const fields = inspection.fields(value, where, [...Object.keys(counts), 'from', 'window', 'attribution'])
  const plan: { -readonly [Key in keyof ExamplePlan]: ExamplePlan[Key] } = { ...defaults }
  for (const [name, { field, low, high }] of Object.entries(counts)) {
    if (fields[name] !== undefined) {
      plan[field] = inspection.number(fields[name], `${where}.${name}`, { low, high, isInteger: true })
    }
  }
  if (fields.from !== undefined)
    plan.from = inspection.oneOf(fields.from, `${where}.from`, ['history', 'impressions', 'both'])
  if (fields.window !== undefined) plan.windowMs = inspection.duration(fields.window, `${where}.window`)
  if (fields.attribution !== undefined)
    plan.attributionMs = inspection.duration(fields.attribution, `${where}.attribution`)
  return plan
}
