// Hands every event of the log, in order, to one consumer in memory, and keeps on doing so. For consumers that keep their own place on disk,
// commit the offset instead; this one starts over from the offset it is given.
import type { Clock } from '../lib/clock.ts'
import { othersTurn } from '../lib/others-turn.ts'
import { appendedTimeMsOf, type EventLog, type StoredEvent } from '../ports/event-log.ts'

const BATCH_SIZE = 5_000
/** How long a wait for news lasts before it is renewed; stopping takes at most this long. */
const WAIT_MS = 200

export interface FollowerLag {
  /** Events that are in the log and have not been handed over. */
  readonly eventCount: number
  /** How long the log has had the next of them; 0 where there is none. */
  readonly ms: number
}

export interface LogFollower {
  /** Resolves when everything that was in the log at the call has been handed over. */
  caughtUp(): Promise<void>
  lag(): FollowerLag
  stop(): Promise<void>
}

export interface FollowOptions {
  readonly fromOffset: number
  readonly clock: Clock
  /** Called with events in offset order, one batch at a time. It must not fail; if it does, following stops and `onFailure` hears of it. */
  readonly apply: (events: readonly StoredEvent[]) => void
  readonly onFailure: (error: unknown) => void
}

/** Starts following at once. Between batches other work of the process gets its turn. */
export function followLog(log: EventLog, options: FollowOptions): LogFollower {
  let nextOffset = options.fromOffset
  let logNextOffset = options.fromOffset
  let waitingSinceMs = 0
  let isStopping = false

  const step = async (): Promise<void> => {
    const events = await log.read(nextOffset, BATCH_SIZE)
    if (events.length === 0) {
      waitingSinceMs = 0
      await log.waitFor(nextOffset, WAIT_MS)
      return
    }
    waitingSinceMs = appendedTimeMsOf(events[0]!)
    options.apply(events)
    nextOffset = events.at(-1)!.offset + 1
    logNextOffset = (await log.bounds()).nextOffset
    await othersTurn()
  }
  const following = (async () => {
    logNextOffset = (await log.bounds()).nextOffset
    while (!isStopping) await step()
  })().catch((error: unknown) => {
    isStopping = true
    options.onFailure(error)
  })

  return {
    caughtUp: async () => {
      const { nextOffset: target } = await log.bounds()
      while (nextOffset < target && !isStopping) {
        await Promise.race([following, othersTurn()])
      }
    },
    lag: () => ({
      eventCount: Math.max(0, logNextOffset - nextOffset),
      ms: logNextOffset > nextOffset && waitingSinceMs > 0 ? Math.max(0, options.clock.now() - waitingSinceMs) : 0,
    }),
    stop: async () => {
      isStopping = true
      await following
    },
  }
}
