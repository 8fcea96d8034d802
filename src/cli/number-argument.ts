import { MillraceError } from '../lib/errors.ts'

/** A whole number above 0, and at most `max` where there is one; undefined where the option was not given. */
export function countArgument(
  name: string,
  text: string | undefined,
  max = Number.POSITIVE_INFINITY,
): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (Number.isInteger(value) && value > 0 && value <= max) return value
  const expected = max === Number.POSITIVE_INFINITY ? 'a whole number above 0' : `a whole number from 1 to ${max}`
  throw new MillraceError('CLI_USAGE', `--${name} is ${JSON.stringify(text)}, expected ${expected}.`)
}

/** A number strictly between 0 and 1; undefined where the option was not given. */
export function shareArgument(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (value > 0 && value < 1) return value
  throw new MillraceError(
    'CLI_USAGE',
    `--${name} is ${JSON.stringify(text)}, expected a number between 0 and 1, such as 0.2.`,
  )
}

/** A moment in ISO 8601, in milliseconds since 1970; undefined where the option was not given. */
export function momentArgument(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Date.parse(text)
  if (Number.isFinite(value)) return value
  throw new MillraceError(
    'CLI_USAGE',
    `--${name} is ${JSON.stringify(text)}, expected a moment such as 2026-01-31 or 2026-01-31T12:00Z.`,
  )
}
