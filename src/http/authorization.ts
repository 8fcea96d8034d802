// Who may call what. Keys come in "Authorization: Bearer mlr_…" and are never logged.
import type { FastifyInstance } from 'fastify'
import { type ApiKey, allows, isValidKey, keyIdOf, type Scope } from '../domain/api-key.ts'
import { MillraceError } from '../lib/errors.ts'
import type { KeyStore } from '../ports/key-store.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a key must be allowed to call the route; routes without it are open to everyone. */
    scope?: Scope
  }
}

/** Refuses requests before their body is read, where a route needs a scope that the key does not have. */
export function requireKeys(app: FastifyInstance, keys: KeyStore): void {
  app.addHook('onRequest', (request, reply, done) => {
    const { scope } = request.routeOptions.config
    const refusal = scope === undefined ? undefined : refusalOf(request.headers.authorization, scope, keys)
    if (refusal && refusal.httpStatus === 401) reply.header('www-authenticate', 'Bearer realm="millrace"')
    done(refusal)
  })
}

/** The name of the key that a request carries; undefined where it carries none that works. */
export function callerOf(header: string | undefined, keys: KeyStore): string | undefined {
  return validKey(header, keys)?.name
}

function refusalOf(header: string | undefined, needed: Scope, keys: KeyStore): MillraceError | undefined {
  if (header === undefined) {
    return new MillraceError('KEY_MISSING', 'This server answers requests with an API key only.', {
      fix: `Send the header "Authorization: Bearer KEY". Make a key with "millrace keys create --scope ${needed} --name NAME".`,
    })
  }
  const record = validKey(header, keys)
  // One answer for unknown, malformed and revoked keys: whoever guesses learns nothing.
  if (record === undefined) {
    return new MillraceError('KEY_INVALID', 'The API key is unknown, malformed or revoked.', {
      fix: 'See "millrace keys list" for the keys that work.',
    })
  }
  if (!allows(record.scopes, needed)) {
    return new MillraceError(
      'KEY_SCOPE_MISSING',
      `The key "${record.name}" may ${record.scopes.join(' and ')}; this needs the scope "${needed}".`,
      { fix: `Make a key with "millrace keys create --scope ${needed} --name NAME".` },
    )
  }
  return undefined
}

function validKey(header: string | undefined, keys: KeyStore): ApiKey | undefined {
  const key = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1] ?? ''
  const id = keyIdOf(key)
  const record = id === undefined ? undefined : keys.find(id)
  return record !== undefined && isValidKey(key, record) ? record : undefined
}

/** Whether only processes of the same machine can reach a server that listens on this host. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}
