// Goal: history that is declared known is taken from its own time on, whichever way it is declared, and nobody who sends something can declare it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { FileSourcePlan } from '../config/plan.ts'
import { filesToImport } from './files-to-import.ts'
import { importFile } from './import.ts'
import { Ingest } from './ingest.ts'
import { memoryLog, memoryQuarantine } from './memory-ports.testing.ts'
import { testPlan } from './plan.testing.ts'
import { replayQuarantine } from './replay.ts'

const clock = { now: () => Date.UTC(2026, 0, 1) }
const plan = testPlan({ item: { title: { type: 'text', isOptional: false } } })
const folder = mkdtempSync(join(tmpdir(), 'millrace-known-'))
afterAll(() => rmSync(folder, { recursive: true }))

const orders: FileSourcePlan = {
  kind: 'file',
  path: 'orders.csv',
  format: 'csv',
  hasHeader: true,
  holds: 'interactions',
  columns: { userId: 'user', itemId: 'item', eventTime: 'at' },
  interaction: 'purchase',
  timeFormat: 'iso',
}
const catalogue: FileSourcePlan = {
  ...{ kind: 'file', path: 'items.csv', format: 'csv', hasHeader: true, timeFormat: 'iso' },
  holds: 'item',
  columns: { entityId: 'id', title: 'title' },
}
const ordersText = 'user,item,at,loaded\nu1,i1,2024-05-01,2024-05-02\nu2,i2,2024-06-01,2024-05-01\nu3,i3,2024-07-01,\n'

function newShop() {
  const parts = { plan, log: memoryLog(), quarantine: memoryQuarantine(), clock }
  const ingest = new Ingest(parts)
  const importAs = async (source: FileSourcePlan, content: string) => {
    const path = join(folder, source.path)
    writeFileSync(path, content)
    await importFile({ sourceName: 'history', source, path, isDefined: true }, { plan, ingest, clock })
    return parts.log.events.map(({ eventTimeMs, knownTimeMs }) => [day(eventTimeMs), day(knownTimeMs)])
  }
  return { ...parts, ingest, importAs }
}

const day = (timeMs: number | undefined) =>
  timeMs === undefined ? undefined : new Date(timeMs).toISOString().slice(0, 10)

describe('rows of a file', () => {
  it('are known from when they are read, unless something else is declared', async () => {
    const times = await newShop().importAs(orders, ordersText)
    expect(times.map(([, known]) => known)).toEqual([undefined, undefined, undefined])
  })

  it('are known from when they happened', async () => {
    const times = await newShop().importAs({ ...orders, known: 'when-it-happened' }, ordersText)
    expect(times).toEqual([
      ['2024-05-01', '2024-05-01'],
      ['2024-06-01', '2024-06-01'],
      ['2024-07-01', '2024-07-01'],
    ])
  })

  it('are known since a day, those that happened later from then on', async () => {
    const times = await newShop().importAs({ ...orders, known: { sinceMs: Date.UTC(2024, 5, 10) } }, ordersText)
    expect(times.map(([, known]) => known)).toEqual(['2024-06-10', '2024-06-10', '2024-07-01'])
  })

  it('cannot be known since a moment that is still to come', async () => {
    const shop = newShop()
    const source = { ...orders, known: { sinceMs: Date.UTC(2030, 0, 1) } }
    await expect(shop.importAs(source, ordersText)).rejects.toMatchObject({
      code: 'IMPORT_MAPPING_INVALID',
      message:
        'data.sources.history.known.since: found 2030-01-01T00:00:00.000Z, which is in the future, expected a moment up to now, 2026-01-01T00:00:00.000Z.',
    })
    expect(shop.log.events).toEqual([])
    const times = await shop.importAs({ ...orders, known: { sinceMs: clock.now() } }, ordersText)
    expect(times.map(([, known]) => known)).toEqual(['2026-01-01', '2026-01-01', '2026-01-01'])
  })

  it('are known from when a column says, never before they happened, and from when they are read where it is empty', async () => {
    const source = { ...orders, columns: { ...orders.columns, knownTime: 'loaded' } }
    const times = await newShop().importAs(source, ordersText)
    expect(times.map(([, known]) => known)).toEqual(['2024-05-02', '2024-06-01', undefined])
  })

  it('are one event whatever is declared of them, and what was taken first stays', async () => {
    const shop = newShop()
    const before = await shop.importAs(orders, ordersText)
    expect(await shop.importAs({ ...orders, known: 'when-it-happened' }, ordersText)).toEqual(before)
  })

  it('of a catalogue without times hold since they were known', async () => {
    const text = 'id,title,loaded\ni1,Lamp,2024-05-02\n'
    expect(await newShop().importAs({ ...catalogue, known: { sinceMs: Date.UTC(2024, 0, 1) } }, text)).toEqual([
      ['2024-01-01', '2024-01-01'],
    ])
    const withColumn = { ...catalogue, columns: { ...catalogue.columns, knownTime: 'loaded' } }
    expect(await newShop().importAs(withColumn, text)).toEqual([['2024-05-02', '2024-05-02']])
  })

  it('are quarantined where the time at which they were known is none, and keep it when they are replayed', async () => {
    const shop = newShop()
    const source = { ...orders, columns: { ...orders.columns, knownTime: 'loaded' } }
    await shop.importAs(source, 'user,item,at,loaded\nu1,i1,2024-05-01,soon\n,i1,2024-05-01,2024-05-03\n')
    expect(shop.quarantine.rows.map(({ reason, message }) => [reason, message])).toEqual([
      ['MALFORMED_TIME', expect.stringContaining('knownTime: found "soon"')],
      ['MISSING_USER_ID', expect.anything()],
    ])
    const [, missing] = shop.quarantine.rows
    shop.quarantine.rows[1] = { ...missing!, payload: missing!.payload.replace('"user":""', '"user":"u9"') }
    const mended = { ...plan, data: { ...plan.data, sources: { history: source } } }
    await replayQuarantine({ ...shop, plan: mended })
    expect(shop.log.events.map(({ knownTimeMs }) => day(knownTimeMs))).toEqual(['2024-05-03'])
  })
})

describe('what is sent over HTTP', () => {
  it('cannot say since when it was known', async () => {
    const { ingest, log } = newShop()
    const event = { interaction: 'view', userId: 'u', itemId: 'i', eventTime: '2024-05-01' }
    const origin = { source: 'http', where: 'r1' }
    for (const field of ['knownTime', 'knownTimeMs', 'known']) {
      const { rejected } = await ingest.acceptEvents([{ ...event, [field]: '2024-05-01' }], origin)
      expect(
        rejected.map(({ reason }) => reason),
        field,
      ).toEqual(['UNKNOWN_FIELD'])
      const change = {
        entity: 'item',
        entityId: 'i',
        change: 'put',
        attributes: { title: 'Lamp' },
        eventTime: '2024-05-01',
      }
      const answer = await ingest.acceptEntityChanges([{ ...change, [field]: 0 } as never], origin)
      expect(
        answer.rejected.map(({ reason }) => reason),
        field,
      ).toEqual(['UNKNOWN_FIELD'])
    }
    expect(log.events).toEqual([])
    await ingest.acceptEvents([event], origin)
    expect(log.events[0]).not.toHaveProperty('knownTimeMs')
  })
})

describe('a file that options describe', () => {
  const path = join(folder, 'described.csv')
  writeFileSync(path, ordersText)
  const described = (known: string, columns = 'userId=user,itemId=item,eventTime=at') => {
    const description = { columns, interaction: 'purchase', known }
    return filesToImport(plan, { wanted: [path], folder, description })[0]!.source
  }

  it('may be declared known when it happened, since a day, or by a column', () => {
    expect(described('when-it-happened').known).toBe('when-it-happened')
    expect(described('2024-01-01').known).toEqual({ sinceMs: Date.UTC(2024, 0, 1) })
  })

  it('is refused where that is neither, said twice, or where nothing says when rows happened', () => {
    expect(() => described('always')).toThrow(expect.objectContaining({ code: 'IMPORT_MAPPING_INVALID' }))
    const twice = () => described('when-it-happened', 'userId=user,itemId=item,eventTime=at,knownTime=loaded')
    expect(twice).toThrow(expect.objectContaining({ code: 'IMPORT_MAPPING_INVALID' }))
    const description = { holds: 'item', columns: 'entityId=item,title=user', known: 'when-it-happened' }
    expect(() => filesToImport(plan, { wanted: [path], folder, description })).toThrow(
      expect.objectContaining({ problems: [expect.objectContaining({ where: '--known' })] }),
    )
  })
})
