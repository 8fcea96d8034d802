import { MillraceError } from '../../lib/errors.ts'

/**
 * Checks the address before the driver does, whose own message may hold what it could not read, the password included. Returns the place it
 * names, fit to be shown.
 * @throws MillraceError METADATA_UNUSABLE
 */
export function checkedPlace(text: string): string {
  // "postgres://USER@/DATABASE?host=/FOLDER": an empty host, as for a Unix socket, is fine for Postgres, though not for URLs.
  const url = URL.parse(text) ?? URL.parse(text.replace('@/', '@localhost/'))
  if (!url) throw notAnAddress('it is no URL')
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') throw notAnAddress('it does not begin so')
  // Where a "/", "?" or "#" of the password ends the host's part, a "@" is left over, and with it the rest of the password.
  const isLeftOver = text.includes('@') && url.username + url.password === ''
  if (isLeftOver || /[@#]/.test(url.pathname + url.hash)) throw notAnAddress('there is a "@" or "#" after the host')
  if (![url.username, url.password, url.pathname, url.hostname].every(isDecodable)) {
    throw notAnAddress('a "%" is followed by something else than two hexadecimal digits')
  }
  const host = url.searchParams.get('host') ?? decodeURIComponent(url.hostname)
  return `Postgres at ${host || 'localhost'}${url.port && `:${url.port}`}${decodeURIComponent(url.pathname)}`
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

const notAnAddress = (why: string): MillraceError =>
  new MillraceError(
    'METADATA_UNUSABLE',
    `The address of the metadata store cannot be read: expected postgres://USER:PASSWORD@HOST:PORT/DATABASE, but ${why}. (It is not shown, because it may hold a password.)`,
    {
      fix: 'Write special characters of user and password percent-encoded: "@" as %40, "/" as %2F, "#" as %23, "%" as %25.',
    },
  )
