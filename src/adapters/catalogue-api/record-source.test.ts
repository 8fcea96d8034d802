// Against a real server in a process of its own: what it answers is told to it in a file.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CatalogueProcess, type CatalogueState, type Fault } from '../../../test/sources/catalogue-process.ts'
import { MillraceError } from '../../lib/errors.ts'
import { seededRng } from '../../lib/rng.ts'
import type { Timers } from '../../lib/timers.ts'
import { testRecordSource } from '../../ports/record-source.contract.ts'
import type { PulledBatch, RecordSource } from '../../ports/record-source.ts'
import { linkTo, type Paging } from './paging.ts'
import { type CatalogueApiOptions, catalogueApiSource } from './record-source.ts'
import { retryAfterMsOf, retryWaitMs } from './retry.ts'

const rows = Array.from({ length: 23 }, (_, n) => ({ sku: `i${n}`, name: `title ${n}` }))
const cursorPaging: Paging = { kind: 'cursor', parameter: 'after', field: 'next' }
const never = new AbortController().signal

let server: CatalogueProcess
let state: CatalogueState
beforeAll(async () => {
  server = await CatalogueProcess.create({ rows, pageSize: 5, paging: 'cursor' })
  await server.start()
})
beforeEach(() => set({ rows, pageSize: 5, paging: 'cursor' }))
afterAll(() => server.remove())

async function set(changed: Partial<CatalogueState>): Promise<void> {
  state = { ...(changed.rows ? { rows, pageSize: 5, paging: 'cursor' } : state), ...changed } as CatalogueState
  await server.set(state)
}

const sourceOf = (options: Partial<CatalogueApiOptions> & { readonly path?: string } = {}): RecordSource =>
  catalogueApiSource({
    name: 'catalogue',
    url: `${server.url}${options.path ?? '/items'}`,
    paging: cursorPaging,
    rowsAt: 'items',
    columns: ['sku', 'name'],
    mode: 'snapshot',
    retry: { attemptCount: 3, firstWaitMs: 5, waitMsMax: 20 },
    requestsPerSecond: 1000,
    rng: seededRng(1),
    ...options,
  })

async function pulled(source: RecordSource, cursor?: string): Promise<PulledBatch[]> {
  const batches: PulledBatch[] = []
  for await (const batch of source.pull(cursor, never)) batches.push(batch)
  return batches
}

const rowsOf = (batches: readonly PulledBatch[]): unknown[] => batches.flatMap((batch) => batch.rows)

async function failureOf(source: RecordSource): Promise<MillraceError> {
  const error = await pulled(source).then(
    () => undefined,
    (found: unknown) => found,
  )
  expect(error).toBeInstanceOf(MillraceError)
  return error as MillraceError
}

describe.each<[string, Partial<CatalogueState>, Partial<CatalogueApiOptions>]>([
  ['paged by cursor', { paging: 'cursor' }, {}],
  ['paged by cursor, with ETags', { paging: 'cursor', hasEtags: true }, {}],
  ['paged by number', { paging: 'page' }, { paging: { kind: 'page', parameter: 'page', first: 1 } }],
  ['paged by link', { paging: 'link' }, { paging: { kind: 'link' }, rowsAt: undefined as never }],
  ['that is a feed', { paging: 'feed', pageSize: 6 }, { mode: 'changes' }],
])('a catalogue API %s', (_, changed, options) =>
  testRecordSource(async () => {
    await set({ rows, pageSize: 5, ...changed })
    return {
      source: sourceOf(options),
      ids: rows.map(({ sku }) => sku),
      idOf: (row) => (row as { sku: string }).sku,
      remove: async () => {},
    }
  }),
)

describe('a catalogue API', () => {
  it('is asked with the secret, anew for each request', async () => {
    let count = 0
    await pulled(sourceOf({ headers: () => ({ authorization: `Bearer s${++count}` }) }))
    const secrets = (await server.requests()).map((line) => line.split(' ')[3])
    expect(secrets).toEqual(['s1', 's2', 's3', 's4', 's5'])
  })

  it('is asked no more often than allowed', async () => {
    // Time stands still but for the waits, so that a busy machine changes nothing.
    let nowMs = 0
    const timeoutMs = 30_000
    const timers: Timers = {
      after: (delayMs, callback) => {
        if (delayMs === timeoutMs) return () => {}
        nowMs += delayMs
        queueMicrotask(callback)
        return () => {}
      },
    }
    const askedMs: number[] = []
    const headers = () => {
      askedMs.push(nowMs)
      return {}
    }
    await pulled(sourceOf({ requestsPerSecond: 20, timeoutMs, clock: { now: () => nowMs }, timers, headers }))
    expect(askedMs).toEqual([0, 50, 100, 150, 200])
    expect(await server.requests()).toHaveLength(5)
  })

  it('gives values out of nested objects', async () => {
    const nested = [{ sku: 'a', name: 'x', price: { amount: 5 }, 'odd.key': 7 }]
    await set({ rows: nested })
    const batches = await pulled(sourceOf({ columns: ['sku', 'price.amount', 'odd.key', 'price.none'] }))
    expect(rowsOf(batches)).toEqual([{ ...nested[0], 'price.amount': 5, 'price.none': undefined }])
  })

  it('follows a redirect to itself, and none to another server', async () => {
    expect(rowsOf(await pulled(sourceOf({ path: '/moved', headers: () => ({ 'x-key': 'secret' }) })))).toHaveLength(23)
    expect(await failureOf(sourceOf({ path: '/elsewhere' }))).toMatchObject({
      code: 'SOURCE_REFUSED',
      message: expect.stringContaining('a redirect to another server, http://localhost:9'),
    })
  })
})

describe('an API that knows versions', () => {
  it('says that nothing has changed, and is believed only where every page says so', async () => {
    await set({ rows, hasEtags: true })
    const source = sourceOf()
    const cursor = (await pulled(source)).at(-1)!.cursor
    await server.requests()
    const again = await pulled(source, cursor)
    expect(again.map(({ end }) => end)).toEqual([{ pageCount: 5, isNotModified: true, failures: [] }])
    expect(again[0]!.cursor).toBe(cursor)
    expect((await server.requests()).every((line) => line.endsWith('"'))).toBe(true)

    // Of the last page only.
    const changed = rows.map((row, n) => (n === 22 ? { ...row, name: 'changed' } : row))
    await set({ rows: changed, hasEtags: true })
    expect(rowsOf(await pulled(source, cursor))).toEqual(changed)
    // A page more.
    const longer = [...rows, ...rows.map(({ sku, name }) => ({ sku: `more ${sku}`, name }))].slice(0, 26)
    await set({ rows: longer, hasEtags: true })
    expect(rowsOf(await pulled(source, cursor))).toEqual(longer)
  })

  it('is read in full where it gives no version, or is too long', async () => {
    expect((await pulled(sourceOf())).at(-1)!.cursor).toBeUndefined()
    await set({
      rows: Array.from({ length: 201 }, (_, n) => ({ sku: `i${n}`, name: '' })),
      pageSize: 1,
      hasEtags: true,
    })
    expect((await pulled(sourceOf())).at(-1)!.cursor).toBeUndefined()
  })
})

describe('a feed', () => {
  it('goes on where it was, and names the place of each row', async () => {
    await set({ rows, paging: 'feed' })
    const source = sourceOf({ mode: 'changes' })
    const first = await pulled(source)
    await set({ rows: [...rows, { sku: 'new', name: 'x' }], paging: 'feed' })
    const second = await pulled(source, first.at(-1)!.cursor)
    expect(rowsOf(second)).toEqual([{ sku: 'new', name: 'x' }])
    expect(second[0]!.versionOf?.(0)).toBe('23')
  })
})

describe('a page that fails', () => {
  // Short only where it is waited for: a sound page may take long on a busy machine.
  const timeoutMsOf = (fault: Fault): number => (fault === 'hangs' || fault === 'trickles' ? 250 : 20_000)

  it.each<[Fault, number]>([
    ['error', 3],
    ['truncated', 3],
    ['half', 3],
    ['html', 3],
    ['hangs', 3],
    ['trickles', 3],
  ])('is asked for again: %s', async (fault, attempts) => {
    await set({ rows, faults: ['none', 'none', fault, fault, 'none'] })
    expect(rowsOf(await pulled(sourceOf({ timeoutMs: timeoutMsOf(fault) })))).toEqual(rows)
    const third = (await server.requests()).filter((line) => line.includes('after=10'))
    expect(third).toHaveLength(attempts)
  })

  it.each<[Fault, string, RegExp]>([
    ['error', 'SOURCE_UNAVAILABLE', /gave the status 500, after 3 attempts/],
    ['truncated', 'SOURCE_UNAVAILABLE', /gave no answer: .+, after 3 attempts/],
    ['half', 'SOURCE_RESPONSE_INVALID', /bytes that are no JSON, after 3 attempts/],
    ['html', 'SOURCE_RESPONSE_INVALID', /gave 20 bytes that are no JSON/],
    ['hangs', 'SOURCE_UNAVAILABLE', /no complete answer within 250 ms, after 3 attempts/],
    ['trickles', 'SOURCE_UNAVAILABLE', /no complete answer within 250 ms/],
  ])('is given up in the end: %s', async (fault, code, message) => {
    await set({ rows, faults: ['none', fault] })
    const error = await failureOf(sourceOf({ timeoutMs: timeoutMsOf(fault) }))
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
    expect(error.message).toContain(`${server.url}/items`)
  })

  it.each<[Fault, string, RegExp]>([
    ['forbidden', 'SOURCE_REFUSED', /the status 403 \(the secret is missing, wrong, or lacks a right\)/],
    ['shape', 'SOURCE_RESPONSE_INVALID', /nothing at "items", expected a list of rows. The body has: articles, total/],
    ['huge', 'SOURCE_RESPONSE_INVALID', /more than 100000 bytes in one page/],
    ['busy-for-hours', 'SOURCE_UNAVAILABLE', /the status 503/],
  ])('is not asked for again where that cannot help: %s', async (fault, code, message) => {
    await set({ rows, faults: [fault] })
    const error = await failureOf(sourceOf({ bodyBytesMax: 100_000 }))
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
    expect(await server.requests()).toHaveLength(1)
  })

  it('is asked for again no sooner than the server says', async () => {
    await set({ rows, faults: ['busy', 'none'] })
    expect(rowsOf(await pulled(sourceOf()))).toEqual(rows)
    const [first, second] = (await server.requests()).map((line) => Number(line.split(' ')[0]))
    expect(second! - first!).toBeGreaterThanOrEqual(995)
  })

  it('shows no secret of the address', async () => {
    await set({ rows, faults: ['forbidden'] })
    expect((await failureOf(sourceOf({ path: '/items?key=hunter2' }))).message).not.toContain('hunter2')
  })

  it('does not keep a pull that is told to stop', async () => {
    await set({ rows, faults: ['hangs'] })
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 50)
    const startMs = performance.now()
    for await (const _ of sourceOf({ timeoutMs: 20_000 }).pull(undefined, stop.signal)) expect.unreachable()
    expect(performance.now() - startMs).toBeLessThan(10_000)
  })
})

describe('pages that lead nowhere', () => {
  it.each<[CatalogueState['paging'], Paging, RegExp]>([
    ['same', cursorPaging, /gave the rows of an earlier page again/],
    ['circle', cursorPaging, /gave a next page that was read already/],
    ['endless', cursorPaging, /still names a next page after 30 pages/],
    ['abroad', { kind: 'link' }, /names a next page on another server, http:\/\/localhost:9/],
    // It does not know the parameter, and gives the first page for ever.
    ['cursor', { kind: 'page', parameter: 'seite', first: 1 }, /gave the rows of an earlier page again/],
  ])('are told from others: %s', async (paging, how, message) => {
    await set({ rows, paging })
    const options = paging === 'abroad' ? { rowsAt: undefined as never } : {}
    const error = await failureOf(sourceOf({ paging: how, pageCountMax: 30, ...options }))
    expect(error.code).toBe('SOURCE_PAGING_BROKEN')
    expect(error.message).toMatch(message)
  })
})

describe('the Link header', () => {
  it.each([
    ['<https://x/2>; rel="next"', 'https://x/2'],
    ['</2?a=1,2>; rel=next', '/2?a=1,2'],
    ['<a>; rel="first", <b>; title="x; y, z"; rel="next last"', 'b'],
    ['<a>; rel="prev"', undefined],
    ['<a>; rel="nextish"', undefined],
    ['', undefined],
    [null, undefined],
  ])('%s leads to %s', (header, expected) => expect(linkTo(header, 'next')).toBe(expected))
})

describe('the wait before another attempt', () => {
  const policy = { attemptCount: 5, firstWaitMs: 1000, waitMsMax: 3000 }
  const wait = (attempt: number, retryAfterMs?: number) =>
    retryWaitMs(policy, { attempt, retryAfterMs, rng: { ...seededRng(1), next: () => 0.5 } })

  it('is a random part of a time that doubles up to its maximum', () =>
    expect([1, 2, 3, 4, 5].map((attempt) => wait(attempt))).toEqual([500, 1000, 1500, 1500, undefined]))

  it('is at least what the server says, within reason', () => {
    expect(wait(1, 7000)).toBe(7000)
    expect(wait(1, 100)).toBe(500)
    expect(wait(1, 3_600_000)).toBeUndefined()
  })

  it.each([
    ['120', 120_000],
    ['Tue, 24 Nov 2026 12:00:30 GMT', 30_000],
    ['Tue, 24 Nov 2026 11:00:00 GMT', 0],
    ['soon', undefined],
    [null, undefined],
  ])('is read from Retry-After: %s', (header, expected) =>
    expect(retryAfterMsOf(header, Date.parse('2026-11-24T12:00:00Z'))).toBe(expected),
  )
})
