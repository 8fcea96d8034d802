// Events on their way: gathered into batches, sent one batch after another in the order in which they came, held in bounded memory. What
// could not be sent waits; what cannot be sent is told.
import { MillraceApiError } from './api-error.ts'
import type { ClientTime } from './client-time.ts'
import { isPassing } from './connection.ts'

/** An event that the server did not take, and why. Sending it again would end alike. */
export interface RejectedEvent<Event> {
  readonly event: Event
  readonly reason: string
  readonly message: string
}

/** Events that will not be sent. */
export interface DroppedEvents<Event> {
  /** Oldest first. */
  readonly events: readonly Event[]
  /**
   * `QUEUE_FULL`: newer ones needed the room. `REFUSED`: the server refuses the whole batch, for its key for example; `error` says why. `CLOSED`: they came after
   * `close`, or could not be sent by it.
   */
  readonly reason: 'QUEUE_FULL' | 'REFUSED' | 'CLOSED'
  readonly error?: MillraceApiError
}

export interface TrackingOptions<Event> {
  /** A batch is sent as soon as it has so many events, in [1, 1000]; 100 where it is left out. */
  readonly batchCount?: number
  /** An event waits no longer than this for others; 1 s where it is left out. */
  readonly delayMs?: number
  /** So many events wait at most, those under way included; beyond that the oldest are dropped. 10,000 where it is left out. */
  readonly queueCount?: number
  /** Called after each batch of which the server did not take everything. */
  readonly onRejected?: (rejected: readonly RejectedEvent<Event>[]) => void
  /** Called when events are given up. Where it is left out they are lost in silence. */
  readonly onDropped?: (dropped: DroppedEvents<Event>) => void
}

export interface EventQueue<Event> {
  /** Never throws and never waits. */
  add(event: Event): void
  /**
   * Sends what waits now. @throws MillraceApiError where a batch could not be sent; the events go on waiting, and are sent later
   */
  flush(): Promise<void>
  /** Sends what waits, tries no further, and takes nothing more. What could not be sent is dropped as `CLOSED`. Calling it again is harmless. */
  close(): Promise<void>
}

const BATCH_COUNT = 100
const DELAY_MS = 1000
const QUEUE_COUNT = 10_000
/** After a batch that could not be sent; twice as long each time. */
const FIRST_REST_MS = 1000
const REST_MS_MAX = 60_000

type Rejections = readonly { readonly position: number; readonly reason: string; readonly message: string }[]

export function eventQueue<Event>(
  send: (batch: readonly Event[]) => Promise<{ readonly rejected: Rejections }>,
  options: TrackingOptions<Event> & { readonly time: ClientTime },
): EventQueue<Event> {
  const {
    batchCount = BATCH_COUNT,
    delayMs = DELAY_MS,
    queueCount = QUEUE_COUNT,
    time,
    onRejected,
    onDropped,
  } = options
  let waiting: Event[] = []
  /** Of `waiting`, from the front: on their way at the moment. */
  let underwayCount = 0
  let sending: Promise<void> | undefined
  let cancelTimer: (() => void) | undefined
  let failureCount = 0
  let closing: Promise<void> | undefined

  function add(event: Event): void {
    if (closing !== undefined) return void onDropped?.({ events: [event], reason: 'CLOSED' })
    waiting.push(event)
    if (waiting.length > queueCount) makeRoom()
    if (sending !== undefined || failureCount > 0) return
    if (waiting.length >= batchCount) startSending()
    else cancelTimer ??= time.after(delayMs, startSending)
  }

  /** Those under way stay: their batch may arrive. Where nothing else waits, the newest goes. */
  function makeRoom(): void {
    const [dropped] = waiting.splice(Math.min(underwayCount, waiting.length - 1), 1)
    onDropped?.({ events: [dropped!], reason: 'QUEUE_FULL' })
  }

  function startSending(): void {
    // Whoever waits for it hears of failures; by itself it tries again.
    sendWaiting().catch(() => {})
  }

  /** All that waits, including what comes meanwhile as far as it fills batches. @throws what the first failing batch throws, if it may pass */
  function sendWaiting(): Promise<void> {
    cancelTimer?.()
    cancelTimer = undefined
    sending ??= sendBatches().finally(() => {
      sending = undefined
      if (waiting.length === 0 || closing !== undefined) return
      const restMs = failureCount === 0 ? delayMs : Math.min(REST_MS_MAX, FIRST_REST_MS * 2 ** (failureCount - 1))
      cancelTimer = time.after(restMs, startSending)
    })
    return sending
  }

  async function sendBatches(): Promise<void> {
    let owedCount = waiting.length
    while (waiting.length > 0 && (owedCount > 0 || waiting.length >= batchCount)) {
      const batch = waiting.slice(0, batchCount)
      underwayCount = batch.length
      const outcome = await outcomeOf(batch)
      underwayCount = 0
      // Before anybody is told: what the caller does then must not send it twice.
      waiting = waiting.slice(batch.length)
      owedCount -= batch.length
      failureCount = 0
      if ('refusal' in outcome) onDropped?.({ events: batch, reason: 'REFUSED', error: outcome.refusal })
      else if (outcome.rejected.length > 0) onRejected?.(outcome.rejected)
    }
  }

  /** @throws where the batch has to wait */
  async function outcomeOf(
    batch: readonly Event[],
  ): Promise<{ readonly rejected: readonly RejectedEvent<Event>[] } | { readonly refusal: MillraceApiError }> {
    try {
      const { rejected } = await send(batch)
      return {
        rejected: rejected.map(({ position, reason, message }) => ({ event: batch[position]!, reason, message })),
      }
    } catch (error) {
      if (error instanceof MillraceApiError && !mayWorkLater(error)) return { refusal: error }
      underwayCount = 0
      failureCount++
      throw error
    }
  }

  async function flush(): Promise<void> {
    // What is under way may have begun before the newest event.
    await sending
    if (waiting.length > 0) await sendWaiting()
  }

  async function finish(): Promise<void> {
    await flush().catch(() => {})
    cancelTimer?.()
    cancelTimer = undefined
    const events = waiting
    waiting = []
    if (events.length > 0) onDropped?.({ events, reason: 'CLOSED' })
  }

  return { add, flush, close: () => (closing ??= finish()) }
}

/** Of a call that was repeated already, as far as it may be. */
const mayWorkLater = (error: MillraceApiError): boolean =>
  isPassing(error) || error.code === 'TIMED_OUT' || error.status >= 500
