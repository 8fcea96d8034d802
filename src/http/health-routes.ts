// For whoever watches over the server: is it alive, may it get traffic, what does it count, what does it offer.
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { ServerDependencies, ServingStatus } from './dependencies.ts'
import { mergedMetrics } from './merged-metrics.ts'
import type { ServerMetrics } from './metrics.ts'
import { failures } from './openapi.ts'
import { HealthAnswer } from './schemas.ts'

/** A live state that is further behind than this has stopped following, not merely started late. */
const LAG_MS_MAX = 10_000
/** Under steady traffic some event is always on its way, so having caught up cannot mean that nothing is waiting. */
const CAUGHT_UP_MS = 500

/** Decides whether a server may get traffic: it must have caught up with the log once, must still follow it, and must not be stopping. */
export class Readiness {
  readonly #status: () => ServingStatus
  #hasCaughtUp = false
  #isStopping = false

  constructor(status: () => ServingStatus) {
    this.#status = status
  }

  /** From now on it is not ready, whatever else. */
  stop(): void {
    this.#isStopping = true
  }

  get isStopping(): boolean {
    return this.#isStopping
  }

  /** What is amiss without being a reason against: answers can do without it, so traffic goes on. */
  shortcomings(): readonly string[] {
    return this.#status().shortcomings ?? []
  }

  /** Empty where it is ready. */
  reasonsAgainst(): readonly string[] {
    if (this.#isStopping) return ['The server is stopping.']
    const { lagEventCount, lagMs, obstacles } = this.#status()
    if (lagMs < CAUGHT_UP_MS) this.#hasCaughtUp = true
    if (!this.#hasCaughtUp) return [...obstacles, `Catching up with the event log: ${lagEventCount} events to go.`]
    if (lagMs <= LAG_MS_MAX) return obstacles
    return [
      ...obstacles,
      `The live state is ${lagEventCount} events and ${Math.round(lagMs / 1000)} s behind the event log.`,
    ]
  }
}

export function healthRoutes(
  app: FastifyInstance,
  {
    readiness,
    metrics,
    document,
    group,
  }: {
    readonly readiness: Readiness
    readonly metrics: ServerMetrics
    readonly document: () => unknown
    readonly group: ServerDependencies['group']
  },
): void {
  app.get('/health/live', {
    schema: { operationId: 'live', summary: 'Whether the process answers', response: { 200: HealthAnswer } },
    handler: (_, reply) => reply.send({ status: 'live', reasons: [] }),
  })

  app.get('/health/ready', {
    schema: {
      operationId: 'ready',
      summary: 'Whether it should get traffic, and if not, why',
      response: { 200: HealthAnswer, 503: HealthAnswer },
    },
    handler: (_, reply) => {
      const reasons = readiness.reasonsAgainst()
      const shortcomings = readiness.shortcomings()
      return reply.code(reasons.length === 0 ? 200 : 503).send({
        status: reasons.length === 0 ? 'ready' : 'not ready',
        reasons,
        ...(shortcomings.length > 0 && { shortcomings }),
      })
    },
  })

  app.get('/metrics', {
    schema: { operationId: 'metrics', summary: 'For Prometheus', response: { 200: Type.String(), ...failures } },
    config: { scope: 'read', answerType: 'text/plain' },
    handler: async (_, reply) => {
      const own = await metrics.text()
      const text =
        group === undefined ? own : mergedMetrics([{ process: group.name, text: own }, ...(await group.others())])
      return reply.type(metrics.contentType).send(text)
    },
  })

  app.get('/openapi.json', {
    schema: { operationId: 'openapi', summary: 'This document', response: { 200: Type.Unknown() } },
    handler: (_, reply) => reply.send(document()),
  })
}
