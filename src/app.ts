// Where a plan, the components and the adapters meet: the only file that knows them all. What an opened app can do lies in `app/`.
import { join } from 'node:path'
import { duckDbOfflineStore } from './adapters/duckdb/offline-store.ts'
import { openAnswerStore } from './adapters/embedded/answer-store.ts'
import { openDataFolder } from './adapters/embedded/data-folder.ts'
import { openEventLog } from './adapters/embedded/event-log.ts'
import { openKeyStore } from './adapters/embedded/key-store.ts'
import { openOnlineStore } from './adapters/embedded/online-store.ts'
import { isAlive } from './adapters/embedded/process-name.ts'
import { openQuarantine } from './adapters/embedded/quarantine.ts'
import { openServedFeaturesStore } from './adapters/embedded/served-features-store.ts'
import { openSnapshotStore } from './adapters/embedded/snapshot-store.ts'
import { loadSystem } from './config/load-system.ts'
import type { Plan } from './config/plan.ts'
import type { System } from './config/system.ts'
import { Ingest } from './data/ingest.ts'
import { type Clock, systemClock } from './lib/clock.ts'
import { environmentVariable } from './lib/environment.ts'
import { MillraceError } from './lib/errors.ts'
import { onFirstUse } from './lib/on-first-use.ts'
import type { AnswerStore } from './ports/answer-store.ts'
import type { EventLog } from './ports/event-log.ts'
import type { KeyStore } from './ports/key-store.ts'
import type { MetadataStore } from './ports/metadata-store.ts'
import type { OfflineStore } from './ports/offline-store.ts'
import type { OnlineStore } from './ports/online-store.ts'
import type { Quarantine } from './ports/quarantine.ts'
import type { ServedFeaturesStore } from './ports/served-features-store.ts'
import type { SnapshotStore } from './ports/snapshot-store.ts'
import { adoptEarlierModels } from './training/adopt-models.ts'
import { readRankerFile } from './training/ranker-file.ts'
import { RegisteredModels } from './training/registered-models.ts'

export interface OpenAppOptions {
  /** A system file or a folder with one; the nearest one from the working directory upward where it is left out. */
  readonly systemFile?: string | undefined
  /** Instead of a file. Paths in it are relative to the working directory. */
  readonly system?: System | undefined
  /** Where everything is kept; `.millrace` beside the system file where it is left out. */
  readonly dataDir?: string | undefined
  readonly clock?: Clock | undefined
  /** Where secrets come from; the environment where it is left out. */
  readonly variable?: ((name: string) => string | undefined) | undefined
}

/** A system with its stores open. Close it: until then the process stays alive. */
export interface App {
  readonly system: System
  readonly plan: Plan
  /** The folder that paths in the system file are relative to. */
  readonly projectDir: string
  /** The system file; undefined where the system was given as a value. */
  readonly systemFile: string | undefined
  readonly dataDir: string
  readonly modelsDir: string
  /** One folder per run. */
  readonly runsDir: string
  readonly log: EventLog
  readonly quarantine: Quarantine
  readonly ingest: Ingest
  readonly keys: KeyStore
  /** Stores that few commands need are opened by the first call. */
  readonly onlineStore: () => Promise<OnlineStore>
  /** Lists that batches made: a store of its own, since the feature engine has the right to write to the other one. */
  readonly storedLists: () => Promise<OnlineStore>
  readonly metadata: () => Promise<MetadataStore>
  /** The registry, over `metadata`. */
  readonly models: () => Promise<RegisteredModels>
  readonly snapshots: () => Promise<SnapshotStore>
  readonly offlineStore: () => Promise<OfflineStore>
  /** Where its files lie. */
  readonly offlineDir: string
  readonly servedFeatures: () => Promise<ServedFeaturesStore>
  /** Records of what went out. @throws MillraceError ANSWERS_NOT_KEPT where the system file says that there are none */
  readonly answers: () => Promise<AnswerStore>
  /** The bytes of a ranker that was trained elsewhere; undefined where the system has none. @throws MillraceError MODEL_FILE_INVALID, RUN_INPUT_CHANGED */
  readonly rankerFile: () => Promise<Uint8Array | undefined>
  readonly clock: Clock
  /** An environment variable that the system file names. */
  readonly variable: (name: string) => string | undefined
  close(): Promise<void>
}

/** @throws MillraceError CONFIG_*, DATA_FOLDER_NEWER, DATA_FOLDER_UNUSABLE, EVENT_LOG_UNUSABLE */
export async function openApp(options: OpenAppOptions = {}): Promise<App> {
  const { clock = systemClock, variable = environmentVariable } = options
  const system = options.system ?? (await loadSystem(options.systemFile))
  const projectDir = system.folder ?? process.cwd()
  const folder = openDataFolder(options.dataDir ?? join(projectDir, '.millrace'))
  const log = await openEventLog({ folder: folder.eventLogDir, clock })
  const quarantine = await openQuarantine({ folder: folder.quarantineDir, clock })
  const keys = openKeyStore({ folder: folder.keysDir })
  const onlineStore = onFirstUse(() => openOnlineStore({ folder: folder.onlineStoreDir }))
  const storedLists = onFirstUse(() => openOnlineStore({ folder: folder.storedListsDir }))
  const metadata = onFirstUse(async () => {
    // Kysely is 260 modules.
    const { openMetadataStore } = await import('./adapters/embedded/metadata-store.ts')
    return openMetadataStore({ folder: folder.metadataDir, clock })
  })
  const models = onFirstUse(async () => {
    const { modelRegistry: registry, modelUses: uses, gateReports: gates } = await metadata.get()
    const opened = new RegisteredModels({
      registry,
      uses,
      gates,
      modelsDir: folder.modelsDir,
      clock,
      isRunning: isAlive,
    })
    await adoptEarlierModels(opened)
    return opened
  })
  const snapshots = onFirstUse(async () => openSnapshotStore({ folder: folder.snapshotsDir }))
  const offlineStore = onFirstUse(async () =>
    duckDbOfflineStore({ temporaryFolder: join(folder.offlineDir, 'temporary') }),
  )
  const { maxBytes } = system.plan.data.skew
  const servedFeatures = onFirstUse(async () => openServedFeaturesStore({ folder: folder.servedFeaturesDir, maxBytes }))
  const answers = onFirstUse(() => {
    const { answers: retention } = system.plan.serving
    if (retention !== undefined) return openAnswerStore({ folder: folder.answersDir, ...retention })
    throw new MillraceError(
      'ANSWERS_NOT_KEPT',
      'The system file says "serving.answers: false": no record of an answer is kept.',
      {
        fix: 'Leave it out, and start the server again: answers from then on are recorded.',
      },
    )
  })
  return {
    system,
    plan: system.plan,
    projectDir,
    systemFile: system.file,
    dataDir: folder.path,
    modelsDir: folder.modelsDir,
    runsDir: folder.runsDir,
    log,
    quarantine,
    ingest: new Ingest({ plan: system.plan, log, quarantine, clock }),
    keys,
    onlineStore: onlineStore.get,
    storedLists: storedLists.get,
    metadata: metadata.get,
    models: models.get,
    snapshots: snapshots.get,
    offlineStore: offlineStore.get,
    offlineDir: folder.offlineDir,
    servedFeatures: servedFeatures.get,
    answers: answers.get,
    rankerFile: () => readRankerFile(system.ranker, projectDir),
    clock,
    variable,
    close: async () => {
      await log.close()
      await quarantine.close()
      await keys.close()
      for (const store of [onlineStore, storedLists, metadata, snapshots, offlineStore, servedFeatures, answers])
        await (await store.ifUsed())?.close()
    },
  }
}
