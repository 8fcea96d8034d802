import { MillraceError } from '../../lib/errors.ts'

/** Raised whenever an older Millrace could not read what this one writes, or the other way round. First byte of every record. */
export const FEATURE_STATE_FORMAT = 2

/** @throws MillraceError FEATURE_STATE_UNREADABLE */
export function checkFormat(format: number | undefined): void {
  if (format === FEATURE_STATE_FORMAT) return
  throw new MillraceError(
    'FEATURE_STATE_UNREADABLE',
    `A record of feature state has format ${format ?? 'none'}, and this version of Millrace reads format ${FEATURE_STATE_FORMAT}.`,
    {
      fix: 'Remove the "features" folder from the data folder and start again: the state is rebuilt from the event log.',
    },
  )
}
