// One call over HTTP, repeated where it was lost: within the caller's time, and never so often that retries keep an overloaded server down.
import { pause } from '../lib/within.ts'
import { type ApiProblem, MillraceApiError } from './api-error.ts'

export interface ConnectionOptions {
  /** Such as "https://recommend.shop.example"; a path in it is kept. */
  readonly url: string
  /** From "millrace keys create". Never put a key that may write into a web page. */
  readonly key?: string
  /** For a call with all its repetitions; 10 s where it is left out. */
  readonly timeoutMs?: number
  /** How often one call is repeated at most; 2 where it is left out, 0 for never. */
  readonly retryCount?: number
  /** Instead of the platform's own. */
  readonly fetch?: typeof fetch
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly body?: object
  readonly signal?: AbortSignal | undefined
}

const TIMEOUT_MS = 10_000
const RETRY_COUNT = 2
const FIRST_PAUSE_MS = 50
/** The server, or something before it, had no time for the call; the same call may work a moment later. */
const passingStatuses = new Set([429, 502, 503, 504])

/** Retries earn their place: each call adds a tenth of one, so that even when everything fails the load grows by a tenth only. */
const RETRIES_PER_CALL = 0.1
const RETRIES_SAVED_MAX = 10

export class Connection {
  readonly #options: ConnectionOptions
  #retryBudget = RETRIES_SAVED_MAX

  constructor(options: ConnectionOptions) {
    this.#options = { ...options, url: options.url.replace(/\/+$/, '') }
  }

  /** The parsed body of the answer. Every call must be safe to repeat. */
  async call(call: Call): Promise<unknown> {
    const { timeoutMs = TIMEOUT_MS, retryCount = RETRY_COUNT } = this.#options
    const timeout = AbortSignal.timeout(timeoutMs)
    const signal = call.signal === undefined ? timeout : AbortSignal.any([timeout, call.signal])
    this.#retryBudget = Math.min(RETRIES_SAVED_MAX, this.#retryBudget + RETRIES_PER_CALL)
    for (let attempt = 0; ; attempt++) {
      const outcome = await this.#attempt(call, signal)
      if (!(outcome instanceof MillraceApiError)) return outcome.body
      if (signal.aborted) throw call.signal?.aborted ? aborted(call.signal) : timedOut(call, timeoutMs, outcome)
      if (attempt >= retryCount || !isPassing(outcome) || this.#retryBudget < 1) throw outcome
      this.#retryBudget--
      await pause(FIRST_PAUSE_MS * 2 ** attempt * (0.5 + randomShare()))
    }
  }

  async #attempt(
    { method, path, body }: Call,
    signal: AbortSignal,
  ): Promise<{ readonly body: unknown } | MillraceApiError> {
    const { url, key, fetch: send = fetch } = this.#options
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
      return response.ok ? { body: JSON.parse(text) as unknown } : failureOf(response.status, text)
    } catch (cause) {
      if (cause instanceof SyntaxError) return unexpectedAnswer(200, cause)
      return new MillraceApiError('UNREACHABLE', `No answer from ${url}: ${reasonOf(cause)}.`, { cause })
    }
  }
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

const timedOut = (call: Call, timeoutMs: number, cause: MillraceApiError): MillraceApiError =>
  new MillraceApiError('TIMED_OUT', `${call.method} ${call.path} had no answer within ${timeoutMs} ms.`, { cause })

const aborted = (signal: AbortSignal): MillraceApiError =>
  new MillraceApiError('ABORTED', 'The caller took the call back.', { cause: signal.reason })

const isPassing = ({ code, status }: MillraceApiError): boolean => code === 'UNREACHABLE' || passingStatuses.has(status)

const reasonOf = (error: unknown): string => {
  const { message, cause } = error as Error
  return cause instanceof Error && cause.message !== '' ? cause.message : message
}

const randomShare = (): number => crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32
