// A plan for the tests of this folder: two interactions, and whatever attributes and sources a test needs.
import type { AttributePlan, Plan, SourcePlan } from '../config/plan.ts'
import { defaultCheckSettings } from '../domain/check-settings.ts'

export function testPlan({
  user = {},
  item = {},
  sources = {},
}: {
  readonly user?: Record<string, AttributePlan>
  readonly item?: Record<string, AttributePlan>
  readonly sources?: Record<string, SourcePlan>
} = {}): Plan {
  return {
    name: 'test',
    hash: '0'.repeat(64),
    data: {
      owner: 'data@shop.example',
      entities: { user, item },
      interactions: { view: { weight: 1, values: ['durationSeconds'] }, purchase: { weight: 10 } },
      sources,
      features: [],
      checks: defaultCheckSettings,
      retention: {},
      skew: { sampleShare: 0, maxBytes: 1_000_000 },
      futureToleranceMs: 3_600_000,
    },
    training: { owner: 'ml@shop.example', seed: 1, candidates: {} },
    serving: { owner: 'web@shop.example', placements: {} },
    monitoring: { owner: 'sre@shop.example' },
  }
}
