// What errors of the server and of the way to it mean to whoever runs the system
// (https://www.postgresql.org/docs/current/errcodes-appendix.html). Neither holds the password: the server never repeats it.
import { MillraceError } from '../../lib/errors.ts'

/** Another transaction was in the way: serialisation failure, deadlock. A duplicate key is one too, since we look before we insert. */
const CONFLICTS = ['40001', '40P01', '23505']
const DISK_FULL = '53100'
/** Connection exceptions, insufficient resources, operator intervention (shutdown, start-up, crash), lock not available, conflicts. */
const PASSING = /^(08|53|57P|57014|55P03|25P03|40)/
const PASSING_SYSTEM_CODES = /^(ECONN\w+|EPIPE|ETIMEDOUT|EHOST\w+|ENET\w+|ENOTFOUND|EAI_AGAIN)$/
/** How `pg` says that a connection was lost or not made in time, without a code. */
const PASSING_MESSAGES = /terminated|timeout|not queryable/i

/** Whether the same transaction can succeed at once when it is run again. */
export function isConflict(error: unknown): boolean {
  const cause = error instanceof MillraceError ? error.cause : error
  return CONFLICTS.includes(codeOf(cause))
}

/** Whether the server itself said it, so that the connection is still in order. */
export const isFromServer = (error: unknown): boolean =>
  /^[0-9A-Z]{5}$/.test(codeOf(error)) && 'severity' in (error as object)

/** An error of the driver, as one of ours. */
export function postgresError(error: unknown, place: string): MillraceError {
  if (error instanceof MillraceError) return error
  const code = codeOf(error)
  // Where a name has several addresses, Node.js gives an AggregateError without a message of its own.
  const message = (error instanceof Error && error.message) || code || String(error)
  if (isPassing(error, code, message)) {
    return new MillraceError('METADATA_UNAVAILABLE', `${place} does not answer: ${message}.`, {
      fix: 'Check that the server runs and can be reached from here; then try again.',
      cause: error,
    })
  }
  if (code === DISK_FULL) {
    return new MillraceError('METADATA_FULL', `${place} has no room left: ${message}.`, {
      fix: 'Free some disk space on the server, then try again.',
      cause: error,
    })
  }
  return new MillraceError('METADATA_UNUSABLE', `${place} cannot be used: ${message}.`, {
    fix: 'Check user, password, database, encryption, and that the user may create the schema or use its tables.',
    cause: error,
  })
}

function isPassing(error: unknown, code: string, message: string): boolean {
  if (isFromServer(error)) return PASSING.test(code) && code !== DISK_FULL
  if (code === '') return PASSING_MESSAGES.test(message)
  // The socket of a server on this machine is there only while it runs. Other missing files, such as certificates, stay missing.
  return (
    PASSING_SYSTEM_CODES.test(code) || (code === 'ENOENT' && (error as NodeJS.ErrnoException).syscall === 'connect')
  )
}

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : ''
}
