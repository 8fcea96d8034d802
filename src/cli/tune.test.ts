// Goal: the command says what was found in words and as JSON, each search being a run, and refuses what makes no sense before anything is recorded. Method: the command as
// the command line runs it, over a real folder.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CommandDef } from 'citty'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { openApp } from '../app.ts'
import { runCommandLine } from './run-command.ts'
import runs from './runs.ts'
import tune from './tune.ts'

let data: string
let printed: string[]
const system = join(import.meta.dirname, '..', '..', 'examples', 'online-retail')
// biome-ignore lint/suspicious/noExplicitAny: each command has its own arguments, which only citty looks at.
const commands: Readonly<Record<'runs' | 'tune', CommandDef<any>>> = { runs, tune }

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'millrace-tune-command-'))
  vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line))
  vi.spyOn(console, 'error').mockImplementation(() => {})
  const { ingest, close } = await openApp({ systemFile: system, dataDir: data })
  const rows = Array.from({ length: 400 }, (_, n) => ({
    id: `e${n}`,
    interaction: 'purchase',
    userId: `u${n % 20}`,
    itemId: `i${(n * 7 + Math.floor(n / 20)) % 40}`,
    eventTime: Date.UTC(2026, 0, 1) + n * 3_600_000,
  }))
  expect(await ingest.acceptEvents(rows, { source: 'test', where: 'test' })).toMatchObject({ acceptedCount: 400 })
  await close()
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(data, { recursive: true })
})

async function run(name: keyof typeof commands, ...args: string[]): Promise<string> {
  printed = []
  await runCommandLine(name, commands[name], [...args, '--data', data, '--system', system])
  return printed.join('\n')
}
const all = async () => JSON.parse(await run('runs', '--json')) as { id: string; request: { options: object } }[]

test('each target is a run of its own, shown and compared like others', async () => {
  const said = await run('tune', 'taste,trending', '--trials', '2', '--threads', '1', '--reason', 'spring')
  expect(said).toMatch(/taste: 2 trials; ndcg@20 on the validation part/)
  expect(said).toMatch(/trending: 2 trials/)
  const both = await all()
  expect(both).toMatchObject([
    { kind: 'tune', state: 'succeeded', request: { options: { target: 'trending' }, why: 'spring' } },
    { kind: 'tune', state: 'succeeded', request: { options: { target: 'taste', trials: 2, threads: 1 } } },
  ])
  const [second, first] = [both[0]!, both[1]!]
  const shown = await run('runs', 'show', first.id)
  expect(shown).toMatch(/NDCG@20 \(validation, best so far\) +[\d.]+ at step 1/)
  expect(shown).toMatch(/made +runs\/.*tuning\.json/)
  const compared = await run('runs', 'compare', first.id, second.id)
  expect(compared).toMatch(/command\.target +taste +trending/)
})

test('a queued tuning waits for a process of its own, which does it', { timeout: 60_000 }, async () => {
  const queued = JSON.parse(await run('tune', 'trending', '--trials', '1', '--detach', '--threads', '1', '--json'))
  expect(queued).toMatchObject({ kind: 'tune', state: 'queued' })
  await run('runs', 'work')
  const shown = JSON.parse(await run('runs', 'show', queued.id, '--json'))
  expect(shown.state).toBe('succeeded')
  expect(shown.process.pid).not.toBe(process.pid)
  expect(shown.metrics.map(({ name }: { name: string }) => name)).toContain('NDCG@20 (validation)')
})

test('what cannot be searched is refused before anything is recorded', async () => {
  for (const [args, code] of [
    [['taste', '--minutes', '0'], 'CLI_USAGE'],
    [['taste', '--method', 'grid'], 'CLI_USAGE'],
    [['taste', '--metric', 'clicks'], 'CLI_USAGE'],
    [['taste', '--trials', '0'], 'CLI_USAGE'],
    [['taste,tastes'], 'UNKNOWN_GENERATOR'],
    [['taste', '--ranges', 'x=1'], 'TUNING_INPUT_INVALID'],
    [['taste', '--ranges', 'power=..2'], 'TUNING_INPUT_INVALID'],
  ] as const) {
    await expect(run('tune', ...args), args.join(' ')).rejects.toMatchObject({ code })
  }
  expect(await all()).toEqual([])
})
