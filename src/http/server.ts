// The HTTP face of the system. It parses, asks a component, and prints; it decides nothing about recommendations or events.
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import fastify, {
  type FastifyInstance,
  type FastifyReply,
  type InjectOptions,
  type LightMyRequestResponse,
} from 'fastify'
import { MillraceError } from '../lib/errors.ts'
import type { Logger } from '../lib/logger.ts'
import { pause, settlesWithin } from '../lib/within.ts'
import type { KeyStore } from '../ports/key-store.ts'
import { answerRoutes } from './answer-routes.ts'
import { isLoopback, requireKeys } from './authorization.ts'
import type { Answered, ServerDependencies } from './dependencies.ts'
import { explanationRoutes } from './explanation-routes.ts'
import { featureRoutes } from './feature-routes.ts'
import { healthRoutes, Readiness } from './health-routes.ts'
import { intakeRoutes } from './intake-routes.ts'
import { readBeacons, readJsonBodies } from './json-body.ts'
import { BACKLOG, listenFailure } from './listening.ts'
import { ServerMetrics } from './metrics.ts'
import { modelRoutes } from './model-routes.ts'
import { documentRoutes } from './openapi.ts'
import { operationRoutes } from './operation-routes.ts'
import { allowOrigins } from './origins.ts'
import { PROBLEM_TYPE, type ProblemBody, problemOf } from './problem.ts'
import { recommendationRoutes } from './recommendation-routes.ts'
import { runRoutes } from './run-routes.ts'
import { searchRoutes } from './search-routes.ts'
import { tableRoutes } from './table-routes.ts'
import { refuseUnknownRoutes } from './unknown-route.ts'
import { compileCheck } from './validation.ts'

export interface ServerOptions {
  /** "127.0.0.1" where it is left out, so that nobody opens a server to the world by accident. */
  readonly host?: string
  /** 7700 where it is left out; 0 takes any free port. */
  readonly port?: number
  /** Whether requests need a key on loopback too. On any other host they always do. */
  readonly requireKey?: boolean
  /** Web pages of these origins, such as "https://shop.example", may call the server from a browser. None where it is left out. */
  readonly allowedOrigins?: readonly string[]
  readonly limits?: Partial<ServerLimits>
}

export interface ServerLimits {
  /** Bytes of a body that is not a batch; 4 MiB. */
  readonly bodyBytes: number
  /** Bytes of a batch of events, users or items; 16 MiB. */
  readonly batchBodyBytes: number
  /** Rows of a batch; 10,000. */
  readonly batchCount: number
  /** A request must have arrived completely within this time; 30 s. */
  readonly requestMs: number
  /** An idle connection is closed after this time; 72 s, longer than the usual load balancer keeps it. */
  readonly idleMs: number
  /** For how long `close` still takes new requests, though not ready, so that load balancers notice before it hangs up; 0. */
  readonly drainMs: number
  /** Requests that are still running this long after that are cut off; 10 s. */
  readonly stopMs: number
}

const defaultLimits: ServerLimits = {
  bodyBytes: 2 ** 22,
  batchBodyBytes: 16 * 2 ** 20,
  batchCount: 10_000,
  requestMs: 30_000,
  idleMs: 72_000,
  drainMs: 0,
  stopMs: 10_000,
}

export interface HttpServer {
  /**
   * @returns the address it listens on
   * @throws MillraceError PORT_IN_USE, ADDRESS_UNUSABLE, KEYS_REQUIRED
   */
  listen(): Promise<{ readonly url: string; readonly port: number }>
  /** Turns readiness off, then takes no new connection, finishes the requests that are running, and resolves. Calling it again is harmless. */
  close(): Promise<void>
  /** Answers on a connection that another process has accepted and handed over, as on one of its own. */
  take(connection: Socket): void
  /** Connections that were handed over and are open. */
  takenCount(): number
  /** What this process counts, in the text format of Prometheus. */
  ownMetrics(): Promise<string>
  /** Counts what went wrong behind an answer; for the recommendation service to call. */
  countAnswered(answered: Answered): void
  /** For tests: answers without a socket. */
  inject(request: string | InjectOptions): Promise<LightMyRequestResponse>
}

export function createServer(deps: ServerDependencies, options: ServerOptions = {}): HttpServer {
  const { host = '127.0.0.1', port = 7700, requireKey = false, allowedOrigins = [] } = options
  const limits = { ...defaultLimits, ...options.limits }
  const readiness = new Readiness(() => deps.status())
  const metrics = new ServerMetrics(deps)
  const app = bareServer(limits)

  const parse = readJsonBodies(app)
  readBeacons(app, parse, allowedOrigins)
  answerFailures(app, deps)
  if (allowedOrigins.length > 0) allowOrigins(app, allowedOrigins)
  if (requireKey || !isLoopback(host)) requireKeys(app, deps.keys)
  // While it drains, every answer is the last one of its connection: whoever keeps connections open leaves before they are closed under them.
  app.addHook('onRequest', (_request, reply, done) => {
    if (readiness.isStopping) reply.header('connection', 'close')
    // For clients whose types were made from a system file: whether it is this one.
    reply.header('millrace-plan', deps.build.planHash)
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    metrics.countRequest(request.routeOptions.config.metricName ?? 'unknown', reply.statusCode, reply.elapsedTime)
    done()
  })
  app.addHook('onRoute', (route) => {
    route.config = { ...route.config, metricName: `${route.method} ${route.url}` }
  })
  refuseUnknownRoutes(app)
  const document = documentRoutes(app, deps.build)
  recommendationRoutes(app, deps, { metrics, parse })
  searchRoutes(app, deps)
  modelRoutes(app, deps)
  explanationRoutes(app, deps)
  answerRoutes(app, deps)
  runRoutes(app, deps)
  featureRoutes(app, deps)
  tableRoutes(app, deps)
  operationRoutes(app, deps)
  intakeRoutes(app, deps, metrics, limits)
  healthRoutes(app, { readiness, metrics, document, group: deps.group })

  const taken = new Set<Socket>()
  let closing: Promise<void> | undefined
  return {
    async listen() {
      refuseWithoutKeys(host, deps.keys)
      const url = await bind(app, host, port)
      deps.log.info('listening', { url })
      return { url, port: Number(new URL(url).port) }
    },
    close: () => (closing ??= stop(app, { readiness, log: deps.log, limits, taken })),
    take(connection) {
      taken.add(connection)
      connection.once('close', () => taken.delete(connection))
      app.server.emit('connection', connection)
    },
    takenCount: () => taken.size,
    ownMetrics: () => metrics.text(),
    countAnswered: (answered) => metrics.countAnswered(answered),
    inject: (request) => app.inject(request),
  }
}

declare module 'fastify' {
  interface FastifyContextConfig {
    metricName?: string
  }
}

/** Longest address of a request that is looked at; an id of 256 bytes takes at most 768 there. Longer ones fail the id's own check. */
const PARAMETER_LENGTH_MAX = 16_384

function bareServer(limits: ServerLimits): FastifyInstance {
  // Ids of failed requests are found again in the log: unique by process, then counted.
  const prefix = randomBytes(6).toString('base64url')
  let requestCount = 0
  const app = fastify({
    logger: false,
    genReqId: () => `${prefix}-${(requestCount++).toString(36)}`,
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.idleMs,
    // A request that got through while stopping is answered like any other.
    return503OnClosing: false,
    http: {
      headersTimeout: limits.requestMs,
      connectionsCheckingInterval: Math.min(1000, Math.ceil(limits.requestMs / 4)),
    },
    routerOptions: { maxParamLength: PARAMETER_LENGTH_MAX },
    // Errors from before routing, such as an address that cannot be decoded.
    frameworkErrors: (error, request, reply) =>
      sendProblem(reply as unknown as FastifyReply, problemOf(error, request.id)),
    clientErrorHandler: (error, socket) =>
      refuseConnection(error, socket as Socket, `${prefix}-${(requestCount++).toString(36)}`),
  })
  app.setValidatorCompiler(compileCheck)
  return app
}

function answerFailures(app: FastifyInstance, { log }: ServerDependencies): void {
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error, request.id, { bodyBytes: request.routeOptions.bodyLimit })
    if (problem.code === 'INTERNAL') {
      // The route's pattern, not the address, and no headers: neither ids of users nor keys belong in the log.
      const route = request.routeOptions.config.metricName
      log.error('unexpected error', { requestId: request.id, route, error })
    }
    sendProblem(reply, problem)
  })
}

/** Of a server that is asked too much: its queue is shorter by then, or it goes on turning away. */
const OVERLOADED_RETRY_SECONDS = 1

function sendProblem(reply: FastifyReply, problem: ProblemBody): void {
  if (problem.code === 'SERVER_OVERLOADED') reply.header('retry-after', OVERLOADED_RETRY_SECONDS)
  reply.code(problem.status).type(PROBLEM_TYPE).send(problem)
}

const connectionFailures = {
  ERR_HTTP_REQUEST_TIMEOUT: ['REQUEST_TOO_SLOW', 'The request did not arrive in time.', '408 Request Timeout'],
  HPE_HEADER_OVERFLOW: [
    'REQUEST_HEADERS_TOO_LARGE',
    'Address and headers are too long.',
    '431 Request Header Fields Too Large',
  ],
} as const

/** Answers what is not even a request, on the bare socket, and hangs up. */
function refuseConnection(error: NodeJS.ErrnoException, socket: Socket, requestId: string): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const [code, message, status] = connectionFailures[error.code as keyof typeof connectionFailures] ?? [
    'REQUEST_MALFORMED',
    'This is not a valid HTTP request.',
    '400 Bad Request',
  ]
  const body = JSON.stringify(problemOf(new MillraceError(code, message), requestId))
  const head = [
    `HTTP/1.1 ${status}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}

/** @throws MillraceError KEYS_REQUIRED where anybody on the network could do anything */
export function refuseWithoutKeys(host: string, keys: KeyStore): void {
  if (isLoopback(host)) return
  if (keys.list().some((key) => key.revokedAtMs === undefined)) return
  throw new MillraceError(
    'KEYS_REQUIRED',
    `The host ${host} can be reached from other machines, and there is no API key.`,
    {
      fix: 'Make one with "millrace keys create --scope read --name NAME", or listen on 127.0.0.1.',
    },
  )
}

async function bind(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    return await app.listen({ host, port, backlog: BACKLOG })
  } catch (error) {
    throw listenFailure(error, { host, port })
  }
}

const hasClosed = (connection: Socket): Promise<void> =>
  new Promise((resolve) => {
    if (connection.destroyed) resolve()
    else connection.once('close', () => resolve())
  })

/** How often connections that have become idle are closed while stopping. */
const SWEEP_MS = 20

async function stop(
  app: FastifyInstance,
  {
    readiness,
    log,
    limits,
    taken,
  }: { readiness: Readiness; log: Logger; limits: ServerLimits; taken: ReadonlySet<Socket> },
): Promise<void> {
  readiness.stop()
  if (limits.drainMs > 0) await pause(limits.drainMs)
  // The framework waits for the connections that it has accepted itself.
  const closed = Promise.all([app.close(), ...[...taken].map(hasClosed)])
  const sweepCountMax = Math.ceil(limits.stopMs / SWEEP_MS)
  for (let sweep = 0; !(await settlesWithin(closed, SWEEP_MS)); sweep++) {
    // A client may keep its connection open for ever after its last answer.
    app.server.closeIdleConnections()
    // One on which nothing was ever asked does not count as idle there.
    for (const connection of taken) if (connection.bytesRead === 0) connection.destroy()
    if (sweep !== sweepCountMax) continue
    log.warn('cut off the requests that were still running', { stopMs: limits.stopMs })
    app.server.closeAllConnections()
  }
  log.info('stopped')
}
