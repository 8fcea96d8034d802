// Features as they were at an earlier moment: computed from the log by the definitions, through the same join as a training row, and so the same.

import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Plan } from '../config/plan.ts'
import { countedTimeMs, type FeatureDefinition, type FeatureReading, windowStartMs } from '../domain/feature.ts'
import { isoTime } from '../domain/iso-time.ts'
import type { Clock } from '../lib/clock.ts'
import { MillraceError } from '../lib/errors.ts'
import type { EventLog, StoredEvent } from '../ports/event-log.ts'
import type { OfflineStore } from '../ports/offline-store.ts'
import { sharesOf } from './feature-manifest.ts'
import type { FeatureKey, FeatureRows } from './feature-reader.ts'
import { type JoinedRow, joinedRows } from './joined-rows.ts'
import { logBatches } from './log-batches.ts'
import { attributeKinds } from './training-set.ts'

export interface EarlierFeaturesParts {
  readonly plan: Plan
  readonly log: EventLog
  readonly offlineStore: OfflineStore
  /** Where files may lie for as long as a question takes. Created where it is missing. */
  readonly folder: string
  readonly clock: Clock
}

export interface EarlierFeatures extends Pick<FeatureRows, 'asOfMs' | 'rows'> {
  /** Of the log: above 0 where retention has removed what came before, which the values lack. */
  readonly firstOffset: number
}

export interface EarlierFeaturesRequest {
  /** Of the plan; the readings come in their order. */
  readonly features: readonly FeatureDefinition[]
  readonly entity: FeatureKey
  readonly asOfMs: number
  /** Whether events count from when they happened, however late they came. By default, as for a training row, from when they were available. */
  readonly asKnownNow?: boolean
}

/**
 * Reads the whole log: half a second for 400,000 events, and what the join takes. What the log has been trimmed of is not seen.
 * @throws MillraceError FEATURE_MOMENT_UNKNOWN for a moment in the future or before all data, OFFLINE_STORE_FAILED, DISK_FULL
 */
export async function earlierFeatures(
  { plan, log, offlineStore, folder, clock }: EarlierFeaturesParts,
  { features, entity, asOfMs, asKnownNow = false }: EarlierFeaturesRequest,
): Promise<EarlierFeatures> {
  assertNotFuture(asOfMs, clock.now())
  const definitions = withShares(features, plan.data.features)
  await mkdir(folder, { recursive: true })
  const own = await mkdtemp(join(folder, 'moment-'))
  try {
    const relevant = new RelevantEvents(definitions, entity, { asOfMs, asKnownNow })
    const bounds = await log.bounds()
    const written = await offlineStore.writeEvents(relevant.of(logBatches(log, bounds)), own)
    relevant.assertAny()
    const target = join(own, 'values.parquet')
    await offlineStore.joinFeatures({
      files: written.map(({ path, table }) => ({ path: join(own, path), table })),
      definitions,
      attributes: attributeKinds(plan),
      labels: [[{ userId: entity.userId ?? NOBODY, itemId: entity.itemId ?? NOBODY, momentMs: asOfMs }]],
      target,
    })
    const [joined] = await joinedRows(target)
    return { asOfMs, firstOffset: bounds.firstOffset, rows: [features.map((feature) => readingOf(joined!, feature))] }
  } finally {
    await rm(own, { recursive: true, force: true })
  }
}

/** No id of anybody: ids have at least one character. */
const NOBODY = ''

/** What the values of one entity at one moment can depend on. Offsets stay, since groups go by them. */
class RelevantEvents {
  readonly #entity: FeatureKey
  readonly #asOfMs: number
  readonly #asKnownNow: boolean
  readonly #startMs: number
  readonly #needsEverybody: boolean
  #firstMs = Number.POSITIVE_INFINITY
  #hasKnown = false

  constructor(
    definitions: readonly FeatureDefinition[],
    entity: FeatureKey,
    { asOfMs, asKnownNow }: { asOfMs: number; asKnownNow: boolean },
  ) {
    this.#entity = entity
    this.#asOfMs = asOfMs
    this.#asKnownNow = asKnownNow
    this.#startMs = Math.min(
      ...definitions.flatMap(({ formula }) => ('windowMs' in formula ? windowStartMs(asOfMs, formula.windowMs) : [])),
    )
    this.#needsEverybody = definitions.some(({ formula }) => formula.family === 'ratioToGroup')
  }

  async *of(batches: AsyncIterable<readonly StoredEvent[]>): AsyncGenerator<readonly StoredEvent[]> {
    for await (const batch of batches) {
      const seen = this.#asKnownNow ? batch.map(asItHappened) : batch
      yield seen.filter((stored) => this.#isRelevant(stored))
    }
  }

  /** To be called after all of them have passed. */
  assertAny(): void {
    if (this.#firstMs < this.#asOfMs) return
    const since = Number.isFinite(this.#firstMs)
      ? `the log knows something from ${isoTime(this.#firstMs)} on`
      : 'the log is empty'
    throw new MillraceError(
      'FEATURE_MOMENT_UNKNOWN',
      `Features were asked for as of ${isoTime(this.#asOfMs)}, and ${since}.`,
      {
        fix: 'Ask for a later moment. History that was imported is known from the import on, unless its source says since when it was known.',
      },
    )
  }

  #isRelevant({ event, availableTimeMs }: StoredEvent): boolean {
    // No feature is made of what was shown.
    if (event.kind === 'impression') return false
    if (availableTimeMs < this.#firstMs) this.#firstMs = availableTimeMs
    // A change decides groups whenever it became available.
    if (event.kind === 'entity') return true
    // One that says that something was known, also where it is about somebody else: without any, the join would take the moment for one before all data.
    if (availableTimeMs < this.#asOfMs && !this.#hasKnown) {
      this.#hasKnown = true
      return true
    }
    if (availableTimeMs >= this.#asOfMs || countedTimeMs(event.eventTimeMs, availableTimeMs) < this.#startMs)
      return false
    return this.#needsEverybody || event.userId === this.#entity.userId || event.itemId === this.#entity.itemId
  }
}

const asItHappened = (stored: StoredEvent): StoredEvent => ({
  ...stored,
  availableTimeMs: Math.min(stored.availableTimeMs, stored.event.eventTimeMs),
})

function assertNotFuture(asOfMs: number, nowMs: number): void {
  if (asOfMs <= nowMs) return
  throw new MillraceError(
    'FEATURE_MOMENT_UNKNOWN',
    `Features were asked for as of ${isoTime(asOfMs)}, which is in the future: now it is ${isoTime(nowMs)}.`,
    { fix: 'Leave the moment out to get the features of now.' },
  )
}

/** With the features that pair features are made of. */
function withShares(
  features: readonly FeatureDefinition[],
  all: readonly FeatureDefinition[],
): readonly FeatureDefinition[] {
  const names = new Set(features.flatMap(({ name, formula }) => [name, ...sharesOf(formula)]))
  return all.filter(({ name }) => names.has(name))
}

function readingOf(joined: JoinedRow, { name, default: standIn }: FeatureDefinition): FeatureReading {
  const reading = joined(name)
  // A column of maps has no room for the text that stands in for one.
  return reading.status === 'default' ? { ...reading, value: standIn } : reading
}
