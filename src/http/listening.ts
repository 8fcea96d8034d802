// How addresses are listened on, and why one cannot be, in our words.
import { MillraceError } from '../lib/errors.ts'

/** Connections that may wait to be accepted: one that is turned away tries again after a second at the earliest. The system may allow fewer. */
export const BACKLOG = 4096

/** PORT_IN_USE, ADDRESS_UNUSABLE, or what was not expected as it is. */
export function listenFailure(
  error: unknown,
  { host, port }: { readonly host: string; readonly port: number },
): unknown {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') {
    return new MillraceError('PORT_IN_USE', `Port ${port} of ${host} is taken by another process.`, {
      fix: `Stop that process, or choose another port with "--port ${port === 65_535 ? port - 1 : port + 1}".`,
      cause: error,
    })
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND' || code === 'ERR_SOCKET_BAD_PORT') {
    return new MillraceError('ADDRESS_UNUSABLE', `The server cannot listen on ${host}, port ${port}: ${message}.`, {
      fix: 'Choose a host name or address of this machine, and a port from 1024 to 65535.',
      cause: error,
    })
  }
  return error
}
