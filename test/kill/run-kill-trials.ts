// Goal: whenever a training is killed, its run is told as lost, nothing half-written is registered or in charge, the next command works, and going on gives the very model that
// an uninterrupted training of the same inputs gives. Method: a process trains and is killed with -9 at a random moment of its life; the next one goes on with the run
// that was lost, or begins another. At the end every lost run goes on to its end, and is held against a run of the same inputs that nobody disturbed.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isAlive } from '../../src/adapters/embedded/process-name.ts'
import type { App } from '../../src/app.ts'
import { hasEnded, type Run } from '../../src/domain/run.ts'
import { seededRng } from '../../src/lib/rng.ts'
import { checkBundle } from '../../src/models/bundle.ts'
import { markLostRuns } from '../../src/training/lost-runs.ts'
import { openRunShop } from './run-shop.ts'

export interface RunKillReport {
  readonly killCount: number
  /** Runs that a kill met under way; each went on to its end. */
  readonly lostCount: number
  /** Generators that were not trained again, because a checkpoint held them. */
  readonly keptCount: number
  /** Empty if all is well. */
  readonly problems: readonly string[]
}

const USER_COUNT = 150
const ITEM_COUNT = 80
const INTERACTIONS_PER_USER = 12
const DAY_MS = 86_400_000

/** @param options.isMeasured whether trainings measure on a split first, as they do by default, which takes most of the time */
export async function runRunKillTrials(options: {
  readonly killCount: number
  readonly seed: number
  readonly isMeasured: boolean
}): Promise<RunKillReport> {
  const { killCount, seed, isMeasured } = options
  const anew = isMeasured ? 'measure' : 'train'
  const folder = mkdtempSync(join(tmpdir(), 'millrace-run-kill-'))
  const rng = seededRng(seed)
  const app = await openRunShop(folder)
  const problems: string[] = []
  const lost = new Set<string>()
  try {
    await fillRunShop(app, { seed, nowMs: app.clock.now() })
    const { runs } = await app.metadata()
    // Trainings that are measured put nothing in charge: what was there before them must stay.
    if (isMeasured) await finished(folder, ['train'])
    const lifeMs = await lifeOf(folder, anew)
    for (let kill = 0; kill < killCount; kill++) {
      const [waiting] = await runs.list({ states: ['lost'], limit: 1 })
      const args = waiting && rng.next() < 0.5 ? ['resume', waiting.id] : [anew]
      await killedAfter(rng.next() * lifeMs, folder, args)
      for (const run of await markLostRuns({ runs, isRunning: isAlive, clock: app.clock })) lost.add(run.id)
      problems.push(...(await problemsOf(app)).map((problem) => `seed ${seed}, kill ${kill}: ${problem}`))
    }
    for (const id of lost) {
      if ((await runs.find(id)).state === 'lost') await finished(folder, ['resume', id])
      problems.push(...(await differencesFromUndisturbed(app, folder, await runs.find(id))))
    }
    problems.push(...(await problemsOf(app)))
    const keptCount = await keptCountOf(app, lost)
    return { killCount, lostCount: lost.size, keptCount, problems }
  } finally {
    await app.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Thirty days until yesterday. */
export async function fillRunShop(
  app: App,
  { seed, nowMs }: { readonly seed: number; readonly nowMs: number },
): Promise<void> {
  const rng = seededRng(seed).fork('log')
  const rows = Array.from({ length: USER_COUNT * INTERACTIONS_PER_USER }, (_, n) => ({
    id: `e${n}`,
    interaction: 'view',
    userId: `u${n % USER_COUNT}`,
    itemId: `i${Math.floor(ITEM_COUNT * rng.next() ** 2)}`,
    eventTime: nowMs - DAY_MS * (1 + 30 * rng.next()),
  }))
  const { acceptedCount } = await app.ingest.acceptEvents(rows, { source: 'test', where: 'test' })
  if (acceptedCount !== rows.length) throw new Error(`${acceptedCount} of ${rows.length} events were accepted`)
}

async function problemsOf(app: App): Promise<readonly string[]> {
  const problems: string[] = []
  const { runs, modelRegistry } = await app.metadata()
  for (const run of await runs.list({ limit: 1000 })) {
    if (!hasEnded(run)) problems.push(`run ${run.id} is ${run.state}, and no process is left`)
    if (run.state === 'failed') problems.push(`run ${run.id} failed: ${run.failure?.code} ${run.failure?.message}`)
    if (run.state === 'succeeded' && run.modelVersion === undefined) problems.push(`run ${run.id} made no model`)
  }
  for (const { version, status } of await modelRegistry.list()) {
    if (status !== 'registered') continue
    await checkBundle(app.modelsDir, version).catch((error: Error) => problems.push(`${version}: ${error.message}`))
  }
  const { champion } = await modelRegistry.aliases()
  if (champion === undefined) problems.push('nothing is in charge')
  return problems
}

/** Runs once more on the inputs of a run, without its checkpoints and without the model that it made, and compares the models, whose names hold their hashes. */
async function differencesFromUndisturbed(app: App, folder: string, run: Run): Promise<readonly string[]> {
  if (run.state !== 'succeeded') return [`run ${run.id} went on and is ${run.state}: ${run.failure?.message}`]
  const { runs } = await app.metadata()
  const { process: _, modelVersion, artifacts, resources, ...again } = run
  const twin: Run = { ...again, id: `${run.id}-undisturbed`, state: 'lost', attempt: 0 }
  rmSync(join(app.modelsDir, modelVersion!), { recursive: true })
  await runs.add(twin)
  await finished(folder, ['resume', twin.id])
  const undisturbed = await runs.find(twin.id)
  const isSame =
    undisturbed.modelVersion === modelVersion && JSON.stringify(undisturbed.artifacts) === JSON.stringify(artifacts)
  return isSame ? [] : [`run ${run.id} made ${modelVersion}, undisturbed it makes ${undisturbed.modelVersion}`]
}

async function keptCountOf(app: App, ids: ReadonlySet<string>): Promise<number> {
  const logs = [...ids].map((id) => readFileSync(join(app.runsDir, id, 'log.txt'), 'utf8'))
  return logs.join('\n').split('was trained before this run was interrupted').length - 1
}

function startTrainer(folder: string, args: readonly string[]) {
  const script = fileURLToPath(new URL('./run-trainer.ts', import.meta.url))
  const flags = ['--conditions=millrace-source', script, folder, ...args]
  const child = spawn(process.execPath, flags, { stdio: ['ignore', 'ignore', 'inherit'] })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  return { child, ended }
}

async function killedAfter(ms: number, folder: string, args: readonly string[]): Promise<void> {
  const { child, ended } = startTrainer(folder, args)
  const timer = setTimeout(() => child.kill('SIGKILL'), ms)
  const code = await ended
  clearTimeout(timer)
  if (code !== null && code !== 0) throw new Error(`the trainer ended by itself with code ${code}`)
}

async function finished(folder: string, args: readonly string[]): Promise<void> {
  const code = await startTrainer(folder, args).ended
  if (code !== 0) throw new Error(`${args.join(' ')} ended with code ${code}`)
}

async function lifeOf(folder: string, act: string): Promise<number> {
  const startMs = performance.now()
  await finished(folder, [act])
  return performance.now() - startMs
}
