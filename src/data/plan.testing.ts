// Plans for the tests of this folder: two interactions, and whatever attributes and sources a test needs; and one for random histories.
import type { AttributePlan, Plan, SourcePlan } from '../config/plan.ts'
import { defaultCheckSettings } from '../domain/check-settings.ts'
import type { FeatureDefinition } from '../domain/feature.ts'
import { corpusDefinitions } from '../domain/feature-corpus.contract.ts'
import { someGateSettings } from '../domain/gate-settings.testing.ts'

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
    training: { owner: 'ml@shop.example', seed: 1, candidates: {}, gates: someGateSettings, card: {} },
    serving: { owner: 'web@shop.example', placements: {}, budgetMs: 100 },
    monitoring: { owner: 'sre@shop.example' },
  }
}

/** With the attributes that random histories have, and features over them. */
export function corpusPlan(features: readonly FeatureDefinition[] = corpusDefinitions): Plan {
  const plan = testPlan({
    user: { country: { type: 'category', isOptional: true }, interests: { type: 'tags', isOptional: true } },
    item: {
      category: { type: 'category', isOptional: true },
      tags: { type: 'tags', isOptional: true },
      price: { type: 'number', isOptional: true },
      isNew: { type: 'boolean', isOptional: true },
    },
  })
  return { ...plan, data: { ...plan.data, features } }
}
