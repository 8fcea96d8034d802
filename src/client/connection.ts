// One call over HTTP, repeated where it was lost: within the caller's time, and never so often that retries keep an overloaded server down.
import { type ApiProblem, MillraceApiError } from './api-error.ts'
import { type ClientTime, pauseUnless, platformTime } from './client-time.ts'

export interface ConnectionOptions {
  /** Such as "https://recommend.shop.example"; a path in it is kept. */
  readonly url: string
  /** From "millrace keys create". In a web page only a key with no other scope than `read` or `collect`. */
  readonly key?: string
  /** For a call with all its repetitions, where the call does not say; 10 s where it is left out. */
  readonly timeoutMs?: number
  /** How often one call is repeated at most; 2 where it is left out, 0 for never. */
  readonly retryCount?: number
  /** Of the file that "millrace client" wrote. Where the server's system has another plan, `onWarning` is told, once. */
  readonly planHash?: string
  /** What is wrong without making a call fail. The platform's console where it is left out. */
  readonly onWarning?: (message: string) => void
  /** Instead of the platform's own. */
  readonly fetch?: typeof fetch
  /** Instead of the platform's own. */
  readonly time?: ClientTime
  /** Uniform in [0, 1); spreads repetitions. Instead of the platform's own. */
  readonly random?: () => number
}

/** What a single call may say. */
export interface CallOptions {
  /** Takes the call back: it rejects with ABORTED. */
  readonly signal?: AbortSignal | undefined
  /** For the call with all its repetitions; the client's where it is left out. */
  readonly timeoutMs?: number | undefined
}

export interface Call extends CallOptions {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: object
}

const TIMEOUT_MS = 10_000
const RETRY_COUNT = 2
const FIRST_PAUSE_MS = 50
/** The server, or something before it, had no time for the call; the same call may work a moment later. */
const passingStatuses = new Set([429, 502, 503, 504])

/** Retries earn their place: each call adds a tenth of one, so that even when everything fails the load grows by a tenth only. */
const RETRIES_PER_CALL = 0.1
const RETRIES_SAVED_MAX = 10

/** Of every answer of `/v1`: the plan of the system that the server runs. */
const PLAN_HEADER = 'millrace-plan'

export class Connection {
  readonly #options: ConnectionOptions & { readonly time: ClientTime }
  #retryBudget = RETRIES_SAVED_MAX
  #hasWarnedOfPlan = false

  constructor(options: ConnectionOptions) {
    this.#options = { time: platformTime, ...options, url: options.url.replace(/\/+$/, '') }
  }

  /** The parsed body of the answer. Every call must be safe to repeat. */
  async call(call: Call): Promise<unknown> {
    const { time } = this.#options
    const timeoutMs = call.timeoutMs ?? this.#options.timeoutMs ?? TIMEOUT_MS
    const timeout = new AbortController()
    const cancelTimeout = time.after(timeoutMs, () => timeout.abort())
    const signal = call.signal === undefined ? timeout.signal : AbortSignal.any([timeout.signal, call.signal])
    this.#retryBudget = Math.min(RETRIES_SAVED_MAX, this.#retryBudget + RETRIES_PER_CALL)
    try {
      return await this.#repeated(call, { signal, timeoutMs, endMs: time.now() + timeoutMs })
    } finally {
      cancelTimeout()
    }
  }

  async #repeated(
    call: Call,
    { signal, timeoutMs, endMs }: { readonly signal: AbortSignal; readonly timeoutMs: number; readonly endMs: number },
  ): Promise<unknown> {
    const { retryCount = RETRY_COUNT, time, random = randomShare } = this.#options
    const ended = (last?: MillraceApiError) =>
      call.signal?.aborted ? aborted(call.signal) : timedOut(call, timeoutMs, last)
    for (let attempt = 0; ; attempt++) {
      const outcome = await this.#attempt(call, signal)
      if ('body' in outcome) return outcome.body
      const { failure, retryAfterMs = 0 } = outcome
      if (signal.aborted) throw ended(failure)
      if (attempt >= retryCount || !isPassing(failure) || this.#retryBudget < 1) throw failure
      // What the server asks for is the least; the spread keeps those apart that were told the same.
      const pauseMs = retryAfterMs + FIRST_PAUSE_MS * 2 ** attempt * (0.5 + random())
      // Waiting in vain would only hide what was wrong.
      if (time.now() + pauseMs >= endMs) throw failure
      this.#retryBudget--
      await pauseUnless(signal, pauseMs, time)
      if (signal.aborted) throw ended(failure)
    }
  }

  async #attempt(
    { method, path, body }: Call,
    signal: AbortSignal,
  ): Promise<
    { readonly body: unknown } | { readonly failure: MillraceApiError; readonly retryAfterMs?: number | undefined }
  > {
    const { url, key, fetch: send = fetch, time } = this.#options
    const headers: Record<string, string> = {}
    if (key !== undefined) headers.authorization = `Bearer ${key}`
    if (body !== undefined) headers['content-type'] = 'application/json'
    try {
      const response = await send(`${url}${path}`, {
        method,
        headers,
        body: body && JSON.stringify(body),
        signal,
      } as RequestInit)
      const text = await response.text()
      this.#comparePlan(response.headers.get(PLAN_HEADER))
      if (response.ok) return { body: JSON.parse(text) as unknown }
      const retryAfterMs = retryAfterMsOf(response.headers.get('retry-after'), time.now())
      return { failure: failureOf(response.status, text), retryAfterMs }
    } catch (cause) {
      if (cause instanceof SyntaxError) return { failure: unexpectedAnswer(200, cause) }
      return { failure: new MillraceApiError('UNREACHABLE', `No answer from ${url}: ${reasonOf(cause)}.`, { cause }) }
    }
  }

  #comparePlan(found: string | null): void {
    const { planHash, onWarning = (message) => console.warn(message), url } = this.#options
    if (planHash === undefined || found === null || found === planHash || this.#hasWarnedOfPlan) return
    this.#hasWarnedOfPlan = true
    onWarning(
      `The types of this client are of the plan ${planHash.slice(0, 12)}, but ${url} runs the plan ${found.slice(0, 12)}. Names may have changed: make them anew with "millrace client --out FILE".`,
    )
  }
}

/** Retry-After, in seconds or as a date (RFC 9110, 10.2.3), as milliseconds from now; undefined where there is none that can be read. */
function retryAfterMsOf(header: string | null, nowMs: number): number | undefined {
  if (header === null) return undefined
  if (/^\d+$/.test(header)) return Number(header) * 1000
  const atMs = Date.parse(header)
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs)
}

function failureOf(status: number, text: string): MillraceApiError {
  try {
    const problem = JSON.parse(text) as {
      code?: unknown
      detail?: string
      fix?: string
      problems?: ApiProblem[]
      requestId?: string
    }
    if (typeof problem.code === 'string') {
      const { code, detail = code, fix, problems = [], requestId } = problem
      const lines = [detail, ...problems.map(({ where, message }) => `${where}: ${message}`)]
      return new MillraceApiError(code, lines.join(' '), { status, fix, problems, requestId })
    }
  } catch {
    // Not JSON: something between here and the server has answered.
  }
  return unexpectedAnswer(status)
}

const unexpectedAnswer = (status: number, cause?: unknown): MillraceApiError =>
  new MillraceApiError(
    'UNEXPECTED_ANSWER',
    `The answer, with status ${status}, does not come from a Millrace server.`,
    {
      status,
      fix: 'Check the url, and what stands between here and the server.',
      cause,
    },
  )

const timedOut = (call: Call, timeoutMs: number, cause?: MillraceApiError): MillraceApiError =>
  new MillraceApiError('TIMED_OUT', `${call.method} ${call.path} had no answer within ${timeoutMs} ms.`, { cause })

const aborted = (signal: AbortSignal): MillraceApiError =>
  new MillraceApiError('ABORTED', 'The caller took the call back.', { cause: signal.reason })

/** Whether the same call may work later. */
export const isPassing = ({ code, status }: MillraceApiError): boolean =>
  code === 'UNREACHABLE' || passingStatuses.has(status)

const reasonOf = (error: unknown): string => {
  const { message, cause } = error as Error
  return cause instanceof Error && cause.message !== '' ? cause.message : message
}

const randomShare = (): number => crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32
