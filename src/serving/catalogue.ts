// Every item the log has spoken of, by row, and what is known of it now. Rows are given out once, in the order in which items are first heard
// of, and never change; the dense indexes of a model are `ItemIndexes`' business, so that a new model moves nothing in here.
import type { AttributePlan } from '../config/plan.ts'
import type { Attributes, EntityEvent } from '../domain/event.ts'
import { grown } from '../lib/grown.ts'
import { IdIndexes } from '../lib/id-indexes.ts'
import { type Column, emptyColumn } from './column.ts'

/** Changes that are remembered; who has missed more than these starts over. */
const REMEMBERED_CHANGE_COUNT = 65_536

export class Catalogue {
  /** By attribute name. */
  readonly columns: ReadonlyMap<string, Column>
  readonly #rows = new IdIndexes()
  readonly #ids: string[] = []
  /** Event times by row; 0 where there was none. A `put` counts for every attribute, a `patch` for those in `#patchTimesMs`. */
  #putTimesMs = new Float64Array(0)
  readonly #patchTimesMs = new Map<string, Float64Array>()
  #newestTimesMs = new Float64Array(0)
  #deletedTimesMs = new Float64Array(0)
  #isDeleted = new Uint8Array(0)
  #deletedCount = 0
  readonly #changedRows = new Int32Array(REMEMBERED_CHANGE_COUNT)
  #changeCount = 0

  constructor(attributes: Readonly<Record<string, AttributePlan>>) {
    this.columns = new Map(Object.entries(attributes).map(([name, attribute]) => [name, emptyColumn(attribute)]))
  }

  /** Rows given out so far, those of deleted items too. */
  get rowCount(): number {
    return this.#ids.length
  }

  /** Items that are not deleted. */
  get liveCount(): number {
    return this.#ids.length - this.#deletedCount
  }

  /** Undefined for an item that was never heard of. */
  rowOf(itemId: string): number | undefined {
    const row = this.#rows.indexOf(itemId)
    return row < 0 ? undefined : row
  }

  /** Of many items at once, in less time. @param rows filled with their rows; -1 for items that were never heard of */
  rowsOf(itemIds: readonly string[], rows: Int32Array): void {
    this.#rows.indexesOf(itemIds, rows)
  }

  idOf(row: number): string {
    return this.#ids[row]!
  }

  /** False for a deleted item. */
  isLive(row: number): boolean {
    return this.#isDeleted[row] === 0
  }

  /** The item's row; a new one, without attributes, where it was never heard of. */
  rowFor(itemId: string): number {
    const row = this.#rows.indexFor(itemId)
    if (row < this.#ids.length) return row
    this.#ids.push(itemId)
    this.#putTimesMs = grown(this.#putTimesMs, row + 1)
    this.#newestTimesMs = grown(this.#newestTimesMs, row + 1)
    this.#deletedTimesMs = grown(this.#deletedTimesMs, row + 1)
    this.#isDeleted = grown(this.#isDeleted, row + 1)
    this.#changed(row)
    return row
  }

  /** What is known of the item; attributes that are missing are left out. Undefined for an unknown or deleted item. */
  attributesOf(itemId: string): Attributes | undefined {
    const row = this.rowOf(itemId)
    if (row === undefined || !this.isLive(row)) return undefined
    const attributes: Record<string, NonNullable<ReturnType<Column['get']>>> = {}
    for (const [name, column] of this.columns) {
      const value = column.get(row)
      if (value !== undefined && value !== null) attributes[name] = value
    }
    return attributes
  }

  /**
   * The newest event time wins, attribute by attribute, in whatever order changes come; among equal times the one that comes last.
   * A deleted item comes back by a change that is newer than its deletion. Attributes the plan does not know are ignored.
   */
  change(event: EntityEvent): void {
    const row = this.rowFor(event.entityId)
    if (event.change === 'patch') this.#patch(row, event)
    else this.#put(row, event)
    if (event.change === 'delete') this.#delete(row, event.eventTimeMs)
    else this.#revive(row, event.eventTimeMs)
    this.#changed(row)
  }

  /** A delete puts nothing in the place of everything. */
  #put(row: number, { attributes, eventTimeMs }: EntityEvent): void {
    for (const [name, column] of this.columns) {
      if (eventTimeMs >= this.#timeMs(row, name)) column.set(row, own(attributes, name))
    }
    this.#putTimesMs[row] = Math.max(this.#putTimesMs[row]!, eventTimeMs)
  }

  #patch(row: number, { attributes, eventTimeMs }: EntityEvent): void {
    for (const name of Object.keys(attributes)) {
      const column = this.columns.get(name)
      if (column === undefined || eventTimeMs < this.#timeMs(row, name)) continue
      column.set(row, attributes[name])
      const timesMs = grown(this.#patchTimesMs.get(name) ?? new Float64Array(0), row + 1)
      timesMs[row] = eventTimeMs
      this.#patchTimesMs.set(name, timesMs)
    }
  }

  #timeMs(row: number, name: string): number {
    return Math.max(this.#putTimesMs[row]!, this.#patchTimesMs.get(name)?.[row] ?? 0)
  }

  #delete(row: number, eventTimeMs: number): void {
    this.#deletedTimesMs[row] = Math.max(this.#deletedTimesMs[row]!, eventTimeMs)
    if (eventTimeMs >= this.#newestTimesMs[row]!) this.#setDeleted(row, 1)
  }

  #revive(row: number, eventTimeMs: number): void {
    this.#newestTimesMs[row] = Math.max(this.#newestTimesMs[row]!, eventTimeMs)
    if (eventTimeMs >= this.#deletedTimesMs[row]!) this.#setDeleted(row, 0)
  }

  #setDeleted(row: number, isDeleted: 0 | 1): void {
    this.#deletedCount += isDeleted - this.#isDeleted[row]!
    this.#isDeleted[row] = isDeleted
  }

  #changed(row: number): void {
    this.#changedRows[this.#changeCount++ % REMEMBERED_CHANGE_COUNT] = row
  }

  /** Changes so far: a place to come back to with `changesSince`. */
  get changeCount(): number {
    return this.#changeCount
  }

  /** Calls back with every row that changed after that place, at least once. False, without a call, where that is too long ago to say. */
  changesSince(place: number, visit: (row: number) => void): boolean {
    if (this.#changeCount - place > REMEMBERED_CHANGE_COUNT) return false
    for (let i = place; i < this.#changeCount; i++) visit(this.#changedRows[i % REMEMBERED_CHANGE_COUNT]!)
    return true
  }
}

const own = (attributes: Attributes, name: string) => (Object.hasOwn(attributes, name) ? attributes[name] : undefined)
