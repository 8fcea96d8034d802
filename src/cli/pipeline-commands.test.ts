// Goal: features, backfill, sources, checks and status say from the command line what is so. Method: a project in a temporary folder, the commands
// as the command line runs them, on the embedded stores.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CommandDef } from 'citty'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { openApp } from '../app.ts'
import { servedVersion } from '../domain/served-features.ts'
import backfill from './backfill.ts'
import checks from './checks.ts'
import features from './features.ts'
import { runCommandLine } from './run-command.ts'
import skew from './skew.ts'
import sources from './sources.ts'
import status from './status.ts'

const repository = join(import.meta.dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'millrace-pipeline-'))
const DAY_MS = 86_400_000
const yesterday = new Date(Date.now() - DAY_MS).toISOString().slice(0, 10)

beforeAll(async () => {
  writeFileSync(
    join(folder, 'millrace.config.ts'),
    `import { category, count, defineSystem, folderSource, httpIngest, popularity, share } from ${JSON.stringify(join(repository, 'src', 'index.ts'))}
export default defineSystem({
  name: 'shop',
  data: {
    owner: 'data@shop.example',
    entities: { user: {}, item: { category: category() } },
    interactions: { view: { weight: 1 } },
    sources: {
      shop: httpIngest(),
      drops: folderSource({ path: 'drops', files: '*.csv', holds: 'item', every: '1 hour', settle: '1 second', columns: { entityId: 'id', category: 'category' } }),
    },
    features: {
      views: count({ of: 'view', by: 'user', window: '7 days' }),
      taste: share({ of: 'view', over: 'item.category', by: 'user', window: '7 days', owner: 'taste@shop.example' }),
    },
  },
  training: { owner: 'ml@shop.example', candidates: { trending: popularity() } },
  serving: { owner: 'web@shop.example', placements: { home: {} } },
  monitoring: { owner: 'sre@shop.example' },
})
`,
  )
  mkdirSync(join(folder, 'drops'))
  writeFileSync(join(folder, 'drops', 'items.csv'), 'id,category\nlamp,lamps\nchair,chairs\n')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let printed: string[]
beforeEach(() => {
  printed = []
  process.exitCode = undefined
  for (const stream of ['log', 'error'] as const) {
    vi.spyOn(console, stream).mockImplementation((line: string) => void printed.push(line))
  }
})
afterEach(() => {
  vi.restoreAllMocks()
  process.exitCode = undefined
})

const run = async (name: string, command: unknown, ...args: string[]): Promise<string> => {
  printed = []
  await runCommandLine(name, command as CommandDef, [...args, '--system', folder])
  return printed.join('\n')
}

test('a source is read, what it brought shows in the features, and status knows both', async () => {
  expect(await run('status', status)).toMatch(/drops +never +never +0 +at once +data@shop\.example/)
  // A file counts as complete a second after it was put there, whatever its own time says.
  await expect
    .poll(() => run('sources', sources, 'run', 'drops'), { timeout: 10_000, interval: 200 })
    .toMatch(/^drops: 2 rows read, 2 new or changed, 0 unchanged/)
  expect(await run('sources', sources, 'run', 'drops')).toBe('drops: nothing has changed since the last run.')

  const app = await openApp({ systemFile: folder })
  const eventTimeMs = Date.now() - 1000
  await app.log.append(
    ['lamp', 'lamp', 'chair', 'lamp'].map((itemId, i) => ({
      kind: 'interaction',
      id: `e${i}`,
      interaction: 'view',
      userId: 'u',
      itemId,
      eventTimeMs,
    })),
  )
  await app.close()

  expect(await run('status', status)).toContain('to be backfilled: taste, views')
  expect(await run('backfill', backfill)).toMatch(/^2 features are up to date with 6 events/)
  expect(await run('backfill', backfill)).toContain('Nothing to do')
  const answer = await run('status', status, '--json')
  expect(JSON.parse(answer)).toMatchObject({
    log: { eventCount: 6 },
    features: { count: 2, isKept: false, lagEventCount: 0, backfilling: [] },
    sources: [{ name: 'drops', freshness: 'fresh', rowCount: 2 }],
  })
  expect(await run('features', features, 'value', '--user', 'u')).toMatch(
    /taste +lamps 0\.75, chairs 0\.25 +20.*\nviews +4 /,
  )
})

test('a feature is listed and explained, and an unknown name is answered with the nearest one', async () => {
  expect(await run('features', features)).toMatch(/taste +share +user +1 week +[0-9a-f]{16} +taste@shop\.example/)
  const shown = await run('features', features, 'show', 'taste')
  expect(shown).toMatch(/over +item\.category/)
  // The backfill above put it in charge.
  expect(shown).toMatch(/[0-9a-f]{16} +live +20\S+Z +20\S+Z +–/)
  await expect(run('features', features, 'show', 'tatse')).rejects.toMatchObject({ code: 'FEATURE_UNKNOWN' })
  await expect(run('features', features, 'value')).rejects.toMatchObject({ code: 'CLI_USAGE' })
  await expect(run('sources', sources, 'run', 'drop')).rejects.toMatchObject({ code: 'SOURCE_UNKNOWN' })
})

test('skew says what was served otherwise than it is computed, for whom, and whose feature it is', async () => {
  expect(await run('skew', skew)).toMatch(/^No features were kept as served between .* A running server keeps 1 %/)
  const app = await openApp({ systemFile: folder })
  const served = await app.servedFeatures()
  const { nextOffset } = await app.log.bounds()
  const momentMs = Date.now()
  const [taste, views] = app.plan.data.features.map(({ name, ...definition }) => {
    return { name, version: servedVersion({ name, ...definition }), status: 'present' as const }
  })
  const row = { momentMs, userId: 'u', nextOffset }
  const tastes = new Map([
    ['lamps', 0.75],
    ['chairs', 0.25],
  ])
  await served.append([
    { ...row, readings: [{ ...taste!, value: tastes }] },
    { ...row, readings: [{ ...views!, value: 3 }] },
  ])
  await app.close()
  const range = ['--from', new Date(momentMs).toISOString(), '--to', new Date(momentMs + 1).toISOString()]
  const report = await run('skew', skew, ...range)
  expect(report).toMatch(/taste +1 +1 +0 +0 +0 +0 +0 +– +– +taste@shop\.example/)
  expect(report).toMatch(/views +1 +0 +1 +0 +0 +0 +1 +1 +1 +data@shop\.example/)
  expect(report).toMatch(/views of user u at .*: served 3, recomputed 4 \(unexplained\)/)
  expect(process.exitCode).toBe(1)
  expect(JSON.parse(await run('skew', skew, '--json', ...range))).toMatchObject({ rowCount: 2 })
  await expect(run('skew', skew, '--from', 'yesterday')).rejects.toMatchObject({ code: 'CLI_USAGE' })
})

test('checks of a good day pass, those of a bad one hold it back, and both are kept', async () => {
  const app = await openApp({ systemFile: folder })
  const eventTimeMs = Date.parse(`${yesterday}T12:00:00Z`)
  const views = (itemId: string, count: number) =>
    Array.from({ length: count }, (_, i) => ({
      kind: 'interaction' as const,
      id: `${itemId}-${i}`,
      interaction: 'view',
      userId: `u${i}`,
      itemId,
      eventTimeMs,
    }))
  await app.log.append(views('lamp', 40))
  expect(await run('checks', checks)).toMatch(/0 failed.*Decision: publish\.$/)
  expect(process.exitCode).toBeUndefined()

  // An interaction that the system file no longer names breaks a rule of the table.
  await app.log.append([{ ...views('lamp', 1)[0]!, id: 'odd', interaction: 'stare' }])
  await app.close()
  const report = await run('checks', checks, 'run', '--date', yesterday)
  expect(report).toMatch(/FAIL \(hold\) · interactions\.interaction · enumeration: .*stare.* \[data@shop\.example\]/)
  expect(report).toContain('Decision: hold.')
  expect(process.exitCode).toBe(1)
  expect(await run('checks', checks, 'list', '--check', 'enumeration')).toMatch(/FAIL.*\n.*pass/)
  // The last two are a day that no calendar has, and one that has not begun.
  for (const date of ['yesterday', '2026-02-31', '2999-01-01']) {
    await expect(run('checks', checks, '--date', date), date).rejects.toMatchObject({ code: 'CLI_USAGE' })
  }
})
