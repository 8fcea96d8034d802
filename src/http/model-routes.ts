// Models: which there are, which one is in charge and how that came about, and putting another one in charge.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { GateReport } from '../domain/gate-report.ts'
import { isoTimeMs } from '../domain/iso-time.ts'
import type { AliasMove } from '../domain/registered-model.ts'
import { MillraceError } from '../lib/errors.ts'
import { modelCardMarkdown } from '../training/model-card.ts'
import type { ModelEntry } from '../training/model-entry.ts'
import { callerOf } from './authorization.ts'
import type { ServerDependencies } from './dependencies.ts'
import {
  AliasesAnswer,
  AuditAnswer,
  AuditQuery,
  CardAnswer,
  GatesAnswer,
  ModelAnswer,
  ModelParams,
  ModelsAnswer,
  ModelsQuery,
  PromoteBody,
  RollbackBody,
} from './model-schemas.ts'
import { failures } from './openapi.ts'

/** Moves in an answer where the request does not say. */
const MOVE_COUNT = 100

export function modelRoutes(app: FastifyInstance, { models, keys }: ServerDependencies): void {
  if (models === undefined) return
  const shown = (model: ModelEntry) => described(model, models.answering())
  const decisionOf = (request: FastifyRequest, why: string) => ({
    by: callerOf(request.headers.authorization, keys) ?? 'somebody on this machine, without a key',
    command: `${request.method} ${request.routeOptions.url}`,
    why,
  })

  app.get<{ Querystring: Static<typeof ModelsQuery> }>('/v1/models', {
    schema: {
      operationId: 'listModels',
      summary: 'The models: status, aliases, size, and how good each was when it was trained',
      querystring: ModelsQuery,
      response: { 200: ModelsAnswer, ...failures },
    },
    config: { scope: 'read' },
    handler: async ({ query }) => ({
      models: (await models.list()).filter(({ status }) => query.deleted || status !== 'deleted').map(shown),
    }),
  })

  app.get<{ Params: Static<typeof ModelParams> }>('/v1/models/:version', {
    schema: {
      operationId: 'describeModel',
      summary: 'One model',
      params: ModelParams,
      response: { 200: ModelAnswer, ...failures },
    },
    config: { scope: 'read' },
    handler: async ({ params }) => shown(await models.find(params.version)),
  })

  app.get<{ Params: Static<typeof ModelParams> }>('/v1/models/:version/gates', {
    schema: {
      operationId: 'gatesOfModel',
      summary: 'What the gates measured of a model, against what, and whether they let it through',
      params: ModelParams,
      response: { 200: GatesAnswer, ...failures },
    },
    config: { scope: 'read' },
    handler: async ({ params: { version } }) => {
      await models.find(version)
      const report = await models.gateReport(version)
      return { version, ...(report && { report: reportOf(report) }) }
    },
  })

  app.get<{ Params: Static<typeof ModelParams> }>('/v1/models/:version/card', {
    schema: {
      operationId: 'cardOfModel',
      summary: "A model's card: its use, limits, data, quality, gates and history",
      params: ModelParams,
      response: { 200: CardAnswer, ...failures },
    },
    config: { scope: 'read' },
    handler: async ({ params: { version } }) => {
      const found = await models.card(version)
      const { owner, card, newestInteractionMs, tables, gates } = found
      return {
        version,
        markdown: modelCardMarkdown(found),
        owner,
        ...card,
        ...(newestInteractionMs !== undefined && { newestInteraction: isoOf(newestInteractionMs) }),
        tables: [...tables],
        ...(gates && { gates: reportOf(gates) }),
      }
    },
  })

  app.get<{ Querystring: Static<typeof AuditQuery> }>('/v1/models/audit', {
    schema: {
      operationId: 'auditModels',
      summary: 'Which alias moved from which version to which, when, who or what decided, and why',
      querystring: AuditQuery,
      response: { 200: AuditAnswer, ...failures },
    },
    config: { scope: 'read' },
    handler: async ({ query }) => {
      const { at, alias, version, limit = MOVE_COUNT } = query
      const untilMs = at === undefined ? undefined : momentOf(at)
      const inCharge = untilMs === undefined ? undefined : await models.inChargeAt(untilMs)
      const moves = await models.audit({
        limit,
        ...(alias !== undefined && { alias: alias as AliasMove['alias'] }),
        ...(version !== undefined && { version }),
        ...(untilMs !== undefined && { untilMs }),
      })
      return { ...(inCharge && { inCharge: moveOf(inCharge) }), moves: moves.map(moveOf) }
    },
  })

  app.post<{ Body: Static<typeof PromoteBody> }>('/v1/models/promote', {
    schema: {
      operationId: 'promoteModel',
      summary: 'Put a version in charge, or on trial, once the gates let it through and its bundle was found whole',
      body: PromoteBody,
      response: { 200: AliasesAnswer, ...failures },
    },
    config: { scope: 'admin' },
    handler: (request) => {
      const { reason, override, ...promotion } = request.body
      const decision = { ...decisionOf(request, reason), ...(override !== undefined && { override }) }
      return models.promote({ ...promotion, decision })
    },
  })

  app.post<{ Body: Static<typeof RollbackBody> }>('/v1/models/rollback', {
    schema: {
      operationId: 'rollBackModel',
      summary: 'Put the model in charge again that was in charge before',
      body: RollbackBody,
      response: { 200: AliasesAnswer, ...failures },
    },
    config: { scope: 'admin' },
    handler: (request) => {
      const { reason, ...options } = request.body
      return models.rollBack({ ...options, decision: decisionOf(request, reason) })
    },
  })
}

function described(model: ModelEntry, answering: string | undefined): Static<typeof ModelAnswer> {
  const { lineage, registeredAtMs, retiredAtMs, deletedAtMs, status, aliases, bundle, generators, metrics } = model
  const { trainedAtMs, asOfMs, interactionCount, commit, ...origin } = lineage
  return {
    version: model.version,
    status,
    aliases: [...aliases],
    isAnswering: model.version === answering,
    trainedAt: isoOf(trainedAtMs),
    registeredAt: isoOf(registeredAtMs),
    ...(retiredAtMs !== undefined && { retiredAt: isoOf(retiredAtMs) }),
    ...(deletedAtMs !== undefined && { deletedAt: isoOf(deletedAtMs) }),
    userCount: model.userCount,
    itemCount: model.itemCount,
    interactionCount,
    generators: [...generators],
    metrics: metrics.map(({ name, value, interval }) => ({ name, value, interval: [...interval] })),
    lineage: { ...origin, ...(commit !== undefined && { commit }), asOf: isoOf(asOfMs) },
    bundleBytes: model.bundleBytes,
    bundle,
    usedBy: [...model.usedBy],
  }
}

function reportOf({ id, judgedAtMs, passed, champion, comparison, results }: GateReport) {
  return {
    id,
    judgedAt: isoOf(judgedAtMs),
    passed,
    ...(champion !== undefined && { champion }),
    ...(comparison && {
      comparison: {
        champion: comparison.champion,
        on: comparison.on,
        split: isoOf(comparison.splitAtMs),
        until: isoOf(comparison.untilMs),
      },
    }),
    results: results.map(({ measured, ...result }) => ({
      ...result,
      measured: measured.map(({ interval, ...measure }) => ({
        ...measure,
        ...(interval && { interval: [...interval] }),
      })),
    })),
  }
}

const moveOf = ({ atMs, decision, ...move }: AliasMove) => ({ ...move, at: isoOf(atMs), ...decision })

function momentOf(text: string): number {
  const timeMs = isoTimeMs(text)
  if (timeMs !== undefined) return timeMs
  throw new MillraceError('REQUEST_INVALID', `at: found ${JSON.stringify(text)}, expected a moment.`, {
    fix: 'Write it as ISO 8601, such as 2026-03-31T12:00:00Z.',
  })
}

const isoOf = (timeMs: number): string => new Date(timeMs).toISOString()
