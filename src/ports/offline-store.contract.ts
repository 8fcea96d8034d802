// What every offline store must do. Goal: a joined value is that of the oracle, and nothing that became known later has a part in it.
// Method: many random histories (each with names and years of its own, so that none is seen by another) in one join of every family of features.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LogEvent } from '../domain/event.ts'
import type { FeatureReading } from '../domain/feature.ts'
import { corpusDefinitions, randomCorpus } from '../domain/feature-corpus.contract.ts'
import { readFeature } from '../domain/feature-oracle.contract.ts'
import { type OfflineTableName, offlineTableNames, tableOfKind } from '../domain/offline-table.ts'
import { type Rng, seededRng } from '../lib/rng.ts'
import type { StoredEvent } from './event-log.ts'
import type { JoinRequest, Label, ListRow, OfflineStore } from './offline-store.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** More than any window and any history's length: what happens in one history has left every window before the next one begins. */
const HISTORY_DISTANCE_MS = 300 * DAY_MS
/** Of one of several histories. */
const EVENT_COUNT_MAX = 130

/** Of random histories. */
export const corpusAttributes: JoinRequest['attributes'] = {
  user: { country: 'text', interests: 'tags' },
  item: { category: 'text', tags: 'tags', price: 'number', isNew: 'boolean' },
}

interface History {
  readonly events: readonly StoredEvent[]
  readonly labels: readonly Label[]
}

export interface OfflineStoreContractOptions {
  /** How many (history, moment) cases are compared with the oracle, in every feature; about. */
  readonly caseCount: number
  /** Of which so many are of one history; 6 by default. */
  readonly momentCountPerHistory?: number
  readonly seed: number
}

export function testOfflineStore(
  open: (temporaryFolder: string) => Promise<OfflineStore>,
  { caseCount, momentCountPerHistory = 6, seed }: OfflineStoreContractOptions,
): void {
  const randomHistories = (ofSeed: number, historyCount: number, eventCount?: number): History[] =>
    Array.from({ length: historyCount }, (_, n) =>
      randomHistory(ofSeed, n, { eventCount, momentCount: momentCountPerHistory }),
    )
  describe('offline store', () => {
    let folder: string
    let store: OfflineStore
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'millrace-offline-'))
      store = await open(join(folder, 'temporary'))
    })
    afterEach(async () => {
      await store.close()
      await rm(folder, { recursive: true, force: true })
    })

    const write = async (events: readonly StoredEvent[], into = 'events') => {
      const files = await store.writeEvents(batches(events), join(folder, into))
      return files.map(({ path, table }) => ({ path: join(folder, into, path), table }))
    }
    const joined = async (files: JoinRequest['files'], labels: readonly Label[], name = 'set') => {
      const target = join(folder, `${name}.parquet`)
      return {
        target,
        ...(await store.joinFeatures({
          files,
          definitions: corpusDefinitions,
          attributes: corpusAttributes,
          labels: [labels],
          target,
        })),
      }
    }

    it('gives the value, the status and the newest event time of the oracle, for every family', async () => {
      const histories = randomHistories(seed, Math.ceil(caseCount / momentCountPerHistory))
      const labels = histories.flatMap((history) => history.labels)
      const { target, rowCount } = await joined(await write(histories.flatMap(({ events }) => events)), labels)
      expect(rowCount).toBe(labels.length)

      const rows = await readRows(target)
      const presentCounts = new Map<string, number>()
      let row = 0
      for (const { events, labels: ofHistory } of histories) {
        for (const label of ofHistory) {
          const found = rows[row++]!
          expect([found.userId, found.itemId, Number(found.momentMs)]).toEqual([
            label.userId,
            label.itemId,
            label.momentMs,
          ])
          for (const { name, default: standIn } of corpusDefinitions) {
            const expected = readFeature(corpusDefinitions, events, { name, entity: label, asOfMs: label.momentMs })
            const reading = readingIn(found, name)
            // A map has no room for a text that stands in for it; the status says what it is.
            const isMap = expected.status === 'default' && typeof standIn === 'string' && name.endsWith('_share')
            expect(reading, `seed ${seed}, row ${row - 1}, ${name}`).toEqual(
              isMap ? { ...expected, value: undefined } : expected,
            )
            if (expected.status === 'present') presentCounts.set(name, (presentCounts.get(name) ?? 0) + 1)
          }
        }
      }
      // The comparison says something about every feature.
      for (const { name } of corpusDefinitions) expect(presentCounts.get(name) ?? 0, name).toBeGreaterThan(0)
    })

    it('changes no row for what becomes available at or after its moment, and writes the same bytes again', async () => {
      const [{ events: all, labels }] = randomHistories(seed + 1, 1, 200) as [History]
      const momentMs = all[120]!.availableTimeMs
      const asOf = labels.map((label) => ({ ...label, momentMs }))
      const known = all.slice(0, 120)
      const events = [...known, ...all.slice(120).filter(({ availableTimeMs }) => availableTimeMs >= momentMs)]
      expect(known.some(({ availableTimeMs }) => availableTimeMs < momentMs)).toBe(true)
      expect(known.length).toBeLessThan(events.length)

      const before = await joined(await write(known, 'known'), asOf, 'before')
      const after = await joined(await write(events, 'all'), asOf, 'after')
      expect((await readFile(after.target)).equals(await readFile(before.target))).toBe(true)
      expect(after.sha256).toBe(before.sha256)
    })

    it('writes the same files for the same events, a day a folder, and the same set from files that were written in pieces', async () => {
      const [{ events, labels }] = randomHistories(seed + 2, 1, 200) as [History]
      await write(events, 'a')
      await write(events, 'b')
      const paths = (await readdir(join(folder, 'a'), { recursive: true })).filter((path) => path.endsWith('.parquet'))
      expect(paths.length).toBeGreaterThan(0)
      for (const path of paths) {
        expect(path).toMatch(/^(interactions|changes|impressions)\/date=\d{4}-\d\d-\d\d\/\d{16}\.parquet$/)
        const again = await readFile(join(folder, 'b', path))
        expect(again.equals(await readFile(join(folder, 'a', path))), path).toBe(true)
      }

      const whole = await joined(await write(events, 'c'), labels, 'whole')
      const pieces = [...(await write(events.slice(0, 77), 'd')), ...(await write(events.slice(77), 'd'))]
      const inPieces = await joined([...pieces].reverse(), labels, 'pieces')
      expect(inPieces.sha256).toBe(whole.sha256)
    })

    it('gives back the events that it wrote, from several files, oldest or newest first, as many as are asked for', async () => {
      const [{ events }] = randomHistories(seed + 6, 1, 300) as [History]
      const files = [...(await write(events.slice(0, 111), 'e')), ...(await write(events.slice(111), 'e'))].reverse()
      const read = async (table: OfflineTableName, order: 'log' | 'newestFirst', limit?: number) => {
        const paths = files.filter((file) => file.table === table).map(({ path }) => path)
        const found: StoredEvent[] = []
        for await (const batch of store.readEvents({ table, paths, order, ...(limit !== undefined && { limit }) })) {
          found.push(...batch)
        }
        return found
      }
      const expected = events.map(({ offset, availableTimeMs, event: { knownTimeMs: _, ...event } }) => ({
        offset,
        availableTimeMs,
        event: event.kind === 'interaction' ? { weight: 1, ...event } : event,
      }))
      const found: StoredEvent[] = []
      for (const table of offlineTableNames) found.push(...(await read(table, 'log')))
      expect(found.sort((a, b) => a.offset - b.offset)).toEqual(expected)
      const newest = expected.filter(({ event }) => event.kind === 'interaction').slice(-7)
      expect(await read('interactions', 'newestFirst', 7)).toEqual(newest.reverse())
      for await (const batch of store.readEvents({ table: 'changes', paths: [], order: 'log' })) {
        expect(batch).toEqual([])
      }
    })

    it('makes several files one with the same rows, the same bytes each time, and joins the same set from it', async () => {
      const [{ events, labels }] = randomHistories(seed + 7, 1, 200) as [History]
      const pieces = [...(await write(events.slice(0, 90), 'f')), ...(await write(events.slice(90), 'f'))]
      const merge = (table: OfflineTableName, paths: readonly string[], name: string) =>
        store.mergeEventFiles({ table, paths }, join(folder, name, `${table}.parquet`))
      const merged: JoinRequest['files'][number][] = []
      for (const table of offlineTableNames) {
        const paths = pieces.filter((file) => file.table === table).map(({ path }) => path)
        const { rowCount, bytes } = await merge(table, paths, 'merged')
        expect(rowCount).toBe(events.filter(({ event }) => tableOfKind[event.kind] === table).length)
        await merge(table, [...paths].reverse(), 'again')
        const path = join(folder, 'merged', `${table}.parquet`)
        const written = await readFile(path)
        expect(written.byteLength).toBe(bytes)
        expect(written.equals(await readFile(join(folder, 'again', `${table}.parquet`)))).toBe(true)
        merged.push({ path, table })
      }
      const before = await joined(pieces, labels, 'before')
      expect((await joined(merged, labels, 'after')).sha256).toBe(before.sha256)
    })

    it('writes lists in their order, the same bytes each time, in place of a file that was there', async () => {
      const rows: readonly ListRow[] = Array.from({ length: 10_000 }, (_, n) => ({
        userId: `u${Math.floor(n / 3)}`,
        placement: n % 2 === 0 ? 'mail' : 'caf\u00e9',
        position: (n % 3) + 1,
        itemId: `i ${n}`,
        score: n / 7 - 100,
        generator: 'cf',
        modelVersion: 'm',
        batchId: 'b',
      }))
      const write = async (name: string, written: readonly ListRow[]) => {
        const target = join(folder, 'lists', name)
        const batches = async function* () {
          for (let n = 0; n < written.length; n += 999) yield written.slice(n, n + 999)
        }
        return { target, ...(await store.writeLists(batches(), target)) }
      }
      await write('a.parquet', rows.slice(0, 5))
      const { target, rowCount, bytes } = await write('a.parquet', rows)
      expect(rowCount).toBe(rows.length)
      expect((await readFile(target)).length).toBe(bytes)
      expect(await readRows(target)).toEqual(rows)
      expect(await readFile((await write('b.parquet', rows)).target)).toEqual(await readFile(target))
      expect(await readRows((await write('none.parquet', [])).target)).toEqual([])
      expect(await readdir(join(folder, 'lists'))).toHaveLength(3)
    })

    it('takes away what a deletion takes once it is known, in whatever order deletions and events become known', async () => {
      const events = deletedUser()
      const moments = events.flatMap(({ availableTimeMs }) => [availableTimeMs, availableTimeMs + 1])
      const labels = moments.map((momentMs) => ({ userId: 'u', itemId: 'i', momentMs })).slice(1)
      const { target, rowCount } = await joined(await write(events), labels)
      const rows = await readRows(target)
      expect([rows.length, rowCount]).toEqual([labels.length, labels.length])
      for (const [row, label] of labels.entries()) {
        for (const name of ['views_1h', 'last_item', 'session_duration_avg']) {
          const expected = readFeature(corpusDefinitions, events, { name, entity: label, asOfMs: label.momentMs })
          expect(readingIn(rows[row]!, name), `${name} at minute ${(label.momentMs - NOON_MS) / MINUTE_MS}`).toEqual(
            expected,
          )
        }
      }
    })

    it('keeps the order of the labels, and takes one twice', async () => {
      const [{ events, labels }] = randomHistories(seed + 3, 1, 50) as [History]
      const order = [...labels, ...labels].reverse()
      const { target } = await joined(await write(events), order)
      const rows = await readRows(target)
      expect(rows.map(({ rowId }) => Number(rowId))).toEqual(order.map((_, n) => n))
      expect(rows.map(({ userId, itemId, momentMs }) => ({ userId, itemId, momentMs: Number(momentMs) }))).toEqual(
        order,
      )
    })

    it('has no value, but a row, for whom nothing is known of', async () => {
      const [{ events }] = randomHistories(seed + 4, 1, 50) as [History]
      const momentMs = events.at(-1)!.availableTimeMs + 1
      const { target } = await joined(await write(events), [{ userId: 'nobody', itemId: 'nothing', momentMs }])
      const [row] = await readRows(target)
      for (const { name } of corpusDefinitions) {
        const expected = readFeature(corpusDefinitions, events, {
          name,
          entity: { userId: 'nobody', itemId: 'nothing' },
          asOfMs: momentMs,
        })
        if (!name.endsWith('_share')) expect(readingIn(row!, name), name).toEqual(expected)
      }
    })

    it('refuses a set of which every row would be empty', async () => {
      const [{ events, labels }] = randomHistories(seed + 5, 1, 20) as [History]
      const files = await write(events)
      const firstMs = Math.min(...events.map(({ availableTimeMs }) => availableTimeMs))
      const early = labels.map((label) => ({ ...label, momentMs: firstMs }))
      await expect(joined(files, early)).rejects.toMatchObject({ code: 'LABELS_BEFORE_DATA' })
      await expect(joined([], labels)).rejects.toMatchObject({ code: 'LABELS_BEFORE_DATA' })
    })

    it('says which file it cannot read', async () => {
      const missing = join(folder, 'gone.parquet')
      const failing = joined([{ path: missing, table: 'interactions' }], [{ userId: 'u', itemId: 'i', momentMs: 1 }])
      await expect(failing).rejects.toMatchObject({
        code: 'OFFLINE_STORE_FAILED',
        message: expect.stringContaining(missing),
      })
    })
  })
}

const MINUTE_MS = 60_000
const NOON_MS = Date.UTC(2026, 5, 1, 12)

/**
 * A user with views and two deletions, none of which became known in the order of the log: [happened, known], in minutes after noon. The second deletion
 * is known first, and of the views behind them one is known before either deletion and one had happened before the first.
 */
function deletedUser(): StoredEvent[] {
  const view = { kind: 'interaction', interaction: 'view', userId: 'u' } as const
  const removal = { kind: 'entity', entity: 'user', entityId: 'u', change: 'delete', attributes: {} } as const
  const minutes = [
    [view, 1, 1],
    [view, 2, 9],
    [removal, 6, 12],
    [view, 7, 8],
    [removal, 4, 10],
    [view, 8, 9],
    [view, 5, 5],
    [view, 11, 11],
  ] as const
  return minutes.map(([kind, happened, known], offset) => {
    const times = { eventTimeMs: NOON_MS + happened * MINUTE_MS, knownTimeMs: NOON_MS + known * MINUTE_MS }
    const event = kind === view ? { ...kind, itemId: `i${offset}` } : kind
    const id = `deleted-${offset}`
    return { offset, availableTimeMs: times.knownTimeMs, event: { ...event, ...times, id } as LogEvent }
  })
}

/** The n-th of histories that lie one after the other, in a log of all of them. */
function randomHistory(
  seed: number,
  n: number,
  { eventCount, momentCount }: { readonly eventCount: number | undefined; readonly momentCount: number },
): History {
  const rng = seededRng(`offline store ${seed}/${n}`)
  const corpus = randomCorpus(rng, { eventCount: eventCount ?? 10 + rng.integer(EVENT_COUNT_MAX - 10) })
  const events = corpus.events.map((stored, position) => ({
    offset: n * EVENT_COUNT_MAX + position,
    availableTimeMs: stored.availableTimeMs + n * HISTORY_DISTANCE_MS,
    event: ownEvent(stored.event, n),
  }))
  const labels = Array.from({ length: momentCount }, () => ({
    userId: `${n}|${corpus.userIds[rng.integer(corpus.userIds.length)]}`,
    itemId: `${n}|${corpus.itemIds[rng.integer(corpus.itemIds.length)]}`,
    momentMs: randomMoment(rng, events),
  }))
  return { events, labels }
}

/** At an event, right behind it, or minutes, hours or days later. */
function randomMoment(rng: Rng, events: readonly StoredEvent[]): number {
  const { availableTimeMs } = events[rng.integer(events.length)]!
  const laterMs = [0, 1, rng.integer(10 * 60_000), rng.integer(3 * HOUR_MS), rng.integer(30 * DAY_MS)]
  return availableTimeMs + laterMs[rng.integer(laterMs.length)]!
}

function ownEvent(event: LogEvent, n: number): LogEvent {
  const eventTimeMs = event.eventTimeMs + n * HISTORY_DISTANCE_MS
  const id = `${n}|${event.id}`
  const own = (ownId: string): string => `${n}|${ownId}`
  if (event.kind === 'entity') return { ...event, id, entityId: own(event.entityId), eventTimeMs }
  const byUser = { id, userId: own(event.userId), eventTimeMs }
  return event.kind === 'interaction'
    ? { ...event, ...byUser, itemId: own(event.itemId) }
    : { ...event, ...byUser, itemIds: event.itemIds.map(own) }
}

async function* batches(events: readonly StoredEvent[]): AsyncGenerator<readonly StoredEvent[]> {
  for (let begin = 0; begin < events.length; begin += 1000) yield events.slice(begin, begin + 1000)
}

type Row = Readonly<Record<string, unknown>>

/** Read by another program than the one that wrote it. */
async function readRows(path: string): Promise<Row[]> {
  const bytes = await readFile(path)
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  return parquetReadObjects({ file, compressors })
}

function readingIn(row: Row, name: string): FeatureReading {
  const newest = row[`${name}__newest_ms`]
  return {
    status: row[`${name}__status`] as FeatureReading['status'],
    value: valueIn(row[name]),
    newestEventTimeMs: newest === null || newest === undefined ? undefined : Number(newest),
  }
}

function valueIn(found: unknown): FeatureReading['value'] {
  if (found === null || found === undefined) return undefined
  if (Array.isArray(found) || typeof found !== 'object') return found as FeatureReading['value']
  return new Map(Object.entries(found))
}
