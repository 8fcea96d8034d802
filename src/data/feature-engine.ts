// The stream engine: follows the log, keeps the tiles of every feature in the online store, and commits them together with its place in the log, so
// that after a crash at any point every event counts exactly once. Everything that it does follows from the log, the store and the definitions.
import type { FeatureDefinition } from '../domain/feature.ts'
import { FEATURE_STATE_FORMAT } from '../domain/feature-state/record-format.ts'
import type { Clock } from '../lib/clock.ts'
import { MillraceError } from '../lib/errors.ts'
import { othersTurn } from '../lib/others-turn.ts'
import type { EventLog, StoredEvent } from '../ports/event-log.ts'
import type { OnlineStore, OnlineStoreWriter, SpaceChange } from '../ports/online-store.ts'
import { decodeText, encodeText, FeatureLayer, HEAD_KEY, type LayerHead } from './feature-layer.ts'
import {
  emptyManifest,
  type FeatureManifest,
  type LayerPlan,
  layerSpace,
  MANIFEST_KEY,
  MANIFEST_SPACE,
  plannedManifest,
  REVISION_KEY,
  takenOver,
} from './feature-manifest.ts'

/** The engine's name among the consumers of the log: what it has not read is not trimmed. */
const CONSUMER = 'features'
/** Events per commit, unless the options say otherwise. */
const BATCH_LENGTH = 50_000
/** Entity changes per commit, about: they carry whatever a catalogue says of an item, and a batch is held in memory. */
const BATCH_CHANGE_COUNT = 10_000
/** Events read from the log at once. */
const READ_LENGTH = 5000
/** Events after which the log is told how far the engine has come; it is told when there is nothing to do, too. */
const TOLD_EVENT_COUNT = 100_000
/** How long a wait for news lasts before it is renewed; stopping takes at most this long. */
const WAIT_MS = 200
/** About how long a step of `run` may take: answers of the same process wait for it. Twenty times less than a full batch, and most of its speed. */
const STEP_MS = 5
const RUN_BATCH_LENGTH_MIN = 50
/** Records removed per step from layers that nobody reads. */
const CLEARED_PER_STEP = 2000

export interface FeatureEngineOptions {
  readonly log: EventLog
  readonly store: OnlineStore
  readonly definitions: readonly FeatureDefinition[]
  readonly clock: Clock
  /**
   * Events per commit at most; 50,000 by default. Larger is faster while catching up, since an entity is written once per commit, and takes more memory.
   * An engine that keeps up commits what there is.
   */
  readonly batchLength?: number
  /** Groups of `ratioToGroup` features, per layer, whose state is kept in memory; 50,000 by default, some hundred bytes to a few kilobytes each. */
  readonly cachedGroupCount?: number
  /** Told at the beginning and with every change; must not throw. */
  readonly onVersions?: (versions: DefinitionsInUse) => void
}

/** By definitions, with their versions. */
export interface DefinitionsInUse {
  /** Those that are answered. */
  readonly answered: readonly FeatureDefinition[]
  /** Those that are computed to take over; empty where none are. */
  readonly building: readonly FeatureDefinition[]
}

export interface FeatureEngine {
  /** One batch for every layer, and what follows from it. False where there was nothing to do. */
  step(): Promise<boolean>
  /** Steps until there is nothing to do. */
  catchUp(): Promise<void>
  /**
   * Follows the log until `stop`, in steps so short that whatever else the process does gets its turn, or until a step fails: then `onFailure` hears
   * of it, and the engine has to be opened anew.
   * @param onStep called after every step that succeeded, also where there was nothing to do
   */
  run(onFailure: (error: unknown) => void, onStep?: () => void): void
  /** Finishes the step that is under way and gives the store back. */
  stop(): Promise<void>
}

/**
 * Claims the store and plans the way to these definitions. New ones are read from the beginning of the log, beside the answers that are there.
 * @throws MillraceError ONLINE_STORE_TAKEN, DATA_FOLDER_NEWER, FEATURE_LOG_GAP
 */
export async function openFeatureEngine(options: FeatureEngineOptions): Promise<FeatureEngine> {
  const writer = await options.store.claim()
  try {
    const engine = new Engine(options, writer)
    await engine.begin()
    return engine
  } catch (error) {
    await writer.release()
    throw error
  }
}

class Engine implements FeatureEngine {
  readonly #options: FeatureEngineOptions
  readonly #log: EventLog
  readonly #writer: OnlineStoreWriter
  #manifest: FeatureManifest = emptyManifest
  #layers: FeatureLayer[] = []
  #toldOffset = -1
  #batchLength: number
  /** Whether the last step read as many events as it may. */
  #isFullStep = false
  #isStopping = false
  #running: Promise<void> | undefined

  constructor(options: FeatureEngineOptions, writer: OnlineStoreWriter) {
    this.#options = options
    this.#log = options.log
    this.#writer = writer
    this.#batchLength = options.batchLength ?? BATCH_LENGTH
  }

  async begin(): Promise<void> {
    const present = await this.#storedManifest()
    this.#manifest = present
    const planned = plannedManifest(present, this.#options.definitions)
    await this.#setManifest(planned)
    for (const plan of layersOf(planned)) this.#layers.push(await this.#openLayer(plan))
    await this.#tellLog()
  }

  async step(): Promise<boolean> {
    const { nextOffset: logNextOffset } = await this.#log.bounds()
    const changes: SpaceChange[] = []
    let nowMs = 0
    this.#isFullStep = false
    for (const layer of this.#layers) {
      const events = await this.#nextEvents(layer, logNextOffset)
      if (events.length === 0) continue
      if (events.length >= this.#batchLength) this.#isFullStep = true
      changes.push(await layer.apply(events))
      nowMs = Math.max(nowMs, layer.head.newestAvailableTimeMs)
    }
    if (changes.length > 0) await this.#writer.commit(changes, nowMs)
    const hasTakenOver = await this.#takeOverIfReady(logNextOffset)
    const hasCleared = await this.#clearSome()
    const isBusy = changes.length > 0 || hasTakenOver || hasCleared
    if (!isBusy || this.#slowestOffset() - this.#toldOffset >= TOLD_EVENT_COUNT) await this.#tellLog()
    return isBusy
  }

  async catchUp(): Promise<void> {
    while (await this.step()) {
      // One step after the other.
    }
  }

  run(onFailure: (error: unknown) => void, onStep: () => void = () => {}): void {
    const { clock } = this.#options
    this.#running ??= (async () => {
      this.#batchLength = Math.min(this.#batchLength, RUN_BATCH_LENGTH_MIN)
      while (!this.#isStopping) {
        const startMs = clock.now()
        const isBusy = await this.step()
        onStep()
        if (!isBusy) await this.#log.waitFor(this.#slowestOffset(), WAIT_MS)
        else {
          this.#pace(clock.now() - startMs)
          await othersTurn()
        }
      }
    })().catch(onFailure)
  }

  /** Fits the length of batches to the time that the last step took. One that was not full says nothing of longer ones. */
  #pace(elapsedMs: number): void {
    const { batchLength = BATCH_LENGTH } = this.#options
    if (elapsedMs > STEP_MS) {
      const fitting = Math.floor((this.#batchLength * STEP_MS) / elapsedMs)
      this.#batchLength = Math.max(Math.min(RUN_BATCH_LENGTH_MIN, batchLength), fitting)
    } else if (elapsedMs < STEP_MS && this.#isFullStep)
      this.#batchLength = Math.min(batchLength, Math.ceil(this.#batchLength * 1.25))
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    await this.#running
    await this.#writer.release()
  }

  async #storedManifest(): Promise<FeatureManifest> {
    const [records] = await this.#options.store.read([{ space: MANIFEST_SPACE, keys: [MANIFEST_KEY] }])
    if (records![0] === undefined) return emptyManifest
    const stored = decodeText(records![0]) as FeatureManifest
    if (stored.format === FEATURE_STATE_FORMAT) return stored
    if (stored.format > FEATURE_STATE_FORMAT) {
      throw new MillraceError(
        'DATA_FOLDER_NEWER',
        `The feature state has format ${stored.format}, and this version of Millrace reads up to ${FEATURE_STATE_FORMAT}.`,
        { fix: 'Upgrade Millrace, or name another folder with --data.' },
      )
    }
    // An older format is not read: its layers are cleared, and everything is built anew from the log.
    return {
      ...emptyManifest,
      revision: stored.revision,
      nextLayerId: stored.nextLayerId,
      clearing: [...stored.clearing, ...layersOf(stored).map(({ id }) => id)],
    }
  }

  async #setManifest(next: FeatureManifest): Promise<void> {
    const manifest = { ...next, revision: this.#manifest.revision + 1 }
    const puts = [
      { key: MANIFEST_KEY, bytes: encodeText(manifest) },
      { key: REVISION_KEY, bytes: encodeText(manifest.revision) },
    ]
    await this.#writer.commit([{ space: MANIFEST_SPACE, puts, removes: [] }], 0)
    this.#manifest = manifest
    this.#options.onVersions?.({ answered: manifest.active, building: definitionsIn(manifest.building) })
  }

  async #openLayer(plan: LayerPlan): Promise<FeatureLayer> {
    const { store, cachedGroupCount = 50_000 } = this.#options
    const [records] = await store.read([{ space: layerSpace(plan.id), keys: [HEAD_KEY] }])
    const { firstOffset } = await this.#log.bounds()
    const head: LayerHead =
      records![0] === undefined
        ? { nextOffset: firstOffset, newestAvailableTimeMs: -1 }
        : (decodeText(records![0]) as LayerHead)
    return new FeatureLayer(plan, { store, head, cachedGroupCount })
  }

  async #nextEvents({ head }: FeatureLayer, logNextOffset: number): Promise<readonly StoredEvent[]> {
    const limit = Math.min(this.#batchLength, logNextOffset - head.nextOffset)
    if (limit <= 0) return []
    const events = await this.#readEvents(head.nextOffset, limit)
    const [first] = events
    if (first !== undefined && first.offset !== head.nextOffset) {
      throw new MillraceError(
        'FEATURE_LOG_GAP',
        `The feature engine has read up to event ${head.nextOffset}, and the oldest one in the log is ${first.offset}.`,
        {
          fix: 'Remove the "online-store" folder from the data folder and start again: the state is rebuilt from what the log still has.',
        },
      )
    }
    return events
  }

  /** Fewer than the limit where so many change entities that a batch of them is large. */
  async #readEvents(fromOffset: number, limit: number): Promise<readonly StoredEvent[]> {
    const events: StoredEvent[] = []
    let changeCount = 0
    while (events.length < limit && changeCount < BATCH_CHANGE_COUNT) {
      const nextOffset = events.length === 0 ? fromOffset : events.at(-1)!.offset + 1
      const read = await this.#log.read(nextOffset, Math.min(READ_LENGTH, limit - events.length))
      if (read.length === 0) break
      for (const stored of read) {
        events.push(stored)
        if (stored.event.kind === 'entity') changeCount++
      }
    }
    return events
  }

  async #takeOverIfReady(logNextOffset: number): Promise<boolean> {
    const layer = this.#buildingLayer()
    if (layer === undefined || layer.head.nextOffset < logNextOffset) return false
    await this.#setManifest(takenOver(this.#manifest))
    const serving = new Set(this.#manifest.serving.map(({ id }) => id))
    this.#layers = this.#layers.filter(({ plan }) => serving.has(plan.id))
    return true
  }

  /** Removes records of layers that nobody reads, a part at a time, so that no step takes long. */
  async #clearSome(): Promise<boolean> {
    const [id] = this.#manifest.clearing
    if (id === undefined) return false
    const count = await this.#writer.clear(layerSpace(id), CLEARED_PER_STEP)
    if (count < CLEARED_PER_STEP) {
      await this.#setManifest({ ...this.#manifest, clearing: this.#manifest.clearing.filter((other) => other !== id) })
    }
    return true
  }

  /** What every layer has read need not be kept for the engine. */
  async #tellLog(): Promise<void> {
    const offset = this.#slowestOffset()
    if (offset === this.#toldOffset) return
    await this.#log.commitOffset(CONSUMER, offset)
    this.#toldOffset = offset
  }

  /** 0 where there is no layer, which is where nothing is defined. */
  #slowestOffset(): number {
    return this.#layers.length === 0 ? 0 : Math.min(...this.#layers.map(({ head }) => head.nextOffset))
  }

  #buildingLayer(): FeatureLayer | undefined {
    return this.#layers.find(({ plan }) => plan.id === this.#manifest.building?.layer.id)
  }
}

/** Definitions that the layer is built for; others it only takes along. */
const definitionsIn = (building: FeatureManifest['building']): readonly FeatureDefinition[] =>
  building === undefined
    ? []
    : building.definitions.filter(({ version }) =>
        building.layer.formulas.some((formula) => formula.version === version),
      )

const layersOf = ({ serving, building }: FeatureManifest): readonly LayerPlan[] =>
  building === undefined ? serving : [...serving, building.layer]
