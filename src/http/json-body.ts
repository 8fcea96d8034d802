// How bodies become values: JSON in UTF-8 and nothing else, whatever a beacon calls it.
import { isUtf8 } from 'node:buffer'
import { errorCodes, type FastifyInstance } from 'fastify'
import { comesFromOwnPage } from './origins.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether browsers may send to it while a page is being left. */
    takesBeacons?: boolean
  }
}

import { MillraceError } from '../lib/errors.ts'

/** No body that we know of needs more than 5. Writing a value that is nested without bound, to the quarantine say, would exhaust the stack. */
const DEPTH_MAX = 32

/** A body as a value. @throws what the caller is to be told, MillraceError REQUEST_MALFORMED mostly */
export type ParseJson = (body: Buffer) => unknown

/** Replaces Fastify's parsers. Ours refuses invalid UTF-8, where Fastify's would quietly put replacement characters into ids. */
export function readJsonBodies(app: FastifyInstance): ParseJson {
  const parse = jsonParser(app)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0 && request.method === 'DELETE') return done(null, undefined)
    let value: unknown
    try {
      value = parse(body)
    } catch (error) {
      return done(error as Error)
    }
    done(null, value)
  })
  return parse
}

/**
 * Reads the JSON that `navigator.sendBeacon` sends as plain text, which alone needs no question beforehand that a closing page would not live to see answered. That
 * question is what keeps pages of strangers from a server without keys, such as one on the visitor's own machine; so the page is looked at here, in the header that no
 * page can write itself.
 */
export function readBeacons(app: FastifyInstance, parse: ParseJson, allowedOrigins: readonly string[]): void {
  app.addContentTypeParser<Buffer>('text/plain', { parseAs: 'buffer' }, (request, body, done) => {
    if (!request.routeOptions.config.takesBeacons || !comesFromOwnPage(request, allowedOrigins)) {
      return done(new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE())
    }
    try {
      done(null, parse(body))
    } catch (error) {
      done(error as Error)
    }
  })
}

function jsonParser(app: FastifyInstance): ParseJson {
  const parseSuspect = suspectParser(app)
  return (body) => {
    if (!isUtf8(body)) throw malformed('The body is not valid UTF-8.', 'Encode the body as UTF-8.')
    const text = body.toString('utf8')
    const value = isSuspect.test(text) ? parseSuspect(text) : parsed(text)
    if (isDeeperThan(value, DEPTH_MAX)) {
      throw malformed(`The body is nested more than ${DEPTH_MAX} levels deep.`, 'Send flat values.')
    }
    return value
  }
}

/** Whether a text may hold a field that changes prototypes, perhaps written with escapes, or is none at all. Seldom true, and cheap to ask. */
const isSuspect = /__proto__|constructor|\\u|^\ufeff|^\s*$/

/** "error": a body that would change the prototypes of objects (__proto__, constructor.prototype) is refused. */
function suspectParser(app: FastifyInstance): (text: string) => unknown {
  const parse = app.getDefaultJsonParser('error', 'error')
  return (text) => {
    let failure: Error | null = null
    let value: unknown
    // It calls back before it returns, and does not look at the request.
    parse(undefined as never, text, (error, parsedValue) => {
      failure = error
      value = parsedValue
    })
    if (failure !== null) throw text.trim() === '' ? failure : unreadable(text)
    return value
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw unreadable(text)
  }
}

/** Why a text was not taken: the framework's parser has one message for everything. */
function unreadable(text: string): MillraceError {
  try {
    JSON.parse(text)
  } catch (error) {
    return malformed(`The body is not valid JSON: ${(error as Error).message}.`, 'Send one valid JSON value.')
  }
  return malformed(
    'The body has a field that would change prototypes.',
    'Leave out "__proto__" and "constructor.prototype".',
  )
}

const malformed = (message: string, fix: string): MillraceError =>
  new MillraceError('REQUEST_MALFORMED', message, { fix })

function isDeeperThan(value: unknown, levelCount: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levelCount === 0) return true
  if (Array.isArray(value)) return value.some((part) => isDeeperThan(part, levelCount - 1))
  for (const name in value) if (isDeeperThan((value as Record<string, unknown>)[name], levelCount - 1)) return true
  return false
}
