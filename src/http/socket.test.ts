// What only a real connection shows: slow and huge requests, a port that is taken, and stopping while requests run.
import { once } from 'node:events'
import { Agent, request as httpRequest } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { IntakeResult } from './dependencies.ts'
import type { HttpServer } from './server.ts'
import { startTestServer, type TestServer } from './testing.ts'

/** Half of what a server waits for its connections at most when it stops: so slow is no machine. */
const HELD_UP_MS = 5000

const opened: HttpServer[] = []
afterEach(async () => {
  await Promise.all(opened.splice(0).map((server) => server.close()))
})

async function listening(
  options: Parameters<typeof startTestServer>[0] = {},
): Promise<TestServer & { url: string; port: number }> {
  const running = startTestServer({ port: 0, ...options })
  opened.push(running.server)
  return { ...running, ...(await running.server.listen()) }
}

async function connection(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

/** Everything that comes until the other side hangs up. */
async function received(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('utf8').on('data', (part) => {
    text += part
  })
  socket.on('error', () => {})
  await once(socket, 'close')
  return text
}

const problemIn = (answer: string) => JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))

test('it tells the address it listens on, and answers there', async () => {
  const { url, port } = await listening()
  expect(url).toBe(`http://127.0.0.1:${port}`)
  expect((await fetch(`${url}/health/ready`)).status).toBe(200)
})

test('a body of 100 MB is refused at once, without being taken in', async () => {
  const { port } = await listening()
  const before = process.memoryUsage().rss
  let sentBytes = 0
  const status = await new Promise<number>((resolve, reject) => {
    const sending = httpRequest(
      {
        port,
        host: '127.0.0.1',
        method: 'POST',
        path: '/v1/events',
        headers: { 'content-type': 'application/json', 'content-length': 100 * 2 ** 20 },
      },
      (response) => resolve(response.statusCode!),
    )
    sending.on('error', reject)
    const chunk = Buffer.alloc(65_536, 0x20)
    const sendMore = (): void => {
      if (sending.destroyed || sentBytes >= 100 * 2 ** 20) return
      sentBytes += chunk.length
      sending.write(chunk, () => setImmediate(sendMore))
    }
    sendMore()
  })
  expect(status).toBe(413)
  expect(sentBytes).toBeLessThan(20 * 2 ** 20)
  expect(process.memoryUsage().rss - before).toBeLessThan(60 * 2 ** 20)
})

test('a body of unknown length is refused when it passes the limit', async () => {
  const { port } = await listening({ limits: { batchBodyBytes: 100_000 } })
  const socket = await connection(port)
  const answer = received(socket)
  socket.write(
    'POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
  )
  const chunk = `4000\r\n${' '.repeat(0x4000)}\r\n`
  const timer = setInterval(() => socket.writable && socket.write(chunk), 2)
  expect(await answer).toContain('413 Payload Too Large')
  clearInterval(timer)
})

test('a request that trickles in is cut off with a problem, and the server goes on', async () => {
  const { url, port } = await listening({ limits: { requestMs: 300 } })
  const slowHead = await connection(port)
  const slowBody = await connection(port)
  const answers = Promise.all([received(slowHead), received(slowBody)])
  slowHead.write('POST /v1/recommend HTTP/1.1\r\nHo')
  slowBody.write(
    'POST /v1/recommend HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"pl',
  )
  expect((await fetch(`${url}/health/live`)).status).toBe(200)
  for (const answer of await answers) {
    expect(answer).toContain('HTTP/1.1 408')
    expect(problemIn(answer)).toMatchObject({ code: 'REQUEST_TOO_SLOW', status: 408 })
  }
  expect((await fetch(`${url}/health/live`)).status).toBe(200)
})

test('what is not HTTP, and headers without end, get a problem', async () => {
  const { port } = await listening()
  for (const [sent, status, code] of [
    ['hello\r\n\r\n', '400', 'REQUEST_MALFORMED'],
    [`GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, '431', 'REQUEST_HEADERS_TOO_LARGE'],
  ] as const) {
    const socket = await connection(port)
    const answer = received(socket)
    socket.write(sent)
    expect(await answer).toContain(`HTTP/1.1 ${status}`)
    expect(problemIn(await answer).code).toBe(code)
  }
})

test('a port that is taken, and a host that is not ours', async () => {
  const { port } = await listening()
  await expect(startTestServer({ port }).server.listen()).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    message: `Port ${port} of 127.0.0.1 is taken by another process.`,
    fix: expect.stringContaining('--port'),
  })
  const elsewhere = startTestServer({ host: '192.0.2.1', port: 0 })
  elsewhere.addKey('read')
  await expect(elsewhere.server.listen()).rejects.toMatchObject({ code: 'ADDRESS_UNUSABLE' })
})

function heldIntake() {
  const started = Promise.withResolvers<void>()
  const held = Promise.withResolvers<IntakeResult>()
  const accept = (): Promise<IntakeResult> => {
    started.resolve()
    return held.promise
  }
  return {
    started: started.promise,
    release: held.resolve,
    intake: { acceptEvents: accept, acceptEntityChanges: accept },
  }
}

const sendEvent = (url: string) =>
  fetch(`${url}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ events: [{}] }),
  })

test('stopping finishes the running requests, takes no new ones, and is not ready', async () => {
  const { started, release, intake } = heldIntake()
  const { server, url } = await listening({ intake })
  const running = sendEvent(url)
  await started
  let isStopped = false
  const stopping = server.close().then(() => {
    isStopped = true
  })
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(isStopped).toBe(false)
  await expect(fetch(`${url}/health/live`)).rejects.toThrow()
  release({ acceptedCount: 1, duplicatePositions: [], rejected: [] })
  const response = await running
  expect([response.status, await response.json()]).toEqual([200, { acceptedCount: 1, duplicateCount: 0, rejected: [] }])
  const releasedAtMs = performance.now()
  await stopping
  // Not held up by the client, which keeps its connection.
  expect(performance.now() - releasedAtMs).toBeLessThan(HELD_UP_MS)
})

test('while draining it is not ready, but still answers', async () => {
  const { server, url } = await listening({ limits: { drainMs: 1000 } })
  const stopping = server.close()
  const ready = await fetch(`${url}/health/ready`)
  expect([ready.status, await ready.json()]).toEqual([
    503,
    { status: 'not ready', reasons: ['The server is stopping.'] },
  ])
  expect((await sendEvent(url)).status).toBe(200)
  await stopping
  await expect(fetch(`${url}/health/live`)).rejects.toThrow()
})

test('a connection that somebody else has accepted is answered like its own, and waited for when it stops', async () => {
  const { server } = await listening()
  const accepting = createServer((accepted) => server.take(accepted)).listen(0, '127.0.0.1')
  await once(accepting, 'listening')
  try {
    const { port } = accepting.address() as AddressInfo
    const [idle, slow] = [await connection(port), await connection(port)]
    const body = JSON.stringify({ placement: 'home' })
    slow.write(
      `POST /v1/recommend HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n{`,
    )
    await expect.poll(() => server.takenCount()).toBe(2)
    const answers = [received(idle), received(slow)]
    let hasStopped = false
    const stopping = server.close().then(() => {
      hasStopped = true
    })
    expect(await answers[0]).toBe('')
    expect(hasStopped).toBe(false)
    slow.write(body.slice(1))
    expect(await answers[1]).toMatch(/^HTTP\/1.1 200 OK\r\n/)
    await stopping
    expect(server.takenCount()).toBe(0)
  } finally {
    accepting.close()
  }
})

test('clients that keep their connections busy are told to leave, and see no error when the server stops', async () => {
  const { server, url } = await listening({ limits: { drainMs: 1000 } })
  const agent = new Agent({ keepAlive: true })
  let answerCount = 0
  /** Asks again and again on one connection, until an answer says that it is the last one. */
  const untilToldToLeave = async (): Promise<void> => {
    for (let isLast = false; !isLast; answerCount++) {
      const [response] = await once(httpRequest(`${url}/health/live`, { agent }).end(), 'response')
      isLast = response.headers.connection === 'close'
      await once(response.resume(), 'end')
    }
  }
  const clients = Promise.all(Array.from({ length: 8 }, untilToldToLeave))
  await expect.poll(() => answerCount, { timeout: 10_000 }).toBeGreaterThan(16)
  await Promise.all([server.close(), clients])
  agent.destroy()
})

test('a request that does not end in time is cut off when stopping', async () => {
  const { started, intake } = heldIntake()
  const { server, url, logLines } = await listening({ intake, limits: { stopMs: 100 } })
  const running = sendEvent(url).catch((error: Error) => error)
  await started
  await server.close()
  expect(await running).toBeInstanceOf(Error)
  expect(logLines.join('')).toContain('cut off')
})

test('stopping does not wait for idle connections', async () => {
  const { server, url } = await listening()
  await (await fetch(`${url}/health/live`)).text()
  const startedAtMs = performance.now()
  await server.close()
  expect(performance.now() - startedAtMs).toBeLessThan(HELD_UP_MS)
})
