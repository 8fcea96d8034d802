// Rows of a JSON API, page by page: everything there is each time, or a feed of changes that goes on where it was.
import { hash } from 'node:crypto'
import { type Clock, systemClock } from '../../lib/clock.ts'
import { MillraceError } from '../../lib/errors.ts'
import { type Rng, seededRng } from '../../lib/rng.ts'
import { systemTimers, type Timers } from '../../lib/timers.ts'
import type { PulledBatch, RecordSource } from '../../ports/record-source.ts'
import { type JsonAnswer, JsonRequests, placeOf, type Validators } from './json-requests.ts'
import { firstUrl, isRecord, nextCursor, nextUrl, type Paging, valueAt } from './paging.ts'
import type { RetryPolicy } from './retry.ts'

export interface CatalogueApiOptions {
  /** The source's name, for messages. */
  readonly name: string
  readonly url: string
  readonly paging: Paging
  /** Where in the body the rows lie, such as `data.items`; undefined: the body is the list. */
  readonly rowsAt?: string
  /** Columns that are used; `price.amount` is taken out of nested objects. */
  readonly columns: readonly string[]
  /** `snapshot`: each pull gives everything. `changes`: a feed with cursor paging that goes on behind the last cursor. */
  readonly mode: 'snapshot' | 'changes'
  /** Sent with each request, such as an authorisation. Asked anew each time. */
  readonly headers?: () => Readonly<Record<string, string>>
  /** Default: 5 attempts, waiting at most 1, 2, 4, 8 s. */
  readonly retry?: RetryPolicy
  /** Default: 30 s. */
  readonly timeoutMs?: number
  /** Default: 32 MiB a page. */
  readonly bodyBytesMax?: number
  /** Default: 10. */
  readonly requestsPerSecond?: number
  /** A pull of more pages than this never ends. Default: 10,000. */
  readonly pageCountMax?: number
  readonly clock?: Clock
  readonly timers?: Timers
  readonly rng?: Rng
}

/** What a cursor says, as JSON: of a snapshot, by what its pages are known; of a feed, how far it was read. */
interface ApiCursor {
  readonly pages?: readonly KnownPage[]
  readonly at?: string
}

interface KnownPage extends Validators {
  readonly url: string
}

/** Of larger snapshots no validators are remembered: asking for each page costs as much as getting it. */
const KNOWN_PAGE_COUNT_MAX = 200

export function catalogueApiSource(options: CatalogueApiOptions): RecordSource {
  const {
    name,
    headers = () => ({}),
    retry = { attemptCount: 5, firstWaitMs: 1000, waitMsMax: 30_000 },
    timeoutMs = 30_000,
    bodyBytesMax = 2 ** 25,
    requestsPerSecond = 10,
    clock = systemClock,
    timers = systemTimers,
  } = options
  const rng = options.rng ?? seededRng(`${name} ${clock.now()}`)
  const requests = new JsonRequests({
    name,
    headers,
    retry,
    timeoutMs,
    bodyBytesMax,
    requestsPerSecond,
    clock,
    timers,
    rng,
  })
  return {
    isSnapshot: options.mode === 'snapshot',
    async *pull(cursor, signal) {
      const known = cursor === undefined ? {} : (JSON.parse(cursor) as ApiCursor)
      try {
        signal.throwIfAborted()
        yield* options.mode === 'changes'
          ? feedPages(requests, options, known, signal)
          : snapshotPages(requests, options, known, signal)
      } catch (error) {
        if (!signal.aborted) throw error
      }
    },
    close: async () => {},
  }
}

async function* snapshotPages(
  requests: JsonRequests,
  options: CatalogueApiOptions,
  { pages: known = [] }: ApiCursor,
  signal: AbortSignal,
): AsyncGenerator<PulledBatch> {
  const knownCursor = known.length === 0 ? undefined : JSON.stringify({ pages: known } satisfies ApiCursor)
  if (await areAllUnchanged(requests, known, signal)) {
    const end = { pageCount: known.length, isNotModified: true, failures: [] }
    yield { rows: [], where: () => options.name, cursor: knownCursor, end }
    return
  }
  const pages: KnownPage[] = []
  for await (const page of allPages(requests, options, undefined, signal)) {
    if (pages.length < KNOWN_PAGE_COUNT_MAX) pages.push({ url: page.url.href, ...page.answer.validators })
    yield {
      rows: page.rows,
      where: page.where,
      // Of a snapshot that broke off nothing can be kept: pages move while it is away.
      cursor: page.isLast ? cursorOf(pages, page.pageIndex + 1) : knownCursor,
      ...(page.isLast && { end: { pageCount: page.pageIndex + 1, isNotModified: false, failures: [] } }),
    }
  }
}

function cursorOf(pages: readonly KnownPage[], pageCount: number): string | undefined {
  const areAllKnown =
    pages.length === pageCount &&
    pages.every(({ etag, lastModified }) => etag !== undefined || lastModified !== undefined)
  return areAllKnown ? JSON.stringify({ pages } satisfies ApiCursor) : undefined
}

/** One changed page means that rows may have moved between all of them. */
async function areAllUnchanged(
  requests: JsonRequests,
  known: readonly KnownPage[],
  signal: AbortSignal,
): Promise<boolean> {
  for (const { url, ...validators } of known) {
    if (!(await requests.get(new URL(url), validators, signal)).isNotModified) return false
  }
  return known.length > 0
}

async function* feedPages(
  requests: JsonRequests,
  options: CatalogueApiOptions,
  { at: start }: ApiCursor,
  signal: AbortSignal,
): AsyncGenerator<PulledBatch> {
  let at = start
  for await (const page of allPages(requests, options, start, signal)) {
    const version = at ?? ''
    at = nextCursor(options.paging, page.answer.body) ?? at
    yield {
      rows: page.rows,
      where: page.where,
      versionOf: () => version,
      cursor: at === undefined ? undefined : JSON.stringify({ at } satisfies ApiCursor),
      ...(page.isLast && { end: { pageCount: page.pageIndex + 1, isNotModified: false, failures: [] } }),
    }
  }
}

interface FetchedPage {
  readonly url: URL
  readonly answer: JsonAnswer
  readonly rows: readonly unknown[]
  readonly where: (position: number) => string
  readonly pageIndex: number
  readonly isLast: boolean
}

async function* allPages(
  requests: JsonRequests,
  options: CatalogueApiOptions,
  cursor: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<FetchedPage> {
  const { name, paging, pageCountMax = 10_000 } = options
  const seen = new SeenPages(options)
  let url = firstUrl(options.url, paging, cursor)
  for (let pageIndex = 0; ; pageIndex++) {
    const answer = await requests.get(url, {}, signal)
    const found = rowsOf(answer, url, options)
    const next = nextUrl(paging, {
      url,
      body: answer.body,
      linkHeader: answer.linkHeader,
      rowCount: found.length,
      pageIndex,
    })
    // Feeds give their last cursor for ever, and nothing with it.
    const isLast = next === undefined || (options.mode === 'changes' && next.href === url.href)
    seen.add(found, url)
    if (!isLast) {
      seen.assertNew(next)
      assertSameServer(next, url, name)
      if (pageIndex + 1 >= pageCountMax) throw endless(name, url, pageCountMax)
    }
    const pageUrl = url
    yield {
      url,
      answer,
      rows: found.map((row) => withNested(row, options.columns)),
      where: (position) => `${placeOf(pageUrl)}, page ${pageIndex + 1}, row ${position + 1}`,
      pageIndex,
      isLast,
    }
    if (isLast) return
    url = next
  }
}

function rowsOf(
  { body, isNotModified }: JsonAnswer,
  url: URL,
  { name, rowsAt }: CatalogueApiOptions,
): readonly unknown[] {
  const found = rowsAt === undefined ? body : valueAt(body, rowsAt)
  if (Array.isArray(found)) return found
  const place = rowsAt === undefined ? 'as the body' : `at "${rowsAt}"`
  const keys = isRecord(body) ? ` The body has: ${Object.keys(body).slice(0, 20).join(', ')}.` : ''
  const shape = isNotModified ? 'the status 304 without being asked' : found === null ? 'null' : typeof found
  throw new MillraceError(
    'SOURCE_RESPONSE_INVALID',
    `${name}: ${placeOf(url)} gave ${shape === 'undefined' ? 'nothing' : shape} ${place}, expected a list of rows.${keys}`,
    { fix: 'Correct rowsAt in the system file: it says where in the body the list lies.' },
  )
}

/** Adds the nested values that columns name, such as `price.amount`. */
function withNested(row: unknown, columns: readonly string[]): unknown {
  if (!isRecord(row)) return row
  const nested = columns.filter((column) => column.includes('.') && !Object.hasOwn(row, column))
  if (nested.length === 0) return row
  return { ...row, ...Object.fromEntries(nested.map((column) => [column, valueAt(row, column)])) }
}

/** A page that comes twice would come for ever. */
class SeenPages {
  readonly #options: CatalogueApiOptions
  readonly #urls = new Set<string>()
  readonly #contents = new Set<string>()

  constructor(options: CatalogueApiOptions) {
    this.#options = options
  }

  add(rows: readonly unknown[], url: URL): void {
    this.#urls.add(digest(url.href))
    if (rows.length === 0) return
    const content = digest(JSON.stringify(rows))
    if (this.#contents.has(content)) throw this.#repeated(url, 'the rows of an earlier page again')
    this.#contents.add(content)
  }

  assertNew(next: URL): void {
    if (this.#urls.has(digest(next.href))) throw this.#repeated(next, 'a next page that was read already')
  }

  #repeated(url: URL, found: string): MillraceError {
    return new MillraceError(
      'SOURCE_PAGING_BROKEN',
      `${this.#options.name}: ${placeOf(url)} gave ${found}, expected each page once. Read before: ${this.#urls.size} pages.`,
      { fix: 'Check paging in the system file: the name of the parameter, and where the next cursor lies.' },
    )
  }
}

const digest = (text: string): string => hash('sha256', text, 'base64url').slice(0, 22)

const endless = (name: string, url: URL, pageCountMax: number): MillraceError =>
  new MillraceError(
    'SOURCE_PAGING_BROKEN',
    `${name}: ${placeOf(url)} still names a next page after ${pageCountMax} pages, expected an end.`,
    { fix: 'Check paging in the system file. Where there really is that much, ask for larger pages in the address.' },
  )

/** The next page gets our secret, too. */
function assertSameServer(next: URL, url: URL, name: string): void {
  if (next.origin === url.origin) return
  throw new MillraceError(
    'SOURCE_PAGING_BROKEN',
    `${name}: ${placeOf(url)} names a next page on another server, ${next.origin}; expected ${url.origin}.`,
    { fix: 'Use the address in the system file that the API uses for itself.' },
  )
}
