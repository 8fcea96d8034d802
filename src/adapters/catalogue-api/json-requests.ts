// GET requests for JSON that keep trying, keep to a rate, and give up within bounds.
import type { Clock } from '../../lib/clock.ts'
import { MillraceError } from '../../lib/errors.ts'
import type { Rng } from '../../lib/rng.ts'
import type { Timers } from '../../lib/timers.ts'
import { canRetry, type RetryPolicy, retryAfterMsOf, retryWaitMs } from './retry.ts'

export interface JsonRequestsOptions {
  /** The source's name, for messages. */
  readonly name: string
  /** Asked for each request; may throw where a secret is missing. */
  readonly headers: () => Readonly<Record<string, string>>
  readonly retry: RetryPolicy
  /** For one request, from the first byte sent to the last one received. */
  readonly timeoutMs: number
  readonly bodyBytesMax: number
  readonly requestsPerSecond: number
  readonly clock: Clock
  readonly timers: Timers
  readonly rng: Rng
}

/** What tells a server which version is known here. */
export interface Validators {
  readonly etag?: string
  readonly lastModified?: string
}

export interface JsonAnswer {
  readonly isNotModified: boolean
  /** Undefined where it is not modified. */
  readonly body: unknown
  readonly linkHeader: string | null
  readonly validators: Validators
}

const REDIRECT_COUNT_MAX = 5

export class JsonRequests {
  readonly #options: JsonRequestsOptions
  #nextAllowedMs = 0

  constructor(options: JsonRequestsOptions) {
    this.#options = options
  }

  /**
   * Rejects with the signal's reason once it is aborted.
   * @throws MillraceError SOURCE_UNAVAILABLE, SOURCE_REFUSED, SOURCE_RESPONSE_INVALID, each after the attempts that make sense
   */
  async get(url: URL, known: Validators, signal: AbortSignal): Promise<JsonAnswer> {
    const { retry, rng, name } = this.#options
    for (let attempt = 1; ; attempt++) {
      await this.#keepRate(signal)
      const outcome = await this.#attempt(url, known, signal)
      if ('answer' in outcome) return outcome.answer
      signal.throwIfAborted()
      const waitMs = outcome.isFinal
        ? undefined
        : retryWaitMs(retry, { attempt, retryAfterMs: outcome.retryAfterMs, rng })
      if (waitMs === undefined) throw failed(name, url, attempt, outcome)
      await this.#pause(waitMs, signal)
    }
  }

  async #keepRate(signal: AbortSignal): Promise<void> {
    const { clock, requestsPerSecond } = this.#options
    const nowMs = clock.now()
    const startMs = Math.max(nowMs, this.#nextAllowedMs)
    this.#nextAllowedMs = startMs + 1000 / requestsPerSecond
    if (startMs > nowMs) await this.#pause(startMs - nowMs, signal)
  }

  async #attempt(url: URL, known: Validators, signal: AbortSignal): Promise<{ answer: JsonAnswer } | Failure> {
    const { timeoutMs, headers, clock } = this.#options
    const own = headers()
    const late = new AbortController()
    const forget = this.#options.timers.after(timeoutMs, () => late.abort())
    try {
      const response = await this.#fetched(
        url,
        { accept: 'application/json', ...conditions(known), ...own },
        AbortSignal.any([signal, late.signal]),
      )
      if ('code' in response) return response
      const { status } = response
      if (status === 304) {
        await response.body?.cancel()
        return { answer: answerOf(response, undefined) }
      }
      if (status !== 200) {
        await response.body?.cancel()
        return statusFailure(status, retryAfterMsOf(response.headers.get('retry-after'), clock.now()))
      }
      return await this.#read(response)
    } catch (error) {
      if (late.signal.aborted) return { code: 'SOURCE_UNAVAILABLE', found: `no complete answer within ${timeoutMs} ms` }
      return { code: 'SOURCE_UNAVAILABLE', found: reasonOf(error), cause: error }
    } finally {
      forget()
    }
  }

  /** Follows redirects by itself: `fetch` would carry a secret in a header of one's own to another server. */
  async #fetched(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<Response | Failure> {
    let at = url
    for (let redirectCount = 0; redirectCount <= REDIRECT_COUNT_MAX; redirectCount++) {
      const response = await fetch(at, { headers, signal, redirect: 'manual' })
      const location = response.headers.get('location')
      if (response.status < 300 || response.status === 304 || response.status >= 400 || location === null)
        return response
      await response.body?.cancel()
      const target = new URL(location, at)
      if (target.origin !== url.origin) {
        const found = `a redirect to another server, ${target.origin}`
        return { code: 'SOURCE_REFUSED', isFinal: true, found }
      }
      at = target
    }
    return { code: 'SOURCE_REFUSED', isFinal: true, found: `more than ${REDIRECT_COUNT_MAX} redirects` }
  }

  async #read(response: Response): Promise<{ answer: JsonAnswer } | Failure> {
    const { bodyBytesMax } = this.#options
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length
      if (bytes > bodyBytesMax) {
        const found = `more than ${bodyBytesMax} bytes in one page`
        return { code: 'SOURCE_RESPONSE_INVALID', isFinal: true, found }
      }
      chunks.push(chunk)
    }
    try {
      const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
      return { answer: answerOf(response, JSON.parse(text)) }
    } catch (error) {
      // Cut off or garbled on the way as often as not, so it is worth another attempt.
      return { code: 'SOURCE_RESPONSE_INVALID', found: `${bytes} bytes that are no JSON`, cause: error }
    }
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        forget()
        reject(signal.reason)
      }
      const forget = this.#options.timers.after(ms, () => {
        signal.removeEventListener('abort', stop)
        resolve()
      })
      if (signal.aborted) stop()
      else signal.addEventListener('abort', stop, { once: true })
    })
  }
}

interface Failure {
  readonly code: 'SOURCE_UNAVAILABLE' | 'SOURCE_REFUSED' | 'SOURCE_RESPONSE_INVALID'
  /** Whether another attempt cannot help. */
  readonly isFinal?: boolean
  readonly retryAfterMs?: number | undefined
  readonly found: string
  readonly cause?: unknown
}

const fixes: Readonly<Record<Failure['code'], string>> = {
  SOURCE_UNAVAILABLE:
    'Nothing is lost: it is asked again later. Check that the server runs, and see its log where this goes on.',
  SOURCE_REFUSED: 'Check the address in the system file, and the secret in the environment variable it names.',
  SOURCE_RESPONSE_INVALID: 'Ask for the address by hand, and check what comes back.',
}

function failed(name: string, url: URL, attempt: number, { code, found, cause }: Failure): MillraceError {
  const attempts = attempt === 1 ? '' : `, after ${attempt} attempts`
  return new MillraceError(code, `${name}: ${placeOf(url)} gave ${found}${attempts}; expected a page of JSON.`, {
    fix: fixes[code],
    cause,
  })
}

/** Without the query, which may hold a key. */
export const placeOf = ({ origin, pathname }: URL): string => `${origin}${pathname}`

function statusFailure(status: number, retryAfterMs: number | undefined): Failure {
  if (canRetry(status)) return { code: 'SOURCE_UNAVAILABLE', retryAfterMs, found: `the status ${status}` }
  const hint = status === 401 || status === 403 ? ' (the secret is missing, wrong, or lacks a right)' : ''
  return { code: 'SOURCE_REFUSED', isFinal: true, found: `the status ${status}${hint}` }
}

function conditions({ etag, lastModified }: Validators): Record<string, string> {
  return {
    ...(etag !== undefined && { 'if-none-match': etag }),
    ...(lastModified !== undefined && { 'if-modified-since': lastModified }),
  }
}

function answerOf({ status, headers }: Response, body: unknown): JsonAnswer {
  const [etag, lastModified] = [headers.get('etag'), headers.get('last-modified')]
  return {
    isNotModified: status === 304,
    body,
    linkHeader: headers.get('link'),
    validators: { ...(etag !== null && { etag }), ...(lastModified !== null && { lastModified }) },
  }
}

/** `fetch` says "fetch failed", and why in its cause. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error
  const { code, message: inner } = (cause ?? {}) as { code?: string; message?: string }
  const detail = code ?? inner
  return `no answer: ${message}${detail ? ` (${detail})` : ''}`
}
