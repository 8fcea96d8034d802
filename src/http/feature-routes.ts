// What is known of users and items in numbers: the definitions, and their values now.
import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { type FeatureReading, sufficesFor } from '../domain/feature.ts'
import { plainFeatureValue } from '../domain/feature-value.ts'
import { MillraceError } from '../lib/errors.ts'
import type { ServerDependencies } from './dependencies.ts'
import { failures } from './openapi.ts'
import { FeaturesAnswer, FeatureValuesAnswer, FeatureValuesQuery } from './schemas.ts'

export function featureRoutes(app: FastifyInstance, { features, clock }: ServerDependencies): void {
  app.get('/v1/features', {
    schema: {
      operationId: 'listFeatures',
      summary: 'The features of the system file',
      response: { 200: FeaturesAnswer, ...failures },
    },
    config: { scope: 'read' },
    handler: async () => ({
      features: ((await features?.definitions()) ?? []).map(({ name, version, owner, description, formula }) => ({
        name,
        version,
        owner,
        description,
        family: formula.family,
        by: formula.by,
      })),
    }),
  })

  app.get<{ Querystring: Static<typeof FeatureValuesQuery> }>('/v1/features/values', {
    schema: {
      operationId: 'featureValues',
      summary: 'What the features of a user, an item or both are now',
      querystring: FeatureValuesQuery,
      response: { 200: FeatureValuesAnswer, ...failures },
    },
    config: { scope: 'read' },
    handler: async ({ query }) => {
      const { userId, itemId } = query
      if (userId === undefined && itemId === undefined) {
        throw new MillraceError('REQUEST_INVALID', 'Nothing says whose features are meant.', {
          fix: 'Add userId, itemId or both to the address.',
        })
      }
      const entity = { ...(userId !== undefined && { userId }), ...(itemId !== undefined && { itemId }) }
      const names =
        query.features?.split(',').map((name) => name.trim()) ??
        ((await features?.definitions()) ?? [])
          .filter((definition) => sufficesFor(entity, definition))
          .map(({ name }) => name)
      if (features === undefined || names.length === 0) {
        if (query.features !== undefined) throw new MillraceError('FEATURE_UNKNOWN', 'The system defines no features.')
        return { asOf: new Date(clock.now()).toISOString(), features: [] }
      }
      const { asOfMs, rows } = await features.read({ features: names, entities: [entity] })
      return {
        asOf: new Date(asOfMs).toISOString(),
        features: names.map((name, i) => described(name, rows[0]![i]!)),
      }
    },
  })
}

function described(name: string, { status, value, newestEventTimeMs }: FeatureReading) {
  return {
    name,
    status,
    ...(value !== undefined && { value: plainFeatureValue(value) }),
    ...(newestEventTimeMs !== undefined && { newestEventTime: new Date(newestEventTimeMs).toISOString() }),
  }
}
