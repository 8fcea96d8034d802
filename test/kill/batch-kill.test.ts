// Goal: whenever a batch is killed, every user has a list of the old generation or every user one of the new, what was finished is not made again, and going on gives
// what an undisturbed batch of the same inputs gives. Method: a process makes lists and is killed with -9 when it has kept a first chunk; another one goes on and is
// killed while it exchanges the lists; this one goes on to the end.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { batchRequest, batchRun } from '../../src/app/batch-run.ts'
import { lostRuns, recordRun, runFolder } from '../../src/app/record-run.ts'
import { goOnWithRun } from '../../src/app/run-work.ts'
import { trainModel } from '../../src/app/train-model.ts'
import { readTrainingInput } from '../../src/app/training-input.ts'
import type { App } from '../../src/app.ts'
import { seededRng } from '../../src/lib/rng.ts'
import { type FoundList, StoredLists } from '../../src/serving/stored-lists.ts'
import { openRunShop } from './run-shop.ts'

/** Seven chunks: so many that a fast process is still at work when it has kept the first. */
const USER_COUNT = 6600
/** Of every chunk, since users come in the order of their ids. */
const userIds = Array.from({ length: 110 }, (_, n) => `u${n * 60}`)

async function fill(app: App): Promise<void> {
  const rng = seededRng('killed batch')
  const nowMs = app.clock.now()
  const views = Array.from({ length: 2 * USER_COUNT }, (_, n) => ({
    kind: 'interaction' as const,
    id: `v${n}`,
    interaction: 'view',
    userId: `u${n % USER_COUNT}`,
    itemId: `i${rng.integer(60)}`,
    eventTimeMs: nowMs - 1000,
  }))
  await app.log.append(views)
  await trainModel(app, await readTrainingInput(app), { threadCount: 1, override: 'a trial', log: () => {} })
}

/** Kills the process as soon as that is so. */
async function killedWhen(isSo: () => boolean, folder: string, ...args: readonly string[]): Promise<void> {
  const script = fileURLToPath(new URL('./run-trainer.ts', import.meta.url))
  const flags = ['--conditions=millrace-source', script, folder, ...args]
  const child = spawn(process.execPath, flags, { stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  while (!isSo() && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 1))
  child.kill('SIGKILL')
  expect(await ended, 'it was killed under way').toBe(null)
}

async function foundIn(app: App): Promise<readonly (FoundList | undefined)[]> {
  const lists = new StoredLists(await app.storedLists())
  return Promise.all(userIds.map((userId) => lists.find('home', userId, { nowMs: 0, waitMs: 10_000 })))
}

const listsOf = async (app: App) => (await foundIn(app)).map((found) => found?.list)

/** The one generation that every user has a list of. */
async function generationOf(app: App): Promise<string> {
  const batches = new Set((await foundIn(app)).map((found) => found?.generation.batchId))
  expect(batches.size).toBe(1)
  return [...batches][0]!
}

test('a batch that is killed leaves whole lists, and goes on to the same ones', { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-batch-kill-'))
  const app = await openRunShop(folder)
  try {
    await fill(app)
    const options = batchRequest({ placements: ['home'] })
    const request = { trigger: 'hand', by: 'test', command: 'test', isDetached: false, options } as const
    const old = await recordRun(app, { kind: 'batch', request }, (recorder) => batchRun(recorder))

    const undisturbed = await listsOf(app)

    const { runs } = await app.metadata()
    const newest = (): string => readdirSync(app.runsDir).sort().at(-1)!
    const checkpoints = (id: string): readonly string[] => {
      const place = join(runFolder(app, id), 'checkpoints')
      return existsSync(place) ? readdirSync(place).filter((name) => !name.endsWith('.writing')) : []
    }
    // The model's name, and a first chunk.
    await killedWhen(() => newest() !== old.batchId && checkpoints(newest()).length >= 2, folder, 'batch')
    const [lost] = await lostRuns(app)
    expect(lost).toMatchObject({ kind: 'batch', state: 'lost' })
    expect(await generationOf(app)).toBe(old.batchId)
    const kept = checkpoints(lost!.id).map((name) => join(runFolder(app, lost!.id), 'checkpoints', name))
    const writtenMs = kept.map((path) => statSync(path).mtimeMs)

    const log = () => readFileSync(join(runFolder(app, lost!.id), 'log.txt'), 'utf8')
    await killedWhen(() => log().includes('rows in'), folder, 'resume', lost!.id)
    expect(kept.map((path) => statSync(path).mtimeMs)).toEqual(writtenMs)
    await lostRuns(app)
    expect([old.batchId, lost!.id]).toContain(await generationOf(app))

    await goOnWithRun(app, lost!.id, () => {})
    expect(await generationOf(app)).toBe(lost!.id)
    expect(await runs.find(lost!.id)).toMatchObject({ state: 'succeeded', attempt: 3 })
    // The same log and model as those of the batch that nobody disturbed.
    expect(await listsOf(app)).toEqual(undisturbed)
  } finally {
    await app.close()
    rmSync(folder, { recursive: true, force: true })
  }
})
