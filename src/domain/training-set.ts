// What a training set was made of, so that it can be made again byte for byte: its manifest, and the table versions it must still find then.
import type { JsonValue } from '../lib/json.ts'

/** One version of an offline table, as its log numbers them: 0, 1, 2 ... */
export interface TableVersion {
  readonly table: string
  readonly version: number
}

/** The process that makes a set: its number, and when it was started, in words of the system, since numbers are given again. */
export interface TrainingSetMaker {
  readonly pid: number
  readonly startedAt: string
}

export interface TrainingSet {
  /** SHA-256 of the manifest's canonical JSON, 64 hexadecimal digits. */
  readonly contentHash: string
  /** Everything that decides what is in it: definitions, table versions, time range, seed. */
  readonly manifest: JsonValue
  /** What it reads. Vacuum spares these versions until the set is released. */
  readonly tables: readonly TableVersion[]
  /** When it was begun. */
  readonly createdAtMs: number
  /** Who makes it, or gave up making it; undefined once it is made. */
  readonly maker?: TrainingSetMaker
  /** When its table versions were let go; undefined while they are kept. */
  readonly releasedAtMs?: number
}
