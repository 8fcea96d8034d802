// Everything the engine keeps of one entity, in one record: a reader gets all its features with one look-up. Windows are decoded only when an event
// falls into them; the others are carried along as the bytes they came as.
import { ByteReader, ByteWriter } from '../../lib/bytes.ts'
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

/** What becomes of a record. */
export interface WrittenState {
  /** Good until the next write of any entity; undefined where nothing is left. */
  readonly bytes: Uint8Array | undefined
  /** From when on the record holds nothing that matters; undefined: never. */
  readonly expiresAtMs: number | undefined
}

/**
 * What a batch of events makes of one entity's record. It lives from the entity's first event of the batch to its last: kept for longer, the many small
 * objects of decoded windows cost more in garbage collection than decoding them again.
 */
export class EntityState {
  readonly #layout: EntityLayout
  /** As the batch found it; undefined for an entity without state. */
  readonly #record: EntityRecord | undefined
  // What has been decoded, because it changes.
  /** By slot. */
  #windows: (Tiles | undefined)[] = noWindows
  /** By group slot: the last hop in which the entity was counted for each group. */
  #memberships: (Map<string, number> | undefined)[] = noMemberships
  /** The windows in `#record` do not count any more. */
  #areForgotten = false
  #isChanged = false

  constructor(layout: EntityLayout, record: EntityRecord | undefined) {
    this.#layout = layout
    this.#record = record
  }

  /** Whether its events differ from those in the record. */
  get isChanged(): boolean {
    return this.#isChanged
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
    const memberships = (this.#memberships[groupPlace] ??= this.#record?.memberships(groupPlace) ?? new Map())
    const lastHop = memberships.get(key)
    if (lastHop === undefined || hop > lastHop) {
      memberships.set(key, hop)
      this.#isChanged = true
    }
    return lastHop
  }

  /**
   * Lets go of what no window at or after that moment holds, where it has looked.
   * @param attributes the entity's, and whether they differ from those in the record
   */
  write(attributes: { readonly state: AttributeState; readonly haveChanged: boolean }, nowMs: number): WrittenState {
    const copied = new CopiedParts(this.#record)
    const partCount = partCountOf(this.#layout)
    writer.reset()
    writer.byte(FEATURE_STATE_FORMAT)
    const firstPartAt = writer.skip(TABLE_AT - END_AT + 4 * partCount) + TABLE_AT - END_AT + 4 * partCount
    if (attributes.haveChanged) {
      attributes.state.write(writer)
      setPartEnd(ATTRIBUTES)
    } else copied.add(ATTRIBUTES)
    const windowsEndMs = Math.max(this.#writeWindows(copied, nowMs), this.#writeMemberships(copied, nowMs))
    copied.finish()
    writer.setFloat(END_AT, windowsEndMs)
    const isEmpty = writer.length === firstPartAt
    return {
      bytes: isEmpty ? undefined : writer.view(),
      expiresAtMs: attributes.state.isOnlyDeletion
        ? Math.max(windowsEndMs, this.#deletionExpiresAtMs(attributes.state))
        : undefined,
    }
  }

  /** Returns when the last window ends. */
  #writeWindows(copied: CopiedParts, nowMs: number): number {
    let endMs = this.#areForgotten ? Number.NEGATIVE_INFINITY : (this.#record?.windowsEndMs ?? Number.NEGATIVE_INFINITY)
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
      if (memberships === undefined && this.#areForgotten) memberships = this.#record?.memberships(group!.place)
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
  #deletionExpiresAtMs({ deletedMs }: AttributeState): number {
    if (deletedMs === Number.NEGATIVE_INFINITY) return deletedMs
    return Math.max(...this.#layout.slots.map(({ form }) => deletedMs + form.hopMs + form.windowMs))
  }

  #storedWindow(place: number, form: Slot['form']): Tiles {
    const record = this.#areForgotten ? undefined : this.#record
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

function windowValue({ form }: Slot, { total, newestMs }: WindowTotal, asOfMs: number): WindowValue | undefined {
  const value = form.family.value(total, asOfMs, newestMs)
  return value === undefined ? undefined : new WindowValue(value, newestMs)
}

/** A stored record, read part by part. The bytes must stay as they are. */
export class EntityRecord {
  readonly #layout: EntityLayout
  readonly bytes: Uint8Array
  readonly #reader: ByteReader
  /** By slot. */
  #totals: Map<number, WindowTotal> | undefined
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

  attributes(): AttributeState {
    const { attributes, nothingKnown } = this.#layout
    return this.#isAt(ATTRIBUTES) ? AttributeState.read(attributes, this.#reader) : nothingKnown
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
    const computed = windowValue(slot, this.totalOnce(slot, asOfMs, validity), asOfMs)
    this.#computed.set(slot.place, computed ?? null)
    return computed
  }

  /** What the window of that slot comes to, for readings that need no value made of it: as `computedOnce` otherwise. Nobody may change it. */
  totalOnce(slot: Slot, asOfMs: number, validity: Validity): WindowTotal {
    this.#totals ??= new Map()
    const known = this.#totals.get(slot.place)
    if (known !== undefined) return known
    const total = this.#windowTotal(slot, asOfMs, validity)
    this.#totals.set(slot.place, total)
    return total
  }

  /**
   * What the formula of that slot gives at a moment after every event in here. Undefined: missing.
   * @param validity is narrowed to the moments at which the window holds the same
   */
  computed(slot: Slot, asOfMs: number, validity: Validity): WindowValue | undefined {
    return windowValue(slot, this.#windowTotal(slot, asOfMs, validity), asOfMs)
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
