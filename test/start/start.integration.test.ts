// Goal: a shop served by several processes fails no request, whatever is done to one of them, and what they tell of themselves is true. Method: a real
// `millrace start` with two workers over a small made shop, asked without pause while workers are killed, models swapped, processes replaced.
// What it starts takes some seconds each, so it is no part of `npm test`.

import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { isAlive } from '../../src/adapters/embedded/process-name.ts'
import { openApp } from '../../src/app.ts'
import { logBatches } from '../../src/data/log-batches.ts'
import { seededRng } from '../../src/lib/rng.ts'
import { repositoryRoot } from '../source-files.ts'
import { post, underLoad } from './load.testing.ts'
import { type MadeShop, makeShop, promote, type Started, shopFolder, startShop } from './started.testing.ts'

// MILLRACE_START_KILLS and MILLRACE_START_SWAPS of 100 are the full trials, MILLRACE_SEED other moments.
const killCount = Number(process.env.MILLRACE_START_KILLS ?? 4)
const swapCount = Number(process.env.MILLRACE_START_SWAPS ?? 6)
const seed = Number(process.env.MILLRACE_SEED ?? 20_261_126)

let shop: MadeShop
beforeAll(async () => {
  shop = await makeShop()
})
afterAll(() => shop?.remove())

const started: Started[] = []
afterEach(async () => {
  for (const one of started.splice(0)) await one.stop()
})
async function start(...args: string[]): Promise<Started> {
  const one = await startShop(shop, ...args)
  started.push(one)
  return one
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const metricsOf = async ({ url }: Started): Promise<string> => (await fetch(`${url}/metrics`)).text()
const sampleOf = (metrics: string, sample: string): number =>
  Number(
    metrics
      .split('\n')
      .find((line) => line.startsWith(`${sample} `))
      ?.split(' ')[1],
  )

test(`a worker that is killed, ${killCount} times, fails no request of a client that asks again once; no acknowledged event is lost`, {
  timeout: 60_000 + killCount * 15_000,
}, async () => {
  const system = await start('--workers', '2')
  const rng = seededRng(seed)
  const acknowledged: string[] = []
  let isOver = false
  const sending = (async () => {
    for (let n = 0; !isOver; n++) {
      const event = { id: `sent-${n}`, interaction: 'view', userId: 'sender', itemId: 'a0' }
      for (;;) {
        const answer = await post(`${system.url}/v1/events`, { events: [event] }).catch(() => undefined)
        if (answer?.status === 200) break
      }
      acknowledged.push(event.id)
      await pause(10)
    }
  })()
  const report = await underLoad(system.url, async () => {
    for (let kill = 0; kill < killCount; kill++) {
      // Every fifth one is the pipeline.
      const name = kill % 5 === 3 ? 'pipeline' : `worker-${1 + rng.integer(2)}`
      const readyCount = system.log.filter((entry) => entry.message === 'process ready' && entry.name === name).length
      await pause(rng.next() * 300)
      process.kill(system.pids()[name]!, 'SIGKILL')
      await system.logged('process ready', { where: (entry) => entry.name === name, skip: readyCount })
    }
  })
  isOver = true
  await sending
  console.log(JSON.stringify({ killCount, acknowledgedCount: acknowledged.length, ...report }))
  expect(report.failures).toEqual([])
  expect(report.answerCount).toBeGreaterThan(100)
  // What was being answered when a worker died, and connections that waited in it for the next question: at most one for each visitor.
  expect(report.resetCount).toBeLessThanOrEqual(8 * killCount)

  const metrics = await metricsOf(system)
  const restarts = ['pipeline', 'worker-1', 'worker-2'].map((name) =>
    sampleOf(metrics, `millrace_process_restarts_total{process="supervisor",of="${name}"}`),
  )
  expect(restarts.reduce((sum, count) => sum + count, 0)).toBe(killCount)
  await system.stop()
  const times = await timesStored('sent-')
  expect(acknowledged.filter((id) => times.get(id) !== 1)).toEqual([])
})

/** How often each event with an id that begins so is in the log. */
async function timesStored(prefix: string): Promise<Map<string, number>> {
  const times = new Map<string, number>()
  for (const { id } of await logged()) if (id.startsWith(prefix)) times.set(id, (times.get(id) ?? 0) + 1)
  return times
}

async function logged(): Promise<{ id: string; kind: string }[]> {
  const app = await openApp({ systemFile: shopFolder, dataDir: shop.dataDir })
  try {
    // One reading brings some megabytes at most.
    const events: { id: string; kind: string }[] = []
    for await (const batch of logBatches(app.log, await app.log.bounds()))
      events.push(...batch.map(({ event }) => event))
    return events
  } finally {
    await app.close()
  }
}

test(`a model that is swapped ${swapCount} times fails no request, and no answer mixes two of them`, {
  timeout: 60_000 + swapCount * 2_000,
}, async () => {
  const system = await start('--workers', '2')
  const letters = new Map([
    [shop.versions[0], 'a'],
    [shop.versions[1], 'b'],
  ])
  const seen = new Map<string, number>()
  const report = await underLoad(
    system.url,
    async () => {
      for (let swap = 1; swap <= swapCount; swap++) {
        await promote(shop.dataDir, shop.versions[swap % 2]!)
        await pause(700)
      }
    },
    ({ modelVersion, items }) => {
      seen.set(modelVersion, (seen.get(modelVersion) ?? 0) + 1)
      const mixed = items.length !== 5 || items.some(({ itemId }) => itemId[0] !== letters.get(modelVersion))
      if (mixed) throw new Error(`${modelVersion} answered ${JSON.stringify(items)}`)
    },
  )
  console.log(JSON.stringify({ swapCount, ...report, byModel: Object.fromEntries(seen) }))
  expect(report).toMatchObject({ failures: [], resetCount: 0 })
  expect([...seen.keys()].sort()).toEqual([...shop.versions].sort())
  for (const count of seen.values()) expect(count).toBeGreaterThan(50)
})

test('SIGHUP replaces every process while requests go on, each only when the new one is ready', async () => {
  const system = await start('--workers', '2')
  const before = system.pids()
  const report = await underLoad(system.url, async () => {
    system.child.kill('SIGHUP')
    await system.logged('every process is replaced')
  })
  const after = system.pids()
  expect(Object.keys(after).sort()).toEqual(['pipeline', 'worker-1', 'worker-2'])
  for (const [name, pid] of Object.entries(after)) expect(pid, name).not.toBe(before[name])
  expect(report.failures).toEqual([])
  // An idle connection may be closed in the very moment in which it is used again; that is HTTP's own, and seldom.
  expect(report.resetCount).toBeLessThan(report.answerCount / 20)
  // A worker stops only after the one that takes its place was ready.
  for (const name of ['worker-1', 'worker-2']) {
    const readyAt = system.log.findLastIndex((entry) => entry.message === 'process ready' && entry.name === name)
    expect(readyAt).toBeGreaterThan(0)
    expect(system.log.findIndex((entry) => entry.message === 'stopped' && entry.process === name)).toBeGreaterThan(
      readyAt,
    )
  }
  const metrics = await metricsOf(system)
  expect(sampleOf(metrics, 'millrace_process_restarts_total{process="supervisor",of="worker-1"}')).toBe(0)
})

test('a worker that somebody tells to stop takes leave of the supervisor first, and is started again', async () => {
  const system = await start('--workers', '2')
  const { failures, resetCount, answerCount } = await underLoad(system.url, async () => {
    process.kill(system.pids()['worker-1']!, 'SIGTERM')
    await system.logged('process ready', { where: ({ name }) => name === 'worker-1', skip: 1 })
  })
  expect(failures).toEqual([])
  expect(resetCount).toBeLessThan(answerCount / 20)
  expect(system.log.find(({ message }) => message === 'a process ended, and is started again')).toMatchObject({
    name: 'worker-1',
    how: 'exit code 0',
  })
})

test('SIGTERM lets a request that has begun end, keeps what was shown, and ends with 0', async () => {
  const system = await start('--workers', '2', '--drain', '1')
  const impressionsBefore = (await logged()).filter(({ kind }) => kind === 'impression').length
  const body = JSON.stringify({ placement: 'home', userId: 'slow' })
  const socket = connect(Number(new URL(system.url).port), '127.0.0.1')
  socket.write(
    `POST /v1/recommend HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`,
  )
  socket.write(body.slice(0, 10))
  let answer = ''
  socket.setEncoding('utf8').on('data', (text: string) => (answer += text))
  const closed = new Promise((resolve) => socket.on('close', resolve))
  await pause(200)
  system.child.kill('SIGTERM')
  await pause(300)
  const health = await fetch(`${system.url}/health/ready`)
  expect(health.status).toBe(503)
  expect(await health.text()).toContain('The server is stopping.')
  await pause(1500)
  socket.write(body.slice(10))
  await closed
  expect(answer).toMatch(/^HTTP\/1.1 200 OK\r\n/)
  expect(await system.ended()).toBe(0)
  expect((await logged()).filter(({ kind }) => kind === 'impression')).toHaveLength(impressionsBefore + 1)
})

test('two systems over one folder answer beside each other, and on one port the second says that it is taken', async () => {
  const first = await start('--workers', '1')
  const { port } = new URL(first.url)
  await expect(startShop(shop, '--workers', '1', '--port', port)).rejects.toThrow(
    new RegExp(`ended with 69[\\s\\S]*PORT_IN_USE: Port ${port} of 127.0.0.1 is taken`),
  )
  const second = await start('--workers', '1')
  await post(`${first.url}/v1/events`, { events: [{ id: 'both', interaction: 'view', userId: 'both', itemId: 'a0' }] })
  // The pipeline of one of them keeps the features for both.
  for (const { url } of [first, second]) {
    await expect
      .poll(async () => (await fetch(`${url}/v1/features/values?userId=both&features=views`)).text())
      .toContain('"value":1')
    expect((await fetch(`${url}/health/ready`)).status).toBe(200)
  }
  process.kill(first.pids().pipeline!, 'SIGKILL')
  await first.logged('process ready', { where: ({ name }) => name === 'pipeline', skip: 1 })
})

test('a supervisor that is killed takes its processes with it, and the next one has the port at once', async () => {
  const system = await start('--workers', '2')
  const pids = Object.values(system.pids())
  system.child.kill('SIGKILL')
  const next = await start('--workers', '1', '--port', new URL(system.url).port)
  expect((await post(`${next.url}/v1/recommend`, { placement: 'home' })).status).toBe(200)
  const isGone = (pid: number): boolean => !isAlive({ pid, startedAt: '' })
  await expect.poll(() => pids.every(isGone), { timeout: 20_000 }).toBe(true)
})

test('metrics of all processes come from the one port, whichever worker is asked', async () => {
  const system = await start('--workers', '2')
  for (let n = 0; n < 10; n++) await post(`${system.url}/v1/recommend`, { placement: 'home' })
  const metrics = await metricsOf(system)
  const answers = [1, 2].map((n) =>
    sampleOf(metrics, `millrace_answers_total{process="worker-${n}",placement="home",rung="full"}`),
  )
  expect(answers[0]! + answers[1]!).toBe(10)
  // In turns, as far as the supervisor knows in time that a connection was closed.
  expect(Math.min(...answers)).toBeGreaterThan(1)
  for (const name of ['pipeline', 'worker-1', 'worker-2']) {
    expect(sampleOf(metrics, `process_resident_memory_bytes{process="${name}"}`), name).toBeGreaterThan(1e6)
    expect(sampleOf(metrics, `millrace_process_ready{process="supervisor",of="${name}"}`), name).toBe(1)
  }
  expect(metrics.split('\n').filter((line) => line.startsWith('# TYPE millrace_answers_total'))).toHaveLength(1)
})

test('what cannot start says why and ends; what can no longer start is told of, and the old processes go on', async () => {
  // Inside the repository, where the name of the package means its source.
  mkdirSync(join(repositoryRoot, 'build'), { recursive: true })
  const folder = mkdtempSync(join(repositoryRoot, 'build', 'start-'))
  try {
    cpSync(shopFolder, folder, { recursive: true })
    const file = join(folder, 'millrace.config.ts')
    const good = readFileSync(file, 'utf8')
    writeFileSync(file, good.replace("name: 'started-shop'", 'name: 7'))
    await expect(startShop(shop, '--workers', '2', '--system', folder)).rejects.toThrow(
      /ended with 78[\s\S]*CONFIG_INVALID/,
    )
    writeFileSync(file, good)
    const system = await start('--workers', '1', '--system', folder)
    const before = system.pids()
    appendFileSync(file, '\nnonsense(')
    system.child.kill('SIGHUP')
    const failed = await system.logged('a new process could not start')
    expect(failed).toMatchObject({ name: 'worker-1' })
    await system.logged('the replacement was stopped: a new process cannot start, so the old ones stay')
    expect(system.pids()).toEqual(before)
    expect((await post(`${system.url}/v1/recommend`, { placement: 'home' })).status).toBe(200)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
