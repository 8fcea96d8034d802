// For whoever answers for the system: how its parts stand, what checks found, and whether features are served as they are computed for training.

import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { isoTime } from '../domain/iso-time.ts'
import type { ServerDependencies } from './dependencies.ts'
import { failures } from './openapi.ts'
import { ChecksAnswer, ChecksQuery, SkewAnswer, SourcesAnswer, StatusAnswer } from './operation-schemas.ts'

/** Results in an answer where the request does not say. */
const CHECK_COUNT = 100

export function operationRoutes(app: FastifyInstance, { operations }: ServerDependencies): void {
  if (operations === undefined) return
  const config = { scope: 'read' } as const

  app.get('/v1/status', {
    schema: {
      operationId: 'systemStatus',
      summary: 'How the system stands: log, model, features, sources, tables, checks',
      response: { 200: StatusAnswer, ...failures },
    },
    config,
    handler: () => operations.status(),
  })

  app.get('/v1/sources', {
    schema: {
      operationId: 'listSources',
      summary: 'The sources with a schedule: when each was read, how fresh it is, and what failed',
      response: { 200: SourcesAnswer, ...failures },
    },
    config,
    handler: async () => ({ sources: await operations.sources() }),
  })

  app.get<{ Querystring: Static<typeof ChecksQuery> }>('/v1/checks', {
    schema: {
      operationId: 'listChecks',
      summary: 'What checks of the data found, newest first',
      querystring: ChecksQuery,
      response: { 200: ChecksAnswer, ...failures },
    },
    config,
    handler: async ({ query }) => {
      const results = await operations.checks({ limit: CHECK_COUNT, ...query })
      return {
        results: results.map(({ checkedAtMs, ...result }) => ({ checkedAt: isoTime(checkedAtMs), ...result })),
      }
    },
  })

  app.get('/v1/skew', {
    schema: {
      operationId: 'featureSkew',
      summary: 'The last comparison of features as served with features recomputed offline',
      response: { 200: SkewAnswer, ...failures },
    },
    config,
    handler: async () => {
      const report = await operations.skew()
      return { ...(report !== undefined && { report: shown(report) }) }
    },
  })
}

type SkewReport = NonNullable<Awaited<ReturnType<NonNullable<ServerDependencies['operations']>['skew']>>>

const shown = ({ measuredAtMs, fromMs, toMs, features, ...report }: SkewReport) => ({
  measuredAt: isoTime(measuredAtMs),
  from: isoTime(fromMs),
  to: isoTime(toMs),
  ...report,
  features: features.map(({ examples, ...feature }) => ({
    ...feature,
    examples: examples.map(({ momentMs, ...example }) => ({ moment: isoTime(momentMs), ...example })),
  })),
})
