// When a failed request is made again. Pure.
import type { Rng } from '../../lib/rng.ts'

export interface RetryPolicy {
  /** Requests for one page, the first one included. */
  readonly attemptCount: number
  /** The longest wait before the second attempt; doubles with each one after it. */
  readonly firstWaitMs: number
  readonly waitMsMax: number
}

/** Waits that a server may ask for; where it wants more, the pull ends and the schedule's backoff takes over. */
export const RETRY_AFTER_MS_MAX = 300_000

/** Too early, too many requests, timed out, and everything that is the server's own fault. */
export const canRetry = (status: number): boolean => status >= 500 || [408, 425, 429].includes(status)

/**
 * How long to wait before the next attempt: exponential backoff with full jitter (Brooker, "Exponential backoff and jitter", 2015), but no
 * less than the server asks for.
 * @param attempt 1 after the first failure
 * @returns milliseconds; undefined where it is time to give up
 */
export function retryWaitMs(
  { attemptCount, firstWaitMs, waitMsMax }: RetryPolicy,
  {
    attempt,
    retryAfterMs,
    rng,
  }: { readonly attempt: number; readonly retryAfterMs: number | undefined; readonly rng: Rng },
): number | undefined {
  if (attempt >= attemptCount || (retryAfterMs ?? 0) > RETRY_AFTER_MS_MAX) return undefined
  const jittered = rng.next() * Math.min(waitMsMax, firstWaitMs * 2 ** (attempt - 1))
  return Math.max(jittered, retryAfterMs ?? 0)
}

/** Retry-After, in seconds or as a date (RFC 9110, 10.2.3), as milliseconds from now; undefined where there is none that can be read. */
export function retryAfterMsOf(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000
  const at = Date.parse(header)
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs)
}
