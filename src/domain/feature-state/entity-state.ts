// Everything the engine keeps of one entity, in one record: a reader gets all its features with one look-up. Windows are decoded only when an event
// falls into them; the others are carried along as the bytes they came as.
import { ByteReader, ByteWriter } from '../../lib/bytes.ts'
import type { EntityEvent } from '../event.ts'
import type { FeatureValue } from '../feature.ts'
import type { Contribution } from '../feature-tiles/tile-family.ts'
import { endMsOf, firstHopAt, Tiles, WindowTotal, windowTotal } from '../feature-tiles/tiles.ts'
import type { Validity } from '../feature-tiles/validity.ts'
import { AttributeState, type KnownAttribute, readAttribute } from './attribute-state.ts'
import type { EntityLayout, Slot } from './layout.ts'
import { checkFormat, FEATURE_STATE_FORMAT } from './record-format.ts'

// The record: format; when the last of its windows ends (float64, -Infinity for none); where each part ends (uint32 from the start of the record); the
// parts: the attributes, each slot's window, each membership list. A part without content has no bytes.
const END_AT = 1
const TABLE_AT = 9
const ATTRIBUTES = 0
const FIRST_WINDOW = 1

/** Used by one call at a time; nothing is left in it. */
const writer = new ByteWriter(4096)
/** A state's memory is a multiple of this: most writes fit into what the one before left, and need no memory of their own. */
const STEP_BYTES = 128

export class EntityState {
  readonly #layout: EntityLayout
  /** As read or last written; undefined for an entity without state. */
  #bytes: Uint8Array | undefined
  /** Where `#bytes` is, maybe with room behind it. */
  #memory: Uint8Array | undefined
  /** `#bytes`, once it is looked at. */
  #record: EntityRecord | undefined
  // What has been decoded, because it was asked for or changes. After a write only the attributes stay: kept for as long as the engine keeps the entity,
  // the many small objects of windows cost more in garbage collection than decoding them again.
  #attributes: AttributeState | undefined
  #haveAttributesChanged = false
  /** By slot. */
  #windows: (Tiles | undefined)[] = noWindows
  /** By group slot: the last hop in which the entity was counted for each group. */
  #memberships: (Map<string, number> | undefined)[] = noMemberships
  /** The windows in `#bytes` do not count any more. */
  #areForgotten = false
  #isChanged = false
  #expiresAtMs: number | undefined

  /** @param bytes from `write`, which nobody else may change; undefined for an entity without state */
  constructor(layout: EntityLayout, bytes: Uint8Array | undefined) {
    this.#layout = layout
    this.#bytes = bytes
    this.#memory = bytes
  }

  /** Whether it differs from what was last read or written. */
  get isChanged(): boolean {
    return this.#isChanged
  }

  get attributes(): AttributeState {
    return (this.#attributes ??= this.#stored()?.attributes() ?? new AttributeState(this.#layout.attributes))
  }

  changeAttributes(event: EntityEvent, timeMs: number): void {
    this.attributes.change(event, timeMs)
    this.#haveAttributesChanged = true
    this.#isChanged = true
  }

  add({ place, form }: Slot, event: Contribution): void {
    if (this.#windows === noWindows) this.#windows = []
    const window = (this.#windows[place] ??= this.#storedWindow(place, form))
    window.add(event)
    this.#isChanged = true
  }

  /** Forgets the events of all windows; not which groups the entity was counted in, which is about the groups. */
  forgetEvents(): void {
    this.#windows = noWindows
    this.#areForgotten = true
    this.#isChanged = true
  }

  /**
   * Notes that the entity was counted in a group.
   * @returns the last hop noted before; undefined where this is the first time
   */
  countIn(groupPlace: number, key: string, hop: number): number | undefined {
    if (this.#memberships === noMemberships) this.#memberships = []
    const memberships = (this.#memberships[groupPlace] ??= this.#stored()?.memberships(groupPlace) ?? new Map())
    const lastHop = memberships.get(key)
    if (lastHop === undefined || hop > lastHop) {
      memberships.set(key, hop)
      this.#isChanged = true
    }
    return lastHop
  }

  /**
   * Lets go of what no window at or after that moment holds, where it has looked.
   * @returns good until the next write; undefined where nothing is left
   */
  write(nowMs: number): Uint8Array | undefined {
    const copied = new CopiedParts(this.#stored())
    const { attributes } = this
    const partCount = partCountOf(this.#layout)
    writer.reset()
    writer.byte(FEATURE_STATE_FORMAT)
    const firstPartAt = writer.skip(TABLE_AT - END_AT + 4 * partCount) + TABLE_AT - END_AT + 4 * partCount
    if (this.#haveAttributesChanged) {
      attributes.write(writer)
      setPartEnd(ATTRIBUTES)
    } else copied.add(ATTRIBUTES)
    const windowsEndMs = Math.max(this.#writeWindows(copied, nowMs), this.#writeMemberships(copied, nowMs))
    copied.finish()
    writer.setFloat(END_AT, windowsEndMs)
    const isEmpty = writer.length === firstPartAt
    this.#expiresAtMs = attributes.isOnlyDeletion ? Math.max(windowsEndMs, this.#deletionExpiresAtMs()) : undefined
    this.#keep(isEmpty ? undefined : writer.view())
    return this.#bytes
  }

  /** From when on the record holds nothing that matters; undefined: never. As of the last `write`. */
  get expiresAtMs(): number | undefined {
    return this.#expiresAtMs
  }

  /** Returns when the last window ends. */
  #writeWindows(copied: CopiedParts, nowMs: number): number {
    let endMs = this.#areForgotten
      ? Number.NEGATIVE_INFINITY
      : (this.#stored()?.windowsEndMs ?? Number.NEGATIVE_INFINITY)
    for (const { place, form } of this.#layout.slots) {
      const part = FIRST_WINDOW + place
      const window = this.#windows[place]
      if (window === undefined && !this.#areForgotten) {
        copied.add(part)
        continue
      }
      copied.finish()
      if (window !== undefined) {
        window.dropBefore(firstHopAt(form, nowMs))
        writer.forgetWords()
        if (!window.isEmpty) window.write(writer)
        endMs = Math.max(endMs, window.endMs)
      }
      setPartEnd(part)
    }
    return endMs
  }

  /** Returns when the last window that a membership counts in ends, of those looked at; after forgetting, of all. */
  #writeMemberships(copied: CopiedParts, nowMs: number): number {
    let endMs = Number.NEGATIVE_INFINITY
    for (const { group, form } of this.#layout.groupSlots) {
      const part = FIRST_WINDOW + this.#layout.slots.length + group!.place
      let memberships = this.#memberships[group!.place]
      if (memberships === undefined && this.#areForgotten) memberships = this.#stored()?.memberships(group!.place)
      if (memberships === undefined) {
        copied.add(part)
        continue
      }
      copied.finish()
      const firstHop = firstHopAt(form, nowMs)
      for (const [key, hop] of memberships) {
        if (hop < firstHop) memberships.delete(key)
        else endMs = Math.max(endMs, endMsOf(form, hop))
      }
      if (memberships.size > 0) writeHops(memberships)
      setPartEnd(part)
    }
    return endMs
  }

  /** A late event that the deletion covers must still find it. */
  #deletionExpiresAtMs(): number {
    const { deletedMs } = this.attributes
    if (deletedMs === Number.NEGATIVE_INFINITY) return deletedMs
    return Math.max(...this.#layout.slots.map(({ form }) => deletedMs + form.hopMs + form.windowMs))
  }

  /** Everything is in the record now. */
  #keep(record: Uint8Array | undefined): void {
    this.#record = undefined
    this.#windows = noWindows
    this.#memberships = noMemberships
    this.#areForgotten = false
    this.#haveAttributesChanged = false
    this.#isChanged = false
    if (record === undefined) {
      this.#bytes = undefined
      this.#memory = undefined
      return
    }
    if (this.#memory === undefined || this.#memory.length < record.length) {
      this.#memory = new Uint8Array(Math.ceil(record.length / STEP_BYTES) * STEP_BYTES)
    }
    this.#memory.set(record)
    this.#bytes = this.#memory.subarray(0, record.length)
  }

  #stored(): EntityRecord | undefined {
    if (this.#record === undefined && this.#bytes !== undefined) {
      this.#record = new EntityRecord(this.#layout, this.#bytes)
    }
    return this.#record
  }

  #storedWindow(place: number, form: Slot['form']): Tiles {
    const record = this.#areForgotten ? undefined : this.#stored()
    return record?.tiles(place, form) ?? new Tiles(form)
  }
}

/** Shared by all that have decoded none, and never changed. */
const noWindows: (Tiles | undefined)[] = []
const noMemberships: (Map<string, number> | undefined)[] = []

const partCountOf = ({ slots, groupSlots }: EntityLayout): number => FIRST_WINDOW + slots.length + groupSlots.length

/** The part ends where the writer is. */
function setPartEnd(part: number): void {
  writer.setUint32(TABLE_AT + 4 * part, writer.length)
}

function writeHops(hopByKey: ReadonlyMap<string, number>): void {
  writer.whole(hopByKey.size)
  for (const [key, hop] of hopByKey) {
    writer.text(key)
    writer.signed(hop)
  }
}

/** Parts of a record that go into the next one as they are; neighbours in one go. */
class CopiedParts {
  readonly #record: EntityRecord | undefined
  #startAt = 0
  #endAt = 0

  /** @param record undefined for an entity without one: every part of it is empty */
  constructor(record: EntityRecord | undefined) {
    this.#record = record
  }

  /** In the order of the parts. Whatever else is written, `finish` comes first. */
  add(part: number): void {
    if (this.#record === undefined) {
      setPartEnd(part)
      return
    }
    if (this.#endAt === 0) {
      this.#startAt = this.#record.startOf(part)
      this.#endAt = this.#startAt
    }
    this.#endAt = this.#record.endOf(part)
    writer.setUint32(TABLE_AT + 4 * part, writer.length + this.#endAt - this.#startAt)
  }

  finish(): void {
    if (this.#endAt > this.#startAt) writer.raw(this.#record!.bytes, this.#startAt, this.#endAt)
    this.#endAt = 0
  }
}

/** A class for the reason that readings are one. */
export class WindowValue {
  readonly value: FeatureValue
  /** Counted time of the newest event behind it; undefined where there is none. */
  readonly newestMs: number | undefined

  constructor(value: FeatureValue, newestMs: number | undefined) {
    this.value = value
    this.newestMs = newestMs
  }
}

/** A stored record, read part by part. The bytes must stay as they are. */
export class EntityRecord {
  readonly #layout: EntityLayout
  readonly bytes: Uint8Array
  readonly #reader: ByteReader
  /** By slot; null: missing. */
  #computed: Map<number, WindowValue | null> | undefined
  /** By place of the name; null: no value. */
  #attributes: (KnownAttribute | null | undefined)[] | undefined

  /** @throws MillraceError FEATURE_STATE_UNREADABLE */
  constructor(layout: EntityLayout, bytes: Uint8Array) {
    checkFormat(bytes[0])
    this.#layout = layout
    this.bytes = bytes
    this.#reader = new ByteReader(bytes)
  }

  /** From when on no window holds anything, at the latest; -Infinity where there is nothing in any. */
  get windowsEndMs(): number {
    this.#reader.at = END_AT
    return this.#reader.float()
  }

  startOf(part: number): number {
    return part === 0 ? TABLE_AT + 4 * partCountOf(this.#layout) : this.endOf(part - 1)
  }

  endOf(part: number): number {
    const { bytes } = this
    const at = TABLE_AT + 4 * part
    return bytes[at]! + bytes[at + 1]! * 0x100 + bytes[at + 2]! * 0x1_0000 + bytes[at + 3]! * 0x100_0000
  }

  /** Undefined where nothing is known. */
  attributes(): AttributeState | undefined {
    return this.#isAt(ATTRIBUTES) ? AttributeState.read(this.#layout.attributes, this.#reader) : undefined
  }

  attribute(name: string): KnownAttribute | undefined {
    const place = this.#layout.attributes.indexOf(name)
    // Copied, not made, for the reason that readings are of a class.
    this.#attributes ??= this.#layout.noAttributes.slice()
    const known = this.#attributes[place]
    if (known !== undefined) return known ?? undefined
    const read = this.#isAt(ATTRIBUTES) ? readAttribute(this.#reader, place) : undefined
    this.#attributes[place] = read ?? null
    return read
  }

  /** Undefined where there are none. */
  tiles(place: number, form: Slot['form']): Tiles | undefined {
    const part = FIRST_WINDOW + place
    return this.#isAt(part) ? Tiles.read(form, this.#reader, this.endOf(part)) : undefined
  }

  memberships(groupPlace: number): Map<string, number> {
    const memberships = new Map<string, number>()
    if (!this.#isAt(FIRST_WINDOW + this.#layout.slots.length + groupPlace)) return memberships
    for (let rest = this.#reader.whole(); rest > 0; rest--) memberships.set(this.#reader.text(), this.#reader.signed())
    return memberships
  }

  /** The same as `computed`, worked out once, for the first moment asked: for what several readings share. */
  computedOnce(slot: Slot, asOfMs: number, validity: Validity): WindowValue | undefined {
    this.#computed ??= new Map()
    const known = this.#computed.get(slot.place)
    if (known !== undefined) return known ?? undefined
    const computed = this.computed(slot, asOfMs, validity)
    this.#computed.set(slot.place, computed ?? null)
    return computed
  }

  /**
   * What the formula of that slot gives at a moment after every event in here. Undefined: missing.
   * @param validity is narrowed to the moments at which the window holds the same
   */
  computed(slot: Slot, asOfMs: number, validity: Validity): WindowValue | undefined {
    const { total, newestMs } = this.#windowTotal(slot, asOfMs, validity)
    const value = slot.form.family.value(total, asOfMs, newestMs)
    return value === undefined ? undefined : new WindowValue(value, newestMs)
  }

  /** Counted time of the newest event in the window of that slot; undefined where there is none. As `computed` otherwise. */
  newestMs(slot: Slot, asOfMs: number, validity: Validity): number | undefined {
    return this.#windowTotal(slot, asOfMs, validity).newestMs
  }

  #windowTotal({ place, form }: Slot, asOfMs: number, validity: Validity): WindowTotal {
    return this.#isAt(FIRST_WINDOW + place)
      ? windowTotal(form, this.#reader, asOfMs, validity)
      : new WindowTotal(form.family.empty(), undefined)
  }

  /** Turns the reader to the start of a part. False where it has no content. */
  #isAt(part: number): boolean {
    const start = this.startOf(part)
    if (this.endOf(part) === start) return false
    this.#reader.moveTo(start)
    return true
  }
}
