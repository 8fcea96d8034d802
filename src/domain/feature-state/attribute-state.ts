import type { ByteReader, ByteWriter } from '../../lib/bytes.ts'
import type { AttributeValue, EntityEvent } from '../event.ts'

/** A class for the reason that readings are one. */
export class KnownAttribute {
  /** Null: known to have none. */
  readonly value: AttributeValue
  /** Counted time of the change that set it. */
  readonly timeMs: number

  constructor(value: AttributeValue, timeMs: number) {
    this.value = value
    this.timeMs = timeMs
  }
}

// The bytes: nothing where nothing is known. Else the time of the newest put or delete and that of the newest delete, -Infinity for never; then, for
// each name of the layout, the kind of its value, and unless that is `UNKNOWN`, its time and its value.
const UNKNOWN = 0
const NONE = 1
const NUMBER = 2
const TEXT = 3
const JSON_TEXT = 4
const TIMES_BYTES = 16

/**
 * One attribute out of what `AttributeState.write` wrote, for readers, which want one or two and change nothing.
 * @param place of its name in the layout
 * @returns undefined where it has no value
 */
export function readAttribute(from: ByteReader, place: number): KnownAttribute | undefined {
  from.at += TIMES_BYTES
  for (let before = 0; before < place; before++) passOver(from)
  const known = readKnown(from)
  return known === undefined || known.value === null ? undefined : known
}

function passOver(from: ByteReader): void {
  const kind = from.byte()
  if (kind === UNKNOWN) return
  from.at += 8
  if (kind === NUMBER) from.at += 8
  else if (kind !== NONE) {
    const length = from.whole()
    from.at += length
  }
}

function readKnown(from: ByteReader): KnownAttribute | undefined {
  const kind = from.byte()
  if (kind === UNKNOWN) return undefined
  const timeMs = from.float()
  if (kind === NONE) return new KnownAttribute(null, timeMs)
  if (kind === NUMBER) return new KnownAttribute(from.float(), timeMs)
  const text = from.text()
  return new KnownAttribute(kind === TEXT ? text : (JSON.parse(text) as AttributeValue), timeMs)
}

function writeKnown(known: KnownAttribute | undefined, out: ByteWriter): void {
  if (known === undefined) {
    out.byte(UNKNOWN)
    return
  }
  const { value, timeMs } = known
  // UTF-8 has no halves of surrogate pairs; JSON escapes them.
  const kind = value === null ? NONE : typeof value === 'number' ? NUMBER : isPlainText(value) ? TEXT : JSON_TEXT
  out.byte(kind)
  out.float(timeMs)
  if (kind === NUMBER) out.float(value as number)
  else if (kind === TEXT) out.text(value as string)
  else if (kind === JSON_TEXT) out.text(JSON.stringify(value))
}

const isPlainText = (value: AttributeValue): boolean => typeof value === 'string' && value.isWellFormed()

/**
 * What the log has said so far about one entity's attributes. The newest counted time wins attribute by attribute; among equal ones the later change.
 * Never changed: each change gives another state, so that every event of a batch can have those of its moment.
 */
export class AttributeState {
  readonly #names: readonly string[]
  /** By place of the name. */
  readonly #known: readonly (KnownAttribute | undefined)[]
  /** Of the newest change that spoke of all attributes, a put or a delete. */
  readonly #wholeMs: number
  readonly #deletedMs: number

  private constructor(
    names: readonly string[],
    known: readonly (KnownAttribute | undefined)[],
    { wholeMs, deletedMs }: { readonly wholeMs: number; readonly deletedMs: number },
  ) {
    this.#names = names
    this.#known = known
    this.#wholeMs = wholeMs
    this.#deletedMs = deletedMs
  }

  /**
   * Of an entity of whom nothing is known.
   * @param names of the attributes that matter; the others are passed over
   */
  static nothing(names: readonly string[]): AttributeState {
    return new AttributeState(
      names,
      names.map(() => undefined),
      { wholeMs: Number.NEGATIVE_INFINITY, deletedMs: Number.NEGATIVE_INFINITY },
    )
  }

  /** @param from at the start of what `write` wrote under the same names */
  static read(names: readonly string[], from: ByteReader): AttributeState {
    const times = { wholeMs: from.float(), deletedMs: from.float() }
    return new AttributeState(
      names,
      names.map(() => readKnown(from)),
      times,
    )
  }

  /** Nothing where nothing is known. */
  write(out: ByteWriter): void {
    if (this.isEmpty) return
    out.float(this.#wholeMs)
    out.float(this.#deletedMs)
    for (let place = 0; place < this.#names.length; place++) writeKnown(this.#known[place], out)
  }

  get isEmpty(): boolean {
    return this.isOnlyDeletion && !Number.isFinite(this.#deletedMs)
  }

  /** Nothing is known but that it was deleted, if that. */
  get isOnlyDeletion(): boolean {
    return !Number.isFinite(this.#wholeMs) && this.#known.every((known) => known === undefined)
  }

  /** Counted time of the newest delete; -Infinity where there was none. */
  get deletedMs(): number {
    return this.#deletedMs
  }

  /** Undefined where it has no value. */
  get(name: string): KnownAttribute | undefined {
    const known = this.#known[this.#names.indexOf(name)]
    return known === undefined || known.value === null ? undefined : known
  }

  changed({ change, attributes }: EntityEvent, timeMs: number): AttributeState {
    const known = this.#names.map((name, place) => {
      const before = this.#known[place]
      const isGiven = Object.hasOwn(attributes, name)
      if (change === 'patch' && !isGiven) return before
      if (timeMs < Math.max(before?.timeMs ?? Number.NEGATIVE_INFINITY, this.#wholeMs)) return before
      return isGiven ? new KnownAttribute(attributes[name]!, timeMs) : undefined
    })
    // Where no attribute matters, only a deletion does.
    const isOfAll = change !== 'patch' && this.#names.length > 0
    return new AttributeState(this.#names, known, {
      wholeMs: isOfAll ? Math.max(this.#wholeMs, timeMs) : this.#wholeMs,
      deletedMs: change === 'delete' ? Math.max(this.#deletedMs, timeMs) : this.#deletedMs,
    })
  }
}
