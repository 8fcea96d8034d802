import type { FastifyInstance, FastifyRequest } from 'fastify'

/** Lets browsers call the server from pages of other origins (cross-origin resource sharing, the part of the Fetch standard). */
export function allowOrigins(app: FastifyInstance, origins: readonly string[]): void {
  app.addHook('onRequest', (request, reply, done) => {
    const { origin } = request.headers
    reply.header('vary', 'Origin')
    if (origin === undefined || !origins.includes(origin)) return done()
    reply
      .header('access-control-allow-origin', origin)
      .header('access-control-expose-headers', 'retry-after, millrace-plan')
    const isPreflight = request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined
    if (!isPreflight) return done()
    reply
      .header('access-control-allow-methods', 'GET, POST, PUT, PATCH, DELETE')
      .header('access-control-allow-headers', 'authorization, content-type')
      .header('access-control-max-age', '600')
      .code(204)
      .send()
  })
}

/** Whether a page that a request comes from may call the server as the browser sees it: a page of the server's own address, or of an allowed origin. */
export function comesFromOwnPage({ headers }: FastifyRequest, origins: readonly string[]): boolean {
  const { origin, host } = headers
  if (origin === undefined || !URL.canParse(origin)) return false
  return origins.includes(origin) || new URL(origin).host === host
}
