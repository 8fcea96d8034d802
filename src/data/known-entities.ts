// What a reader remembers of the entities that it was asked about: which record the store gave last, and what was made of it for one list of features.
// That holds while the store gives the same record and the moment is within its validity.
import type { Validity } from '../domain/feature-tiles/validity.ts'

/** What an entity takes, about, and each cell that is kept of it. */
const ENTITY_BYTES = 300
const CELL_BYTES = 100

/**
 * By number of the feature in the list: the reading, where one record and the moment are all there is to it; else the record's part of it; undefined where
 * the record has no part in it.
 */
export type Cells = readonly unknown[]

/** Entities of one kind in one layer. Those that were not asked for lately are forgotten. */
export class KnownEntities {
  readonly #bytesMax: number
  #young = new Map<string, KnownEntity>()
  #old = new Map<string, KnownEntity>()
  #youngBytes = 0

  /** @param bytesMax how much memory they may take, about */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** @param keyOf of the store's record, for one that is not known yet */
  want(id: string, keyOf: (id: string) => string): KnownEntity {
    const young = this.#young.get(id)
    if (young !== undefined) return young
    if (this.#youngBytes > this.#bytesMax / 2) {
      this.#old = this.#young
      this.#young = new Map()
      this.#youngBytes = 0
    }
    const entity = this.#old.get(id) ?? new KnownEntity(keyOf(id))
    this.#young.set(id, entity)
    this.#youngBytes += ENTITY_BYTES + (entity.cells === undefined ? 0 : CELL_BYTES * entity.cells.length)
    return entity
  }

  /**
   * Cells of the record that the store has given, at a moment in whole milliseconds. Those of a record that is seen for the first time are not kept: most
   * are not seen again, and what is kept costs more in garbage collection than what is not.
   * @param make the cells, and resets the validity before
   */
  cellsOf(
    entity: KnownEntity,
    { bytes, asOfMs, validity, make }: { bytes: Uint8Array; asOfMs: number; validity: Validity; make: () => Cells },
  ): Cells {
    if (entity.bytes !== bytes) {
      entity.bytes = bytes
      this.#forget(entity)
      return make()
    }
    const { cells } = entity
    if (cells !== undefined && asOfMs >= entity.fromMs && asOfMs < entity.untilMs) return cells
    const made = make()
    if (cells === undefined) this.#youngBytes += CELL_BYTES * made.length
    entity.cells = made
    entity.fromMs = validity.fromMs
    entity.untilMs = validity.untilMs
    return made
  }

  #forget(entity: KnownEntity): void {
    if (entity.cells !== undefined) this.#youngBytes -= CELL_BYTES * entity.cells.length
    entity.cells = undefined
  }
}

/** Changed by `KnownEntities` and, what concerns a request, by that. */
export class KnownEntity {
  readonly key: string
  /** As the store gave it last. */
  bytes: Uint8Array | undefined
  cells: Cells | undefined
  // No moment is within them yet.
  /** The cells hold from then on. */
  fromMs = 0.5
  /** And until then. */
  untilMs = 0.5
  /** Its place among the records of the request with that number, so that an entity that is named often is looked up once. */
  place = -1
  requestNumber = -1

  constructor(key: string) {
    this.key = key
  }
}
