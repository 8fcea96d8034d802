// Numbers and bands as people read them in a line of a terminal.
import type { Band } from '../../domain/check.ts'

/** Four significant digits, without an exponent where that is readable: 0.01234, 1234567, 1.2e-7. */
export function numberText(value: number): string {
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size >= 1000 && size < 1e15) return String(Math.round(value))
  return size >= 1e-4 && size < 1e15 ? String(Number(value.toPrecision(4))) : value.toExponential(2)
}

export const percentText = (share: number): string => `${numberText(share * 100)} %`

export function bandText({ low, high }: Band, text: (value: number) => string): string {
  if (low !== null && high !== null) return `${text(low)} to ${text(high)}`
  if (high !== null) return `at most ${text(high)}`
  return low === null ? 'anything' : `at least ${text(low)}`
}

export function ageText(ms: number): string {
  const minutes = ms / 60_000
  if (minutes < 1) return `${numberText(ms / 1000)} s`
  if (minutes < 120) return `${numberText(minutes)} min`
  return minutes < 2880 ? `${numberText(minutes / 60)} h` : `${numberText(minutes / 1440)} days`
}

/** A chance, never "0": p < 0.000001. */
export const chanceText = (p: number): string => (p < 1e-6 ? 'p < 0.000001' : `p = ${numberText(p)}`)

export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
