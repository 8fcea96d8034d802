import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FileSourcePlan, Plan } from '../config/plan.ts'
import { seededRng } from '../lib/rng.ts'
import { type FileAccount, importFile } from './import.ts'
import { Ingest } from './ingest.ts'
import { memoryLog, memoryQuarantine } from './memory-ports.testing.ts'
import { testPlan } from './plan.testing.ts'
import { replayQuarantine } from './replay.ts'

const clock = { now: () => Date.UTC(2026, 0, 1) }

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-import-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const clicks: FileSourcePlan = {
  kind: 'file',
  path: 'clicks.csv',
  format: 'csv',
  hasHeader: true,
  holds: 'interactions',
  columns: { userId: 'user', itemId: 'item', eventTime: 'at' },
  interaction: 'view',
  timeFormat: 'iso',
}

function newShop(
  plan: Plan = testPlan({
    item: { title: { type: 'text', isOptional: false }, price: { type: 'number', isOptional: true } },
  }),
) {
  const log = memoryLog()
  const quarantine = memoryQuarantine()
  const parts = { plan, log, quarantine, clock }
  const ingest = new Ingest(parts)
  return {
    log,
    quarantine,
    importAs(source: FileSourcePlan, content: string | Uint8Array, name = 'clicks.csv'): Promise<FileAccount> {
      const path = join(folder, name)
      writeFileSync(path, content)
      return importFile({ sourceName: 'clicks', source, path, isDefined: true }, { plan, ingest, clock })
    },
    replay: (changed: Plan = plan) =>
      replayQuarantine({ ...parts, plan: changed, ingest: new Ingest({ ...parts, plan: changed }) }),
  }
}

const rowsOfCsv = (count: number, begin = 0): string =>
  Array.from({ length: count }, (_, n) => `u${begin + n},i${(begin + n) % 7},2025-06-01T00:00:00Z\n`).join('')
const csv = (count: number): string => `user,item,at\n${rowsOfCsv(count)}`

describe('importFile', () => {
  it('reads a CSV file, and a second time adds nothing', async () => {
    const shop = newShop()
    expect(await shop.importAs(clicks, csv(3))).toMatchObject({
      readCount: 3,
      acceptedCount: 3,
      duplicateCount: 0,
      quarantinedCount: 0,
    })
    expect(await shop.importAs(clicks, csv(3))).toMatchObject({ readCount: 3, acceptedCount: 0, duplicateCount: 3 })
    expect(shop.log.events[1]).toMatchObject({
      userId: 'u1',
      itemId: 'i1',
      interaction: 'view',
      eventTimeMs: Date.UTC(2025, 5, 1),
    })
  })

  it('reads what was shown from JSONL, CSV and Parquet, each list once', async () => {
    const columns = { userId: 'user', itemIds: 'items', eventTime: 'at', id: 'request', scores: 'scores' }
    const shown: FileSourcePlan = { ...clicks, holds: 'impressions', columns }
    const { interaction: _, ...source } = shown
    const records = [
      { request: 'r1', user: 'u1', items: ['i2', 'i1'], at: '2025-06-01T00:00:00Z', scores: [0.5, 0.25] },
      { request: 'r2', user: 'ü2', items: ['i3'], at: '2025-06-01T00:00:00Z', scores: [1] },
    ]
    const lines = records.map((record) => `${JSON.stringify(record)}\n`).join('')
    const texts = records.map(({ request, user, items, at, scores }) =>
      [request, user, items.join('|'), at, scores.join('|')].join(','),
    )
    const columnData = (['request', 'user', 'at'] as const).map((name) => ({
      name,
      data: records.map((record) => record[name]),
      type: 'STRING' as const,
    }))
    const lists = (['items', 'scores'] as const).map((name) => ({
      name,
      data: records.map((record) => record[name]),
      type: 'JSON' as const,
    }))
    const shop = newShop()
    expect(await shop.importAs({ ...source, format: 'jsonl' }, lines)).toMatchObject({ acceptedCount: 2 })
    const stored = [...shop.log.events]
    expect(stored).toMatchObject([
      { kind: 'impression', id: 'r1', itemIds: ['i2', 'i1'], scores: [0.5, 0.25] },
      { kind: 'impression', id: 'r2', userId: 'ü2', itemIds: ['i3'] },
    ])
    const others = [
      ['csv', `request,user,items,at,scores\n${texts.join('\n')}\n`],
      ['parquet', new Uint8Array(parquetWriteBuffer({ columnData: [...columnData, ...lists] }))],
      [
        'jsonl',
        lines
          .replaceAll('"items"', '"itemIds"')
          .replaceAll('"at"', '"eventTime"')
          .replaceAll('"user"', '"userId"')
          .replaceAll('"request"', '"id"'),
      ],
    ] as const
    for (const [format, content] of others) {
      const own = newShop()
      const account = await own.importAs({ ...source, format, ...(format === 'jsonl' && { columns: {} }) }, content)
      expect(account, format).toMatchObject({ acceptedCount: 2, quarantinedCount: 0 })
      expect(own.log.events, format).toEqual(stored)
      expect(
        await shop.importAs({ ...source, format, ...(format === 'jsonl' && { columns: {} }) }, content),
      ).toMatchObject({
        duplicateCount: 2,
      })
    }
  })

  it('counts the same row twice in one file as a duplicate', async () => {
    expect(await newShop().importAs(clicks, `${csv(2)}${rowsOfCsv(2)}`)).toMatchObject({
      acceptedCount: 2,
      duplicateCount: 2,
    })
  })

  it('gives the same events whatever the format, plain or gzip', async () => {
    const records = Array.from({ length: 40 }, (_, n) => ({
      user: `ü${n}`,
      item: `i${n % 7}`,
      at: '2025-06-01T00:00:00Z',
    }))
    const delimited = (delimiter: string) =>
      [
        'user,item,at'.replaceAll(',', delimiter),
        ...records.map((record) => Object.values(record).join(delimiter)),
      ].join('\r\n')
    const columnData = (['user', 'item', 'at'] as const).map((name) => ({
      name,
      data: records.map((record) => record[name]),
    }))
    const files: [FileSourcePlan['format'], string | Uint8Array][] = [
      ['csv', delimited(',')],
      ['csv', gzipSync(delimited(','))],
      ['tsv', delimited('\t')],
      ['jsonl', records.map((record) => JSON.stringify(record)).join('\n')],
      ['jsonl', gzipSync(records.map((record) => `${JSON.stringify(record)}\n`).join(''))],
      ['parquet', new Uint8Array(parquetWriteBuffer({ columnData }))],
      ['parquet', new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize: 7 }))],
    ]
    const [first, ...others] = await Promise.all(
      files.map(async ([format, content], n) => {
        const shop = newShop()
        expect(await shop.importAs({ ...clicks, format }, content, `clicks-${n}`)).toMatchObject({
          readCount: 40,
          acceptedCount: 40,
        })
        return shop.log.events
      }),
    )
    for (const events of others) expect(events).toEqual(first)
  })

  it('reads the numbers and times of Parquet by their types', async () => {
    const shop = newShop()
    const columnData = [
      { name: 'user', data: [17_850n, 2n], type: 'INT64' as const },
      { name: 'item', data: ['a', 'b'] },
      {
        name: 'at',
        data: [new Date(Date.UTC(2025, 5, 1)), new Date(Date.UTC(2025, 5, 2))],
        type: 'TIMESTAMP' as const,
      },
      { name: 'quantity', data: [2, -1], type: 'INT32' as const },
    ]
    const source: FileSourcePlan = { ...clicks, format: 'parquet', columns: { ...clicks.columns, weight: 'quantity' } }
    const account = await shop.importAs(source, new Uint8Array(parquetWriteBuffer({ columnData })))
    expect(account).toMatchObject({ acceptedCount: 1, quarantinedByReason: { WEIGHT_NOT_POSITIVE: 1 } })
    expect(shop.log.events[0]).toMatchObject({ userId: '17850', eventTimeMs: Date.UTC(2025, 5, 1), weight: 2 })
    expect(shop.quarantine.rows[0]!.where).toMatch(/: row 2$/)
  })

  it('quarantines each bad row with its line, and keeps the others', async () => {
    const shop = newShop()
    const bad = Buffer.concat([
      Buffer.from(`user,item,at\nu1,i1,2025-06-01\n,i1,2025-06-01\n"multi\nline",i1\n`),
      Buffer.from([0x75, 0xff, 0x2c, 0x69, 0x2c, 0x32, 0x30, 0x32, 0x35, 0x0a]),
      Buffer.from('u2,i2,2025-06-31\nu"3,i3,2025-06-01\nu4,i4,1969-06-01\nu5,i5,2026-06-01\nu6,i6,2025-06-01'),
    ])
    const account = await shop.importAs(clicks, bad)
    expect(account).toMatchObject({ readCount: 9, acceptedCount: 2, quarantinedCount: 7 })
    expect(shop.quarantine.rows.map(({ where, reason }) => [where.split(':')[1], reason])).toEqual([
      ['3', 'MISSING_USER_ID'],
      ['4', 'WRONG_COLUMN_COUNT'],
      ['6', 'INVALID_UTF8'],
      ['7', 'MALFORMED_TIME'],
      ['8', 'MISPLACED_QUOTE'],
      ['9', 'TIME_BEFORE_1971'],
      ['10', 'TIME_IN_FUTURE'],
    ])
    expect(JSON.parse(shop.quarantine.rows[0]!.payload)).toEqual({ user: '', item: 'i1', at: '2025-06-01' })
    expect(account.quarantinedByReason).toMatchObject({ INVALID_UTF8: 1, MISSING_USER_ID: 1 })
  })

  it('quarantines a line that is no JSON, or no object', async () => {
    const shop = newShop()
    await shop.importAs(
      { ...clicks, format: 'jsonl' },
      '{"user":"u1","item":"i1","at":"2025-06-01"}\n{"user":\n[1]\nnull\n',
    )
    expect(shop.log.events.length).toBe(1)
    expect(shop.quarantine.rows.map(({ reason }) => reason)).toEqual(['INVALID_JSON', 'MALFORMED_ROW', 'MALFORMED_ROW'])
  })

  it('names every column of the mapping that the file lacks, with the nearest one', async () => {
    const shop = newShop()
    const source: FileSourcePlan = {
      ...clicks,
      columns: { userId: 'usr', itemId: 'item', eventTime: 'time', weight: 9 },
    }
    const formats: [FileSourcePlan['format'], string | Uint8Array][] = [
      ['csv', csv(1)],
      [
        'parquet',
        new Uint8Array(
          parquetWriteBuffer({
            columnData: [
              { name: 'user', data: ['u'] },
              { name: 'item', data: ['i'] },
            ],
          }),
        ),
      ],
    ]
    for (const [format, content] of formats) {
      await expect(shop.importAs({ ...source, format }, content)).rejects.toMatchObject({
        code: 'IMPORT_MAPPING_INVALID',
        problems: [
          { where: 'columns.userId', message: expect.stringContaining('Did you mean "user"?') },
          { where: 'columns.eventTime', message: expect.stringContaining('"time"') },
          { where: 'columns.weight' },
        ],
      })
    }
    expect(shop.log.events).toEqual([])
  })

  it('refuses a mapping to a column name that the file has twice', async () => {
    await expect(newShop().importAs(clicks, 'user,item,at,user\n')).rejects.toMatchObject({
      problems: [{ where: 'columns.userId', message: expect.stringContaining('two columns') }],
    })
  })

  it('reads a file without a header by column numbers', async () => {
    const shop = newShop()
    await shop.importAs(
      { ...clicks, hasHeader: false, columns: { userId: 0, itemId: 1, eventTime: 2 } },
      `${rowsOfCsv(2)},i,2025-06-01\n`,
    )
    expect(shop.log.events.map((event) => event.kind === 'interaction' && event.userId)).toEqual(['u0', 'u1'])
    expect(JSON.parse(shop.quarantine.rows[0]!.payload)).toEqual(['', 'i', '2025-06-01'])
  })

  it('keeps the rows before the cut of a gzip stream, and says where it ends', async () => {
    const shop = newShop()
    // Random ids do not compress away, so that the cut falls into the middle of the rows.
    const rng = seededRng(3)
    const text = `user,item,at\n${Array.from({ length: 20_000 }, () => `u${rng.next()},i,2025-06-01\n`).join('')}`
    const whole = gzipSync(text)
    const account = await shop.importAs(clicks, whole.subarray(0, whole.length >> 1), 'clicks.csv.gz')
    expect(account.failure).toMatchObject({
      code: 'IMPORT_FILE_DAMAGED',
      message: expect.stringMatching(/behind line \d+, at byte \d+/),
    })
    expect(account.readCount).toBeGreaterThan(5000)
    expect(account.readCount).toBeLessThan(15_000)
    expect(account).toMatchObject({ acceptedCount: account.readCount, quarantinedCount: 0 })
    // The row on which the cut falls is no row: nothing half-read is stored.
    const users = text.split('\n').map((line) => line.split(',')[0])
    expect(users[account.readCount]).toBe(
      shop.log.events.at(-1)!.kind === 'interaction' && (shop.log.events.at(-1) as { userId: string }).userId,
    )

    expect(await shop.importAs(clicks, whole, 'clicks.csv.gz')).toMatchObject({
      acceptedCount: 20_000 - account.readCount,
      duplicateCount: account.readCount,
    })
  })

  it('keeps the rows before a flipped byte of a gzip stream', async () => {
    const rng = seededRng(4)
    const whole = gzipSync(
      `user,item,at\n${Array.from({ length: 50_000 }, () => `u${rng.next()},i,2025-06-01\n`).join('')}`,
    )
    whole.fill(0xff, whole.length - 50_000, whole.length - 49_990)
    const account = await newShop().importAs(clicks, whole)
    expect(account.failure).toMatchObject({ code: 'IMPORT_FILE_DAMAGED' })
    expect(account.readCount).toBeGreaterThan(1000)
  })

  it('says so where a Parquet file is cut', async () => {
    const whole = new Uint8Array(parquetWriteBuffer({ columnData: [{ name: 'user', data: ['u'] }] }))
    const account = await newShop().importAs({ ...clicks, format: 'parquet' }, whole.subarray(0, whole.length - 5))
    expect(account.failure).toMatchObject({ code: 'IMPORT_FILE_DAMAGED' })
  })

  it.each<[string, FileSourcePlan['format'], Uint8Array, RegExp]>([
    ['an empty file', 'csv', Buffer.alloc(0), /is empty/],
    ['an empty file', 'jsonl', Buffer.alloc(0), /is empty/],
    ['a gzip file of nothing', 'csv', gzipSync(''), /is empty inside its compression/],
    ['UTF-16', 'csv', Buffer.from('\ufeffuser,item', 'utf16le'), /is in UTF-16/],
    ['text', 'parquet', Buffer.from('user,item'), /is no Parquet file/],
    ['Parquet', 'csv', Buffer.from('PAR1....PAR1'), /is a Parquet file/],
    ['a first line that cannot be read', 'csv', Buffer.from('a"b,c\n'), /:1 cannot be read/],
  ])('says what is wrong with %s as %s', async (_, format, content, message) => {
    const account = await newShop().importAs({ ...clicks, format }, content)
    expect(account).toMatchObject({
      readCount: 0,
      failure: { code: 'IMPORT_FILE_DAMAGED', message: expect.stringMatching(message) },
    })
  })

  it('takes a header without rows for what it is', async () => {
    const account = await newShop().importAs(clicks, 'user,item,at\n')
    expect(account).toMatchObject({ readCount: 0, quarantinedCount: 0 })
    expect(account).not.toHaveProperty('failure')
  })

  it('says so where there is no file, or a folder', async () => {
    const { plan } = { plan: testPlan() }
    const ingest = new Ingest({ plan, log: memoryLog(), quarantine: memoryQuarantine(), clock })
    for (const path of [join(folder, 'missing.csv'), folder]) {
      const file = { sourceName: 'clicks', source: clicks, path, isDefined: true }
      await expect(importFile(file, { plan, ingest, clock })).rejects.toMatchObject({ code: 'IMPORT_FILE_UNREADABLE' })
    }
  })

  it('passes on that the log is full, and leaves no batch unheard', async () => {
    const shop = newShop()
    shop.log.failWith = new Error('disk full')
    await expect(shop.importAs(clicks, csv(30_000))).rejects.toThrow('disk full')
  })

  it('gives entities without a time the time of their file, so that a newer file wins and the same one adds nothing', async () => {
    const shop = newShop()
    const catalogue: FileSourcePlan = {
      ...clicks,
      holds: 'item',
      columns: { entityId: 'sku', title: 'name', price: 'price' },
    }
    const importAt = async (content: string, day: number) => {
      const path = join(folder, 'items.csv')
      writeFileSync(path, content)
      utimesSync(path, new Date(Date.UTC(2025, 5, day)), new Date(Date.UTC(2025, 5, day)))
      return importFile(
        { sourceName: 'catalogue', source: catalogue, path, isDefined: true },
        {
          plan: testPlan({
            item: { title: { type: 'text', isOptional: false }, price: { type: 'number', isOptional: true } },
          }),
          ingest: new Ingest({
            plan: testPlan({
              item: { title: { type: 'text', isOptional: false }, price: { type: 'number', isOptional: true } },
            }),
            ...shop,
            clock,
          }),
          clock,
        },
      )
    }
    const [a, b] = ['sku,name,price\ni1,Mug,2.5\n', 'sku,name,price\ni1,Mug,3\n']
    expect(await importAt(a!, 1)).toMatchObject({ acceptedCount: 1 })
    expect(await importAt(b!, 2)).toMatchObject({ acceptedCount: 1 })
    expect(await importAt(b!, 2)).toMatchObject({ acceptedCount: 0, duplicateCount: 1 })
    // Back to the old price: a new snapshot with the old content is news.
    expect(await importAt(a!, 3)).toMatchObject({ acceptedCount: 1 })
    expect(
      shop.log.events.map((event) => event.kind === 'entity' && [event.eventTimeMs, event.attributes.price]),
    ).toEqual([
      [Date.UTC(2025, 5, 1), 2.5],
      [Date.UTC(2025, 5, 2), 3],
      [Date.UTC(2025, 5, 3), 2.5],
    ])
  })
})

describe('replayQuarantine', () => {
  const planWith = (interactions: Plan['data']['interactions'], source = clicks): Plan => {
    const plan = testPlan({ sources: { clicks: source } })
    return { ...plan, data: { ...plan.data, interactions } }
  }
  const actions: FileSourcePlan = { ...clicks, columns: { ...clicks.columns, interaction: 'action' } }
  const content =
    'user,item,at,action\nu1,i1,2025-06-01,wishlist\nu2,i2,2025-06-01,view\n,i3,2025-06-01,wishlist\nu"4,i4,2025-06-01,view\n'

  it('accepts what a mended system file allows, and leaves the rest where it is', async () => {
    const shop = newShop(planWith({ view: { weight: 1 } }, actions))
    await shop.importAs(actions, content)
    expect(shop.quarantine.rows.map(({ reason }) => reason)).toEqual([
      'UNKNOWN_INTERACTION',
      'MISSING_USER_ID',
      'MISPLACED_QUOTE',
    ])
    expect(await shop.replay()).toEqual({
      acceptedCount: 0,
      duplicateCount: 0,
      stillRejectedCount: 2,
      notReplayableCount: 1,
    })

    const mended = planWith({ view: { weight: 1 }, wishlist: { weight: 2 } }, actions)
    expect(await shop.replay(mended)).toEqual({
      acceptedCount: 1,
      duplicateCount: 0,
      stillRejectedCount: 1,
      notReplayableCount: 1,
    })
    expect(shop.log.events.at(-1)).toMatchObject({ userId: 'u1', interaction: 'wishlist' })
    expect(shop.quarantine.rows.map(({ reason }) => reason)).toEqual(['MISSING_USER_ID', 'MISPLACED_QUOTE'])
    expect(await shop.replay(mended)).toMatchObject({ acceptedCount: 0, stillRejectedCount: 1 })
  })

  it('stores an event once, whether it comes by replay or by a second import', async () => {
    const shop = newShop(planWith({ view: { weight: 1 } }, actions))
    await shop.importAs(actions, content)
    const mended = planWith({ view: { weight: 1 }, wishlist: { weight: 2 } }, actions)
    await shop.replay(mended)
    const ids = shop.log.events.map(({ id }) => id)
    const again = newShop(mended)
    await again.importAs(actions, content)
    expect(again.log.events.map(({ id }) => id).sort()).toEqual(ids.sort())
  })

  it('files a row that is now rejected for another reason under that', async () => {
    const shop = newShop(planWith({ view: { weight: 1 } }, actions))
    await shop.importAs(actions, 'user,item,at,action\nu1,i1,2025-06-01,wishlist\n')
    const stricter = planWith({ wishlist: { weight: 1 } }, { ...actions, timeFormat: 'seconds' })
    await shop.replay(stricter)
    expect(shop.quarantine.rows).toMatchObject([{ reason: 'MALFORMED_TIME', where: expect.stringMatching(/:2$/) }])
  })

  it('replays what came over HTTP', async () => {
    const plan = planWith({ view: { weight: 1 } })
    const log = memoryLog()
    const quarantine = memoryQuarantine()
    const parts = { plan, log, quarantine, clock }
    await new Ingest(parts).acceptEvents(
      [{ userId: 'u', itemId: 'i', interaction: 'wishlist', eventTime: '2025-06-01' }],
      { source: 'http', where: 'r1' },
    )
    const mended = planWith({ wishlist: { weight: 1 } })
    const account = await replayQuarantine({ ...parts, plan: mended, ingest: new Ingest({ ...parts, plan: mended }) })
    expect(account).toMatchObject({ acceptedCount: 1 })
    expect(quarantine.rows).toEqual([])
  })

  it('replays a file that was imported with flags, by the definition kept with the row', async () => {
    const plan = planWith({ view: { weight: 1 } })
    const log = memoryLog()
    const quarantine = memoryQuarantine()
    const parts = { plan, log, quarantine, clock }
    const path = join(folder, 'other.csv')
    writeFileSync(path, content)
    await importFile(
      {
        sourceName: 'other.csv',
        source: { ...actions, columns: { userId: 0, itemId: 1, eventTime: 2, interaction: 3 } },
        path,
        isDefined: false,
      },
      { plan, ingest: new Ingest(parts), clock },
    )
    expect(readFileSync(path, 'utf8')).toBe(content)
    const mended = planWith({ view: { weight: 1 }, wishlist: { weight: 1 } })
    expect(
      await replayQuarantine({ ...parts, plan: mended, ingest: new Ingest({ ...parts, plan: mended }) }),
    ).toMatchObject({ acceptedCount: 1 })
  })
})
