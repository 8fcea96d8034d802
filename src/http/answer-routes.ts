// Answers that went out, told from their records.
import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { isoTime } from '../domain/iso-time.ts'
import { ExplainAnswerParams, ExplainAnswerQuery, ExplainedAnswer } from './answer-schemas.ts'
import type { ServerDependencies } from './dependencies.ts'
import { failures } from './openapi.ts'

export function answerRoutes(app: FastifyInstance, { answers }: ServerDependencies): void {
  if (answers === undefined) return

  app.get<{ Params: Static<typeof ExplainAnswerParams>; Querystring: Static<typeof ExplainAnswerQuery> }>(
    '/v1/explain/:requestId',
    {
      schema: {
        operationId: 'explainAnswer',
        summary: 'Why an answer that went out is as it is, and why an item is not in it',
        params: ExplainAnswerParams,
        querystring: ExplainAnswerQuery,
        response: { 200: ExplainedAnswer, ...failures },
      },
      config: { scope: 'read' },
      handler: async ({ params, query }) => {
        const found = await answers.explain({ requestId: params.requestId, itemId: query.item })
        const { atMs, items, rules, recomputed, asked, ...rest } = found
        return {
          ...rest,
          at: isoTime(atMs),
          recomputed: { ...recomputed, caveats: [...recomputed.caveats] },
          items: items.map(({ explanation, ...item }) => ({
            ...item,
            proposals: [...item.proposals],
            ...(explanation && { explanation: { ...explanation, contributions: [...explanation.contributions] } }),
          })),
          rules: rules.map((rule) => ({ ...rule, removed: [...rule.removed] })),
          ...(asked && { asked: { ...asked, proposals: [...asked.proposals] } }),
        }
      },
    },
  )
}
