// A training set from the published versions of the offline tables: recorded first, so that what it is made of stays, and then joined.

import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { thisProcess } from '../adapters/embedded/process-name.ts'
import type { App } from '../app.ts'
import type { FileSourcePlan } from '../config/plan.ts'
import { removeAbandoned } from '../data/abandoned.ts'
import { fileLabels, type InteractionLabels, interactionLabels } from '../data/labels.ts'
import { type FilesOfVersions, readFailure } from '../data/tables/damaged-file.ts'
import {
  type TrainingSetIngredients,
  type TrainingSetManifest,
  type TrainingSetRecipe,
  trainingSetRecipe,
  writeTrainingSet,
} from '../data/training-set.ts'
import { isoTime } from '../domain/iso-time.ts'
import type { TableHold } from '../domain/table-publication.ts'
import type { TrainingSet } from '../domain/training-set.ts'
import { contentHash } from '../lib/canonical-json.ts'
import { MillraceError } from '../lib/errors.ts'
import type { JsonValue } from '../lib/json.ts'
import type { Label } from '../ports/offline-store.ts'
import { openTables } from './open-tables.ts'

export interface LabelFile {
  readonly path: string
  readonly format: FileSourcePlan['format']
}

/** Interactions of the tables, or a file of userId, itemId and moment. */
export type LabelsWanted = InteractionLabels | LabelFile

export interface MadeTrainingSet {
  /** Of the recipe: the same one makes the same bytes, at the same place. */
  readonly contentHash: string
  readonly path: string
  readonly manifest: TrainingSetManifest
}

/**
 * Features of the plan, joined as of the moment of each label, from the published versions of the tables, which are brought up to date before. Making the same
 * set again gives the same bytes; after new data came it is another set.
 * @returns also which tables are held back, so that the set lacks their newest rows
 * @throws MillraceError LABELS_MISSING, LABELS_BEFORE_DATA, LABELS_INVALID, IMPORT_FILE_*, TABLE_NOT_PUBLISHED, TABLE_FILE_DAMAGED, DELTA_*,
 *   OFFLINE_STORE_FAILED, OFFLINE_MEMORY_EXHAUSTED, DISK_FULL
 */
export async function makeTrainingSet(
  app: App,
  wanted: LabelsWanted,
): Promise<MadeTrainingSet & { readonly holds: readonly TableHold[] }> {
  const offlineTables = await openTables(app)
  // What comes later is known to no table.
  const knownToMs = app.clock.now()
  const { audits } = await offlineTables.sync()
  const from = await offlineTables.files()
  const { trainingSets } = await app.metadata()
  const ingredients = ingredientsOf(app, from, await describedLabels(wanted))
  const recipe = trainingSetRecipe(ingredients)
  const hash = contentHash(recipe)
  const { tables } = from
  const maker = thisProcess()
  const manifest = recipe as unknown as JsonValue
  await trainingSets.begin({ contentHash: hash, manifest, tables, createdAtMs: app.clock.now() }, maker)
  try {
    const path = pathOf(app, hash)
    const manifest = await withTemporary(app, hash, async (target) => {
      const written = await writeFrom(app, from, { ingredients, wanted, target, knownToMs })
      await put(target, path)
      await rename(manifestOf(target), manifestOf(path))
      return written
    })
    await trainingSets.finish(hash)
    return { contentHash: hash, path, manifest, holds: audits.flatMap(({ hold }) => hold ?? []) }
  } catch (error) {
    // A set that came to nothing holds nothing; one that was made before keeps its hold.
    await trainingSets.abandon(hash, maker, app.clock.now())
    throw error
  }
}

/**
 * Makes a set again from the table versions that it was made of. Where the bytes are those that its manifest promises, or there is no manifest that could be read, they
 * take the place of whatever lies where the set was.
 * @param labelFile where its rows came from a file: that file
 * @returns whether the bytes are those that its manifest promises; undefined where there is none any more
 * @throws MillraceError TRAINING_SET_CHANGED where the system file or the labels are other ones, or the set was released and a vacuum came; and what `makeTrainingSet` throws
 */
export async function remakeTrainingSet(
  app: App,
  set: TrainingSet,
  labelFile?: LabelFile,
): Promise<MadeTrainingSet & { readonly isSame: boolean | undefined }> {
  const recipe = set.manifest as unknown as TrainingSetRecipe
  const wanted = await labelsOf(recipe, labelFile)
  const offlineTables = await openTables(app)
  const from = await offlineTables.files(set.tables).catch((error: unknown) => {
    throw takenByVacuum(error, set)
  })
  const named = new Set(recipe.features.map(({ name }) => name))
  const features = app.plan.data.features.filter(({ name }) => named.has(name))
  const ingredients = { ...ingredientsOf(app, from, recipe.labels), features }
  assertSameDefinitions(recipe, trainingSetRecipe(ingredients))
  const path = pathOf(app, set.contentHash)
  return withTemporary(app, set.contentHash, async (target) => {
    const manifest = await writeFrom(app, from, { ingredients, wanted, target }).catch((error: unknown) => {
      throw takenByVacuum(error, set)
    })
    const promised = await promisedAt(manifestOf(path))
    const isSame = promised && promised.sha256 === manifest.sha256
    if (isSame !== false) await put(target, path)
    if (promised === undefined) await rename(manifestOf(target), manifestOf(path))
    return { contentHash: set.contentHash, path, manifest, isSame }
  })
}

/** A name for rows on their way that no other process has: two may make the same set at once. */
async function withTemporary<T>(app: App, hash: string, work: (target: string) => Promise<T>): Promise<T> {
  const target = join(app.offlineDir, 'temporary', `${hash}-${randomUUID()}.parquet`)
  await mkdir(dirname(target), { recursive: true })
  // What a killed process left is in nobody's way, but may be large.
  await removeAbandoned(dirname(target), app.clock.now())
  try {
    return await work(target)
  } finally {
    for (const path of [target, `${target}.unfinished`, manifestOf(target)]) await rm(path, { force: true })
  }
}

async function put(target: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await rename(target, path)
}

/** Undefined where it is not there, or damaged: then it promises nothing. */
async function promisedAt(path: string): Promise<TrainingSetManifest | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as TrainingSetManifest
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Digits of the hash in the name of a set's folder. */
const HASH_DIGITS = 16

const pathOf = (app: App, hash: string): string =>
  join(app.offlineDir, 'training-sets', hash.slice(0, HASH_DIGITS), 'rows.parquet')
const manifestOf = (path: string): string => `${path}.manifest.json`

const ingredientsOf = ({ plan }: App, { tables }: FilesOfVersions, labelsFrom: JsonValue | undefined) => ({
  plan,
  tableVersions: Object.fromEntries(tables.map(({ table, version }) => [table, String(version)])),
  ...(labelsFrom !== undefined && { labelsFrom }),
})

async function writeFrom(
  app: App,
  from: FilesOfVersions,
  {
    ingredients,
    wanted,
    target,
    knownToMs,
  }: {
    readonly ingredients: TrainingSetIngredients
    readonly wanted: LabelsWanted
    readonly target: string
    /** No row of a file may be of a later moment. Left out where the rows were judged before. */
    readonly knownToMs?: number
  },
): Promise<TrainingSetManifest> {
  const store = await app.offlineStore()
  const { files } = from
  const paths = files.filter(({ table }) => table === 'interactions').map(({ path }) => path)
  const labels =
    'of' in wanted
      ? interactionLabels(store.readEvents({ table: 'interactions', paths, order: 'log' }), wanted)
      : fileLabels(wanted.path, wanted.format, knownToMs)
  try {
    return await writeTrainingSet(store, { ...ingredients, files, labels: withRows(labels, wanted), target })
  } catch (error) {
    throw await readFailure(error, from)
  }
}

async function describedLabels(wanted: LabelsWanted): Promise<JsonValue> {
  if ('of' in wanted) {
    const { of, fromMs, toMs } = wanted
    return { of, from: isoTime(fromMs), to: isoTime(toMs) }
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

/** The other way round. */
async function labelsOf({ labels }: TrainingSetRecipe, file: LabelFile | undefined): Promise<LabelsWanted> {
  const described = labels as { of: string; from: string; to: string } | { sha256: string }
  if ('of' in described) {
    return { of: described.of, fromMs: Date.parse(described.from), toMs: Date.parse(described.to) }
  }
  const found = file && ((await describedLabels(file)) as { sha256: string }).sha256
  if (file && found === described.sha256) return file
  throw changed(
    file ? `${file.path} is not the file that its rows came from.` : 'Its rows came from a file, and none is given.',
    `Add "--labels FILE", the file whose SHA-256 is ${described.sha256}.`,
  )
}

const changed = (reason: string, fix: string): MillraceError =>
  new MillraceError('TRAINING_SET_CHANGED', `The training set cannot be made again. ${reason}`, { fix })

function assertSameDefinitions(then: TrainingSetRecipe, now: TrainingSetRecipe): void {
  const fix = 'Make it with the system file that it was made with, or make it anew.'
  for (const [path, kind] of Object.entries(then.attributes ?? {})) {
    const found = now.attributes?.[path]
    if (found !== undefined && found !== kind)
      throw changed(`Attribute ${path} is of the kind ${found} in the system file, and was of the kind ${kind}.`, fix)
  }
  const versions = new Map(now.features.map(({ name, version }) => [name, version]))
  const gone = then.features.flatMap(({ name }) => (versions.has(name) ? [] : [`${name} is not defined any more`]))
  const other = then.features.flatMap(({ name, version }) =>
    versions.has(name) && versions.get(name) !== version
      ? [`${name} is version ${versions.get(name)}, and was ${version}`]
      : [],
  )
  const [first, ...rest] = [...gone, ...other]
  if (first !== undefined) {
    throw changed(`Feature ${first}${rest.length === 0 ? '' : `, and ${rest.length} more changed`}.`, fix)
  }
  if (then.definitionsHash !== now.definitionsHash)
    throw changed('A time to live or a default of its features is another one now.', fix)
}

/** What nothing pinned any more may be gone, and that is nobody's mistake. */
function takenByVacuum(error: unknown, { releasedAtMs }: TrainingSet): unknown {
  const isGone = error instanceof MillraceError && /^(DELTA_VERSION_NOT_FOUND|TABLE_FILE_DAMAGED)$/.test(error.code)
  if (!isGone || releasedAtMs === undefined) return error
  return new MillraceError(
    'TRAINING_SET_CHANGED',
    `The training set cannot be made again. It was released at ${isoTime(releasedAtMs)}, and a vacuum has taken what its table versions need. ${error.message}`,
    { fix: 'Make it anew, of the versions that there are: "millrace training-sets make".', cause: error },
  )
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
  if (!('of' in wanted))
    throw new MillraceError('LABELS_MISSING', `${wanted.path} has no row.`, { fix: 'Name a file with rows.' })
  const { of, fromMs, toMs } = wanted
  throw new MillraceError(
    'LABELS_MISSING',
    `No ${of} from ${isoTime(fromMs)} to ${isoTime(toMs)} is in the published tables.`,
    { fix: 'Widen --from and --to, or name another interaction.' },
  )
}
