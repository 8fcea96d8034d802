import { expect, test } from 'vitest'
import type { SkewReport } from '../domain/skew-report.ts'
import { startTestServer } from './testing.ts'

const report: SkewReport = {
  measuredAtMs: 3_000,
  fromMs: 1_000,
  toMs: 2_000,
  rowCount: 5,
  otherVersionCount: 1,
  firstOffset: 0,
  lagMs: { median: 2, max: 7 },
  features: [
    {
      name: 'taste',
      version: 'v1',
      owner: 'data@test.example',
      comparedCount: 4,
      equalCount: 3,
      differenceCounts: { mismatch: 1, missingOnline: 0, extraOnline: 0 },
      causeCounts: { lag: 0, unexplained: 1, unjudged: 0 },
      size: { median: 0.5, max: 0.5 },
      examples: [
        {
          momentMs: 1_500,
          userId: 'u',
          difference: 'mismatch',
          cause: 'unexplained',
          served: { status: 'present', value: { lamps: 1 } },
          recomputed: { status: 'present', value: { lamps: 0.5, chairs: 0.5 } },
        },
      ],
    },
  ],
}

test('the state of the system is answered whole, and what is not known yet is left out', async () => {
  const { server, systemStatus } = startTestServer()
  const answer = await server.inject('/v1/status')
  expect(answer.statusCode).toBe(200)
  expect(answer.json()).toEqual(JSON.parse(JSON.stringify(systemStatus)))
  expect(answer.json()).not.toHaveProperty('model')
  expect((await server.inject('/v1/sources')).json()).toEqual({
    sources: JSON.parse(JSON.stringify(systemStatus.sources)),
  })
})

test('a model in charge that cannot answer is told, with what answers in its place', async () => {
  const running = startTestServer()
  const model = { model: 'm1', modelProblem: 'BUNDLE_CORRUPT: items.txt is damaged.', answeringInstead: 'm0' }
  running.systemStatus = { ...running.systemStatus, ...model }
  expect((await running.server.inject('/v1/status')).json()).toMatchObject(model)
  expect((await running.server.inject('/metrics')).body).toMatch(/^millrace_champion_answers 0$/m)
})

test('results of checks come by table, check and number, with their moment', async () => {
  const { server, checkQueries } = startTestServer()
  const answer = await server.inject('/v1/checks?table=interactions&check=mean&limit=7')
  expect(answer.json().results).toEqual([
    expect.objectContaining({ checkedAt: '1970-01-01T00:00:01.000Z', verdict: 'pass', column: null, pValue: null }),
  ])
  await server.inject('/v1/checks')
  expect(checkQueries).toEqual([{ table: 'interactions', check: 'mean', limit: 7 }, { limit: 100 }])
  const refused = await server.inject('/v1/checks?limit=0&tabel=x')
  expect(refused.statusCode).toBe(400)
  expect(refused.json().problems).toHaveLength(2)
})

test('the report of skew comes as it was kept, and nothing before the first', async () => {
  const running = startTestServer()
  expect((await running.server.inject('/v1/skew')).json()).toEqual({})
  // `startTestServer` reads its fields at each request.
  running.skewReport = report
  const { report: answered } = (await running.server.inject('/v1/skew')).json()
  const [{ examples, ...feature }] = report.features as [SkewReport['features'][number]]
  const [{ momentMs: _, ...example }] = examples as [(typeof examples)[number]]
  expect(answered).toEqual({
    measuredAt: '1970-01-01T00:00:03.000Z',
    from: '1970-01-01T00:00:01.000Z',
    to: '1970-01-01T00:00:02.000Z',
    rowCount: 5,
    otherVersionCount: 1,
    firstOffset: 0,
    lagMs: { median: 2, max: 7 },
    features: [{ ...feature, examples: [{ moment: '1970-01-01T00:00:01.500Z', ...example }] }],
  })
})

test('all of it needs a key that may read, where keys are needed', async () => {
  const { server, addKey, keys } = startTestServer({ requireKey: true })
  const key = addKey.call({ keys } as never, 'write')
  for (const url of ['/v1/status', '/v1/sources', '/v1/checks', '/v1/skew']) {
    expect((await server.inject(url)).statusCode, url).toBe(401)
    const headers = { authorization: `Bearer ${key}` }
    expect((await server.inject({ url, headers })).statusCode, url).toBe(403)
  }
})

test('metrics of the pipeline are what its parts tell, in seconds and by their labels', async () => {
  const { server } = startTestServer()
  const text = (await server.inject('/metrics')).body
  expect(text).toContain('millrace_feature_lag_events 3\n')
  expect(text).toContain('millrace_feature_lag_seconds 0.25\n')
  expect(text).toContain('millrace_feature_engine_failures_total 1\n')
  expect(text).toContain('millrace_served_features_kept_total 7\n')
  expect(text).toContain('millrace_served_features_dropped_total 2\n')
  expect(text).toContain('millrace_source_age_seconds{source="catalogue"} 90\n')
  expect(text).toContain('millrace_source_freshness_target_seconds{source="catalogue"} 60\n')
  expect(text).toContain('millrace_check_results{verdict="notEnoughHistory"} 2\n')
})
