import type { AttributeValue, EntityEvent } from '../event.ts'

export interface KnownAttribute {
  /** Null: known to have none. */
  readonly value: AttributeValue
  /** Counted time of the change that set it. */
  readonly timeMs: number
}

/** [time of the newest put or delete, time of the newest delete, attributes]; null for never. */
type Stored = [number | null, number | null, Record<string, [AttributeValue, number]>]

/** Reads single attributes out of `AttributeState.text`, for readers, which want one or two and change nothing. */
export class AttributeText {
  readonly #byName: Stored[2]

  /** @param text empty for an entity of which nothing is known */
  constructor(text: string) {
    this.#byName = text === '' ? {} : (JSON.parse(text) as Stored)[2]
  }

  /** Undefined where it has no value. */
  get(name: string): KnownAttribute | undefined {
    const stored = Object.hasOwn(this.#byName, name) ? this.#byName[name]! : undefined
    return stored === undefined || stored[0] === null ? undefined : { value: stored[0], timeMs: stored[1] }
  }
}

/** What the log has said so far about one entity's attributes. The newest counted time wins attribute by attribute; among equal ones the later change. */
export class AttributeState {
  readonly #byName: Map<string, KnownAttribute>
  /** Of the newest change that spoke of all attributes, a put or a delete. */
  #wholeMs: number
  #deletedMs: number

  private constructor([wholeMs, deletedMs, byName]: Stored) {
    this.#wholeMs = wholeMs ?? Number.NEGATIVE_INFINITY
    this.#deletedMs = deletedMs ?? Number.NEGATIVE_INFINITY
    this.#byName = new Map(Object.entries(byName).map(([name, [value, timeMs]]) => [name, { value, timeMs }]))
  }

  /** @param text from `text`, or empty for an entity of which nothing is known */
  static from(text: string): AttributeState {
    return new AttributeState(text === '' ? [null, null, {}] : (JSON.parse(text) as Stored))
  }

  /** Empty where nothing is known. */
  text(): string {
    if (this.isEmpty) return ''
    const byName: Stored[2] = Object.create(null)
    for (const [name, { value, timeMs }] of this.#byName) byName[name] = [value, timeMs]
    return JSON.stringify([finite(this.#wholeMs), finite(this.#deletedMs), byName] satisfies Stored)
  }

  get isEmpty(): boolean {
    return this.#byName.size === 0 && finite(this.#wholeMs) === null && finite(this.#deletedMs) === null
  }

  /** Nothing is known but that it was deleted. */
  get isOnlyDeletion(): boolean {
    return this.#byName.size === 0 && finite(this.#wholeMs) === null
  }

  /** Counted time of the newest delete; -Infinity where there was none. */
  get deletedMs(): number {
    return this.#deletedMs
  }

  /** Undefined where it has no value. */
  get(name: string): KnownAttribute | undefined {
    const known = this.#byName.get(name)
    return known === undefined || known.value === null ? undefined : known
  }

  /** @param names attributes that matter; the others are passed over */
  change({ change, attributes }: EntityEvent, { timeMs, names }: { timeMs: number; names: readonly string[] }): void {
    if (change === 'delete') this.#deletedMs = Math.max(this.#deletedMs, timeMs)
    if (names.length === 0) return
    for (const name of names) {
      const isGiven = Object.hasOwn(attributes, name)
      if (change === 'patch' && !isGiven) continue
      const knownMs = Math.max(this.#byName.get(name)?.timeMs ?? Number.NEGATIVE_INFINITY, this.#wholeMs)
      if (timeMs < knownMs) continue
      if (isGiven) this.#byName.set(name, { value: attributes[name]!, timeMs })
      else this.#byName.delete(name)
    }
    if (change !== 'patch') this.#wholeMs = Math.max(this.#wholeMs, timeMs)
  }
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null)
