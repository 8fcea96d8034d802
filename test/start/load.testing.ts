// Visitors that ask without pause, half of them on a connection each, half on a new one every time. A call whose connection breaks is made again, once.
import { Agent, request } from 'node:http'

export interface LoadReport {
  readonly answerCount: number
  /** Broken connections; the call was made again. */
  resetCount: number
  /** Calls that failed all the same, or were answered with an error. Empty if all is well. */
  readonly failures: string[]
}

interface Answer {
  readonly status: number
  readonly body: string
}

const VISITOR_COUNT = 8
const TIMEOUT_MS = 10_000

/** Asks for recommendations while `act` goes on. @param look is given every answer, and throws at what must not be */
export async function underLoad(
  url: string,
  act: () => Promise<void>,
  look: (answer: { modelVersion: string; items: { itemId: string }[] }) => void = () => {},
): Promise<LoadReport> {
  const report = { answerCount: 0, resetCount: 0, failures: [] as string[] }
  let isOver = false
  const visitor = async (n: number): Promise<void> => {
    const agent = new Agent({ keepAlive: n % 2 === 0, maxSockets: 1 })
    while (!isOver) {
      try {
        const { status, body } = await again(report, () =>
          post(`${url}/v1/recommend`, { placement: 'home', userId: `visitor-${n}` }, agent),
        )
        if (status !== 200) throw new Error(`status ${status}: ${body}`)
        look(JSON.parse(body))
        report.answerCount++
      } catch (error) {
        report.failures.push(String(error))
      }
      // A quarter of what two processors would bear: what is tested is not speed.
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    agent.destroy()
  }
  const visitors = Array.from({ length: VISITOR_COUNT }, (_, n) => visitor(n))
  try {
    await act()
  } finally {
    isOver = true
    await Promise.all(visitors)
  }
  return report
}

/** What the Millrace client does with a call that is safe to repeat, though only once. */
async function again<T>(report: { resetCount: number }, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch {
    report.resetCount++
    return call()
  }
}

/** On a connection of its own, unless an agent keeps one. */
export function post(url: string, body: object, agent: Agent | false = false): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const text = JSON.stringify(body)
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
    const call = request(url, { method: 'POST', headers, timeout: TIMEOUT_MS, agent }, (response) => {
      let answer = ''
      response
        .setEncoding('utf8')
        .on('data', (part: string) => (answer += part))
        .on('end', () => resolve({ status: response.statusCode ?? 0, body: answer }))
        .on('error', reject)
    })
    call.on('timeout', () => call.destroy(new Error('no answer in time')))
    call.on('error', reject)
    call.end(text)
  })
}
