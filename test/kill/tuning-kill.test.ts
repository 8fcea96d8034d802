// Goal: a tuning that is killed between two trials is told as lost, and goes on to what it would have found, without trying anything twice. Method: a process tunes and is
// killed with -9 when its file holds some trials; another process goes on, and is held against a search that nobody disturbed.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { lostRuns } from '../../src/app/record-run.ts'
import type { App } from '../../src/app.ts'
import type { TuningReport } from '../../src/training/tuning-report.ts'
import { fillRunShop } from './run-kill-trials.ts'
import { openRunShop } from './run-shop.ts'

function startTuner(folder: string, ...args: readonly string[]) {
  const script = fileURLToPath(new URL('./run-trainer.ts', import.meta.url))
  const flags = ['--conditions=millrace-source', script, folder, ...args]
  const child = spawn(process.execPath, flags, { stdio: ['ignore', 'ignore', 'inherit'] })
  return { child, ended: new Promise<number | null>((resolve) => child.on('close', resolve)) }
}

const trialLines = (app: App): readonly string[] => {
  const file = join(app.dataDir, 'tuning', 'factors.jsonl')
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(1, -1) : []
}

async function reportOf(app: App, id: string) {
  const { artifacts } = await (await app.metadata()).runs.find(id)
  const report = JSON.parse(readFileSync(join(app.dataDir, artifacts![0]!.path), 'utf8')) as TuningReport
  // How long trials took is another time another thing.
  return { ...report, trials: report.trials.map(({ seconds: _, ...trial }) => trial) }
}

test('a tuning that is killed goes on to what it would have found', { timeout: 120_000 }, async () => {
  const folders = ['killed', 'undisturbed'].map((name) => mkdtempSync(join(tmpdir(), `millrace-tuning-${name}-`)))
  const apps = await Promise.all(folders.map(openRunShop))
  const [killed, undisturbed] = apps as [App, App]
  try {
    const nowMs = killed.clock.now()
    for (const app of apps) await fillRunShop(app, { seed: 1, nowMs })
    expect(await startTuner(folders[1]!, 'tune').ended).toBe(0)

    const { child, ended } = startTuner(folders[0]!, 'tune')
    while (trialLines(killed).length < 3) await new Promise((resolve) => setTimeout(resolve, 5))
    child.kill('SIGKILL')
    expect(await ended).toBe(null)
    const before = trialLines(killed)
    const [lost] = await lostRuns(killed)
    expect(lost).toMatchObject({ kind: 'tune', state: 'lost', attempt: 1 })
    expect(await startTuner(folders[0]!, 'resume', lost!.id).ended).toBe(0)

    const { runs } = await killed.metadata()
    expect(await runs.find(lost!.id)).toMatchObject({ state: 'succeeded', attempt: 2 })
    expect(trialLines(killed).slice(0, before.length)).toEqual(before)
    const [whole] = await (await undisturbed.metadata()).runs.list({ limit: 1 })
    expect(await reportOf(killed, lost!.id)).toEqual(await reportOf(undisturbed, whole!.id))
    const steps = (await runs.metrics(lost!.id)).filter(({ name }) => name === 'NDCG@20 (validation)')
    expect(steps.map(({ step }) => step)).toEqual(Array.from(trialLines(killed).keys()))
  } finally {
    for (const app of apps) await app.close()
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  }
})
