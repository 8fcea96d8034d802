// Goal: whenever a process that syncs offline tables is killed, every event of the log is in its table once in the end, and what is published can be read.
// Method: two processes sync and compact the same tables while this one appends; they are killed with -9 at random moments and replaced. Then one more
// sync, and the rows of the newest version are compared with the log. `MILLRACE_KILLS=100` for more kills, `MILLRACE_SEED` for others.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { newestRows, put, tablesIn, view } from '../../src/data/tables/offline-tables.testing.ts'
import { seededRng } from '../../src/lib/rng.ts'

const killCount = Number(process.env.MILLRACE_KILLS ?? 5)
const seed = Number(process.env.MILLRACE_SEED ?? 1)
const LONGEST_LIFE_MS = 700

test('after kills at random moments every event is in its table once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-tables-kill-'))
  const rng = seededRng(`tables ${seed}`)
  const under = await tablesIn(folder)
  try {
    let midWorkCount = 0
    const start = () => startSync(folder, 1 + rng.integer(40))
    const running = [await start(), await start()]
    for (let kill = 0; kill < killCount; kill++) {
      under.clock.nowMs += rng.integer(20) * 3_600_000
      const events = Array.from({ length: 60 }, (_, n) =>
        n % 4 === 0 ? put(`i${n}`) : view({ eventTimeMs: under.clock.nowMs }),
      )
      await under.log.append(events)
      // The first one at once, in the middle of its work on any machine.
      if (kill > 0) await new Promise((resolve) => setTimeout(resolve, rng.next() ** 2 * LONGEST_LIFE_MS))
      await running[kill % 2]!.kill()
      const { rowCount } = await under.open().describe('interactions')
      if (rowCount < (await under.log.bounds()).nextOffset * 0.75) midWorkCount++
      running[kill % 2] = await start()
    }
    for (const one of running) await one.kill()
    const tables = under.open()
    await tables.sync()
    expect(await newestRows(tables), `seed ${seed}`).toEqual(await under.logged())
    const { files } = await tables.files()
    expect(files.length).toBeGreaterThan(0)
    expect((await tables.rows('interactions', { limit: 100_000 })).rows).toHaveLength(killCount * 45)
    // Some kill at least came before a sync had ended, or nothing was tested.
    expect(midWorkCount).toBeGreaterThan(0)
  } finally {
    await under.close()
    rmSync(folder, { recursive: true, force: true })
  }
}, 600_000)

async function startSync(folder: string, chunkLength: number): Promise<{ kill(): Promise<void> }> {
  const script = fileURLToPath(new URL('./table-sync.ts', import.meta.url))
  const child = spawn(process.execPath, [script, folder, String(chunkLength)], { stdio: ['ignore', 'pipe', 'inherit'] })
  let isDoomed = false
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  const failed = ended.then(() => {
    if (!isDoomed) throw new Error('the syncing process ended by itself')
  })
  await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), failed])
  return {
    kill: async () => {
      isDoomed = true
      child.kill('SIGKILL')
      await failed
    },
  }
}
