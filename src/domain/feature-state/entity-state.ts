// Everything the engine keeps of one entity, in one record: a reader gets all its features with one look-up. Windows are decoded only when an event
// falls into them; the others are carried along as the bytes they came as.
import { ByteReader, ByteWriter } from '../../lib/bytes.ts'
import type { EntityEvent } from '../event.ts'
import type { FeatureValue } from '../feature.ts'
import type { Contribution } from '../feature-tiles/tile-family.ts'
import { firstHopAt, Tiles, type WindowTotal, windowTotal } from '../feature-tiles/tiles.ts'
import { AttributeState } from './attribute-state.ts'
import type { EntityLayout, Slot } from './layout.ts'
import { checkFormat, FEATURE_STATE_FORMAT } from './record-format.ts'

// The record: format, text of the attributes, length and bytes of each slot's window, length and bytes of each membership list.

const nothing = new Uint8Array(0)

/** Used by one call at a time; nothing is left in them. */
const recordWriter = new ByteWriter(4096)
const partWriter = new ByteWriter(4096)

export class EntityState {
  readonly #layout: EntityLayout
  readonly attributes: AttributeState
  #attributeText: string
  #isChanged = false
  /** By slot: as stored, or undefined where the decoded one has changed since. */
  readonly #windowBytes: (Uint8Array | undefined)[]
  readonly #windows: (Tiles | undefined)[]
  /** By group slot: the last hop in which the entity was counted for each group. */
  readonly #memberships: (Map<string, number> | undefined)[]

  private constructor(layout: EntityLayout, record: EntityRecord | undefined) {
    this.#layout = layout
    this.#attributeText = record?.attributeText() ?? ''
    this.attributes = AttributeState.from(this.#attributeText)
    this.#windowBytes = layout.slots.map(({ place }) => record?.part(place).slice() ?? nothing)
    this.#windows = layout.slots.map(() => undefined)
    this.#memberships = Array.from({ length: layout.groupCount }, (_, place) =>
      record === undefined ? undefined : readMemberships(record.part(layout.slots.length + place)),
    )
  }

  /** @param bytes from `write`; undefined for an entity without state */
  static from(layout: EntityLayout, bytes: Uint8Array | undefined): EntityState {
    return new EntityState(layout, bytes && new EntityRecord(layout, bytes))
  }

  /** Whether it differs from what was last read or written. */
  get isChanged(): boolean {
    return this.#isChanged
  }

  changeAttributes(event: EntityEvent, timeMs: number): void {
    this.attributes.change(event, { timeMs, names: this.#layout.attributes })
    const text = this.attributes.text()
    if (text === this.#attributeText) return
    this.#attributeText = text
    this.#isChanged = true
  }

  add({ place, form }: Slot, event: Contribution): void {
    this.#window(place).add(form, event)
    this.#windowBytes[place] = undefined
    this.#isChanged = true
  }

  /** Forgets the events of all windows; not which groups the entity was counted in, which is about the groups. */
  forgetEvents(): void {
    for (const { place } of this.#layout.slots) {
      this.#windows[place] = undefined
      this.#windowBytes[place] = nothing
    }
    this.#isChanged = true
  }

  /**
   * Notes that the entity was counted in a group.
   * @returns the last hop noted before; undefined where this is the first time
   */
  countIn(groupPlace: number, key: string, hop: number): number | undefined {
    const memberships = (this.#memberships[groupPlace] ??= new Map())
    const lastHop = memberships.get(key)
    if (lastHop === undefined || hop > lastHop) {
      memberships.set(key, hop)
      this.#isChanged = true
    }
    return lastHop
  }

  /**
   * Lets go of what no window at or after that moment holds.
   * @returns undefined where nothing is left
   */
  write(nowMs: number): Uint8Array | undefined {
    this.#isChanged = false
    const { slots } = this.#layout
    for (const { place, form } of slots) this.#settle(place, form, nowMs)
    for (const { group, form } of slots) if (group) this.#dropMemberships(group.place, firstHopAt(form, nowMs))
    const isEmpty =
      this.attributes.isEmpty &&
      this.#windowBytes.every((bytes) => bytes!.length === 0) &&
      this.#memberships.every((memberships) => memberships === undefined)
    if (isEmpty) return undefined

    recordWriter.reset()
    recordWriter.byte(FEATURE_STATE_FORMAT)
    recordWriter.text(this.#attributeText)
    for (const bytes of this.#windowBytes) {
      recordWriter.whole(bytes!.length)
      recordWriter.raw(bytes!)
    }
    for (const memberships of this.#memberships) {
      const bytes = writeMemberships(memberships)
      recordWriter.whole(bytes.length)
      recordWriter.raw(bytes)
    }
    return recordWriter.copy()
  }

  /** From when on the record holds nothing that matters; undefined: never. To be called after `write`. */
  expiresAtMs(): number | undefined {
    const { attributes } = this
    if (!attributes.isOnlyDeletion) return undefined
    let expiresAtMs = 0
    for (const { place, form, group } of this.#layout.slots) {
      const memberships = group && this.#memberships[group.place]
      const lastHop = Math.max(lastHopIn(this.#windowBytes[place]!), ...(memberships?.values() ?? []))
      expiresAtMs = Math.max(expiresAtMs, (lastHop + 1) * form.hopMs + form.windowMs)
      // A late event that the deletion covers must still find it.
      expiresAtMs = Math.max(expiresAtMs, attributes.deletedMs + form.hopMs + form.windowMs)
    }
    return expiresAtMs
  }

  #window(place: number): Tiles {
    const window = this.#windows[place]
    if (window !== undefined) return window
    const bytes = this.#windowBytes[place]!
    const { form } = this.#layout.slots[place]!
    return (this.#windows[place] = bytes.length === 0 ? new Tiles() : Tiles.read(form, new ByteReader(bytes)))
  }

  #settle(place: number, form: Slot['form'], nowMs: number): void {
    if (this.#windowBytes[place] !== undefined) return
    const window = this.#windows[place]!
    window.dropBefore(form, firstHopAt(form, nowMs))
    if (window.isEmpty) {
      this.#windowBytes[place] = nothing
      return
    }
    partWriter.reset()
    window.write(form, partWriter)
    this.#windowBytes[place] = partWriter.copy()
  }

  #dropMemberships(groupPlace: number, firstHop: number): void {
    const memberships = this.#memberships[groupPlace]
    if (memberships === undefined) return
    for (const [key, lastHop] of memberships) if (lastHop < firstHop) memberships.delete(key)
    if (memberships.size === 0) this.#memberships[groupPlace] = undefined
  }
}

export interface WindowValue {
  readonly value: FeatureValue
  /** Counted time of the newest event behind it; undefined where there is none. */
  readonly newestMs: number | undefined
}

/** A stored record, read part by part. The bytes must stay as they are. */
export class EntityRecord {
  readonly #bytes: Uint8Array
  readonly #reader: ByteReader
  /** Where each part begins, and the end of the last. The length before a part lies in between. */
  readonly #starts: Int32Array
  readonly #lengths: Int32Array
  /** By slot; null: missing. */
  readonly #computed: (WindowValue | null | undefined)[] = []
  #attributes: AttributeState | undefined

  /** @throws MillraceError FEATURE_STATE_UNREADABLE */
  constructor(layout: EntityLayout, bytes: Uint8Array) {
    checkFormat(bytes[0])
    const partCount = layout.slots.length + layout.groupCount
    this.#bytes = bytes
    this.#reader = new ByteReader(bytes, 1)
    this.#starts = new Int32Array(partCount)
    this.#lengths = new Int32Array(partCount)
    const reader = this.#reader
    const textLength = reader.whole()
    let at = reader.at + textLength
    for (let part = 0; part < partCount; part++) {
      reader.at = at
      const length = reader.whole()
      this.#starts[part] = reader.at
      this.#lengths[part] = length
      at = reader.at + length
    }
  }

  attributeText(): string {
    this.#reader.moveTo(1)
    return this.#reader.text()
  }

  attribute(name: string) {
    this.#attributes ??= AttributeState.from(this.attributeText())
    return this.#attributes.get(name)
  }

  /** A view of the bytes. */
  part(place: number): Uint8Array {
    return this.#bytes.subarray(this.#starts[place]!, this.#starts[place]! + this.#lengths[place]!)
  }

  /** What the formula of that slot gives at a moment after every event in here; computed once, for the first moment asked. Undefined: missing. */
  computed({ place, form }: Slot, asOfMs: number): WindowValue | undefined {
    const known = this.#computed[place]
    if (known !== undefined) return known ?? undefined
    const { total, newestMs } = this.#window(place, form, asOfMs)
    const value = form.family.value(total, asOfMs, newestMs)
    const computed = value === undefined ? undefined : { value, newestMs }
    this.#computed[place] = computed ?? null
    return computed
  }

  #window(place: number, form: Slot['form'], asOfMs: number): WindowTotal {
    if (this.#lengths[place] === 0) return { total: form.family.empty(), newestMs: undefined }
    this.#reader.moveTo(this.#starts[place]!)
    return windowTotal(form, this.#reader, asOfMs)
  }
}

function readMemberships(bytes: Uint8Array): Map<string, number> | undefined {
  if (bytes.length === 0) return undefined
  const reader = new ByteReader(bytes)
  const memberships = new Map<string, number>()
  for (let rest = reader.whole(); rest > 0; rest--) memberships.set(reader.text(), reader.signed())
  return memberships
}

function writeMemberships(memberships: ReadonlyMap<string, number> | undefined): Uint8Array {
  if (memberships === undefined) return nothing
  partWriter.reset()
  partWriter.whole(memberships.size)
  for (const [key, hop] of memberships) {
    partWriter.text(key)
    partWriter.signed(hop)
  }
  return partWriter.copy()
}

/** -Infinity where the window is empty. */
function lastHopIn(bytes: Uint8Array): number {
  if (bytes.length === 0) return Number.NEGATIVE_INFINITY
  const reader = new ByteReader(bytes)
  reader.whole()
  return reader.signed() + reader.whole()
}
