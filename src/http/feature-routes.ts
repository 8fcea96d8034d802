// What is known of users and items in numbers: the definitions, and their values now or at an earlier moment.
import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { type FeatureDefinition, type FeatureReading, sufficesFor } from '../domain/feature.ts'
import { plainFeatureValue } from '../domain/feature-value.ts'
import { isoTimeMs } from '../domain/iso-time.ts'
import { MillraceError } from '../lib/errors.ts'
import { suggestName } from '../lib/nearest-name.ts'
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
      summary: 'What the features of a user, an item or both are now, or were at an earlier moment',
      querystring: FeatureValuesQuery,
      response: { 200: FeatureValuesAnswer, ...failures },
    },
    config: { scope: 'read' },
    handler: async ({ query }) => {
      const { userId, itemId, at, asKnownNow = false } = query
      if (userId === undefined && itemId === undefined) {
        throw new MillraceError('REQUEST_INVALID', 'Nothing says whose features are meant.', {
          fix: 'Add userId, itemId or both to the address.',
        })
      }
      if (asKnownNow && at === undefined) {
        throw new MillraceError(
          'REQUEST_INVALID',
          'asKnownNow: found true, but no "at", the earlier moment that it is about.',
          {
            fix: 'Add at, such as at=2026-03-31T12:00:00Z, or leave asKnownNow out.',
          },
        )
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
      const answerOf = (asOfMs: number, rows: readonly (readonly FeatureReading[])[]) => ({
        asOf: new Date(asOfMs).toISOString(),
        features: names.map((name, i) => described(name, rows[0]![i]!)),
      })
      if (at === undefined) {
        const { asOfMs, rows } = await features.read({ features: names, entities: [entity] })
        return answerOf(asOfMs, rows)
      }
      const { asOfMs, rows, firstOffset } = await features.readAsOf({
        features: namedDefinitions(names, await features.definitions()),
        entity,
        asOfMs: momentOf(at),
        asKnownNow,
      })
      return { ...answerOf(asOfMs, rows), firstOffset }
    },
  })
}

function namedDefinitions(names: readonly string[], all: readonly FeatureDefinition[]): FeatureDefinition[] {
  return names.map((name) => {
    const definition = all.find((one) => one.name === name)
    if (definition !== undefined) return definition
    const known = all.map((one) => one.name)
    throw new MillraceError('FEATURE_UNKNOWN', `No feature is called "${name}".`, { fix: suggestName(name, known) })
  })
}

function momentOf(text: string): number {
  const timeMs = isoTimeMs(text)
  if (timeMs !== undefined) return timeMs
  throw new MillraceError('REQUEST_INVALID', `at: found ${JSON.stringify(text)}, expected a moment.`, {
    fix: 'Write it as ISO 8601, such as 2026-03-31T12:00:00Z.',
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
