// What a running system tells of its models over HTTP, and lets be done with them.
import type { App } from '../app.ts'
import type { Models } from '../http/dependencies.ts'
import { inTurn } from '../lib/in-turn.ts'
import { RecentlyUsed } from '../lib/recently-used.ts'
import { type TreeImportance, treeImportance } from '../training/importance.ts'
import { type ExplainOptions, explainRecommendation } from './explain-recommendation.ts'
import { measuredImportance } from './importance-run.ts'
import { storedFeatures } from './live-features.ts'
import type { LiveModel } from './live-model.ts'
import { modelCardOf } from './model-card.ts'
import { promoteModel } from './promote-model.ts'
import { rankerTrees } from './ranker-trees.ts'

export function modelsOf(app: App, liveModel: LiveModel): Models {
  const explainInTurn = inTurn((options: ExplainOptions) => explainRecommendation(app, options))
  const gains = new RecentlyUsed<readonly TreeImportance[]>(KNOWN_GAINS)
  // A bundle never changes, and reading one takes the hash of all of it.
  const gainOf = inTurn(async (version: string) => {
    const known = gains.get(version)
    if (known !== undefined) return known
    const { trees, featureNames } = await rankerTrees(app, version)
    const gain = treeImportance(trees, featureNames)
    gains.set(version, gain, 1)
    return gain
  })
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
    importance: async (version) => {
      await (await app.models()).find(version, { isThorough: false })
      const gain = await gainOf(version)
      const measured = await measuredImportance(app, version)
      return { version, gain, ...(measured && { measured }) }
    },
    explain: (request) => explainInTurn({ ...request, features: () => storedFeatures(app) }),
    promote: async (promotion) => followed(await promoteModel(app, promotion)),
    rollBack: async (options) => followed(await (await app.models()).rollBack(options)),
    answering: () => liveModel.manifest?.version,
  }
}

/** Models whose gains are kept. */
const KNOWN_GAINS = 32
