// Goal: searches and duplicates are asked for from the command line, over the log alone. Method: a project in a temporary folder, the commands as the command line runs them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CommandDef } from 'citty'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { openApp } from '../app.ts'
import duplicates from './duplicates.ts'
import { runCommandLine } from './run-command.ts'
import search from './search.ts'

const repository = join(import.meta.dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'millrace-search-'))

beforeAll(async () => {
  writeFileSync(
    join(folder, 'millrace.config.ts'),
    `import { category, defineSystem, httpIngest, number, popularity, text } from ${JSON.stringify(join(repository, 'src', 'index.ts'))}
export default defineSystem({
  name: 'shop',
  data: {
    owner: 'data@shop.example',
    entities: { user: {}, item: { title: text(), category: category(), price: number() } },
    interactions: { view: { weight: 1 } },
    sources: { shop: httpIngest() },
  },
  training: { owner: 'ml@shop.example', candidates: { trending: popularity() } },
  serving: { owner: 'web@shop.example', placements: { home: {} } },
  monitoring: { owner: 'sre@shop.example' },
})
`,
  )
  const app = await openApp({ systemFile: folder })
  const goods = { a: 'Red candle holder', b: 'Candle holder, red', c: 'Garden spade', d: 'Garden rake' }
  const changes = Object.entries(goods).map(([entityId, title], n) => ({
    entity: 'item' as const,
    entityId,
    change: 'put' as const,
    attributes: { title, category: n < 2 ? 'lights' : 'garden', price: n + 1 },
    eventTime: '2026-01-01',
  }))
  const { acceptedCount } = await app.ingest.acceptEntityChanges(changes, { source: 'shop', where: 'test' })
  expect(acceptedCount).toBe(4)
  await app.close()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let printed: string[]
beforeEach(() => {
  printed = []
  vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line))
})
afterEach(() => void vi.restoreAllMocks())

const run = async (name: string, command: unknown, ...args: string[]): Promise<string> => {
  printed = []
  await runCommandLine(name, command as CommandDef, [...args, '--system', folder])
  return printed.join('\n')
}

test('a search shows what it found, by which words, and how a word was read', async () => {
  const shown = await run('search', search, 'gardn spade')
  expect(shown).toContain('"gardn" was read as "garden".')
  expect(shown).toMatch(/c +[\d.]+ +garden spade +Garden spade/)
  expect(await run('search', search, 'xyzzy')).toBe('"xyzzy": no item has it, or anything like it.\nNothing fits.')
  const narrow = await run('search', search, 'garden', '--filter', 'price > 3', '--limit', '2')
  expect(narrow).toMatch(/d +[\d.]+ +garden +Garden rake/)
  expect(narrow).toContain('the filter holds for 1 of 4')
  expect(JSON.parse(await run('search', search, 'spade', '--json'))).toMatchObject({
    items: [{ itemId: 'c', matched: ['spade'] }],
  })
})

test('a query without a word, and a limit that is none, are refused', async () => {
  await expect(run('search', search, '?!')).rejects.toMatchObject({ code: 'REQUEST_INVALID' })
  await expect(run('search', search, 'spade', '--limit', '0')).rejects.toMatchObject({ code: 'CLI_USAGE' })
})

test('duplicates are listed in groups, with what differs all the same', async () => {
  const shown = await run('duplicates', duplicates)
  expect(shown).toContain('1 of 4 items say what another one says, in 1 groups')
  expect(shown).toMatch(/a +Red candle holder/)
  expect(shown).toMatch(/b +Candle holder, red +same words; other price/)
  expect(JSON.parse(await run('duplicates', duplicates, '--json'))).toEqual({
    groups: [{ itemId: 'a', duplicates: [{ itemId: 'b', by: 'words', differing: ['price'] }] }],
  })
})
