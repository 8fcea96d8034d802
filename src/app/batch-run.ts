// The work of a run of kind batch: lists for every user, ahead of time. They are made in chunks, each kept as a checkpoint; when all are there they are written to a
// file and put in the place of the lists of before. Whatever the moment at which it is killed, it goes on from the last chunk.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, constants, mkdir, readdir, rm, stat } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import type { App } from '../app.ts'
import { logBatches } from '../data/log-batches.ts'
import type { RunArtifact, RunRequest } from '../domain/run.ts'
import { encodedListAt, readList } from '../domain/stored-list.ts'
import { contentHash } from '../lib/canonical-json.ts'
import { MillraceError } from '../lib/errors.ts'
import { suggestName } from '../lib/nearest-name.ts'
import { openServingModel } from '../models/open-serving-model.ts'
import type { ServingModel } from '../models/serving-model.ts'
import type { ListRow } from '../ports/offline-store.ts'
import { listMaker, type MadeLists } from '../serving/list-maker.ts'
import { LiveState } from '../serving/live-state.ts'
import { type ListChunk, publishLists } from '../serving/publish-lists.ts'
import { liveFeatures } from './live-features.ts'
import { meantVersion } from './meant-version.ts'
import type { RunRecorder } from './record-run.ts'
import { systemOfModel } from './system-of-model.ts'

/** What a batch may be told. */
export interface BatchOptions {
  /** Every placement with lists of its own where it is left out: patterns `batch` and `hybrid`, and those with `every`. */
  readonly placements?: readonly string[] | undefined
  /** An absolute path; a file of the batch in the data folder where it is left out. */
  readonly out?: string | undefined
}

/** What came of it. */
export interface BatchReport {
  readonly batchId: string
  readonly modelVersion: string
  readonly userCount: number
  readonly placements: readonly string[]
  readonly rowCount: number
  /** Where the lists are as Parquet. */
  readonly file: string
}

/** In words of a run's request. */
export const batchRequest = ({ placements, out }: BatchOptions): RunRequest['options'] => ({
  ...(placements && placements.length > 0 && { placements: placements.join() }),
  ...(out !== undefined && { out: resolve(out) }),
})

/** The placements that a request names; none where it means all that have lists. */
export const placementsIn = ({ placements }: RunRequest['options']): readonly string[] =>
  typeof placements === 'string' ? placements.split(',') : []

/** Users of a chunk: about half a second's work, which is what a kill costs. */
const CHUNK_USER_COUNT = 1000
/** More lists than this share made without something that failed are no replacement for whole ones. */
const FAILED_SHARE_MAX = 0.01
const PROGRESS_STEP_COUNT = 20
const PARQUET_FOLDER = 'lists'

/** @throws MillraceError UNKNOWN_PLACEMENT; PLACEMENT_PATTERN_MISSING where there is none to make lists for; REQUEST_INVALID for one that has no lists of users */
export function batchPlacements({ plan }: Pick<App, 'plan'>, named: readonly string[] = []): readonly string[] {
  const placements = plan.serving.placements
  for (const name of named) {
    const placement = Object.hasOwn(placements, name) ? placements[name] : undefined
    if (placement === undefined) {
      throw new MillraceError('UNKNOWN_PLACEMENT', `No placement is called ${JSON.stringify(name.slice(0, 80))}.`, {
        fix: suggestName(name, Object.keys(placements)),
      })
    }
    if (placement.pattern === 'embedding') {
      throw new MillraceError(
        'REQUEST_INVALID',
        `The placement "${name}" has the pattern "embedding", expected another: its lists are of items, not of users.`,
      )
    }
  }
  if (named.length > 0) return [...new Set(named)]
  const meant = Object.keys(placements).filter((name) => {
    const { pattern, batches } = placements[name]!
    return pattern === 'batch' || pattern === 'hybrid' || batches !== undefined
  })
  if (meant.length > 0) return meant
  throw new MillraceError(
    'PLACEMENT_PATTERN_MISSING',
    'No placement has the pattern "batch" or "hybrid", or "every".',
    {
      fix: 'Name the placements to make lists for, such as "millrace batch home".',
    },
  )
}

/**
 * @param say told each line of the run's log as well
 * @throws MillraceError as `batchPlacements`; MODEL_NOT_FOUND, BUNDLE_*, MODEL_MISMATCH; BATCH_DEGRADED; EXPORT_UNWRITABLE, DISK_FULL, OFFLINE_*, ONLINE_STORE_*
 */
export async function batchRun(recorder: RunRecorder, say: (line: string) => void = () => {}): Promise<BatchReport> {
  const { run, app } = recorder
  const log = (line: string): void => {
    recorder.log(line)
    say(line)
  }
  const placements = batchPlacements(app, placementsIn(run.request.options))
  const file = typeof run.request.options.out === 'string' ? run.request.options.out : parquetFile(app, run.id)
  await assertWritable(file)
  const modelVersion = await modelOfRun(recorder)
  const { model, rankerProblem } = await openServingModel(app.modelsDir, modelVersion, systemOfModel(app))
  if (rankerProblem !== undefined) throw degraded(modelVersion, rankerProblem)
  const live = await liveStateOf(app)
  const userIds = [...live.histories.userIds()].sort()
  log(`${userIds.length} users, model ${modelVersion}, lists of ${placements.join(' and ')}`)
  await makeAll(recorder, { placements, model, live, userIds, log })

  const written = { placements, modelVersion, userIds, model }
  const { rowCount, bytes } = await (await app.offlineStore()).writeLists(rowsOf(recorder, written), file)
  log(`${rowCount} rows in ${file}`)
  await publishLists(
    await app.storedLists(),
    placements.map((placement) => ({
      placement,
      generation: {
        batchId: run.id,
        modelVersion,
        madeAtMs: app.clock.now(),
        generatorNames: generatorsOf(app, placement),
        listCount: userIds.length,
      },
      chunks: chunksOf(recorder, { ...written, placement }),
    })),
    app.clock.now(),
  )
  log('The new lists are in place of those before.')
  await removeEarlierFiles(app, run.id)
  await recorder.made({ modelVersion, artifacts: await artifactsOf(app, { file, bytes }) })
  return { batchId: run.id, modelVersion, userCount: userIds.length, placements, rowCount, file }
}

/** Before the work, not after it. @throws MillraceError EXPORT_UNWRITABLE */
async function assertWritable(file: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true })
    await access(dirname(file), constants.W_OK)
    if ((await stat(file).catch(() => undefined))?.isDirectory()) throw new Error('it is a folder')
  } catch (error) {
    throw new MillraceError('EXPORT_UNWRITABLE', `${file} cannot be written: ${(error as Error).message}.`, {
      fix: 'Name a file in a folder that this user may write to.',
      cause: error,
    })
  }
}

/** The one that is in charge when the run begins, and no other one where it goes on. */
async function modelOfRun({ run, app, checkpoints }: RunRecorder): Promise<string> {
  const kept = await checkpoints.load('model', run.id)
  if (kept !== undefined) return Buffer.from(kept.version as Uint8Array).toString()
  const version = await meantVersion(app, undefined)
  await checkpoints.save('model', run.id, { version: new Uint8Array(Buffer.from(version)) })
  return version
}

async function liveStateOf({ plan, log }: App): Promise<LiveState> {
  const live = new LiveState(plan)
  for await (const batch of logBatches(log, await log.bounds())) live.apply(batch)
  return live
}

interface Making {
  readonly placements: readonly string[]
  readonly model: ServingModel
  readonly live: LiveState
  readonly userIds: readonly string[]
  readonly log: (line: string) => void
}

/** Every chunk that is not there yet. */
async function makeAll(recorder: RunRecorder, { placements, model, live, userIds, log }: Making): Promise<void> {
  const { app, checkpoints } = recorder
  const { plan, clock } = app
  const features =
    plan.data.features.length === 0
      ? undefined
      : liveFeatures({ store: await app.onlineStore(), clock }, plan.data.features)
  for (const placement of placements) {
    const make = listMaker({ plan, placement, live, model, features, clock })
    const chunks = chunked(userIds)
    const step = Math.max(1, Math.ceil(chunks.length / PROGRESS_STEP_COUNT))
    const startMs = performance.now()
    let failedCount = 0
    let keptCount = 0
    let doneCount = 0
    for (const [n, chunk] of chunks.entries()) {
      const { name, key } = checkpointOf(recorder, { placement, modelVersion: model.version, chunk, n })
      const kept = await checkpoints.load(name, key)
      if (kept === undefined) {
        const made = await make(chunk)
        failedCount += made.failedCount
        assertWhole(made, { placement, failedCount, madeCount: doneCount - keptCount + chunk.length })
        await checkpoints.save(name, key, { bytes: made.bytes, ends: made.ends })
      } else keptCount += chunk.length
      doneCount += chunk.length
      if ((n + 1) % step !== 0 && n + 1 < chunks.length) continue
      const perSecond = ((doneCount - keptCount) / (performance.now() - startMs)) * 1000
      log(`${placement}: ${doneCount} of ${userIds.length} users, ${Math.round(perSecond)} a second`)
      await recorder.addMetrics([{ name: `users done (${placement})`, step: n, value: doneCount }])
    }
  }
}

/** @throws MillraceError BATCH_DEGRADED as soon as too many lists lack something */
function assertWhole(
  { failure }: MadeLists,
  {
    placement,
    failedCount,
    madeCount,
  }: { readonly placement: string; readonly failedCount: number; readonly madeCount: number },
): void {
  if (failedCount <= FAILED_SHARE_MAX * madeCount) return
  throw degraded(`${placement}: ${failedCount} of the first ${madeCount} lists`, failure)
}

const degraded = (where: string, cause: unknown): MillraceError =>
  new MillraceError(
    'BATCH_DEGRADED',
    `${where}: made without a generator or the ranker, because it failed: ${cause instanceof Error ? cause.message : String(cause)}`,
    { fix: 'Mend that, or train again with "millrace train", and begin another batch.', cause },
  )

function chunked(userIds: readonly string[]): readonly (readonly string[])[] {
  const count = Math.ceil(userIds.length / CHUNK_USER_COUNT)
  return Array.from({ length: count }, (_, n) => userIds.slice(n * CHUNK_USER_COUNT, (n + 1) * CHUNK_USER_COUNT))
}

interface ChunkName {
  readonly placement: string
  readonly modelVersion: string
  readonly chunk: readonly string[]
  readonly n: number
}

/** The key is of everything that the lists are made of, but for features that a ranker reads as they are now. */
function checkpointOf({ run }: RunRecorder, { placement, modelVersion, chunk, n }: ChunkName) {
  const { planHash, nextOffset, asOfMs } = run.inputs!
  const key = contentHash({ planHash, nextOffset, asOfMs, placement, modelVersion, userIds: chunk })
  return { name: `${placement}-${n}`, key }
}

interface Made {
  readonly modelVersion: string
  readonly userIds: readonly string[]
}

async function* chunksOf(
  recorder: RunRecorder,
  { placement, modelVersion, userIds }: Made & { readonly placement: string },
): AsyncGenerator<ListChunk> {
  for (const [n, chunk] of chunked(userIds).entries()) {
    const { name, key } = checkpointOf(recorder, { placement, modelVersion, chunk, n })
    const kept = await recorder.checkpoints.load(name, key)
    if (kept === undefined) {
      throw new MillraceError(
        'RUN_STATE_CHANGED',
        `${placement}: the lists of chunk ${n} were kept, and are damaged or gone.`,
        {
          fix: `Go on with the run, which makes them again: "millrace runs resume ${recorder.run.id}".`,
        },
      )
    }
    yield { userIds: chunk, bytes: kept.bytes as Uint8Array, ends: kept.ends as Int32Array }
  }
}

async function* rowsOf(
  recorder: RunRecorder,
  made: Made & { readonly placements: readonly string[] },
): AsyncGenerator<readonly ListRow[]> {
  const { modelVersion } = made
  const batchId = recorder.run.id
  for (const placement of made.placements) {
    const generatorNames = generatorsOf(recorder.app, placement)
    for await (const chunk of chunksOf(recorder, { ...made, placement })) {
      yield chunk.userIds.flatMap((userId, n) => {
        const { itemIds, scores, generators } = readList(encodedListAt(chunk, n), generatorNames)
        return itemIds.map((itemId, place) => ({
          userId,
          placement,
          position: place + 1,
          itemId,
          score: scores[place]!,
          generator: generators[place]!,
          modelVersion,
          batchId,
        }))
      })
    }
  }
}

const generatorsOf = ({ plan }: App, placement: string): readonly string[] =>
  plan.serving.placements[placement]!.candidates

const parquetFile = ({ offlineDir }: App, batchId: string): string =>
  join(offlineDir, PARQUET_FOLDER, `${batchId}.parquet`)

/** A batch's file is the present one; those of earlier batches would be taken for it. */
async function removeEarlierFiles({ offlineDir }: App, batchId: string): Promise<void> {
  const folder = join(offlineDir, PARQUET_FOLDER)
  const names = await readdir(folder).catch(() => [])
  for (const name of names) if (name !== `${batchId}.parquet`) await rm(join(folder, name), { force: true })
}

/** A file that somebody wanted elsewhere is theirs. */
async function artifactsOf(
  { dataDir }: App,
  { file, bytes }: { readonly file: string; readonly bytes: number },
): Promise<readonly RunArtifact[]> {
  const path = relative(dataDir, file)
  if (path.startsWith('..')) return []
  const hash = createHash('sha256')
  for await (const part of createReadStream(file)) hash.update(part as Buffer)
  return [{ path: path.replaceAll(sep, '/'), bytes, sha256: hash.digest('hex') }]
}
