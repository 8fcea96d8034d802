// What comes in: events, and changes of users and items. A batch is never refused for its bad rows: the good ones are kept, the bad ones listed.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { EntityName } from '../domain/event.ts'
import { MillraceError } from '../lib/errors.ts'
import type { EntityChangeRow, IntakeResult, ServerDependencies } from './dependencies.ts'
import type { ServerMetrics } from './metrics.ts'
import { failures } from './openapi.ts'
import {
  EntitiesBody,
  EntitiesDocument,
  EntityBody,
  EntityDocument,
  EntityParams,
  EventsBody,
  EventsDocument,
  IntakeAnswer,
} from './schemas.ts'

export interface IntakeLimits {
  /** Events, users or items in one request. */
  readonly batchCount: number
  /** Bytes of one such request's body. */
  readonly batchBodyBytes: number
}

const batchAnswers = { 200: IntakeAnswer, 207: IntakeAnswer, ...failures }

export function intakeRoutes(
  app: FastifyInstance,
  deps: ServerDependencies,
  metrics: ServerMetrics,
  limits: IntakeLimits,
): void {
  app.post<{ Body: { events: unknown[] } }>('/v1/events', {
    schema: {
      operationId: 'sendEvents',
      summary:
        'What users did, and what was shown to them. Answers once it is on disk: 200 where nothing was rejected, 207 where some or all events were',
      body: EventsBody(limits.batchCount),
      response: batchAnswers,
    },
    config: { scope: 'collect', takesBeacons: true, documentedBody: EventsDocument(limits.batchCount) },
    bodyLimit: limits.batchBodyBytes,
    handler: async (request, reply) => {
      const result = await deps.intake.acceptEvents(request.body.events, originOf(request))
      for (const [kind, ofKind] of byKind(request.body.events, result)) metrics.countIntake(kind, ofKind)
      return sendBatchResult(reply, result)
    },
  })
  for (const entity of ['item', 'user'] as const) entityRoutes(app, deps, metrics, { entity, limits })
}

function entityRoutes(
  app: FastifyInstance,
  deps: ServerDependencies,
  metrics: ServerMetrics,
  { entity, limits }: { readonly entity: EntityName; readonly limits: IntakeLimits },
): void {
  const listName = `${entity}s`
  const title = entity === 'item' ? 'Item' : 'User'
  const accept = async (request: FastifyRequest, changes: readonly EntityChangeRow[]): Promise<IntakeResult> => {
    const result = await deps.intake.acceptEntityChanges(changes, originOf(request))
    metrics.countIntake('entity', result)
    return result
  }

  for (const change of ['put', 'patch'] as const) {
    app.route<{ Params: Static<typeof EntityParams>; Body: Static<typeof EntityBody> }>({
      method: change === 'put' ? 'PUT' : 'PATCH',
      url: `/v1/${listName}/:id`,
      schema: {
        operationId: `${change}${title}`,
        summary:
          change === 'put'
            ? `Replaces all that is known of one ${entity}`
            : `Changes the given attributes of one ${entity}`,
        params: EntityParams,
        body: EntityBody,
        response: { 200: IntakeAnswer, ...failures },
      },
      config: { scope: 'write', documentedBody: EntityDocument },
      handler: async (request, reply) => {
        const { attributes, eventTime } = request.body
        const row = { entity, entityId: request.params.id, change, attributes, eventTime }
        return sendSingleResult(reply, await accept(request, [row]))
      },
    })
  }

  app.delete<{ Params: Static<typeof EntityParams> }>(`/v1/${listName}/:id`, {
    schema: {
      operationId: `delete${title}`,
      summary: `Takes one ${entity} away; deleting what is not there is no error`,
      params: EntityParams,
      response: { 200: IntakeAnswer, ...failures },
    },
    config: { scope: 'write' },
    handler: async (request, reply) => {
      const row = {
        entity,
        entityId: request.params.id,
        change: 'delete' as const,
        attributes: {},
        eventTime: undefined,
      }
      return sendSingleResult(reply, await accept(request, [row]))
    },
  })

  app.put<{ Body: Record<string, unknown[]> }>(`/v1/${listName}`, {
    schema: {
      operationId: `put${title}s`,
      summary: `Replaces all that is known of many ${entity}s. Answers as POST /v1/events does`,
      body: EntitiesBody(listName, limits.batchCount),
      response: batchAnswers,
    },
    config: { scope: 'write', documentedBody: EntitiesDocument(listName, limits.batchCount) },
    bodyLimit: limits.batchBodyBytes,
    handler: async (request, reply) => {
      const rows = request.body[listName]!.map((row) => {
        const { id, attributes, eventTime } = Object(row) as Record<string, unknown>
        return { entity, entityId: id, change: 'put' as const, attributes, eventTime }
      })
      return sendBatchResult(reply, await accept(request, rows))
    },
  })
}

/** What became of the events of each kind in a batch. */
function byKind(
  events: readonly unknown[],
  { duplicatePositions, rejected }: IntakeResult,
): readonly (readonly [EventKind, IntakeResult])[] {
  const kinds = events.map((event): EventKind => {
    const { kind } = Object(event) as { readonly kind?: unknown }
    return kind === 'impression' ? kind : 'interaction'
  })
  return [...new Set(kinds)].map((kind) => {
    const own = {
      duplicatePositions: duplicatePositions.filter((position) => kinds[position] === kind),
      rejected: rejected.filter(({ position }) => kinds[position] === kind),
    }
    const sentCount = kinds.filter((one) => one === kind).length
    return [kind, { ...own, acceptedCount: sentCount - own.duplicatePositions.length - own.rejected.length }]
  })
}

type EventKind = 'interaction' | 'impression'

const originOf = (request: FastifyRequest) => ({ source: 'http', where: request.id })

function sendBatchResult(
  reply: FastifyReply,
  { acceptedCount, duplicatePositions, rejected }: IntakeResult,
): FastifyReply {
  const status = rejected.length === 0 ? 200 : 207
  return reply.code(status).send({ acceptedCount, duplicateCount: duplicatePositions.length, rejected })
}

function sendSingleResult(reply: FastifyReply, result: IntakeResult): FastifyReply {
  const [rejection] = result.rejected
  if (rejection === undefined) return sendBatchResult(reply, result)
  throw new MillraceError('ENTITY_REJECTED', rejection.message, {
    problems: result.rejected.map(({ reason, message }) => ({ where: '/', message: `${reason}: ${message}` })),
    fix: 'Mend it and send it again.',
  })
}
