// How bodies become values: JSON in UTF-8 and nothing else.
import { isUtf8 } from 'node:buffer'
import type { FastifyInstance } from 'fastify'
import { MillraceError } from '../lib/errors.ts'

/** Replaces Fastify's parsers. Ours refuses invalid UTF-8, where Fastify's would quietly put replacement characters into ids. */
export function readJsonBodies(app: FastifyInstance): void {
  // "error": a body that would change the prototypes of objects (__proto__, constructor.prototype) is refused.
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0 && request.method === 'DELETE') return done(null, undefined)
    if (!isUtf8(body)) {
      const fix = 'Encode the body as UTF-8.'
      return done(new MillraceError('REQUEST_MALFORMED', 'The body is not valid UTF-8.', { fix }), undefined)
    }
    parse(request, body.toString('utf8'), done)
  })
}
