// The short way through the framework, for a route that is asked thousands of times a second. Body parser, hooks around the serialiser and a
// compiled serialiser cost more there than what is behind them: their code and objects push that of the answer out of the processor's caches.
import type { OutgoingHttpHeaders } from 'node:http'
import type { FastifyReply, onRequestHookHandler } from 'fastify'
import { inBatches } from '../lib/batches.ts'
import { jsonText } from '../lib/json-text.ts'
import type { ParseJson } from './json-body.ts'
import { compileCheck } from './validation.ts'

export interface DirectRoute<Body> {
  readonly parse: ParseJson
  /** Of the body. */
  readonly schema: object
  /** What it returns is written as it is: it must hold what the route's schema of answers declares and nothing else, and stay as it is. */
  readonly answer: (body: Body) => object | Promise<object>
  /** How many connections the server has had. */
  readonly connectionCount: () => number
}

/** More bring no more than these do, and the first of them waits for the last. Ranked answers want it, too: going from step to step for each costs them more than waiting for a few others. Where many wait, it is the rate at which they are answered that counts. */
const BATCH = { countMax: 16, batchMs: 2.5, backlog: { fromMs: 16, batchMs: 8 } }

/**
 * Reads, checks and answers a usual request as the route would: JSON of a known length within the limit. Others pass on to the route, and
 * failures to the framework, so that both are told in one place. Hooks of the server come before it, as they must for keys and origins.
 *
 * Requests that have arrived together take each step together: all are parsed, then all answered, then all written. Each step has code and
 * data of its own, and going from step to step for every single request took a quarter of its time. An answer that has to be waited for is written when
 * it is there.
 */
export function answerDirectly<Body>({
  parse,
  schema,
  answer,
  connectionCount,
}: DirectRoute<Body>): onRequestHookHandler {
  const check = compileCheck({ schema, httpPart: 'body' })

  function checkedBody(parts: readonly Buffer[]): Body {
    const body = parse(parts.length === 1 ? parts[0]! : Buffer.concat(parts))
    if (!check(body)) throw new BodyInvalid(check.errors)
    return body as Body
  }

  const takeUp = inBatches<Asked>({ ...BATCH, arrivalCount: connectionCount }, (batch) => {
    const bodies = batch.map(({ parts }) => outcomeOf(() => checkedBody(parts)))
    const answers = bodies.map((body) => ifGood(body, answer))
    const texts = answers.map((response) => ifGood(response, textOf))
    batch.forEach(({ reply, done }, i) => {
      const text = texts[i]!
      if ('failure' in text) done(text.failure)
      else if (typeof text.value === 'string') send(reply, text.value)
      else text.value.then((later) => send(reply, later), done)
    })
  })

  return (request, reply, done) => {
    const { raw } = request
    const { headers } = raw
    const isUsual =
      usualTypes.has(headers['content-type']) && Number(headers['content-length']) <= request.routeOptions.bodyLimit
    if (!isUsual) return done()
    const parts: Buffer[] = []
    raw.on('data', (part: Buffer) => parts.push(part))
    raw.on('end', () => takeUp({ reply, parts, done }))
  }
}

const textOf = (answer: object | Promise<object>): string | Promise<string> =>
  answer instanceof Promise ? answer.then(jsonText) : jsonText(answer)

const usualTypes: ReadonlySet<string | undefined> = new Set(['application/json', 'application/json; charset=utf-8'])

interface Asked {
  readonly reply: FastifyReply
  /** Of the body. */
  readonly parts: readonly Buffer[]
  readonly done: (failure: Error) => void
}

/** One request's failure must not cost the others of its batch. */
type Outcome<T> = { readonly value: T } | { readonly failure: Error }

function outcomeOf<T>(make: () => T): Outcome<T> {
  try {
    return { value: make() }
  } catch (error) {
    return { failure: error as Error }
  }
}

const ifGood = <A, B>(outcome: Outcome<A>, make: (value: A) => B): Outcome<B> =>
  'failure' in outcome ? outcome : outcomeOf(() => make(outcome.value))

function send(reply: FastifyReply, text: string): void {
  reply.hijack()
  const head = reply.getHeaders() as OutgoingHttpHeaders
  head['content-type'] = 'application/json; charset=utf-8'
  head['content-length'] = Buffer.byteLength(text)
  reply.raw.writeHead(200, head).end(text)
}

/** As the framework tells that a check of its own failed. */
class BodyInvalid extends Error {
  readonly validationContext = 'body'
  readonly validation: unknown

  constructor(validation: unknown) {
    super('the body fails its check')
    this.validation = validation
  }
}
