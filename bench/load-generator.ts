// The program behind `runLoad`. Bare sockets and a minimal reader of answers, because a client that costs as much as the server would measure
// itself. Latencies of the measured part are kept one by one: no histogram, no rounding.
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { seededRng } from '../src/lib/rng.ts'
import { percentile } from './figure.ts'
import type { LoadOptions, LoadResult } from './load.ts'

const NAP_MS = 0.2

const options = JSON.parse(process.argv[2]!) as LoadOptions
const requests = requestsOf(options)
const rng = seededRng(options.seed)
let nextRequest = 0

const startMs = performance.now()
const measureFromMs = startMs + options.warmupMs
const endMs = measureFromMs + options.durationMs
const latenciesMs: number[] = []
let failureCount = 0
let answerBytes = 0

/** Sends one request at a time over one connection. */
class Lane {
  readonly #socket: Socket
  readonly #onFree: (lane: Lane) => void
  #dueMs = 0
  #received = ''

  constructor(onFree: (lane: Lane) => void) {
    this.#onFree = onFree
    // latin1: one character per byte, so lengths in the headers can be compared with lengths of text.
    this.#socket = connect(options.port, '127.0.0.1').setNoDelay(true).setEncoding('latin1')
    this.#socket.on('connect', () => onFree(this)).on('data', (part) => this.#read(String(part)))
    this.#socket.on('error', (error) => fail(error.message))
    this.#socket.on('close', () => performance.now() < endMs && fail('the server hung up'))
  }

  /** @param dueMs when it should have been sent */
  send(dueMs: number): void {
    this.#dueMs = dueMs
    this.#socket.write(requests[nextRequest++ % requests.length]!)
  }

  #read(part: string): void {
    this.#received = this.#received === '' ? part : this.#received + part
    const headEnd = this.#received.indexOf('\r\n\r\n')
    if (headEnd === -1) return
    const length = Number(/content-length: (\d+)/i.exec(this.#received.slice(0, headEnd))?.[1])
    if (!(length >= 0)) fail('an answer without Content-Length')
    if (this.#received.length < headEnd + 4 + length) return
    this.#record(performance.now(), this.#received.startsWith('HTTP/1.1 200'), length)
    this.#received = ''
    this.#onFree(this)
  }

  #record(nowMs: number, isOk: boolean, length: number): void {
    if (!isOk) failureCount++
    if (this.#dueMs < measureFromMs || this.#dueMs >= endMs) return
    latenciesMs.push(nowMs - this.#dueMs)
    answerBytes += length
  }
}

if (options.arrivalsPerSecond === undefined) closedLoop()
else openLoop(options.arrivalsPerSecond)

function closedLoop(): void {
  let openCount = options.connectionCount
  const onFree = (lane: Lane): void => {
    const nowMs = performance.now()
    if (nowMs < endMs) lane.send(nowMs)
    else if (--openCount === 0) report()
  }
  for (let i = 0; i < options.connectionCount; i++) new Lane(onFree)
}

function openLoop(arrivalsPerSecond: number): void {
  const free: Lane[] = []
  const waitingDueMs: number[] = []
  let waitingStart = 0
  let openedCount = 0
  const onFree = (lane: Lane): void => {
    openedCount++
    if (waitingStart < waitingDueMs.length) lane.send(waitingDueMs[waitingStart++]!)
    else free.push(lane)
  }
  for (let i = 0; i < options.connectionCount; i++) new Lane(onFree)

  let dueMs = startMs + 200
  // Short naps instead of timers, which would be late by up to a millisecond, and instead of spinning, which would take the server's share of
  // a processor where both cores are one with two threads. Each nap makes an answer look up to NAP_MS later than it was, never earlier.
  const napping = new Int32Array(new SharedArrayBuffer(4))
  const turn = (): void => {
    const nowMs = performance.now()
    for (; dueMs <= nowMs && dueMs < endMs; dueMs += (-Math.log(1 - rng.next()) * 1000) / arrivalsPerSecond) {
      const lane = free.pop()
      if (lane) lane.send(dueMs)
      else waitingDueMs.push(dueMs)
    }
    const isDone = nowMs >= endMs && free.length === options.connectionCount && waitingStart === waitingDueMs.length
    if (isDone) report()
    // What is still unanswered long after the end counts with the time it has waited: a dead server must not look fast.
    else if (nowMs > endMs + 10_000) fail(`${openedCount} answers, and more still waited 10 s after the end`)
    else {
      const napMs = Math.min(NAP_MS, dueMs - nowMs)
      if (napMs > 0) Atomics.wait(napping, 0, 0, napMs)
      setImmediate(turn)
    }
  }
  turn()
}

function requestsOf({ path, bodiesFile }: LoadOptions): readonly Buffer[] {
  const head = (method: string): string => `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n`
  if (bodiesFile === undefined) return [Buffer.from(`${head('GET')}\r\n`)]
  const bodies = readFileSync(bodiesFile, 'utf8').trimEnd().split('\n')
  return bodies.map((body) =>
    Buffer.from(
      `${head('POST')}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    ),
  )
}

function report(): void {
  const result: LoadResult = {
    requestsPerSecond: latenciesMs.length / (options.durationMs / 1000),
    latencyMsP50: percentile(latenciesMs, 0.5),
    latencyMsP99: percentile(latenciesMs, 0.99),
    latencyMsMax: percentile(latenciesMs, 1),
    answerCount: latenciesMs.length,
    failureCount,
    answerBytesMean: answerBytes / Math.max(1, latenciesMs.length),
  }
  process.stdout.write(JSON.stringify(result), () => process.exit(0))
}

function fail(message: string): never {
  console.error(message)
  process.exit(1)
}
