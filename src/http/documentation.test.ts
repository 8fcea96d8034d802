// The page that describes the API says what the server does: the same routes with the same scopes, and the same metrics with the same labels.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { startTestServer } from './testing.ts'

const page = readFileSync(new URL('../../docs/http.md', import.meta.url), 'utf8')
const { server, ...running } = startTestServer()

/** The rows of the table below a heading, as cells without backticks. */
function table(header: string): string[][] {
  const start = page.indexOf(header)
  expect(start, header).toBeGreaterThan(0)
  const lines = page.slice(start).split('\n')
  const rows = lines.slice(2, lines.indexOf(''))
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  )
}

test('the routes of the page are the routes of the server, with their scopes', async () => {
  const document = (await server.inject('/openapi.json')).json()
  const actual = Object.entries(document.paths as Record<string, Record<string, { security: { key?: string[] }[] }>>)
    .flatMap(([path, operations]) =>
      Object.entries(operations).map(
        ([method, { security }]) => `${method.toUpperCase()} ${path} ${security[1]?.key?.[0] ?? 'none'}`,
      ),
    )
    .sort()
  const described = table('| route | scope |').flatMap(([routes, scope]) => {
    // "PUT, PATCH /a" means both methods of /a; "PUT /a, PUT /b" means what it says.
    const path = routes!.split(' ').at(-1)
    return routes!.split(', ').map((part) => `${part.includes(' ') ? part : `${part} ${path}`} ${scope}`)
  })
  expect(described.sort()).toEqual(actual)
})

test('the metrics of the page are those of the server, with their labels', async () => {
  expect(running.requests).toEqual([])
  await server.inject({ method: 'POST', url: '/v1/recommend', payload: { placement: 'home' } })
  await server.inject({ method: 'POST', url: '/v1/events', payload: { events: [{ id: 'bad' }] } })
  server.countAnswered({
    response: { placement: 'home', stored: { batchId: 'b', madeAt: '2026-01-01T00:00:00.000Z', ageSeconds: 60 } },
    stepMs: { candidates: 1, others: 1, features: 1, ranking: 1 },
    ruleFailures: [{ rule: 'fresh' }],
    failures: [{ generator: 'cf' }],
    invalidCandidateCount: 1,
    withdrawnCount: 0,
  })
  const text = (await server.inject('/metrics')).body
  const names = [...text.matchAll(/^# TYPE (millrace_\w+)/gm)].map((match) => match[1]!)
  const described = table('| name | labels |')
  expect(described.map(([name]) => name).sort()).toEqual(names.sort())
  for (const [name, labels] of described) {
    const sample = text.split('\n').find((line) => line.startsWith(name!) && !line.includes('_bucket{'))!
    const given = [...sample.matchAll(/(\w+)="/g)].map((match) => match[1])
    expect(given.join(', '), name).toBe(labels)
  }
})
