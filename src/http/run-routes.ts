// Runs: which there were and are, what each was made of and measured; queueing one, and ending one.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { isoTime } from '../domain/iso-time.ts'
import type { Run, RunKind, RunState } from '../domain/run.ts'
import { MillraceError, type Problem } from '../lib/errors.ts'
import { callerOf } from './authorization.ts'
import type { ServerDependencies, WantedRun } from './dependencies.ts'
import { failures } from './openapi.ts'
import {
  CancelRunBody,
  fieldsOfKind,
  QueueRunBody,
  RunAnswer,
  RunParams,
  RunsAnswer,
  RunsQuery,
  RunWithMetricsAnswer,
} from './run-schemas.ts'

/** Runs in an answer where the request does not say. */
const RUN_COUNT = 100

export function runRoutes(app: FastifyInstance, { runs, keys }: ServerDependencies): void {
  if (runs === undefined) return
  const whoAsks = (request: FastifyRequest): string =>
    callerOf(request.headers.authorization, keys) ?? 'somebody on this machine, without a key'

  app.get<{ Querystring: Static<typeof RunsQuery> }>('/v1/runs', {
    schema: {
      operationId: 'listRuns',
      summary: 'The runs: what asked for each, what it works on, how it ended, what it took and made',
      querystring: RunsQuery,
      response: { 200: RunsAnswer, ...failures },
    },
    config: { scope: 'read' },
    handler: async ({ query: { kind, state, limit = RUN_COUNT } }) => {
      const found = await runs.list({
        limit,
        ...(kind !== undefined && { kind: kind as RunKind }),
        ...(state !== undefined && { states: [state as RunState] }),
      })
      return { runs: found.map(described) }
    },
  })

  app.get<{ Params: Static<typeof RunParams> }>('/v1/runs/:id', {
    schema: {
      operationId: 'describeRun',
      summary: 'One run, with its figures over time',
      params: RunParams,
      response: { 200: RunWithMetricsAnswer, ...failures },
    },
    config: { scope: 'read' },
    handler: async ({ params }) => {
      const { run, metrics } = await runs.find(params.id)
      const shown = metrics.map(({ atMs, interval, ...metric }) => ({
        ...metric,
        ...(interval && { interval: [...interval] }),
        at: isoTime(atMs),
      }))
      return { ...described(run), metrics: shown }
    },
  })

  app.post<{ Body: Static<typeof QueueRunBody> }>('/v1/runs', {
    schema: {
      operationId: 'queueRun',
      summary:
        'Queue a training, a tuning, the measuring of importance, or a batch of lists; it runs in a process of its own',
      body: QueueRunBody,
      response: { 202: RunAnswer, ...failures },
    },
    config: { scope: 'admin' },
    handler: async (request, reply) => {
      const { reason, ...asked } = request.body
      const command = `${request.method} ${request.routeOptions.url}`
      assertOfKind(request.body)
      // What its kind needs was checked just now.
      const run = await runs.queue({ ...asked, by: whoAsks(request), command, why: reason } as WantedRun)
      reply.code(202)
      return described(run)
    },
  })

  app.post<{ Params: Static<typeof RunParams>; Body: Static<typeof CancelRunBody> }>('/v1/runs/:id/cancel', {
    schema: {
      operationId: 'cancelRun',
      summary: 'End a run that waits or is under way',
      params: RunParams,
      body: CancelRunBody,
      response: { 200: RunAnswer, ...failures },
    },
    config: { scope: 'admin' },
    handler: async (request) =>
      described(await runs.cancel(request.params.id, { by: whoAsks(request), why: request.body.reason })),
  })
}

/** @throws MillraceError REQUEST_INVALID where a field is of another kind, the one that it needs is missing, or nothing is to be measured */
function assertOfKind(body: Static<typeof QueueRunBody>): void {
  const { kind } = body
  const own = fieldsOfKind[kind]
  const foreign = Object.values(fieldsOfKind)
    .flat()
    .filter((field) => field in body && !own.includes(field))
  const problems: Problem[] = foreign.map((field) => ({
    where: `/${field}`,
    message: `A run of kind "${kind}" has no "${field}".`,
    fix: `Known there: ${own.join(', ')}.`,
  }))
  if (kind === 'tune' && body.target === undefined) {
    problems.push({ where: '/target', message: '"target" is missing: what is to be tuned.' })
  }
  if (kind === 'importance' && body.permutation === false && body.leaveOneOut !== true) {
    problems.push({
      where: '/permutation',
      message: 'Nothing is to be measured.',
      fix: 'Ask for permutation or leaveOneOut.',
    })
  }
  if (problems.length > 0) throw new MillraceError('REQUEST_INVALID', 'The run cannot be queued.', { problems })
}

function described(run: Run): Static<typeof RunAnswer> {
  const { request, queuedAtMs, notBeforeMs, startedAtMs, endedAtMs, process, inputs, artifacts, ...rest } = run
  return {
    ...rest,
    ...request,
    queuedAt: isoTime(queuedAtMs),
    notBefore: isoTime(notBeforeMs),
    ...(startedAtMs !== undefined && { startedAt: isoTime(startedAtMs) }),
    ...(endedAtMs !== undefined && { endedAt: isoTime(endedAtMs) }),
    ...(process && { pid: process.pid }),
    ...(inputs && { inputs: inputsOf(inputs) }),
    ...(artifacts && { artifacts: [...artifacts] }),
  }
}

const inputsOf = ({ asOfMs, tables, ...inputs }: NonNullable<Run['inputs']>) => ({
  ...inputs,
  asOf: isoTime(asOfMs),
  tables: [...tables],
})
