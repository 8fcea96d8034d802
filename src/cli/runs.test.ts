// Goal: a training leaves a record whatever becomes of it, and the commands show it and do with it what can be done. Method: the commands as the command line runs them, over
// a real folder; other processes are played by rows in the store.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { CommandDef } from 'citty'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { thisProcess } from '../adapters/embedded/process-name.ts'
import { type App, openApp } from '../app.ts'
import { someRun } from '../ports/run-store.contract.ts'
import { runCommandLine } from './run-command.ts'
import runs from './runs.ts'
import train from './train.ts'

let data: string
let printed: string[]
const system = join(import.meta.dirname, '..', '..', 'examples', 'online-retail')
// biome-ignore lint/suspicious/noExplicitAny: each command has its own arguments, which only citty looks at.
const commands: Readonly<Record<'runs' | 'train', CommandDef<any>>> = { runs, train }

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'millrace-runs-command-'))
  printed = []
  vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line))
  vi.spyOn(console, 'error').mockImplementation(() => {})
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(data, { recursive: true })
})

/** @returns what it printed */
async function run(name: keyof typeof commands, ...args: string[]): Promise<string> {
  printed = []
  await runCommandLine(name, commands[name], [...args, '--data', data, '--system', system])
  return printed.join('\n')
}

async function withApp<T>(act: (app: App) => Promise<T>): Promise<T> {
  const app = await openApp({ systemFile: system, dataDir: data })
  try {
    return await act(app)
  } finally {
    await app.close()
  }
}

const all = async () =>
  JSON.parse(await run('runs', '--json')) as { id: string; state: string; [part: string]: unknown }[]
const addPurchases = () =>
  withApp(async ({ ingest }) => {
    const rows = Array.from({ length: 60 }, (_, n) => ({
      id: `e${n}`,
      interaction: 'purchase',
      userId: `u${n % 10}`,
      itemId: `i${(n * 7) % 13}`,
      eventTime: Date.UTC(2026, 0, 1 + n),
    }))
    expect(await ingest.acceptEvents(rows, { source: 'test', where: 'test' })).toMatchObject({ acceptedCount: 60 })
  })

test('a training that fails is recorded with the reason, and goes on when the reason is gone', async () => {
  expect(await run('runs')).toContain('There are no such runs')
  await expect(run('train', '--no-evaluate', '--reason', 'a try')).rejects.toMatchObject({
    code: 'NOTHING_TO_TRAIN_ON',
  })
  const [failed] = await all()
  expect(failed).toMatchObject({
    state: 'failed',
    attempt: 1,
    request: { by: userInfo().username, command: 'millrace train', why: 'a try', isDetached: false },
    failure: { code: 'NOTHING_TO_TRAIN_ON' },
    inputs: { nextOffset: 0, seed: expect.any(Number), parameters: { owner: expect.any(String) } },
  })
  expect(await run('runs', 'show', failed!.id)).toContain('NOTHING_TO_TRAIN_ON')
  await addPurchases()
  // A later attempt sees the log as it was at the first.
  await expect(run('runs', 'resume', failed!.id)).rejects.toMatchObject({ code: 'NOTHING_TO_TRAIN_ON' })
  expect((await all())[0]).toMatchObject({ state: 'failed', attempt: 2 })
})

test('a training that succeeds names its model, its files and what it took, and cannot be cancelled or resumed', async () => {
  await addPurchases()
  await run('train', '--no-evaluate', '--threads', '1')
  const [done] = await all()
  expect(done).toMatchObject({ state: 'succeeded', resources: { cpuSeconds: expect.any(Number) } })
  const { modelVersion, artifacts } = done as unknown as { modelVersion: string; artifacts: { path: string }[] }
  for (const { path } of artifacts) expect(existsSync(join(data, path)), path).toBe(true)
  expect(artifacts[0]!.path).toBe(`models/${modelVersion}/items.txt`)
  expect(readdirSync(join(data, 'runs', done!.id))).toEqual(['log.txt'])
  expect(readFileSync(join(data, 'runs', done!.id, 'log.txt'), 'utf8')).toContain('training ')
  for (const act of ['cancel', 'resume'])
    await expect(run('runs', act, done!.id), act).rejects.toMatchObject({ code: 'RUN_STATE_CHANGED' })

  expect(await run('runs', 'gc', '--keep', '1', '--days', '0')).toContain('there is nothing to forget')
  await withApp(async (app) =>
    (await app.metadata()).runs.add(someRun('newer', Date.UTC(2100, 0), { state: 'failed' })),
  )
  const collected = JSON.parse(await run('runs', 'gc', '--keep', '1', '--days', '0', '--json'))
  expect(collected).toMatchObject({
    removed: [],
    kept: [{ id: 'newer' }, { id: done!.id, why: `it made ${modelVersion}` }],
  })

  const page = join(data, 'page.html')
  expect(await run('runs', 'compare', 'newer', done!.id.slice(0, 17), '--html', page)).toContain('nextOffset')
  expect(readFileSync(page, 'utf8')).toContain(done!.id)
})

test('one training runs at a time, and one whose process is gone is in nobody’s way', async () => {
  const running = someRun('theirs', 1, { state: 'running', startedAtMs: 1, process: thisProcess() })
  await withApp(async (app) => (await app.metadata()).runs.add(running))
  await expect(run('train')).rejects.toMatchObject({
    code: 'RUN_UNDERWAY',
    message: expect.stringContaining('theirs'),
  })
  const gone = { pid: spawnSync(process.execPath, ['--eval', '0']).pid, startedAt: '1' }
  await withApp(async (app) => (await app.metadata()).runs.change('theirs', ['running'], { process: gone }))
  await expect(run('train')).rejects.toMatchObject({ code: 'NOTHING_TO_TRAIN_ON' })
  expect(await run('runs', 'list', '--state', 'lost')).toContain('theirs')
})

test('data that checks hold back is not trained on, unless somebody says why', async () => {
  await addPurchases()
  const reasons = ['FAIL (hold) · interactions.weight · mean: It doubled.']
  await withApp(async (app) => {
    const { tablePublications } = await app.metadata()
    const hold = { table: 'interactions', sinceVersion: 1, heldAtMs: 1, checkedAtMs: 1, reasons }
    await tablePublications.hold(hold, { follows: undefined })
  })
  await expect(run('train', '--no-evaluate')).rejects.toMatchObject({
    code: 'RUN_HELD',
    problems: [{ where: 'interactions', message: reasons[0] }],
  })
  await run('train', '--no-evaluate', '--threads', '1', '--despite-checks', 'prices doubled on purpose')
  expect((await all()).map(({ state }) => state)).toEqual(['succeeded', 'failed'])
  expect((await all())[0]).toMatchObject({ request: { despiteChecks: 'prices doubled on purpose' } })
})

test('a queued training waits, and is executed in a process of its own, or cancelled', async () => {
  await addPurchases()
  const { id } = JSON.parse(await run('train', '--detach', '--no-evaluate', '--threads', '1', '--json'))
  const other = JSON.parse(await run('train', '--detach', '--priority', '-1', '--json'))
  expect((await all()).map(({ state }) => state)).toEqual(['queued', 'queued'])
  await run('runs', 'cancel', other.id, '--reason', 'one is enough')
  await run('runs', 'work')
  const [cancelled, done] = await withApp(async (app) => {
    const store = (await app.metadata()).runs
    return [await store.find(other.id), await store.find(id)] as const
  })
  expect(cancelled).toMatchObject({ state: 'cancelled', outcome: `Cancelled by ${userInfo().username}: one is enough` })
  expect(done).toMatchObject({ state: 'succeeded', attempt: 1, modelVersion: expect.any(String) })
  expect(done.process?.pid).not.toBe(process.pid)
})

test('what is asked wrongly is refused before anything happens', async () => {
  await withApp(async (app) => (await app.metadata()).runs.add(someRun('2026a', 1, { state: 'failed' })))
  await withApp(async (app) => (await app.metadata()).runs.add(someRun('2026b', 1, { state: 'failed' })))
  for (const args of [
    ['list', '--state', 'done'],
    ['list', '--kind', 'serve'],
    ['list', '--limit', '0'],
    ['show', '2026'],
    ['compare', '2026a'],
    ['cancel', '2026a', '--reason', ' '],
    ['gc', '--keep', '0'],
    ['gc', '--days', 'x'],
  ]) {
    await expect(run('runs', ...args), args.join(' ')).rejects.toMatchObject({ code: 'CLI_USAGE' })
  }
  await expect(run('runs', 'show', '2027')).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' })
  await expect(run('train', '--priority', 'high')).rejects.toMatchObject({ code: 'CLI_USAGE' })
  expect(await all()).toHaveLength(2)
})
