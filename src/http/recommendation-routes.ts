import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import type { RecommendRequest, RecommendResponse } from '../domain/recommendation.ts'
import { MillraceError } from '../lib/errors.ts'
import type { ServerDependencies } from './dependencies.ts'
import { answerDirectly } from './direct-answer.ts'
import type { ParseJson } from './json-body.ts'
import type { ServerMetrics } from './metrics.ts'
import { failures } from './openapi.ts'
import { EntityParams, RecommendAnswer, RecommendBody, SimilarQuery } from './schemas.ts'

/** Answers: for a user or session, and for an item. */
export function recommendationRoutes(
  app: FastifyInstance,
  deps: ServerDependencies,
  { metrics, parse }: { readonly metrics: ServerMetrics; readonly parse: ParseJson },
): void {
  const counted = (response: RecommendResponse): RecommendResponse => {
    metrics.countAnswer(response)
    return response
  }
  const answer = (request: RecommendRequest): RecommendResponse | Promise<RecommendResponse> => {
    const response = deps.recommender.recommend(request)
    return response instanceof Promise ? response.then(counted) : counted(response)
  }

  let connectionCount = 0
  app.server.on('connection', () => void connectionCount++)

  app.post<{ Body: RecommendRequest }>('/v1/recommend', {
    schema: {
      operationId: 'recommend',
      summary: 'Items for a known user, a session or a newcomer',
      body: RecommendBody,
      response: { 200: RecommendAnswer, ...failures },
    },
    config: { scope: 'read' },
    onRequest: answerDirectly({ parse, schema: RecommendBody, answer, connectionCount: () => connectionCount }),
    handler: async (request, reply) => reply.send(await answer(request.body)),
  })

  app.get<{ Params: Static<typeof EntityParams>; Querystring: Static<typeof SimilarQuery> }>('/v1/items/:id/similar', {
    schema: {
      operationId: 'similarItems',
      summary: 'Items like the given one',
      params: EntityParams,
      querystring: SimilarQuery,
      response: { 200: RecommendAnswer, ...failures },
    },
    config: { scope: 'read' },
    handler: async ({ params, query }, reply) => {
      const placement = query.placement ?? embeddingPlacement(deps.placements)
      return reply.send(await answer({ ...query, placement, itemId: params.id }))
    },
  })
}

function embeddingPlacement(placements: ServerDependencies['placements']): string {
  const name = Object.keys(placements).find((placement) => placements[placement]!.pattern === 'embedding')
  if (name !== undefined) return name
  throw new MillraceError('PLACEMENT_PATTERN_MISSING', 'No placement of the system file has the pattern "embedding".', {
    fix: `Add one to serving.placements, such as "similar: { pattern: 'embedding' }".`,
  })
}
