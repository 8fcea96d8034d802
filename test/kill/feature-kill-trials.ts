// Goal: whenever the feature engine is killed, what it left in the store is what the oracle computes from the events up to its place in the log: none
// lost, none counted twice. Method: a process runs the engine in small batches while this one appends; it is killed with -9 at a random moment, between
// commits or within one, and what lies in the store is compared before the next one goes on from there.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openEventLog } from '../../src/adapters/embedded/event-log.ts'
import { openOnlineStore } from '../../src/adapters/embedded/online-store.ts'
import { expectOracle, someEntity } from '../../src/data/feature-engine.testing.ts'
import { decodeText, HEAD_KEY, type LayerHead } from '../../src/data/feature-layer.ts'
import { layerSpace } from '../../src/data/feature-manifest.ts'
import { featureReader } from '../../src/data/feature-reader.ts'
import { corpusDefinitions, randomCorpus } from '../../src/domain/feature-corpus.contract.ts'
import { seededRng } from '../../src/lib/rng.ts'

export interface FeatureKillReport {
  /** Kills after which the engine was ahead of the kill before, and behind the log: hit in the middle of its work. */
  readonly midWorkCount: number
  /** Readings that were compared with the oracle; any difference throws. */
  readonly readingCount: number
  readonly eventCount: number
}

const LONGEST_LIFE_MS = 40
const EVENTS_PER_KILL = 25
const ENTITIES_PER_KILL = 4

export async function runFeatureKillTrials({
  killCount,
  seed,
}: {
  killCount: number
  seed: number
}): Promise<FeatureKillReport> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-feature-kill-'))
  const rng = seededRng(seed)
  const corpus = randomCorpus(rng.fork('corpus'), {
    eventCount: killCount * EVENTS_PER_KILL,
    userCount: 5,
    itemCount: 7,
  })
  let nowMs = 0
  const log = await openEventLog({ folder: join(folder, 'log'), clock: { now: () => nowMs } })
  const store = await openOnlineStore({ folder: join(folder, 'features') })
  const reader = featureReader({ store, clock: { now: () => nowMs } })
  let arrivalNumber = 0
  let midWorkCount = 0
  let readingCount = 0
  let comparedOffset = 0
  const headOffset = async (): Promise<number> => {
    const [records] = await store.read([{ space: layerSpace(1), keys: [HEAD_KEY] }])
    return records![0] === undefined ? 0 : (decodeText(records![0]) as LayerHead).nextOffset
  }
  const appendSome = async (): Promise<void> => {
    const arrival = corpus.arrivals[arrivalNumber++]
    if (arrival === undefined) return
    nowMs = arrival.appendedTimeMs
    await log.append(arrival.events)
  }
  const compare = async (entities: readonly { userId: string; itemId: string }[], kill: number): Promise<void> => {
    const nextOffset = await headOffset()
    const isMidWork = nextOffset > comparedOffset && nextOffset < (await log.bounds()).nextOffset
    if (isMidWork) midWorkCount++
    comparedOffset = nextOffset
    readingCount += await expectOracle({
      reader,
      definitions: corpusDefinitions,
      events: corpus.events.slice(0, nextOffset),
      entities,
      asOfMs: nowMs + 1 + rng.integer(3_600_000),
      label: `seed ${seed}, kill ${kill}`,
    })
  }
  try {
    // The first features take over when they have caught up, which with an empty log is at once.
    const first = await startEngine(folder, 1)
    await until(async () => (await reader.definitions()).length > 0)
    await first.kill(0)
    for (let kill = 0; kill < killCount; kill++) {
      // Half of what comes is there before the engine is, so that it has work to be killed in.
      const arrivalCount = Math.ceil(corpus.arrivals.length / killCount)
      for (let n = 0; n < arrivalCount / 2; n++) await appendSome()
      const engine = await startEngine(folder, 1 + rng.integer(6))
      const killed = engine.kill(rng.next() * LONGEST_LIFE_MS)
      for (let n = 0; n < arrivalCount / 2; n++) await appendSome()
      await killed
      await compare(
        Array.from({ length: ENTITIES_PER_KILL }, () => someEntity(rng, corpus)),
        kill,
      )
    }
    while (arrivalNumber < corpus.arrivals.length) await appendSome()
    const last = await startEngine(folder, 100)
    await until(async () => (await headOffset()) === corpus.events.length)
    await last.kill(0)
    const everybody = corpus.userIds.flatMap((userId, n) =>
      corpus.itemIds.filter((_, i) => i % corpus.userIds.length === n).map((itemId) => ({ userId, itemId })),
    )
    await compare(everybody, killCount)
  } finally {
    await log.close()
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return { midWorkCount, readingCount, eventCount: corpus.events.length }
}

/** Looked at every few milliseconds; the test's own time limit ends a wait in vain. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** Resolves when the engine begins its work. */
async function startEngine(folder: string, batchLength: number) {
  const script = fileURLToPath(new URL('./feature-engine.ts', import.meta.url))
  const child = spawn(process.execPath, [script, folder, String(batchLength)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let isDoomed = false
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve())
    child.on('exit', (code) => {
      if (!isDoomed) reject(new Error(`the engine ended by itself with code ${code}`))
    })
  })
  return {
    async kill(afterMs: number): Promise<void> {
      await new Promise((resolve) => setTimeout(resolve, afterMs))
      if (child.exitCode !== null) throw new Error(`the engine ended by itself with code ${child.exitCode}`)
      isDoomed = true
      child.kill('SIGKILL')
      await ended
    },
  }
}
