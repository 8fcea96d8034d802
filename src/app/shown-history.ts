import type { App } from '../app.ts'
import { readImpressions } from '../data/read-impressions.ts'
import { MillraceError } from '../lib/errors.ts'
import { readDictionaries, readManifest } from '../models/bundle.ts'
import type { ServedModel } from '../training/served-columns.ts'
import type { ShownHistory } from '../training/shown-examples.ts'

/** What was shown, where the system file wants a ranker to learn from it; undefined where it does not. */
export async function shownHistory(app: App): Promise<ShownHistory | undefined> {
  const { examples } = app.plan.training
  if (examples === undefined || examples.from === 'history') return undefined
  return { table: await readImpressions(app.log), modelOf: (version) => servedModel(app.modelsDir, version) }
}

/** Undefined where the bundle has no ranker, or was collected, or is damaged: what it served is then computed anew. */
async function servedModel(modelsDir: string, version: string): Promise<ServedModel | undefined> {
  try {
    const { ranker, generators, lineage } = await readManifest(modelsDir, version)
    if (ranker === undefined) return undefined
    const dictionaries = await readDictionaries(modelsDir, version)
    return { ...ranker, dictionaries, generators, asOfMs: lineage.asOfMs }
  } catch (error) {
    if (error instanceof MillraceError) return undefined
    throw error
  }
}
