// The slices of users, or of whatever else a metric is measured for, that attributes make: of one attribute, and of two crossed.
import type { AttributeValue } from '../domain/event.ts'
import { type AttributeKind, groupKeysOf } from '../domain/feature.ts'

/** An attribute of every unit. */
export interface UnitAttribute {
  readonly name: string
  readonly kind: AttributeKind
  /** One a unit; undefined or null where there is none. */
  readonly values: readonly (AttributeValue | undefined)[]
  /** How to write a number, such as a moment; as it is where left out. */
  readonly textOf?: (value: number) => string
}

export interface Slice {
  /** One, or two of different attributes that hold together: `country = DE`, `age > 40`, `interests has sport`, `age missing`. */
  readonly conditions: readonly string[]
  /** Units, ascending. */
  readonly members: Int32Array
}

export interface SliceOptions {
  /** Smaller slices are not looked at, nor those that leave fewer units outside. Default 50. */
  readonly unitCountMin?: number
  /** Parts of about equal size into which numbers are cut. Default 4. */
  readonly quantileCount?: number
}

/** Of single attributes first, in their order, then of pairs. A unit with several tags is in several slices. */
export function slicesOf(attributes: readonly UnitAttribute[], options: SliceOptions = {}): Slice[] {
  const { unitCountMin = 50, quantileCount = 4 } = options
  const unitCount = attributes[0]?.values.length ?? 0
  const isLargeEnough = ({ length }: ArrayLike<number>): boolean =>
    length >= unitCountMin && unitCount - length >= unitCountMin
  const single = attributes.map((attribute) =>
    partsOf(attribute, quantileCount).filter((part) => isLargeEnough(part.members)),
  )
  const crossed = single.flatMap((parts, a) =>
    single.slice(a + 1).flatMap((others) => parts.flatMap((part) => others.map((other) => crossing(part, other)))),
  )
  return [...single.flat(), ...crossed.filter(({ members }) => isLargeEnough(members))]
}

function partsOf(attribute: UnitAttribute, quantileCount: number): Slice[] {
  const { name, kind, values } = attribute
  const cut = kind === 'number' ? numberCut(attribute, quantileCount) : undefined
  const unitsByCondition = new Map<string, number[]>()
  for (const [unit, value] of values.entries()) {
    for (const condition of conditionsOf(attribute, value, cut)) {
      const units = unitsByCondition.get(condition)
      if (units) units.push(unit)
      else unitsByCondition.set(condition, [unit])
    }
  }
  const missing = values.flatMap((value, unit) => (groupKeysOf(value).length === 0 ? [unit] : []))
  if (missing.length > 0) unitsByCondition.set(`${name} missing`, missing)
  return [...unitsByCondition]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([condition, units]) => ({ conditions: [condition], members: Int32Array.from(units) }))
}

function conditionsOf(
  { name, kind, textOf }: UnitAttribute,
  value: AttributeValue | undefined,
  cut: NumberCut | undefined,
): readonly string[] {
  if (kind === 'tags') return groupKeysOf(value).map((tag) => `${name} has ${tag}`)
  if (cut && typeof value === 'number') return [cut(name, value)]
  if (textOf && typeof value === 'number') return [`${name} = ${textOf(value)}`]
  return groupKeysOf(value).map((key) => `${name} = ${key}`)
}

/** The condition that a number meets. */
type NumberCut = (name: string, value: number) => string

/** At quantiles; undefined where there are no more different numbers than parts: then each is a part of its own. */
function numberCut({ values, textOf = String }: UnitAttribute, quantileCount: number): NumberCut | undefined {
  const ascending = Float64Array.from(values.filter((value) => typeof value === 'number')).sort()
  if (new Set(ascending).size <= quantileCount) return undefined
  const quantiles = Array.from(
    { length: quantileCount - 1 },
    (_, i) => ascending[Math.ceil(((i + 1) / quantileCount) * ascending.length) - 1]!,
  )
  // Nothing is above the largest, and equal bounds leave nothing between them.
  const bounds = [...new Set(quantiles)].filter((bound) => bound < ascending.at(-1)!)
  return (name, value) => {
    const part = bounds.findIndex((bound) => value <= bound)
    if (part === 0) return `${name} <= ${textOf(bounds[0]!)}`
    if (part === -1) return bounds.length === 0 ? `${name} present` : `${name} > ${textOf(bounds.at(-1)!)}`
    return `${textOf(bounds[part - 1]!)} < ${name} <= ${textOf(bounds[part]!)}`
  }
}

/** Those that are in both. */
function crossing(a: Slice, b: Slice): Slice {
  return { conditions: [...a.conditions, ...b.conditions], members: membersOfBoth(a.members, b.members) }
}

/** @param a ascending, as is `b` */
function membersOfBoth(a: Int32Array, b: Int32Array): Int32Array {
  const both = new Int32Array(Math.min(a.length, b.length))
  let count = 0
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    const difference = a[i]! - b[j]!
    if (difference === 0) both[count++] = a[i]!
    if (difference <= 0) i++
    if (difference >= 0) j++
  }
  return both.slice(0, count)
}
