// Everything the engine keeps of one entity, in one record: a reader gets all its features with one look-up. Windows are decoded only when an event
// falls into them; the others are carried along as the bytes they came as.
import { ByteReader, ByteWriter } from '../../lib/bytes.ts'
import type { EntityEvent } from '../event.ts'
import type { FeatureValue } from '../feature.ts'
import type { Contribution } from '../feature-tiles/tile-family.ts'
import { firstHopAt, Tiles, type WindowTotal, windowTotal } from '../feature-tiles/tiles.ts'
import { AttributeState, AttributeText } from './attribute-state.ts'
import type { EntityLayout, Slot } from './layout.ts'
import { checkFormat, FEATURE_STATE_FORMAT } from './record-format.ts'

// The record: format, text of the attributes, length and bytes of each slot's window, length and bytes of each membership list.

const nothing = new Uint8Array(0)

/** Used by one call at a time; nothing is left in them. */
const recordWriter = new ByteWriter(4096)
const partWriter = new ByteWriter(4096)

export class EntityState {
  readonly #layout: EntityLayout
  /** As read or last written; undefined for an entity without state. */
  #bytes: Uint8Array | undefined
  /** `#bytes`, once it is looked at. */
  #record: EntityRecord | undefined
  // What has been decoded, because it was asked for or changes. After a write only the attributes stay: kept for as long as the engine keeps the entity,
  // the many small objects of windows cost more in garbage collection than decoding them again.
  #attributes: AttributeState | undefined
  /** Of the attributes in `#bytes`. */
  #attributeText: string | undefined
  #haveAttributesChanged = false
  #windows: (Tiles | undefined)[] = []
  /** By group slot: the last hop in which the entity was counted for each group. */
  #memberships: (Map<string, number> | undefined)[] = []
  /** The windows in `#bytes` do not count any more. */
  #areForgotten = false
  #isChanged = false
  #expiresAtMs: number | undefined

  /** @param bytes from `write`; undefined for an entity without state */
  constructor(layout: EntityLayout, bytes: Uint8Array | undefined) {
    this.#layout = layout
    this.#bytes = bytes
  }

  /** Whether it differs from what was last read or written. */
  get isChanged(): boolean {
    return this.#isChanged
  }

  get attributes(): AttributeState {
    return (this.#attributes ??= AttributeState.from(this.#storedText()))
  }

  changeAttributes(event: EntityEvent, timeMs: number): void {
    this.attributes.change(event, { timeMs, names: this.#layout.attributes })
    this.#haveAttributesChanged = true
    this.#isChanged = true
  }

  add({ place, form }: Slot, event: Contribution): void {
    this.#window(place).add(form, event)
    this.#isChanged = true
  }

  /** Forgets the events of all windows; not which groups the entity was counted in, which is about the groups. */
  forgetEvents(): void {
    this.#windows = []
    this.#areForgotten = true
    this.#isChanged = true
  }

  /**
   * Notes that the entity was counted in a group.
   * @returns the last hop noted before; undefined where this is the first time
   */
  countIn(groupPlace: number, key: string, hop: number): number | undefined {
    const memberships = (this.#memberships[groupPlace] ??= this.#storedMemberships(groupPlace))
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
    const { slots } = this.#layout
    // -Infinity for nothing at all.
    let expiresAtMs = Number.NEGATIVE_INFINITY
    recordWriter.reset()
    recordWriter.byte(FEATURE_STATE_FORMAT)
    this.#attributeText = this.#haveAttributesChanged ? this.attributes.text() : this.#storedText()
    recordWriter.text(this.#attributeText)
    for (const { place, form } of slots) {
      const lastHop = this.#writeWindow(place, form, nowMs)
      expiresAtMs = Math.max(expiresAtMs, (lastHop + 1) * form.hopMs + form.windowMs)
    }
    for (const { group, form } of slots) {
      if (group === undefined) continue
      const lastHop = this.#writeMemberships(group.place, firstHopAt(form, nowMs))
      expiresAtMs = Math.max(expiresAtMs, (lastHop + 1) * form.hopMs + form.windowMs)
    }
    const isEmpty = expiresAtMs === Number.NEGATIVE_INFINITY && this.attributes.isEmpty
    this.#expiresAtMs = this.attributes.isOnlyDeletion ? Math.max(expiresAtMs, this.#deletionExpiresAtMs()) : undefined
    this.#bytes = isEmpty ? undefined : recordWriter.copy()
    this.#record = undefined
    this.#windows = []
    this.#memberships = []
    this.#areForgotten = false
    this.#haveAttributesChanged = false
    this.#isChanged = false
    return this.#bytes
  }

  /** From when on the record holds nothing that matters; undefined: never. As of the last `write`. */
  get expiresAtMs(): number | undefined {
    return this.#expiresAtMs
  }

  /** A late event that the deletion covers must still find it. */
  #deletionExpiresAtMs(): number {
    const { deletedMs } = this.attributes
    return Math.max(...this.#layout.slots.map(({ form }) => deletedMs + form.hopMs + form.windowMs))
  }

  #storedText(): string {
    return (this.#attributeText ??= this.#stored()?.attributeText() ?? '')
  }

  #stored(): EntityRecord | undefined {
    if (this.#record === undefined && this.#bytes !== undefined) {
      this.#record = new EntityRecord(this.#layout, this.#bytes)
    }
    return this.#record
  }

  #window(place: number): Tiles {
    const window = this.#windows[place]
    if (window !== undefined) return window
    const record = this.#areForgotten ? undefined : this.#stored()
    return (this.#windows[place] = record?.tiles(this.#layout.slots[place]!) ?? new Tiles())
  }

  #storedMemberships(groupPlace: number): Map<string, number> {
    return this.#stored()?.memberships(groupPlace) ?? new Map()
  }

  /** Returns the last hop that has a tile; -Infinity where the window is empty. */
  #writeWindow(place: number, form: Slot['form'], nowMs: number): number {
    const window = this.#windows[place]
    if (window === undefined) {
      const record = this.#areForgotten ? undefined : this.#stored()
      recordWriter.part(record?.part(place) ?? nothing)
      return record?.lastHop(place) ?? Number.NEGATIVE_INFINITY
    }
    window.dropBefore(form, firstHopAt(form, nowMs))
    partWriter.reset()
    if (!window.isEmpty) window.write(form, partWriter)
    recordWriter.part(partWriter.view())
    return window.hops.at(-1) ?? Number.NEGATIVE_INFINITY
  }

  /** Returns the last hop of all; -Infinity where there is none. */
  #writeMemberships(groupPlace: number, firstHop: number): number {
    const memberships = (this.#memberships[groupPlace] ??= this.#storedMemberships(groupPlace))
    let lastHop = Number.NEGATIVE_INFINITY
    for (const [key, hop] of memberships) {
      if (hop < firstHop) memberships.delete(key)
      else if (hop > lastHop) lastHop = hop
    }
    partWriter.reset()
    if (memberships.size > 0) {
      partWriter.whole(memberships.size)
      for (const [key, hop] of memberships) {
        partWriter.text(key)
        partWriter.signed(hop)
      }
    }
    recordWriter.part(partWriter.view())
    return lastHop
  }
}

export interface WindowValue {
  readonly value: FeatureValue
  /** Counted time of the newest event behind it; undefined where there is none. */
  readonly newestMs: number | undefined
}

/** A stored record, read part by part. The bytes must stay as they are. */
export class EntityRecord {
  readonly #layout: EntityLayout
  readonly #bytes: Uint8Array
  readonly #reader: ByteReader
  /** Where each part begins, and the end of the last. The length before a part lies in between. */
  readonly #starts: Int32Array
  readonly #lengths: Int32Array
  /** By slot; null: missing. */
  readonly #computed: (WindowValue | null | undefined)[] = []
  #attributes: AttributeText | undefined

  /** @throws MillraceError FEATURE_STATE_UNREADABLE */
  constructor(layout: EntityLayout, bytes: Uint8Array) {
    checkFormat(bytes[0])
    this.#layout = layout
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
    this.#attributes ??= new AttributeText(this.attributeText())
    return this.#attributes.get(name)
  }

  /** A view of the bytes. */
  part(place: number): Uint8Array {
    return this.#bytes.subarray(this.#starts[place]!, this.#starts[place]! + this.#lengths[place]!)
  }

  tiles({ place, form }: Slot): Tiles | undefined {
    if (this.#lengths[place] === 0) return undefined
    this.#reader.moveTo(this.#starts[place]!)
    return Tiles.read(form, this.#reader)
  }

  /** Of the tiles of a slot; -Infinity where there are none. */
  lastHop(place: number): number {
    if (this.#lengths[place] === 0) return Number.NEGATIVE_INFINITY
    this.#reader.moveTo(this.#starts[place]!)
    this.#reader.whole()
    return this.#reader.signed() + this.#reader.whole()
  }

  memberships(groupPlace: number): Map<string, number> {
    const memberships = new Map<string, number>()
    const place = this.#layout.slots.length + groupPlace
    if (this.#lengths[place] === 0) return memberships
    this.#reader.moveTo(this.#starts[place]!)
    for (let rest = this.#reader.whole(); rest > 0; rest--) memberships.set(this.#reader.text(), this.#reader.signed())
    return memberships
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
