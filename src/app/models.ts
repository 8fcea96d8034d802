// What a running system tells of its models over HTTP, and lets be done with them.
import type { App } from '../app.ts'
import type { Models } from '../http/dependencies.ts'
import type { LiveModel } from './live-model.ts'
import { modelCardOf } from './model-card.ts'
import { promoteModel } from './promote-model.ts'

export function modelsOf(app: App, liveModel: LiveModel): Models {
  // This server need not wait for its next look; the others follow with theirs.
  const followed = async <Outcome>(outcome: Outcome): Promise<Outcome> => {
    await liveModel.refresh()
    return outcome
  }
  return {
    // Whoever may read may ask often: the arrays are not read for it.
    list: async () => (await (await app.models()).list({ isThorough: false })).models,
    find: async (version) => (await app.models()).find(version, { isThorough: false }),
    audit: async (query) => (await app.models()).audit(query),
    inChargeAt: async (atMs) => (await app.models()).inChargeAt(atMs),
    gateReport: async (version) => (await (await app.models()).gateReports(version, 1))[0],
    card: (version) => modelCardOf(app, version),
    promote: async (promotion) => followed(await promoteModel(app, promotion)),
    rollBack: async (options) => followed(await (await app.models()).rollBack(options)),
    answering: () => liveModel.manifest?.version,
  }
}
