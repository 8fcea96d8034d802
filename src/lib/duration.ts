// Lengths of time as people write them in a system file: "30 days", "90 seconds".

const unitMs = {
  millisecond: 1,
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
} as const

type Unit = keyof typeof unitMs

/** A count and a unit, such as `'30 days'`, `'1 hour'` or `'500 milliseconds'`. A day is 24 hours, a week 7 days; months and years vary, so they are no units. */
export type Duration = `${number} ${Unit | `${Unit}s`}`

/** What to write, for error messages. */
export const durationExample = 'a length of time above 0, such as "30 days", "12 hours" or "90 seconds"'

/** @returns milliseconds, above 0; `undefined` where the text is not a length of time */
export function durationMs(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([a-z]+?)s?$/i.exec(text.trim())
  if (!match) return undefined
  const unit = match[2]!.toLowerCase()
  if (!Object.hasOwn(unitMs, unit)) return undefined
  const milliseconds = Number(match[1]) * unitMs[unit as Unit]
  return milliseconds > 0 && Number.isSafeInteger(Math.round(milliseconds)) ? milliseconds : undefined
}

/** A length of time in the largest unit that it is a whole number of: "30 days", "1 hour". */
export function durationText(ms: number): string {
  const units = Object.entries(unitMs).reverse()
  const [name, unit] = units.find(([, length]) => ms >= length && ms % length === 0) ?? ['millisecond', 1]
  return `${ms / unit} ${name}${ms === unit ? '' : 's'}`
}
