import { isoTimeMs } from '../domain/iso-time.ts'
import { MillraceError } from '../lib/errors.ts'

/**
 * A moment that was typed: ISO 8601, a day for its beginning, UTC where no zone is named.
 * @param name of the option, for the message
 * @throws MillraceError CLI_USAGE
 */
export function timeArgument(name: string, text: string): number {
  const timeMs = isoTimeMs(text)
  if (timeMs !== undefined) return timeMs
  throw new MillraceError('CLI_USAGE', `--${name}: found ${JSON.stringify(text)}, expected a moment.`, {
    fix: `Write it as ISO 8601: --${name} 2026-03-31T12:00Z, or --${name} 2026-03-31.`,
  })
}
