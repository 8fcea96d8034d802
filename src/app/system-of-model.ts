import type { App } from '../app.ts'
import type { SystemOfModel } from '../models/open-serving-model.ts'

/** What of the system file a model has to fit. */
export const systemOfModel = ({ system, plan }: App): SystemOfModel => ({
  generators: system.generators,
  ranker: system.ranker,
  features: plan.data.features,
})
