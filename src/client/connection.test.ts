// How often a call is repeated and how long it may take, on a time that the tests move; resets and hangs come from real sockets.

import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { MillraceApiError } from './api-error.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import { manualTime } from './time.testing.ts'

const call = { method: 'GET', path: '/v1/models' } as const
const answer = (status: number, headers: Record<string, string> = {}) => new Response('{}', { status, headers })

/** Answers in turn as told, then for ever as the last; notes when it was asked. */
function scripted(answers: readonly (() => Response | Promise<Response>)[], options: Partial<ConnectionOptions> = {}) {
  const time = manualTime()
  const askedMs: number[] = []
  const connection = new Connection({
    url: 'http://shop',
    time,
    random: () => 0.5,
    fetch: async () => {
      askedMs.push(time.now())
      return answers[Math.min(askedMs.length, answers.length) - 1]!()
    },
    ...options,
  })
  return { connection, time, askedMs }
}

const outcomeOf = (promise: Promise<unknown>) => promise.catch((error: unknown) => error)

test('pauses double, and are spread around that by chance', async () => {
  for (const [share, expected] of [
    [0, [0, 25, 75, 175]],
    [0.5, [0, 50, 150, 350]],
  ] as const) {
    const { connection, time, askedMs } = scripted([() => answer(503)], { retryCount: 3, random: () => share })
    const outcome = outcomeOf(connection.call(call))
    await time.advance(1000)
    expect(await outcome).toMatchObject({ status: 503 })
    expect(askedMs).toEqual(expected)
  }
})

test('what the server asks for in Retry-After is waited for, in seconds or until a date', async () => {
  for (const header of ['3', new Date(3000).toUTCString()]) {
    const { connection, time, askedMs } = scripted([() => answer(429, { 'retry-after': header }), () => answer(200)])
    const outcome = connection.call(call)
    await time.advance(5000)
    expect(await outcome).toEqual({})
    expect(askedMs).toEqual([0, 3050])
  }
})

test('a pause that would outlast the call is not begun', async () => {
  const { connection, askedMs } = scripted([() => answer(503, { 'retry-after': '60' })])
  expect(await outcomeOf(connection.call(call))).toMatchObject({ code: 'UNEXPECTED_ANSWER', status: 503 })
  expect(askedMs).toEqual([0])
})

test('a call may have a shorter time of its own, and be taken back while it pauses', async () => {
  const { connection, time, askedMs } = scripted([() => answer(503, { 'retry-after': '5' })])
  expect(await outcomeOf(connection.call({ ...call, timeoutMs: 4000 }))).toMatchObject({ status: 503 })
  const controller = new AbortController()
  const outcome = outcomeOf(connection.call({ ...call, signal: controller.signal }))
  await time.advance(1000)
  controller.abort()
  expect(await outcome).toMatchObject({ code: 'ABORTED' })
  expect(askedMs).toEqual([0, 0])
})

test('another plan of the server is told once, and only to whoever knows a plan', async () => {
  for (const [planHash, warningCount] of [
    ['b'.repeat(64), 1],
    ['a'.repeat(64), 0],
    [undefined, 0],
  ] as const) {
    const warnings: string[] = []
    const { connection } = scripted([() => answer(200, { 'millrace-plan': 'a'.repeat(64) })], {
      ...(planHash && { planHash }),
      onWarning: (message) => warnings.push(message),
    })
    await connection.call(call)
    await connection.call(call)
    expect(warnings).toHaveLength(warningCount)
    if (warningCount > 0) expect(warnings[0]).toMatch(/bbbbbbbbbbbb.*aaaaaaaaaaaa.*millrace client --out/)
  }
})

test('a connection that is reset is tried again; one that hangs ends in time', async () => {
  let connectionCount = 0
  const good = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}'
  const server = createServer((socket) => {
    const number = ++connectionCount
    socket.on('error', () => {})
    socket.once('data', () => {
      if (number <= 2) socket.resetAndDestroy()
      else if (number === 3) socket.end(good)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const connection = new Connection({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      random: () => 0,
    })
    expect(await connection.call(call)).toEqual({})
    expect(connectionCount).toBe(3)
    const failure = await outcomeOf(connection.call({ ...call, timeoutMs: 50 }))
    expect(failure).toBeInstanceOf(MillraceApiError)
    expect(failure).toMatchObject({ code: 'TIMED_OUT' })
  } finally {
    server.close()
  }
})
