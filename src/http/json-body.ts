// How bodies become values: JSON in UTF-8 and nothing else.
import { isUtf8 } from 'node:buffer'
import type { FastifyInstance } from 'fastify'
import { MillraceError } from '../lib/errors.ts'

/** No body that we know of needs more than 5. Writing a value that is nested without bound, to the quarantine say, would exhaust the stack. */
const DEPTH_MAX = 32

/** Replaces Fastify's parsers. Ours refuses invalid UTF-8, where Fastify's would quietly put replacement characters into ids. */
export function readJsonBodies(app: FastifyInstance): void {
  // "error": a body that would change the prototypes of objects (__proto__, constructor.prototype) is refused.
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0 && request.method === 'DELETE') return done(null, undefined)
    if (!isUtf8(body)) return done(malformed('The body is not valid UTF-8.', 'Encode the body as UTF-8.'))
    const text = body.toString('utf8')
    parse(request, text, (error, value) => {
      if (error) return done(text.trim() === '' ? error : unreadable(text))
      if (!isDeeperThan(value, DEPTH_MAX)) return done(null, value)
      done(malformed(`The body is nested more than ${DEPTH_MAX} levels deep.`, 'Send flat values.'))
    })
  })
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
