import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openApp } from '../app.ts'
import { defineSystem } from '../config/define-system.ts'
import { httpIngest } from '../config/sources.ts'
import { jsonLogger } from '../lib/logger.ts'
import { popularity } from '../models/popularity/popularity.ts'
import { runTables } from './run-tables.ts'
import { serve } from './serve.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'millrace-run-tables-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const open = () =>
  openApp({
    dataDir: folder,
    system: defineSystem({
      name: 'shop',
      data: {
        owner: 'data@shop.example',
        entities: { user: {}, item: {} },
        interactions: { view: { weight: 1 } },
        sources: { shop: httpIngest() },
      },
      training: { owner: 'ml@shop.example', candidates: { trending: popularity() } },
      serving: { owner: 'web@shop.example', placements: { home: {} } },
      monitoring: { owner: 'sre@shop.example' },
    }),
  })
const views = (interaction: string, ...ids: string[]) =>
  ids.map((id) => ({
    kind: 'interaction' as const,
    id,
    interaction,
    userId: 'u',
    itemId: 'i',
    eventTimeMs: Date.now(),
  }))

test('a server shows the tables, and leaves what it took in in them when it stops', async () => {
  const app = await open()
  const running = await serve(app, { port: 0 })
  await app.log.append(views('view', 'a', 'b'))
  const tables = async () => (await fetch(`${running.url}/v1/data`)).json()
  expect(await tables()).toMatchObject({
    tables: [{ table: 'interactions', rowCount: 0 }, { table: 'changes' }, { table: 'impressions' }],
  })
  await running.close()
  await app.close()

  const again = await open()
  const restarted = await serve(again, { port: 0 })
  const rows = await (await fetch(`${restarted.url}/v1/data/interactions/rows`)).json()
  expect(rows).toMatchObject({ version: 1, rows: [{ id: 'b' }, { id: 'a' }] })
  await restarted.close()
  await again.close()
})

test('what is held back is told once, and a table that is damaged stops nothing', async () => {
  const app = await open()
  const lines: string[] = []
  const logger = jsonLogger({ clock: app.clock, write: (line) => lines.push(line) })
  const running = (await runTables(app, logger))!
  await app.log.append(views('stare', 'c'))
  await running.tend()
  await running.tend()
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(/held back.*interactions.*stare/)

  rmSync(join(folder, 'tables', 'interactions', '_delta_log', '00000000000000000001.json'))
  await app.log.append(views('view', 'd'))
  await running.tend()
  expect(lines[1]).toMatch(/could not be brought up to date.*found no such commit/)
  expect(existsSync(join(folder, 'tables', 'changes', '_delta_log'))).toBe(true)
  await app.close()
})
