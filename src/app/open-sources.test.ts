// From the words of a system file to rows in the log: every kind of source is opened from its plan.
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { CatalogueProcess } from '../../test/sources/catalogue-process.ts'
import { number, text, timestamp } from '../config/attributes.ts'
import { defineSystem } from '../config/define-system.ts'
import type { Plan } from '../config/plan.ts'
import { catalogueApi, folderSource, httpIngest, postgresSource } from '../config/sources.ts'
import { Ingest } from '../data/ingest.ts'
import { memoryLog, memoryQuarantine } from '../data/memory-ports.testing.ts'
import { memorySnapshots, memoryStates } from '../data/memory-sources.testing.ts'
import { SourceRunner } from '../data/source-runner.ts'
import type { EntityEvent, InteractionEvent } from '../domain/event.ts'
import { systemClock } from '../lib/clock.ts'
import { silentLogger } from '../lib/logger.ts'
import { seededRng } from '../lib/rng.ts'
import { systemTimers } from '../lib/timers.ts'
import { popularity } from '../models/popularity/popularity.ts'
import { openSources } from './open-sources.ts'

let folder: string
let server: CatalogueProcess
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-sources-'))
  const rows = [
    { sku: 'a', name: 'first', price: { amount: 5 } },
    { sku: 'b', name: 'second' },
  ]
  server = await CatalogueProcess.create({ rows, pageSize: 1, paging: 'link' })
  await server.start()
})
afterEach(async () => {
  rmSync(folder, { recursive: true, force: true })
  await server.remove()
})

const owner = 'data@shop.example'

function planOf(): Plan {
  return defineSystem({
    name: 'shop',
    data: {
      owner,
      entities: {
        user: {},
        item: { title: text(), price: number({ optional: true }), since: timestamp({ optional: true }) },
      },
      interactions: { view: { weight: 1 } },
      sources: {
        clicks: httpIngest(),
        catalogue: catalogueApi({
          url: `${server.url}/items`,
          paging: { by: 'link' },
          authorization: { variable: 'SHOP_TOKEN' },
          holds: 'item',
          columns: { entityId: 'sku', title: 'name', price: 'price.amount' },
          every: '1 day',
        }),
        views: folderSource({
          path: 'drop',
          files: '*.csv',
          settle: '1 millisecond',
          holds: 'interactions',
          columns: { userId: 'u', itemId: 'i', eventTime: 't' },
          interaction: 'view',
          every: '1 minute',
        }),
        prices: postgresSource({
          urlVariable: 'SHOP_DATABASE_URL',
          query: 'SELECT * FROM items',
          incrementalBy: 'changed_at',
          holds: 'item',
          columns: { entityId: 'sku', title: 'name' },
          every: '1 hour',
        }),
      },
    },
    training: { owner, candidates: { trending: popularity() } },
    serving: { owner, placements: { home: {} } },
    monitoring: { owner },
  }).plan
}

it('the sources of a system file bring their rows into the log, and say what is missing', async () => {
  mkdirSync(join(folder, 'drop'))
  const file = join(folder, 'drop', 'views.csv')
  writeFileSync(file, 'u,i,t\nu1,a,2026-01-01T00:00:00Z\nu2,b,yesterday\n')
  utimesSync(file, 1.7e9, 1.7e9)
  const plan = planOf()
  const environment: Record<string, string> = { SHOP_TOKEN: 'hunter2' }
  const sources = openSources(plan, { folder, variable: (name) => environment[name] })
  const log = memoryLog()
  const quarantine = memoryQuarantine()
  const runner = new SourceRunner(sources, {
    ingest: new Ingest({ plan, log, quarantine, clock: systemClock }),
    snapshots: memorySnapshots(),
    states: memoryStates(),
    clock: systemClock,
    timers: systemTimers,
    rng: seededRng(1),
    logger: silentLogger,
  })
  expect(sources.map(({ name }) => name)).toEqual(['catalogue', 'views', 'prices'])
  expect((await runner.runNow('catalogue'))?.run).toMatchObject({ readCount: 2, acceptedCount: 2, pageCount: 2 })
  expect((await runner.runNow('views'))?.run).toMatchObject({ readCount: 2, acceptedCount: 1, quarantinedCount: 1 })
  await expect(runner.runNow('prices')).rejects.toMatchObject({
    code: 'SOURCE_SECRET_MISSING',
    message: 'prices: the environment variable SHOP_DATABASE_URL is not set.',
  })
  await runner.stop()

  const [first, second, view] = log.events as [EntityEvent, EntityEvent, InteractionEvent]
  expect(first).toMatchObject({ entityId: 'a', attributes: { title: 'first', price: 5 } })
  expect(second).toMatchObject({ entityId: 'b', attributes: { title: 'second' } })
  expect(view).toMatchObject({ userId: 'u1', itemId: 'a', interaction: 'view' })
  expect(quarantine.rows).toMatchObject([{ source: 'views', reason: 'MALFORMED_TIME', where: `${file}:3` }])
  expect((await server.requests()).map((line) => line.split(' ').slice(2).join(' '))).toEqual([
    'Bearer hunter2',
    'Bearer hunter2',
  ])
  expect(JSON.stringify(plan)).not.toContain('hunter2')
})
