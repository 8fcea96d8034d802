// What the growth benchmark asks of a process, and what that says.
import type { GrowthPoint } from './growth-shop.ts'

export interface GrowthTask {
  readonly point: GrowthPoint
  readonly dataDir: string
  /** Of the bundle there. */
  readonly version: string
  readonly seed: number
  readonly warmUpMs: number
  readonly roundCount: number
  readonly perRound: number
}

export interface GrowthMeasurement {
  /** What is kept after a collection: of each step beyond the one before it, and the whole. `resident` is all that the process holds, pages of files in memory too. */
  readonly memoryMb: Readonly<
    Record<'process' | 'live' | 'model' | 'columns' | 'answering' | 'whole' | 'resident', number>
  >
  /** `reading` is worked out from the time that the log took for some of the events; the others are measured. */
  readonly loadSeconds: Readonly<Record<'reading' | 'events' | 'model' | 'columns', number>>
  /** Of a request, the median of each step that the ranker needs. */
  readonly stepMs: Readonly<Record<'candidates' | 'features' | 'ranking', number>>
  readonly eventCount: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly p99SpreadMs: readonly [number, number]
  /** Of one core: by the processor time of all threads. */
  readonly requestsPerSecond: number
  readonly requestsPerSecondSpread: readonly [number, number]
}

export type GrowthAnswer = GrowthMeasurement | { readonly problem: string }
