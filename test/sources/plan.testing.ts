import type { Plan } from '../../src/config/plan.ts'
import { defaultCheckSettings } from '../../src/domain/check-settings.ts'
import { someGateSettings } from '../../src/domain/gate-settings.testing.ts'

/** Items have a title, and there is one interaction. */
export const itemsPlan: Plan = {
  name: 'test',
  hash: '0'.repeat(64),
  data: {
    owner: 'data@shop.example',
    entities: { user: {}, item: { title: { type: 'text', isOptional: false } } },
    interactions: { view: { weight: 1 } },
    sources: {},
    retention: {},
    features: [],
    checks: defaultCheckSettings,
    skew: { sampleShare: 0, maxBytes: 1_000_000 },
    futureToleranceMs: 300_000,
  },
  training: { owner: 'ml@shop.example', seed: 1, candidates: {}, gates: someGateSettings, card: {} },
  serving: { owner: 'web@shop.example', placements: {}, budgetMs: 100 },
  monitoring: { owner: 'sre@shop.example' },
}

/** What every source of these tests has in common. */
export const itemsSource = {
  owner: 'data@shop.example',
  schedule: { everyMs: 3_600_000 },
  freshnessMs: 7_200_000,
  holds: 'item',
  timeFormat: 'iso',
} as const
