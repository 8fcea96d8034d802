// A training set from the app's own log: recorded first, so that what it is made of stays, and then joined.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import type { App } from '../app.ts'
import type { FileSourcePlan } from '../config/plan.ts'
import { fileLabels, type InteractionLabels, interactionLabels } from '../data/labels.ts'
import { exportEvents } from '../data/offline-events.ts'
import { type TrainingSetManifest, trainingSetRecipe, writeTrainingSet } from '../data/training-set.ts'
import { contentHash } from '../lib/canonical-json.ts'
import { MillraceError } from '../lib/errors.ts'
import type { JsonValue } from '../lib/json.ts'
import type { Label } from '../ports/offline-store.ts'

/** Interactions of the log, or a file of userId, itemId and moment. */
export type LabelsWanted = InteractionLabels | { readonly path: string; readonly format: FileSourcePlan['format'] }

export interface MadeTrainingSet {
  /** Of the recipe: the same one makes the same bytes, at the same place. */
  readonly contentHash: string
  readonly path: string
  readonly manifest: TrainingSetManifest
}

/**
 * Features of the plan, joined as of the moment of each label. Making the same set again gives the same bytes, also after new data came: they are new table
 * versions, and so another set.
 * @throws MillraceError LABELS_MISSING, LABELS_BEFORE_DATA, LABELS_INVALID, IMPORT_FILE_*, OFFLINE_STORE_FAILED, OFFLINE_MEMORY_EXHAUSTED, DISK_FULL
 */
export async function makeTrainingSet(app: App, wanted: LabelsWanted): Promise<MadeTrainingSet> {
  const { plan, log, clock } = app
  const store = await app.offlineStore()
  const { trainingSets } = await app.metadata()
  const { files, tables } = await exportEvents(log, store, join(app.offlineDir, 'events'))
  const tableVersions = Object.fromEntries(tables.map(({ table, version }) => [table, String(version)]))
  const ingredients = { plan, tableVersions, labelsFrom: await describedLabels(wanted) }
  const recipe = trainingSetRecipe(ingredients)
  const hash = contentHash(recipe)
  const known = await trainingSets.find(hash)
  const createdAtMs = clock.now()
  await trainingSets.record({ contentHash: hash, manifest: recipe as unknown as JsonValue, tables, createdAtMs })
  try {
    const target = join(app.offlineDir, 'training-sets', hash.slice(0, HASH_DIGITS), 'rows.parquet')
    // Labels end where the files do: what is appended meanwhile belongs to the next version.
    const labels =
      'of' in wanted
        ? interactionLabels(log, wanted, { nextOffset: tables[0]!.version })
        : fileLabels(wanted.path, wanted.format)
    const manifest = await writeTrainingSet(store, { ...ingredients, files, labels: withRows(labels, wanted), target })
    return { contentHash: hash, path: target, manifest }
  } catch (error) {
    // A set that came to nothing holds nothing; one that was made before keeps its hold.
    if (known === undefined || known.releasedAtMs !== undefined) await trainingSets.release(hash, clock.now())
    throw error
  }
}

/** Digits of the hash in the name of a set's folder. */
const HASH_DIGITS = 16

async function describedLabels(wanted: LabelsWanted): Promise<JsonValue> {
  if ('of' in wanted) {
    const { of, fromMs, toMs } = wanted
    return { of, from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() }
  }
  const hash = createHash('sha256')
  try {
    for await (const chunk of createReadStream(wanted.path)) hash.update(chunk as Buffer)
  } catch (cause) {
    throw new MillraceError('IMPORT_FILE_UNREADABLE', `${wanted.path} cannot be read: ${(cause as Error).message}.`, {
      cause,
    })
  }
  return { sha256: hash.digest('hex') }
}

/** A set without rows would only show as a model that learns nothing. */
async function* withRows(
  batches: AsyncIterable<readonly Label[]>,
  wanted: LabelsWanted,
): AsyncGenerator<readonly Label[]> {
  let rowCount = 0
  for await (const batch of batches) {
    rowCount += batch.length
    yield batch
  }
  if (rowCount > 0) return
  const where =
    'of' in wanted
      ? `No ${wanted.of} from ${isoTime(wanted.fromMs)} to ${isoTime(wanted.toMs)} is in the log.`
      : `${wanted.path} has no row.`
  throw new MillraceError('LABELS_MISSING', where, { fix: 'Widen --from and --to, or name another interaction.' })
}

const isoTime = (timeMs: number): string => new Date(timeMs).toISOString()
