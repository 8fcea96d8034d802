// One connection of a Postgres source: read-only, with times in one form, and with errors that are ours and name no secret.
import type { Client, ClientConfig, QueryArrayResult } from 'pg'
import { MillraceError } from '../../lib/errors.ts'
import { settlesWithin } from '../../lib/within.ts'

export interface SessionOptions {
  readonly url: string
  /** Longest wait for each answer. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Told apart from transactions that may write. */
export const applicationName = 'millrace source'

const FAREWELL_MS = 1000
/** A server that takes longer than this to say hello is down. */
const CONNECT_MS_MAX = 30_000

export class SourceSession {
  readonly #client: Client
  readonly #place: string
  readonly #stopWatching: () => void

  private constructor(client: Client, place: string, stopWatching: () => void) {
    this.#client = client
    this.#place = place
    this.#stopWatching = stopWatching
  }

  /** @throws MillraceError SOURCE_DRIVER_MISSING, SOURCE_REFUSED, SOURCE_UNAVAILABLE */
  static async open({ url, timeoutMs, signal }: SessionOptions): Promise<SourceSession> {
    const { Client } = await driver()
    const place = placeOf(url)
    const config: ClientConfig = {
      connectionString: url,
      application_name: applicationName,
      connectionTimeoutMillis: Math.min(timeoutMs, CONNECT_MS_MAX),
      query_timeout: timeoutMs,
      keepAlive: true,
      types: { getTypeParser: () => (text: string) => text },
    }
    let client: Client
    try {
      client = new Client(config)
    } catch {
      // Its cause stays behind: it shows the address, and with it the password.
      throw refused(place, 'the address cannot be read', undefined)
    }
    // The error of a lost connection also rejects the query that waits; without a listener it would end the process.
    client.on('error', () => {})
    const cut = (): void => hangUp(client)
    signal.addEventListener('abort', cut, { once: true })
    const session = new SourceSession(client, place, () => signal.removeEventListener('abort', cut))
    try {
      await client.connect()
      await client.query("SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'; SET extra_float_digits = 1")
      await client.query(`SET statement_timeout = ${Math.ceil(timeoutMs)}`)
    } catch (error) {
      await session.close()
      throw session.wrapped(error)
    }
    return session
  }

  /** Texts and nulls, a list per row. @throws MillraceError */
  async query(sql: string, values: readonly unknown[] = []): Promise<QueryArrayResult<(string | null)[]>> {
    try {
      return await this.#client.query({ text: sql, values: [...values], rowMode: 'array' })
    } catch (error) {
      throw this.wrapped(error)
    }
  }

  literal(value: string): string {
    return this.#client.escapeLiteral(value)
  }

  identifier(name: string): string {
    return this.#client.escapeIdentifier(name)
  }

  /** Says goodbye, and hangs up where nobody answers. */
  async close(): Promise<void> {
    this.#stopWatching()
    const ended = this.#client.end().catch(() => {})
    if (!(await settlesWithin(ended, FAREWELL_MS))) hangUp(this.#client)
  }

  wrapped(error: unknown): MillraceError {
    if (error instanceof MillraceError) return error
    const { code, message } = error as { code?: string; message: string }
    // Classes of SQLSTATE, appendix A of the Postgres manual.
    if (/^(?:28|3D|42501)/.test(code ?? '')) return refused(this.#place, message, error)
    if (/^(?:42|22|25006|0A|21)/.test(code ?? '')) {
      return new MillraceError('SOURCE_QUERY_INVALID', `${this.#place} cannot run the query: ${message} (${code}).`, {
        fix: 'Run the query by hand in psql, and correct it in the system file.',
        cause: error,
      })
    }
    const detail = code === undefined ? message : `${message} (${code})`
    return new MillraceError('SOURCE_UNAVAILABLE', `${this.#place} gave no answer: ${detail}.`, {
      fix: 'Nothing is lost: the source is read again from where it was. Check that the server runs, and see its log where this goes on.',
      cause: error,
    })
  }
}

/** At once, whatever it is waiting for: `end` would wait for a server that is not there. The driver's types do not show the way. */
function hangUp(client: Client): void {
  const { connection } = client as unknown as { readonly connection: { readonly stream: { destroy(): void } } }
  connection.stream.destroy()
}

const refused = (place: string, message: string, cause: unknown): MillraceError =>
  new MillraceError('SOURCE_REFUSED', `${place} refuses: ${message}.`, {
    fix: 'Check the address in the environment variable: user, password, database; and that the user may SELECT.',
    cause,
  })

/** Host, port and database; neither user nor password. */
function placeOf(url: string): string {
  try {
    const { hostname, port, pathname, searchParams } = new URL(url)
    return `Postgres at ${searchParams.get('host') ?? (hostname || 'localhost')}:${port || 5432}${pathname}`
  } catch {
    return 'Postgres'
  }
}

async function driver(): Promise<{ readonly Client: new (config: ClientConfig) => Client }> {
  try {
    return (await import('pg')).default
  } catch (error) {
    throw new MillraceError(
      'SOURCE_DRIVER_MISSING',
      'A Postgres source needs the package "pg", which is not installed.',
      {
        fix: 'npm install pg',
        cause: error,
      },
    )
  }
}
