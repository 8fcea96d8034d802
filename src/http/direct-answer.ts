// The short way through the framework, for a route that is asked thousands of times a second. Body parser, hooks around the serialiser and a
// compiled serialiser cost more there than what is behind them: their code and objects push that of the answer out of the caches.
import type { OutgoingHttpHeaders } from 'node:http'
import type { onRequestHookHandler } from 'fastify'
import type { ParseJson } from './json-body.ts'
import { compileCheck } from './validation.ts'

export interface DirectRoute<Body> {
  readonly parse: ParseJson
  /** Of the body. */
  readonly schema: object
  /** What it returns is written as it is: it must hold what the route's schema of answers declares and nothing else. */
  readonly answer: (body: Body) => object
}

/**
 * Reads, checks and answers a usual request as the route would: JSON of a known length within the limit. Others pass on to the route, and
 * failures to the framework, so that both are told in one place. Hooks of the server come before it, as they must for keys and origins.
 */
export function answerDirectly<Body>({ parse, schema, answer }: DirectRoute<Body>): onRequestHookHandler {
  const check = compileCheck({ schema, httpPart: 'body' })
  return (request, reply, done) => {
    const { raw } = request
    const { headers } = raw
    const isUsual =
      usualTypes.has(headers['content-type']) && Number(headers['content-length']) <= request.routeOptions.bodyLimit
    if (!isUsual) return done()
    const parts: Buffer[] = []
    raw.on('data', (part: Buffer) => parts.push(part))
    raw.on('end', () => {
      let text: string
      try {
        const body = parse(parts.length === 1 ? parts[0]! : Buffer.concat(parts))
        if (!check(body)) throw new BodyInvalid(check.errors)
        text = JSON.stringify(answer(body as Body))
      } catch (error) {
        return done(error as Error)
      }
      reply.hijack()
      const head = reply.getHeaders() as OutgoingHttpHeaders
      head['content-type'] = 'application/json; charset=utf-8'
      head['content-length'] = Buffer.byteLength(text)
      reply.raw.writeHead(200, head).end(text)
    })
  }
}

const usualTypes: ReadonlySet<string | undefined> = new Set(['application/json', 'application/json; charset=utf-8'])

/** As the framework tells that a check of its own failed. */
class BodyInvalid extends Error {
  readonly validationContext = 'body'
  readonly validation: unknown

  constructor(validation: unknown) {
    super('the body fails its check')
    this.validation = validation
  }
}
