import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import type { RankRequest } from '../domain/recommendation.ts'
import type { SearchRequest } from '../domain/search.ts'
import type { ServerDependencies } from './dependencies.ts'
import { failures } from './openapi.ts'
import { EntityParams } from './schemas.ts'
import { DuplicatesAnswer, RankAnswer, RankBody, SearchAnswer, SearchBody } from './search-schemas.ts'

/** Questions about items that no placement answers: what fits some words, what says the same, and in which order somebody would like a list. */
export function searchRoutes(app: FastifyInstance, { search, lists }: ServerDependencies): void {
  if (search) {
    app.post<{ Body: SearchRequest }>('/v1/search', {
      schema: {
        operationId: 'search',
        summary: 'Items that fit some words',
        body: SearchBody,
        response: { 200: SearchAnswer, ...failures },
      },
      config: { scope: 'read' },
      handler: async ({ body }, reply) => reply.send(await search.search(body)),
    })
    app.get<{ Params: Static<typeof EntityParams> }>('/v1/items/:id/duplicates', {
      schema: {
        operationId: 'duplicates',
        summary: 'Items whose texts say the same as those of the given one',
        params: EntityParams,
        response: { 200: DuplicatesAnswer, ...failures },
      },
      config: { scope: 'read' },
      handler: async ({ params }, reply) => reply.send(await search.duplicatesOf(params.id)),
    })
  }
  if (lists === undefined) return
  app.post<{ Body: RankRequest }>('/v1/rank', {
    schema: {
      operationId: 'rank',
      summary: 'A given list of items in order for a user',
      body: RankBody,
      response: { 200: RankAnswer, ...failures },
    },
    config: { scope: 'read' },
    handler: async ({ body }, reply) => reply.send(await lists.rank(body)),
  })
}
