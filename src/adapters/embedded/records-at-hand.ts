// Records that are read again and again, kept as long as nothing has changed them: a look-up in a map takes a tenth of one in the store, and whoever gets
// the same array as before knows that what he made of it still holds.
import type { ChangedRecords } from '../../ports/online-store.ts'

/** Many records lie side by side in one: an array with memory of its own for each of a thousand costs more than the records. */
const SLAB_BYTES = 65_536
/** What a record takes beside its bytes, about. */
const RECORD_BYTES = 200

interface Slab {
  readonly memory: Uint8Array
  used: number
  readonly records: { readonly space: string; readonly key: string; readonly bytes: Uint8Array }[]
}

export class RecordsAtHand {
  readonly #bytesMax: number
  readonly #bySpace = new Map<string, Map<string, Uint8Array>>()
  /** The oldest first: records go with their slab. */
  #slabs: Slab[] = []
  #bytes = 0

  /** @param bytesMax how much memory it may take, about */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Good until the next `clear`. */
  ofSpace(space: string): ReadonlyMap<string, Uint8Array> {
    const known = this.#bySpace.get(space)
    if (known !== undefined) return known
    const records = new Map<string, Uint8Array>()
    this.#bySpace.set(space, records)
    return records
  }

  /**
   * Copies a record that is not there yet.
   * @returns the copy
   */
  keep(space: string, key: string, value: Uint8Array): Uint8Array {
    const slab = this.#slabFor(value.length)
    slab.memory.set(value, slab.used)
    const bytes = slab.memory.subarray(slab.used, slab.used + value.length)
    slab.used += value.length
    slab.records.push({ space, key, bytes })
    this.#bytes += RECORD_BYTES
    this.#bySpace.get(space)!.set(key, bytes)
    return bytes
  }

  forget(changed: readonly ChangedRecords[]): void {
    for (const { space, keys } of changed) {
      const records = this.#bySpace.get(space)
      if (records !== undefined) for (const key of keys) records.delete(key)
    }
  }

  clear(): void {
    if (this.#slabs.length === 0) return
    this.#bySpace.clear()
    this.#slabs = []
    this.#bytes = 0
  }

  #slabFor(byteLength: number): Slab {
    const newest = this.#slabs.at(-1)
    if (newest !== undefined && newest.used + byteLength <= newest.memory.length) return newest
    while (this.#bytes > this.#bytesMax) this.#letGo(this.#slabs.shift()!)
    const slab = { memory: new Uint8Array(Math.max(byteLength, SLAB_BYTES)), used: 0, records: [] }
    this.#slabs.push(slab)
    this.#bytes += slab.memory.length
    return slab
  }

  #letGo({ memory, records }: Slab): void {
    this.#bytes -= memory.length + RECORD_BYTES * records.length
    for (const { space, key, bytes } of records) {
      const known = this.#bySpace.get(space)!
      // What has changed since lies elsewhere.
      if (known.get(key) === bytes) known.delete(key)
    }
  }
}
