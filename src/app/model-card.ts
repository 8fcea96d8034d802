import type { App } from '../app.ts'
import { offlineTableNames } from '../domain/offline-table.ts'
import type { ModelCard } from '../training/model-card.ts'

const MOVE_COUNT = 20

/** The card of a version, from what is recorded of it now. @throws MillraceError MODEL_NOT_FOUND, METADATA_* */
export async function modelCardOf(app: App, version: string): Promise<ModelCard> {
  const models = await app.models()
  const { aliases, bundle: _, usedBy: __, ...model } = await models.find(version, { isThorough: false })
  const { tablePublications } = await app.metadata()
  const found = await Promise.all(offlineTableNames.map((table) => tablePublications.find(table)))
  return {
    system: app.plan.name,
    model,
    aliases,
    owner: app.plan.training.owner,
    card: app.plan.training.card,
    newestInteractionMs: model.lineage.newestInteractionMs,
    tables: found.flatMap((publication) =>
      publication === undefined ? [] : [{ table: publication.table, version: publication.version }],
    ),
    gates: (await models.gateReports(version, 1))[0],
    moves: await models.audit({ version, limit: MOVE_COUNT }),
  }
}
