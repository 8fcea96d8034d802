import { hash } from 'node:crypto'
import type { RejectionReason } from '../domain/rejection.ts'
import { type RowProblems, shown } from './row-problems.ts'

export const ID_BYTES_MAX = 256

/** An id as text. Whole numbers are taken as their decimal digits: many shops number their customers. */
export function rowId(
  found: unknown,
  field: string,
  { missing, problems }: { readonly missing: RejectionReason; readonly problems: RowProblems },
): string | undefined {
  const id =
    typeof found === 'string' ? found : typeof found === 'bigint' || Number.isSafeInteger(found) ? String(found) : found
  if (id === undefined || id === null || id === '') {
    return problems.add(missing, `${field}: found nothing, expected an id.`)
  }
  if (typeof id !== 'string') {
    return problems.add('MALFORMED_ID', `${field}: found ${shown(found)}, expected a text or a whole number.`)
  }
  // Before looking at each character: an id of 10 kB is not read to its end.
  const bytes = id.length > ID_BYTES_MAX || !isAscii(id) ? Buffer.byteLength(id) : id.length
  if (bytes > ID_BYTES_MAX) {
    return problems.add(
      'MALFORMED_ID',
      `${field}: found ${bytes} bytes (${shown(id)}), expected at most ${ID_BYTES_MAX}.`,
    )
  }
  if (hasControlCharacter(id)) {
    return problems.add('MALFORMED_ID', `${field}: found a control character in ${shown(id)}, expected none.`)
  }
  if (!id.isWellFormed()) {
    return problems.add('MALFORMED_ID', `${field}: found half a character in ${shown(id)}, expected valid Unicode.`)
  }
  return id
}

function isAscii(id: string): boolean {
  for (let i = 0; i < id.length; i++) if (id.charCodeAt(i) > 0x7f) return false
  return true
}

/** C0, DEL and C1. */
function hasControlCharacter(id: string): boolean {
  for (let i = 0; i < id.length; i++) {
    const code = id.charCodeAt(i)
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return true
  }
  return false
}

/**
 * The id of an event that came without one: 128 bits of SHA-256 over where it came from and what it says. So importing a file twice adds nothing,
 * and two rows of one source that say the same are one event; who needs both maps a column to `id`.
 */
export function contentId(parts: readonly unknown[]): string {
  return hash('sha256', JSON.stringify(parts), 'base64url').slice(0, 22)
}
