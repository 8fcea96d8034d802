// Goal: no acknowledged event is lost and none is stored twice, whenever a process that appends is killed.
// Method: two processes append to one log; each time one of them is killed with -9 at a random moment and replaced, so that the other, too, has to
// get over locks that a dead process held. After each kill everything acknowledged so far must be in the log, once, without gaps in the offsets.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openEventLog } from '../../src/adapters/embedded/event-log.ts'
import { seededRng } from '../../src/lib/rng.ts'

export interface KillReport {
  readonly killCount: number
  readonly acknowledgedCount: number
  readonly storedCount: number
  /** Acknowledged, and not in the log. */
  readonly lostCount: number
  /** In the log more than once. */
  readonly doubledCount: number
  /** Offsets that do not follow the one before. */
  readonly gapCount: number
}

const LONGEST_LIFE_MS = 400

export async function runKillTrials({ killCount, seed }: { killCount: number; seed: number }): Promise<KillReport> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-kill-'))
  const rng = seededRng(seed)
  const log = await openEventLog({ folder })
  const acknowledged = new Set<string>()
  const timesStored = new Map<string, number>()
  let readOffset = 0
  let gapCount = 0
  try {
    const appenders = [startAppender(folder, 'a', acknowledged), startAppender(folder, 'b', acknowledged)]
    for (let kill = 0; kill < killCount; kill++) {
      await appenders[kill % 2]!.firstAcknowledgement
      await new Promise((resolve) => setTimeout(resolve, rng.next() * LONGEST_LIFE_MS))
      await appenders[kill % 2]!.kill()
      const lastOnes = kill >= killCount - 2
      if (!lastOnes) appenders[kill % 2] = startAppender(folder, `k${kill}`, acknowledged)
    }
    // Both are dead now: what they acknowledged is known in full.
    for (;;) {
      const batch = await log.read(readOffset, 10_000)
      if (batch.length === 0) break
      for (const { offset, event } of batch) {
        if (offset !== readOffset++) gapCount++
        timesStored.set(event.id, (timesStored.get(event.id) ?? 0) + 1)
      }
    }
  } finally {
    await log.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return {
    killCount,
    acknowledgedCount: acknowledged.size,
    storedCount: readOffset,
    lostCount: [...acknowledged].filter((id) => !timesStored.has(id)).length,
    doubledCount: [...timesStored.values()].filter((count) => count > 1).length,
    gapCount,
  }
}

interface Appender {
  readonly firstAcknowledgement: Promise<void>
  /** Resolves when it is dead and everything it printed has been read. */
  kill(): Promise<void>
}

function startAppender(folder: string, name: string, acknowledged: Set<string>): Appender {
  const script = fileURLToPath(new URL('./appender.ts', import.meta.url))
  const child = spawn(process.execPath, [script, folder, name], { stdio: ['ignore', 'pipe', 'inherit'] })
  let isDoomed = false
  let rest = ''
  const firstAcknowledgement = new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop()!
      for (const line of lines) {
        const [first, last] = line.split(' ').map(Number) as [number, number]
        for (let n = first; n <= last; n++) acknowledged.add(`${name}-${n}`)
      }
      resolve()
    })
    child.on('exit', (code) => {
      if (!isDoomed) reject(new Error(`the appending process ended by itself with code ${code}`))
    })
  })
  // Looked at only while it is waited for; an early end shows as a missing acknowledgement there.
  firstAcknowledgement.catch(() => {})
  return {
    firstAcknowledgement,
    kill: () =>
      new Promise((resolve) => {
        isDoomed = true
        child.on('close', () => resolve())
        child.kill('SIGKILL')
      }),
  }
}
