// Goal: capacity is predicted from what a project holds or from counts, and held against what a loaded model takes. Method: a project in a temporary folder, the command as the command line runs it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CommandDef } from 'citty'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { trainModel } from '../app/train-model.ts'
import { readTrainingInput } from '../app/training-input.ts'
import { openApp } from '../app.ts'
import type { LogEvent } from '../domain/event.ts'
import { seededRng } from '../lib/rng.ts'
import capacity from './capacity.ts'
import { runCommandLine } from './run-command.ts'

const repository = join(import.meta.dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'millrace-capacity-'))
const ITEM_COUNT = 2000
const USER_COUNT = 3000

beforeAll(async () => {
  writeFileSync(
    join(folder, 'millrace.config.ts'),
    `import { defineSystem, httpIngest, itemNeighbours, popularity, text } from ${JSON.stringify(join(repository, 'src', 'index.ts'))}
export default defineSystem({
  name: 'shop',
  data: {
    owner: 'data@shop.example',
    entities: { user: {}, item: { title: text() } },
    interactions: { view: { weight: 1 } },
    sources: { shop: httpIngest() },
  },
  training: { owner: 'ml@shop.example', candidates: { alike: itemNeighbours(), trending: popularity() } },
  serving: { owner: 'web@shop.example', placements: { home: { candidateCount: 200 } } },
  monitoring: { owner: 'sre@shop.example' },
})
`,
  )
  const app = await openApp({ systemFile: folder })
  const rng = seededRng(1)
  const events = Array.from({ length: USER_COUNT * 10 }, (_, n): LogEvent => {
    const userId = `user-${n % USER_COUNT}`
    const itemId = `item-${rng.integer(ITEM_COUNT)}`
    return { kind: 'interaction', id: `e${n}`, interaction: 'view', userId, itemId, eventTimeMs: 1_700_000_000_000 + n }
  })
  await app.log.append(events)
  await app.close()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let printed: string[]
beforeEach(() => {
  printed = []
  vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line))
})
afterEach(() => void vi.restoreAllMocks())

const run = async (...args: string[]): Promise<string> => {
  printed = []
  await runCommandLine('capacity', capacity as CommandDef, [...args, '--system', folder])
  return printed.join('\n')
}

test('before the first training it predicts what it can, says what it lacks, and does not measure', async () => {
  const shown = await run()
  expect(shown).toContain('2,000 items, 3,000 users with 10 interactions each, 200 candidates, 0 features, 0 trees')
  expect(shown).toContain('What the model takes is not known before the first training')
  await expect(run('--measure')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
})

test('counts that are given take the place of those of today, and a rate becomes workers', async () => {
  const { counts, predicted, workerCount } = JSON.parse(await run('--json', '--users', '1000000', '--rate', '5000'))
  expect(counts).toMatchObject({ itemCount: ITEM_COUNT, userCount: 1_000_000 })
  expect(workerCount).toBe(Math.ceil(5000 / (0.7 * predicted.requestsPerSecondPerCore)))
  const today = JSON.parse(await run('--json'))
  expect(predicted.bytes.histories).toBeGreaterThan(100 * today.predicted.bytes.histories)
  await expect(run('--items', '0')).rejects.toMatchObject({ code: 'CLI_USAGE' })
  await expect(run('--items', '5', '--measure')).rejects.toMatchObject({ code: 'CLI_USAGE' })
})

test('with a model in charge, measured stands beside predicted, and what grows is within a factor of two', async () => {
  const app = await openApp({ systemFile: folder })
  await trainModel(app, await readTrainingInput(app), { log: () => {}, override: 'a test' })
  await app.close()
  const shown = await run('--measure')
  const ratioOf = (row: string): number => Number(new RegExp(`${row} +[\\d.,]+ +[\\d.,]+ +([\\d.]+)`).exec(shown)?.[1])
  // All of it would be the process of these tests, with whatever they have taken before.
  for (const row of ['the three, MB', 'model and bitmaps, MB']) {
    expect(ratioOf(row), `${row} in\n${shown}`).toBeGreaterThan(0.5)
    expect(ratioOf(row), `${row} in\n${shown}`).toBeLessThan(2)
  }
  expect(ratioOf('requests/s of a core'), shown).toBeGreaterThan(0)
  expect(shown).not.toContain('Only')
})
