// Keeps what some keys are served, beside the answers: an answer waits for nothing, memory is bounded, and what had to be left out is counted.
import type { FeatureDefinition } from '../domain/feature.ts'
import { sufficesFor } from '../domain/feature.ts'
import { isSampled, type ServedFeatures, servedVersion } from '../domain/served-features.ts'
import type { Logger } from '../lib/logger.ts'
import type { ServedFeaturesStore } from '../ports/served-features-store.ts'
import type { FeatureKey, FeatureReader, FeatureRows } from './feature-reader.ts'

/** Readings that wait to be written, at most: some tens of megabytes. */
const WAITING_READING_COUNT_MAX = 100_000

export interface FeatureSamplerOptions {
  readonly store: Pick<ServedFeaturesStore, 'append'>
  /** Of the keys, in [0, 1]. */
  readonly sampleShare: number
  readonly logger: Logger
  /** Readings that may wait to be written; 100,000 by default. */
  readonly waitingReadingCountMax?: number
}

/** Rows (what one key was served in one answer) since the start. */
export interface SampleCounts {
  readonly keptCount: number
  /** Of the sample, but not kept: the store failed, or was too slow. */
  readonly droppedCount: number
}

export class FeatureSampler {
  readonly #options: FeatureSamplerOptions
  readonly #waitingMax: number
  #waiting: ServedFeatures[] = []
  #waitingReadingCount = 0
  #writing: Promise<void> | undefined
  #keptCount = 0
  #droppedCount = 0
  /** Whether the last write failed: a store that stays broken is told of once. */
  #isFailing = false
  readonly #versions = new WeakMap<FeatureDefinition, string>()

  constructor(options: FeatureSamplerOptions) {
    this.#options = options
    this.#waitingMax = options.waitingReadingCountMax ?? WAITING_READING_COUNT_MAX
  }

  counts(): SampleCounts {
    return { keptCount: this.#keptCount, droppedCount: this.#droppedCount }
  }

  /** Keeps what the keys of the sample were served. Returns at once. */
  take(keys: readonly FeatureKey[], served: FeatureRows): void {
    keys.forEach((key, k) => {
      if (isSampled(key, this.#options.sampleShare)) this.#add(this.#rowOf(key, served, k))
    })
    if (this.#waiting.length > 0) this.#writing ??= this.#writeAll()
  }

  /** Resolves when everything that was taken is written or dropped. */
  async settled(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
  }

  #rowOf(key: FeatureKey, { asOfMs, nextOffset, definitions, rows }: FeatureRows, k: number): ServedFeatures {
    const readings = definitions.flatMap((definition, d) => {
      // What was asked of half a key is missing, and says nothing.
      if (!sufficesFor(key, definition)) return []
      const { status, value } = rows[k]![d]!
      return [{ name: definition.name, version: this.#versionOf(definition), status, value }]
    })
    return { momentMs: asOfMs, ...key, ...(nextOffset !== undefined && { nextOffset }), readings }
  }

  #add(row: ServedFeatures): void {
    if (row.readings.length === 0) return
    if (this.#waitingReadingCount + row.readings.length > this.#waitingMax) {
      this.#droppedCount++
      return
    }
    this.#waitingReadingCount += row.readings.length
    this.#waiting.push(row)
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const rows = this.#waiting
      this.#waiting = []
      try {
        await this.#options.store.append(rows)
        this.#keptCount += rows.length
        this.#isFailing = false
      } catch (error) {
        this.#droppedCount += rows.length
        if (!this.#isFailing) this.#options.logger.error('features as served cannot be kept', { error })
        this.#isFailing = true
      }
      // Only now: what is being written takes room, too.
      this.#waitingReadingCount -= rows.reduce((sum, { readings }) => sum + readings.length, 0)
    }
    this.#writing = undefined
  }

  #versionOf(definition: FeatureDefinition): string {
    const known = this.#versions.get(definition)
    if (known !== undefined) return known
    const version = servedVersion(definition)
    this.#versions.set(definition, version)
    return version
  }
}

/** The same reader; what it answers goes to the sample. */
export function sampledReader(reader: FeatureReader, sampler: FeatureSampler): FeatureReader {
  return {
    async read(request) {
      const served = await reader.read(request)
      sampler.take(request.entities, served)
      return served
    },
    definitions: () => reader.definitions(),
  }
}
