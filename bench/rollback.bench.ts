// How soon a rollback shows: from the request to the first answer by the model before. Over HTTP, against the whole system with its bundles on disk; every byte of the
// bundle that comes back is read twice, once before its alias moves and once by the server that loads it.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { trainModel } from '../src/app/train-model.ts'
import { readTrainingInput } from '../src/app/training-input.ts'
import { openApp } from '../src/app.ts'
import { createClient } from '../src/client.ts'
import { type Bench, median, spreadOf } from './figure.ts'
import { startServer } from './load.ts'
import type { ShopSize } from './load-shop.ts'
import { shopSystem } from './load-shop-system.ts'

const SEED = 1
const BAR_MS = 2000
/** A rollback that has not shown by then fails the run. */
const GIVE_UP_MS = 30_000

const bench: Bench = async ({ smoke, log }) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const dataDir = join(folder, 'data')
  const size: ShopSize = smoke
    ? { itemCount: 2000, userCount: 500, interactionsPerUser: 10 }
    : { itemCount: 50_000, userCount: 20_000, interactionsPerUser: 20 }
  const rollbackCount = smoke ? 3 : 20
  log(`making a shop of ${size.itemCount} items, and training on it twice`)
  const server = await startServer('load-app-server.ts', { ...size, seed: SEED, dataDir })
  try {
    const url = `http://127.0.0.1:${server.port}`
    const client = createClient({ url })
    const { version, bundleBytes } = await trainAgain(dataDir)
    const answering = async (): Promise<string> => (await client.recommend({ placement: 'home' })).modelVersion
    await until(async () => (await answering()) === version)
    log(`${rollbackCount} rollbacks`)
    const delaysMs: number[] = []
    for (let n = 0; n < rollbackCount; n++) {
      const before = await answering()
      const startMs = performance.now()
      const answer = await fetch(`${url}/v1/models/rollback`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ reason: 'benchmark', expected: before }),
      })
      if (!answer.ok) throw new Error(`the rollback was refused: ${await answer.text()}`)
      await until(async () => (await answering()) !== before)
      delaysMs.push(performance.now() - startMs)
    }
    const slowestMs = Math.max(...delaysMs)
    const megabytes = (bundleBytes / 1e6).toFixed(0)
    const note = `${rollbackCount} rollbacks over HTTP, bundles of ${megabytes} MB, ${size.itemCount} items; from the request to the first answer by the model before, the server's poll of 500 ms included`
    return [
      { name: 'rollback-slowest', value: slowestMs, unit: 'ms', bar: `< ${BAR_MS}`, ok: slowestMs < BAR_MS, note },
      { name: 'rollback-median', value: median(delaysMs), unit: 'ms', spread: spreadOf(delaysMs) },
    ]
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
export default bench

async function trainAgain(dataDir: string): Promise<{ readonly version: string; readonly bundleBytes: number }> {
  const app = await openApp({ system: shopSystem, dataDir })
  try {
    const { version } = await trainModel(app, await readTrainingInput(app), { log: () => {}, override: 'a benchmark' })
    const { bundleBytes } = await (await app.models()).find(version, { isThorough: false })
    return { version, bundleBytes }
  } finally {
    await app.close()
  }
}

async function until(shows: () => Promise<boolean>): Promise<void> {
  const startMs = performance.now()
  while (!(await shows())) {
    if (performance.now() - startMs > GIVE_UP_MS) throw new Error(`nothing changed within ${GIVE_UP_MS} ms`)
  }
}
