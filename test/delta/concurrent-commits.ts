// Goal: with many processes committing to one table, no commit is lost and none happens twice, even when processes are killed and started again.
// Method: each process commits its own numbered writes; afterwards the history must hold each exactly once, and the table each row exactly once.
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { EventEmitter, once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { localDeltaStorage } from '../../src/adapters/embedded/delta-storage.ts'
import { createDeltaTable, openDeltaTable } from '../../src/delta/table.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { seededRng } from '../../src/lib/rng.ts'

export interface ConcurrencyReport {
  readonly commitCount: number
  /** Acknowledged by a process, and not in the history. */
  readonly lostCount: number
  /** In the history more than once. */
  readonly doubledCount: number
  readonly rowCount: number
  readonly killedCount: number
  /** Names in the log folder that are neither commits nor checkpoints, such as half-written files. */
  readonly strayNames: readonly string[]
}

export async function runConcurrentCommits(options: {
  readonly processCount: number
  readonly commitsPerProcess: number
  /** How often some process is killed with -9 and started again. */
  readonly killCount: number
  readonly seed: number
}): Promise<ConcurrencyReport> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-delta-'))
  try {
    const world = { storage: localDeltaStorage({ folder }), clock: systemClock, newId: randomUUID }
    await createDeltaTable(world, {
      schema: [
        { name: 'writer', type: 'string', nullable: true },
        { name: 'clicks', type: 'long', nullable: true },
      ],
      partitionColumns: ['writer'],
    })
    const acknowledged = new Set<string>()
    const killedCount = await runProcesses(folder, { ...options, acknowledged })

    const table = await openDeltaTable(world)
    const { files } = await table.snapshot()
    const timesCommitted = new Map<string, number>()
    for (const { userMetadata: id } of await table.history()) {
      if (id !== undefined) timesCommitted.set(id, (timesCommitted.get(id) ?? 0) + 1)
    }
    return {
      commitCount: timesCommitted.size,
      lostCount: [...acknowledged].filter((id) => !timesCommitted.has(id)).length,
      doubledCount: [...timesCommitted.values()].filter((count) => count > 1).length,
      rowCount: files.reduce((sum, { rowCount }) => sum + rowCount!, 0),
      killedCount,
      strayNames: readdirSync(join(folder, '_delta_log')).filter(
        (name) => !/^\d{20}\.(json|checkpoint\.parquet)$|^_last_checkpoint$/.test(name),
      ),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const MOST_COMMITS_BETWEEN_KILLS = 8

async function runProcesses(
  folder: string,
  {
    processCount,
    commitsPerProcess,
    killCount,
    seed,
    acknowledged,
  }: Parameters<typeof runConcurrentCommits>[0] & { acknowledged: Set<string> },
): Promise<number> {
  const rng = seededRng(seed)
  let killedCount = 0
  const running = new Map<string, ReturnType<typeof startCommitter>>()
  const runToEnd = async (name: string): Promise<void> => {
    for (;;) {
      const committer = startCommitter(folder, { name, count: commitsPerProcess, acknowledged })
      running.set(name, committer)
      if ((await committer.end) === 'finished') break
      killedCount++
    }
    running.delete(name)
  }
  const names = Array.from({ length: processCount }, (_, i) => `p${i}`)
  const all = Promise.all(names.map(runToEnd))
  for (let kill = 0; kill < killCount && running.size > 0; kill++) {
    const committers = [...running.values()]
    const victim = committers[rng.integer(committers.length)]!
    // By its progress, which comes sooner on a faster machine, then somewhere in the next commits.
    await Promise.race([victim.committed(1 + rng.integer(MOST_COMMITS_BETWEEN_KILLS)), victim.end])
    await new Promise((resolve) => setTimeout(resolve, rng.next() * 10))
    victim.kill()
    // Else the same process might be chosen again before its successor is there.
    await victim.end
  }
  await all
  return killedCount
}

function startCommitter(
  folder: string,
  { name, count, acknowledged }: { name: string; count: number; acknowledged: Set<string> },
) {
  const script = fileURLToPath(new URL('./committer.ts', import.meta.url))
  const child = spawn(process.execPath, [script, folder, name, String(count)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let rest = ''
  let commitCount = 0
  const progress = new EventEmitter()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const line of lines) acknowledged.add(`${name}-${line}`)
    commitCount += lines.length
    progress.emit('commits')
  })
  /** Once it has committed so many more. */
  const committed = async (more: number): Promise<void> => {
    const goal = commitCount + more
    while (commitCount < goal) await once(progress, 'commits')
  }
  const end = new Promise<'finished' | 'killed'>((resolve, reject) => {
    child.on('close', (code, signal) => {
      if (code === 0) resolve('finished')
      else if (signal === 'SIGKILL') resolve('killed')
      else reject(new Error(`the process ${name} ended by itself with code ${code}`))
    })
  })
  return { committed, end, kill: () => child.kill('SIGKILL') }
}
