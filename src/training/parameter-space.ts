// Settings as points of a unit cube, so that a search knows nothing of logarithms, whole numbers or words.
import type { Rng } from '../lib/rng.ts'
import type { TunableRange } from '../ports/candidate-generator.ts'

export type ParameterRanges = Readonly<Record<string, TunableRange>>
export type ParameterValue = number | string | boolean
export type Parameters = Readonly<Record<string, ParameterValue>>

/** One coordinate per parameter, in [0, 1); of a choice, the place of its value, at the middle of its part of [0, 1). */
export type UnitPoint = readonly number[]

/** A uniform point on the ranges' scales. */
export function randomPoint(ranges: ParameterRanges, rng: Rng): UnitPoint {
  return Object.keys(ranges).map(() => rng.next())
}

/** The settings at a point; numbers that need not be whole are rounded to three digits, so that they can be read and written down. */
export function parametersAt(ranges: ParameterRanges, point: UnitPoint): Parameters {
  return Object.fromEntries(Object.entries(ranges).map(([name, range], i) => [name, valueAt(range, point[i]!)]))
}

/** The point of some settings, moved into the ranges where they lie outside; a value that is no choice counts as the first one. */
export function pointOf(ranges: ParameterRanges, parameters: Parameters): UnitPoint {
  return Object.entries(ranges).map(([name, range]) => unitOf(range, parameters[name]))
}

/** How many values a parameter can take, undefined for a continuous one. */
export function choiceCountOf(range: TunableRange): number | undefined {
  return 'choices' in range ? range.choices.length : undefined
}

function valueAt(range: TunableRange, unit: number): ParameterValue {
  if ('choices' in range)
    return range.choices[Math.min(range.choices.length - 1, Math.floor(unit * range.choices.length))]!
  const { low, high, scale } = range
  // Every whole number has an equal part of the scale.
  if (scale === 'integer') return Math.min(high, low + Math.floor(unit * (high - low + 1)))
  const value = scale === 'linear' ? low + unit * (high - low) : low * (high / low) ** unit
  const rounded = scale === 'logInteger' ? Math.round(value) : Number(value.toPrecision(3))
  return Math.min(high, Math.max(low, rounded))
}

function unitOf(range: TunableRange, value: ParameterValue | undefined): number {
  if ('choices' in range) return (Math.max(0, range.choices.indexOf(value as never)) + 0.5) / range.choices.length
  const { low, high, scale } = range
  const inside = Math.min(high, Math.max(low, typeof value === 'number' ? value : low))
  if (scale === 'integer') return (inside - low + 0.5) / (high - low + 1)
  if (high === low) return 0
  return scale === 'linear' ? (inside - low) / (high - low) : Math.log(inside / low) / Math.log(high / low)
}

/** What is wrong with a range, in words; undefined where nothing is. */
export function rangeProblem(range: TunableRange): string | undefined {
  if ('choices' in range) return range.choices.length === 0 ? 'it names no choice' : undefined
  const { low, high, scale } = range
  if (!Number.isFinite(low) || !Number.isFinite(high)) return `${low} … ${high} is not between two numbers`
  if (low > high) return `it is empty: ${low} is above ${high}`
  const isWhole = scale === 'integer' || scale === 'logInteger'
  if ((scale === 'log' || scale === 'logInteger') && low <= 0)
    return `a logarithmic range begins above 0, and it begins at ${low}`
  if (isWhole && !(Number.isInteger(low) && Number.isInteger(high)))
    return `${low} … ${high} is not between whole numbers`
  return undefined
}
