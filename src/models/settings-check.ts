import { MillraceError, type Problem } from '../lib/errors.ts'

/** What a numeric setting may be. Both ends belong to the range; `high` is Infinity unless given. */
export interface SettingRange {
  readonly low: number
  readonly high?: number
  readonly isInteger?: boolean
}

/**
 * Every setting that is not a finite number in its range, at once.
 * @throws TRAINING_INPUT_INVALID
 */
export function checkSettings(
  kind: string,
  options: Readonly<Record<string, number | string | boolean>>,
  ranges: Readonly<Record<string, SettingRange>>,
): void {
  const problems: Problem[] = []
  for (const [name, range] of Object.entries(ranges)) {
    const found = options[name]
    const { low, high = Number.POSITIVE_INFINITY, isInteger = false } = range
    const isRight =
      typeof found === 'number' &&
      Number.isFinite(found) &&
      found >= low &&
      found <= high &&
      (!isInteger || Number.isInteger(found))
    if (isRight) continue
    const noun = isInteger ? 'an integer' : 'a number'
    const bounds = high === Number.POSITIVE_INFINITY ? `of at least ${low}` : `from ${low} to ${high}`
    problems.push({ where: `${kind}.${name}`, message: `found ${String(found)}, expected ${noun} ${bounds}.` })
  }
  if (problems.length === 0) return
  throw new MillraceError('TRAINING_INPUT_INVALID', `${kind} cannot be trained with these settings.`, {
    problems,
    fix: 'Mend the settings where the system file names this kind.',
  })
}
