// Questions of a server's own making, before it gets any: so that code is compiled and caches are filled when the first visitor comes.
import type { App } from '../app.ts'
import type { InteractionEvent } from '../domain/event.ts'
import type { Logger } from '../lib/logger.ts'
import type { RecommendationService } from '../serving/recommendation-service.ts'

/** Of a placement. The first hundred of a process take some three times as long as later ones. */
const QUESTION_COUNT = 200
/** A slow model is not waited for longer than this, a placement. */
const PLACEMENT_MS_MAX = 1_000
/** Whom and what to ask about is taken from so many of the newest events. */
const EVENT_COUNT = 2_000

/** Asks about users and items of the newest events, each placement for itself. It never fails: what cannot be answered now is told of in the log. */
export async function warmUp(
  { log, plan }: Pick<App, 'log' | 'plan'>,
  service: Pick<RecommendationService, 'recommend'>,
  logger: Logger,
): Promise<void> {
  const startMs = performance.now()
  let questionCount = 0
  let failure: unknown
  const seen = await newestInteractions(log)
  for (const [placement, { pattern }] of Object.entries(plan.serving.placements)) {
    const untilMs = performance.now() + PLACEMENT_MS_MAX
    for (let n = 0; n < QUESTION_COUNT && seen.length > 0 && performance.now() < untilMs; n++) {
      const { userId, itemId } = seen[Math.floor((n * seen.length) / QUESTION_COUNT)]!
      try {
        await service.recommend(pattern === 'embedding' ? { placement, userId, itemId } : { placement, userId })
        questionCount++
      } catch (error) {
        // An item may have been deleted since.
        failure = error
      }
    }
  }
  if (failure !== undefined) logger.warn('not every question of the warm-up could be answered', { error: failure })
  logger.info('warmed up', { questionCount, ms: Math.round(performance.now() - startMs) })
}

async function newestInteractions(log: App['log']): Promise<readonly InteractionEvent[]> {
  const { firstOffset, nextOffset } = await log.bounds()
  const events = await log.read(Math.max(firstOffset, nextOffset - EVENT_COUNT), EVENT_COUNT)
  return events.flatMap(({ event }) => (event.kind === 'interaction' ? [event] : []))
}
