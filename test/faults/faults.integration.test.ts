// Goal: whatever optional part fails, every request is answered, with an answer that may be shown, on the rung that it deserves, and everything is as before soon after.
// Method: a server with parts that fail on demand, under requests at random moments; every answer is checked. MILLRACE_FAULT_SECONDS sets how long each
// fault lasts, MILLRACE_FAULT_RATE the requests per second; `npm run test:faults` has a minute at a thousand.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RecommendResponse } from '../../src/domain/recommendation.ts'
import { ask, beginLoad, type Seen } from './fault-load.ts'
import { type InnerFault, itemIdOf, LIMIT } from './fault-system.ts'

const SECONDS = Number(process.env.MILLRACE_FAULT_SECONDS ?? 1.5)
const PER_SECOND = Number(process.env.MILLRACE_FAULT_RATE ?? 150)
/** Answers in a row that must be whole before everything counts as it was. */
const RECOVERED_COUNT = 20
const RECOVERY_MS_MAX = 10_000
/** Of the answers of the second half of a fault, so many stand on the rung that is expected: some were asked before the first ones failed. */
const EXPECTED_SHARE = 0.95

let folder: string
let server: ChildProcess
let lines: Interface
let port: number

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-faults-'))
  const script = fileURLToPath(new URL('fault-server.ts', import.meta.url))
  server = spawn(process.execPath, [script, join(folder, 'data')], { stdio: ['pipe', 'pipe', 'inherit'] })
  lines = createInterface({ input: server.stdout! })
  port = (JSON.parse(String((await once(lines, 'line'))[0])) as { port: number }).port
  const warmUp = beginLoad(port, PER_SECOND, 0)
  await pauseOf(2000)
  await warmUp.stop()
}, 120_000)

afterAll(async () => {
  server.stdin!.end()
  await once(server, 'close')
  rmSync(folder, { recursive: true, force: true })
})

const pauseOf = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

async function setFault(fault: InnerFault): Promise<void> {
  const told = once(lines, 'line')
  server.stdin!.write(`${fault}\n`)
  await told
}

interface Trial {
  readonly fault: string
  /** Begins it; the result ends it. */
  readonly begin: () => Promise<() => Promise<void>>
  /** What nearly all answers of the second half stand on. */
  readonly rungs: readonly string[]
}

const inner = (fault: InnerFault, ...rungs: readonly string[]): Trial => ({
  fault,
  rungs,
  begin: async () => {
    await setFault(fault)
    return () => setFault('none')
  },
})

const any = ['full', 'reduced', 'unranked', 'popular']

const trials: readonly Trial[] = [
  inner('none', 'full'),
  inner('the store answers slowly', 'unranked'),
  inner('the store fails', 'unranked'),
  inner('the store answers garbage', 'unranked'),
  inner('the ranker throws', 'unranked'),
  inner('the ranker gives NaN', 'unranked'),
  inner('the ranker takes ten seconds', 'unranked'),
  inner('a generator throws', 'popular'),
  inner('the log has no room', 'full'),
  inner('the clock is a day ahead', 'full'),
  inner('the clock is a day behind', 'full'),
  inner('models are swapped', 'full'),
  { fault: 'clients send byte by byte', rungs: ['full'], begin: async () => crowd(50, trickle) },
  { fault: 'clients leave before the answer', rungs: ['full'], begin: async () => crowd(8, leaveAtOnce) },
  { fault: 'clients flood', rungs: any, begin: async () => crowd(24, askAtOnceAgain) },
]

/** So many clients of a kind, until they are called off. */
function crowd(count: number, act: (socket: Socket, isOver: () => boolean) => void): () => Promise<void> {
  let isOver = false
  const sockets = new Set<Socket>()
  const enter = (): void => {
    if (isOver) return
    const socket = connect(port, '127.0.0.1')
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      setTimeout(enter, 20)
    })
    act(socket, () => isOver)
  }
  for (let n = 0; n < count; n++) enter()
  return async () => {
    isOver = true
    for (const socket of sockets) socket.destroy()
  }
}

const questionText = (() => {
  const body = JSON.stringify({ placement: 'home', userId: 'u1' })
  const head = ['POST /v1/recommend HTTP/1.1', 'Host: localhost', 'Content-Type: application/json']
  return `${head.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
})()

function trickle(socket: Socket, isOver: () => boolean): void {
  let at = 0
  const next = (): void => {
    if (isOver() || socket.destroyed || at >= questionText.length) return void socket.destroy()
    socket.write(questionText[at++]!)
    setTimeout(next, 50)
  }
  socket.on('connect', next)
}

function leaveAtOnce(socket: Socket): void {
  socket.on('connect', () => socket.write(questionText, () => socket.destroy()))
}

/** The next question with every answer, as fast as the server can. */
function askAtOnceAgain(socket: Socket): void {
  socket.on('connect', () => socket.write(questionText))
  socket.on('data', () => socket.write(questionText))
}

const percentileOf = (seen: readonly Seen[], share: number): number => {
  const sorted = seen.map(({ latencyMs }) => latencyMs).sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN
}

test.each(trials)(
  '$fault: no request fails, no answer is invalid',
  {
    timeout: 60_000 + SECONDS * 2000,
  },
  async ({ fault, begin, rungs }) => {
    const load = beginLoad(port, PER_SECOND, 1)
    const { seen } = load
    const end = await begin()
    await pauseOf(SECONDS * 500)
    const halfAt = seen.length
    await pauseOf(SECONDS * 500)
    const endedAt = seen.length
    const endedMs = seen.at(-1)?.atMs ?? 0
    await end()
    const recoveredAt = await recovered(seen, endedAt)
    await load.stop()
    const counts = Object.groupBy(seen.slice(0, endedAt), ({ rung }) => rung ?? 'failed')
    const counted = Object.entries(counts).map(([rung, answers]) => `${rung} ${answers!.length}`)
    const recoveryMs = recoveredAt === undefined ? Number.NaN : seen[recoveredAt]!.atMs - endedMs
    console.log(
      `${fault}: ${seen.length} answers, ${counted.join(', ')}; p50 ${percentileOf(seen, 0.5).toFixed(1)} ms, p99 ${percentileOf(seen, 0.99).toFixed(1)} ms; whole again after ${recoveryMs.toFixed(0)} ms`,
    )
    expect(seen.flatMap(({ trouble }) => trouble ?? [])).toEqual([])
    const late = seen.slice(halfAt, endedAt)
    expect(late.length).toBeGreaterThan(10)
    const expected = late.filter(({ rung }) => rungs.includes(rung!))
    expect(expected.length / late.length, counted.join(', ')).toBeGreaterThanOrEqual(EXPECTED_SHARE)
    expect(recoveredAt).toBeDefined()
  },
)

/** The first of so many whole answers in a row, of those from there on; undefined where that takes too long. */
async function recovered(seen: readonly Seen[], from: number): Promise<number | undefined> {
  for (let waitedMs = 0; waitedMs < RECOVERY_MS_MAX; waitedMs += 20) {
    let inRow = 0
    for (let n = from; n < seen.length; n++) {
      inRow = seen[n]!.rung === 'full' ? inRow + 1 : 0
      if (inRow === RECOVERED_COUNT) return n - RECOVERED_COUNT + 1
    }
    await pauseOf(20)
  }
  return undefined
}

describe('a request that asks for too much, or for what there is not', () => {
  const answerOf = async (body: object): Promise<{ status: number; answer: RecommendResponse & { code?: string } }> => {
    const { status, text } = await ask(undefined, port, body)
    return { status, answer: JSON.parse(text) as RecommendResponse & { code?: string } }
  }
  const home = { placement: 'home', userId: 'u1' }

  test('an unknown placement is refused by name', async () => {
    expect(await answerOf({ placement: 'hom' })).toMatchObject({ status: 404, answer: { code: 'UNKNOWN_PLACEMENT' } })
  })

  test('a context of the wrong type is refused with every problem', async () => {
    const { status, answer } = await answerOf({ ...home, recent: 'i1', limit: 'many' })
    expect(status).toBe(400)
    expect(answer).toMatchObject({ code: 'REQUEST_INVALID', problems: [{}, {}] })
  })

  test('a filter that removes everything gives an empty list and the reason', async () => {
    const { status, answer } = await answerOf({ ...home, filter: 'price > 1000000' })
    expect(status).toBe(200)
    expect(answer.items).toEqual([])
    expect(answer.shortfall).toBeDefined()
  })

  test('an exclusion of 100,000 ids is kept', async () => {
    const exclude = Array.from({ length: 100_000 }, (_, n) => itemIdOf(n < 400 ? n : n + 10_000))
    const { status, answer } = await answerOf({ ...home, exclude })
    expect(status).toBe(200)
    expect(answer.items).toHaveLength(LIMIT)
    for (const { itemId } of answer.items) expect(Number(itemId.slice(1))).toBeGreaterThanOrEqual(400)
  })

  test('a thousand recommendations are as many as there may be, and the reason', async () => {
    const { status, answer } = await answerOf({ ...home, limit: 1000 })
    expect(status).toBe(200)
    // Three of each of forty brands.
    expect(answer.items).toHaveLength(120)
    expect(answer.shortfall).toBeDefined()
    expect((await answerOf({ ...home, limit: 1001 })).status).toBe(400)
  })
})
