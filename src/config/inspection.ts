// Reads a value of unknown shape and collects what is wrong with it. Every reader returns something usable, so that one pass finds every
// problem; what it returned is thrown away where there was one.
import { durationExample, durationMs } from '../lib/duration.ts'
import type { Problem } from '../lib/errors.ts'
import { nearestName, suggestName } from '../lib/nearest-name.ts'

type Fields = Readonly<Record<string, unknown>>

/** What is wrong with a value, found while it was read. */
export class Inspection {
  readonly problems: Problem[] = []
  /** Paths where an object was expected and none found: what is inside them cannot be right either, and is not reported again. */
  readonly #broken: string[] = []

  report(where: string, message: string, fix?: string): void {
    if (this.#broken.some((path) => path === '' || where.startsWith(`${path}.`))) return
    const at = where === '' ? 'the argument of defineSystem' : where
    this.problems.push(fix === undefined ? { where: at, message } : { where: at, message, fix })
  }

  /** The fields of an object; those that are not among `known` are reported. Empty where it is no object. */
  fields(value: unknown, where: string, known: readonly string[]): Fields {
    const fields = this.record(value, where, `an object with ${known.join(', ')}`)
    for (const key of Object.keys(fields)) {
      if (!known.includes(key))
        this.report(pathOf(where, key), 'found a setting of an unknown name.', suggestName(key, known))
    }
    return fields
  }

  /** An object whose keys are names that the user chose. Empty where it is no object. */
  named(value: unknown, where: string, kind: NameKind): Fields {
    const record = this.record(value, where, `an object that names each ${kind.noun}`)
    this.#checkNames(Object.keys(record), where, kind)
    return record
  }

  record(value: unknown, where: string, expected: string): Fields {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields
    this.report(where, `found ${describe(value)}, expected ${expected}.`)
    this.#broken.push(where)
    return {}
  }

  list(value: unknown, where: string, expected: string): readonly unknown[] {
    if (Array.isArray(value)) return value
    this.report(where, `found ${describe(value)}, expected ${expected}.`)
    return []
  }

  text(value: unknown, where: string, expected: string, pattern = /\S/): string {
    if (typeof value === 'string' && pattern.test(value)) return value
    this.report(where, `found ${describe(value)}, expected ${expected}.`)
    return ''
  }

  number(value: unknown, where: string, range: NumberRange): number {
    const { low, high, isInteger = false, isLowExcluded = false } = range
    const isInside = typeof value === 'number' && (isLowExcluded ? value > low : value >= low) && value <= high
    if (isInside && (!isInteger || Number.isInteger(value))) return value
    const noun = isInteger ? 'a whole number' : 'a number'
    const bounds = isLowExcluded ? `above ${low} and at most ${high}` : `from ${low} to ${high}`
    this.report(where, `found ${describe(value)}, expected ${noun} ${bounds}.`)
    return low
  }

  /** Above 0, in milliseconds; 0 where it is none. */
  /** The settings of a kind of model: a number that is NaN or infinite can neither be hashed nor written to a manifest. */
  plainOptions(options: Readonly<Record<string, unknown>>, where: string): void {
    for (const [name, value] of Object.entries(options)) {
      const isPlain = typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)
      if (!isPlain) {
        this.report(pathOf(where, name), `found ${describe(value)}, expected a number, a text, true or false.`)
      }
    }
  }

  duration(value: unknown, where: string, expected = durationExample): number {
    const milliseconds = typeof value === 'string' ? durationMs(value) : undefined
    if (milliseconds === undefined) this.report(where, `found ${describe(value)}, expected ${expected}.`)
    return milliseconds ?? 0
  }

  flag(value: unknown, where: string): boolean {
    if (typeof value !== 'boolean') this.report(where, `found ${describe(value)}, expected true or false.`)
    return value === true
  }

  /** One of a fixed set of words. */
  oneOf<const Word extends string>(value: unknown, where: string, words: readonly Word[]): Word {
    if (typeof value === 'string' && words.includes(value as Word)) return value as Word
    const nearest = typeof value === 'string' ? nearestName(value, words) : undefined
    this.report(
      where,
      `found ${describe(value)}, expected ${words.map((word) => `"${word}"`).join(' or ')}.`,
      nearest === undefined ? undefined : `Did you mean "${nearest}"?`,
    )
    return words[0]!
  }

  /** A name that is defined elsewhere in the system file. */
  reference(value: unknown, where: string, noun: string, defined: readonly string[]): string {
    if (typeof value !== 'string')
      this.report(where, `found ${describe(value)}, expected the name of an ${noun}.`, suggestName('', defined))
    else if (!defined.includes(value))
      this.report(where, `no ${noun} is called "${value}".`, suggestName(value, defined))
    return typeof value === 'string' ? value : ''
  }

  #checkNames(names: readonly string[], where: string, kind: NameKind): void {
    if (kind.isRequired && names.length === 0) this.report(where, `found no ${kind.noun}, expected at least one.`)
    const seen = new Map<string, string>()
    for (const name of names) {
      const at = pathOf(where, name)
      if (!kind.pattern.test(name)) this.report(at, `found the name "${name}", expected ${kind.expected}.`)
      // Names become keys of plain objects here, in JSON and in the stores.
      else if (name in Object.prototype || kind.reserved?.includes(name) || kind.reservedPattern?.test(name))
        this.report(at, `the name "${name}" is reserved.`, 'Choose another.')
      const twin = seen.get(name.toLowerCase())
      if (twin !== undefined)
        this.report(at, `differs from "${twin}" in upper and lower case only.`, 'Rename one of them.')
      seen.set(name.toLowerCase(), name)
    }
  }
}

export interface NumberRange {
  readonly low: number
  readonly high: number
  readonly isInteger?: boolean
  readonly isLowExcluded?: boolean
}

/** A kind of thing that the user names. */
export interface NameKind {
  readonly noun: string
  readonly pattern: RegExp
  /** The pattern in words. */
  readonly expected: string
  readonly isRequired?: boolean
  readonly reserved?: readonly string[]
  readonly reservedPattern?: RegExp
}

/** `serving.placements` and `home` make `serving.placements.home`; a key that is no plain word is quoted. */
export function pathOf(where: string, key: string): string {
  if (where === '') return key
  return /^[A-Za-z_][\w-]*$/.test(key) ? `${where}.${key}` : `${where}[${JSON.stringify(key)}]`
}

/** A found value in a few words. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'function') return `the function ${value.name || 'without a name'}`
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
