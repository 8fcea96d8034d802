// Why a model answers as it does: one item for one user, what its ranker makes of each feature, and for whom it works worse.
import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { isoTime } from '../domain/iso-time.ts'
import type { MeasuredLosses } from '../training/measured-importance.ts'
import type { ServerDependencies } from './dependencies.ts'
import { ExplainQuery, ExplanationAnswer, ImportanceAnswer, SlicesAnswer } from './explanation-schemas.ts'
import { ModelParams } from './model-schemas.ts'
import { failures } from './openapi.ts'

export function explanationRoutes(app: FastifyInstance, { models }: ServerDependencies): void {
  if (models === undefined) return

  app.get<{ Querystring: Static<typeof ExplainQuery> }>('/v1/explain', {
    schema: {
      operationId: 'explain',
      summary: 'Why the ranker of a model puts an item where it does for a user, and the list as of now',
      querystring: ExplainQuery,
      response: { 200: ExplanationAnswer, ...failures },
    },
    config: { scope: 'read' },
    handler: async ({ query }) => {
      const { momentMs, items, explained, ...found } = await models.explain(query)
      const { explanation, ...place } = explained
      return {
        ...found,
        moment: isoTime(momentMs),
        items: [...items],
        explained: { ...place, ...explanation, contributions: [...explanation.contributions] },
      }
    },
  })

  app.get<{ Params: Static<typeof ModelParams> }>('/v1/models/:version/importance', {
    schema: {
      operationId: 'importanceOfModel',
      summary: 'What the ranker of a model makes of each feature, and what it was measured to lose without',
      params: ModelParams,
      response: { 200: ImportanceAnswer, ...failures },
    },
    config: { scope: 'read' },
    handler: async ({ params }) => {
      const { version, gain, measured } = await models.importance(params.version)
      return {
        version,
        gain: [...gain],
        ...(measured && {
          measured: {
            run: measured.runId,
            at: isoTime(measured.atMs),
            ...(measured.permutation && { permutation: lossesOf(measured.permutation) }),
            ...(measured.leftOut && { leftOut: lossesOf(measured.leftOut) }),
          },
        }),
      }
    },
  })

  app.get<{ Params: Static<typeof ModelParams> }>('/v1/models/:version/slices', {
    schema: {
      operationId: 'slicesOfModel',
      summary: 'How good a model was for slices of the users and items, and for which ones it was worse',
      params: ModelParams,
      response: { 200: SlicesAnswer, ...failures },
    },
    config: { scope: 'read' },
    handler: async ({ params }) => {
      const { version, slices, weakSlices } = await models.find(params.version)
      return {
        version,
        ...(slices && { slices: slices.map(withInterval) }),
        ...(weakSlices && {
          weakSlices: weakSlices.map(({ conditions, ...slice }) => ({
            ...withInterval(slice),
            conditions: [...conditions],
          })),
        }),
      }
    },
  })
}

const lossesOf = ({ fromMs, ndcg, losses, ...basis }: MeasuredLosses) => ({
  ...basis,
  from: isoTime(fromMs),
  ndcg: { mean: ndcg.mean, interval: [...ndcg.interval] },
  losses: losses.map(({ featureName, loss, adjustedPValue }) => ({
    featureName,
    mean: loss.mean,
    interval: [...loss.interval],
    adjustedPValue,
  })),
})

const withInterval = <T extends { readonly interval: readonly [number, number] }>({ interval, ...rest }: T) => ({
  ...rest,
  interval: [...interval],
})
