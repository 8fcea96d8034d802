// A promotion by a person. The gates judged the model when it was trained; what may have changed since is how far the log has gone on.
import type { App } from '../app.ts'
import { laterInteractions } from '../data/later-interactions.ts'
import { MillraceError } from '../lib/errors.ts'
import { stalenessGate } from '../training/gates/readiness.ts'
import type { AliasOutcome, Promotion } from '../training/registered-models.ts'

/** @throws MillraceError MODEL_REFUSED for a model that has become stale, unless the decision overrides it, and what `RegisteredModels.promote` throws */
export async function promoteModel(app: App, promotion: Promotion): Promise<AliasOutcome> {
  const models = await app.models()
  if (promotion.decision.override === undefined) await refuseStale(app, promotion.version)
  return models.promote(promotion)
}

async function refuseStale(app: App, version: string): Promise<void> {
  const { staleness } = app.plan.training.gates
  const models = await app.models()
  const model = (await models.parts.registry.list()).find((one) => one.version === version)
  if (!staleness || model?.lineage.newestInteractionMs === undefined) return
  const { newestInteractionMs: newestLearnedMs, nextOffset } = model.lineage
  const later = await laterInteractions(app.log, app.plan.data.interactions, nextOffset)
  const newestInLogMs = Math.max(newestLearnedMs, later.newestMs ?? newestLearnedMs)
  const evidence = { newestLearnedMs, newestInLogMs, laterCount: later.count, nowMs: app.clock.now() }
  const { verdict, reason } = stalenessGate(evidence, staleness)
  if (verdict !== 'failed') return
  throw new MillraceError('MODEL_REFUSED', `Model ${version} has become stale: ${reason}.`, {
    fix: 'Train again with "millrace train". Where it is right nevertheless, run "millrace promote VERSION --override REASON".',
  })
}
