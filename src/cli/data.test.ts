// Goal: `millrace data` says what is so, and does what it says. Method: a project in a temporary folder, the commands as the command line runs them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CommandDef } from 'citty'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { openApp } from '../app.ts'
import data from './data.ts'
import { runCommandLine } from './run-command.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-data-'))

beforeAll(() =>
  writeFileSync(
    join(folder, 'millrace.config.ts'),
    `import { category, defineSystem, httpIngest, popularity } from ${JSON.stringify(join(import.meta.dirname, '..', 'index.ts'))}
export default defineSystem({
  name: 'shop',
  data: {
    owner: 'data@shop.example',
    entities: { user: {}, item: { category: category() } },
    interactions: { view: { weight: 1 } },
    sources: { shop: httpIngest() },
  },
  training: { owner: 'ml@shop.example', candidates: { trending: popularity() } },
  serving: { owner: 'web@shop.example', placements: { home: {} } },
  monitoring: { owner: 'sre@shop.example' },
})
`,
  ),
)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let printed: string[]
beforeEach(() => {
  process.exitCode = undefined
  vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line))
})
afterEach(() => {
  vi.restoreAllMocks()
  process.exitCode = undefined
})

const run = async (...args: string[]): Promise<string> => {
  printed = []
  await runCommandLine('data', data as CommandDef, [...args, '--system', folder])
  return printed.join('\n')
}

let eventCount = 0
async function append(interaction: string, count: number): Promise<void> {
  const app = await openApp({ systemFile: folder })
  const events = Array.from({ length: count }, () => ({
    kind: 'interaction' as const,
    id: `e${eventCount++}`,
    interaction,
    userId: 'ada',
    itemId: 'lamp',
    eventTimeMs: Date.now() - 1000,
  }))
  await app.log.append(events)
  await app.close()
}

test('tables are synced, listed and shown; a held version is released by hand, and that is remembered', async () => {
  expect(await run()).toMatch(/interactions +0 +– +0 +0 +0 MB +–/)
  await expect(run('show', 'interactions')).rejects.toMatchObject({ code: 'TABLE_NOT_PUBLISHED' })
  await append('view', 3)
  expect(await run('sync')).toMatch(/interactions: version 1 has 3 new rows\ninteractions: version 1 is published/)
  expect(process.exitCode).toBeUndefined()
  expect(await run('sync')).toMatch(/everything that is in the log/)
  expect(await run('show', 'interactions', '--limit', '1')).toMatch(/offset +availableTime.*\n2 +20.*view +ada +lamp/)

  await append('stare', 1)
  expect(await run('sync')).toMatch(/versions 2 to 2 are held back, version 1 is published\n.*enumeration.*stare/)
  expect(process.exitCode).toBe(1)
  expect(await run('list')).toMatch(
    /interactions +2 +1 +4 .*\n(?:.*\n)*interactions: version 2 and later are held back by the checks\.\n.*stare/,
  )
  expect(await run('history', 'interactions')).toMatch(
    /2 +20.*WRITE +1 +\+1 −0 +held\n1 .*published\n0 .*CREATE TABLE.*older/,
  )
  expect(JSON.parse(await run('show', 'interactions', '--json'))).toMatchObject({ version: 1, rows: { length: 3 } })
  const held = JSON.parse(await run('show', 'interactions', '--version', '2', '--json'))
  expect(held).toMatchObject({ version: 2, rows: [{ offset: 3, interaction: 'stare' }, {}, {}, {}] })

  const released = await run('publish', 'interactions', '--version', '2', '--why', 'an experiment', '--by', 'ada')
  expect(released).toBe('interactions: version 2 is published, 1 was.')
  expect(JSON.parse(await run('list', '--json'))[0].published).toMatchObject({
    version: 2,
    by: 'ada',
    why: 'an experiment',
  })
  expect(await run('publish', 'interactions', '--version', '1', '--why', 'no')).toMatch(/Later versions stay back/)
})

test('files are made one and removed as the command says', async () => {
  expect(await run('compact', 'interactions')).toMatch(/No day has more than one/)
  await run('publish', 'interactions', '--why', 'both are fine')
  expect(await run('compact')).toMatch(/^interactions 20\d\d-\d\d-\d\d: 2 files are one, 4 rows$/)
  expect(await run('vacuum', '--dry-run')).toMatch(/^interactions: 0 files, 0 MB would be removed\nchanges: 0 files/)
  expect(await run('vacuum', 'interactions', '--keep-days', '30')).toBe('interactions: 0 files, 0 MB removed')
})

test('what cannot be is refused with what can', async () => {
  await expect(run('show', 'interaction')).rejects.toMatchObject({
    code: 'TABLE_UNKNOWN',
    fix: expect.stringMatching(/interactions/),
  })
  await expect(run('show', 'interactions', '--version', '77')).rejects.toMatchObject({
    code: 'DELTA_VERSION_NOT_FOUND',
  })
  for (const args of [
    ['show', 'interactions', '--version', '-1'],
    ['show', 'interactions', '--limit', '0'],
    ['vacuum', '--keep-days', '0'],
    ['vacuum', '--keep-days', 'soon'],
    ['publish', 'interactions'],
    ['publish', 'interactions', '--why', ' '],
    ['show'],
  ]) {
    await expect(run(...args), args.join(' ')).rejects.toMatchObject({ code: 'CLI_USAGE' })
  }
})

test('a table that sync is told is refused, since it brings all of them up to the log', async () => {
  await expect(run('sync', 'interactions')).rejects.toMatchObject({
    code: 'CLI_USAGE',
    message: 'millrace data sync has no place for "interactions".',
    fix: expect.stringContaining('millrace data sync --help'),
  })
})
