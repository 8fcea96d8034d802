import { expect, test } from 'vitest'
import type { FeatureDefinition } from '../domain/feature.ts'
import type { Features } from './dependencies.ts'
import { startTestServer } from './testing.ts'

const views: FeatureDefinition = {
  name: 'views',
  version: 'v1',
  owner: 'data@test.example',
  description: 'Number of view, by user, over 7 days.',
  formula: { family: 'count', of: ['view'], by: 'user', windowMs: 7 * 86_400_000 },
}

function serverOf({ firstOffset = 0 } = {}) {
  const asked: Parameters<Features['readAsOf']>[0][] = []
  const rows = [[{ status: 'present' as const, value: 3, newestEventTimeMs: 900 }]]
  const features: Features = {
    definitions: async () => [views],
    read: async () => ({ asOfMs: 1_000, rows }),
    readAsOf: async (request) => {
      asked.push(request)
      return { asOfMs: request.asOfMs, firstOffset, rows }
    },
  }
  const { server } = startTestServer({ features })
  return { asked, values: (query: string) => server.inject(`/v1/features/values?${query}`) }
}

test('the values of an earlier moment say where the log begins, so that whoever reads them knows what retention took', async () => {
  const { asked, values } = serverOf({ firstOffset: 30 })
  const answer = await values('userId=u&at=1970-01-01T00:00:00.500Z&asKnownNow=true')
  expect(answer.json()).toEqual({
    asOf: '1970-01-01T00:00:00.500Z',
    firstOffset: 30,
    features: [{ name: 'views', status: 'present', value: 3, newestEventTime: '1970-01-01T00:00:00.900Z' }],
  })
  expect(asked).toMatchObject([{ asOfMs: 500, asKnownNow: true, entity: { userId: 'u' } }])
  expect((await serverOf().values('userId=u&at=1970-01-01')).json()).toMatchObject({ firstOffset: 0 })
})

test('the values of now are read from the online store, and know no beginning of the log', async () => {
  const { asked, values } = serverOf({ firstOffset: 30 })
  const answer = await values('userId=u&asKnownNow=false')
  expect(answer.json()).toEqual({
    asOf: '1970-01-01T00:00:01.000Z',
    features: [{ name: 'views', status: 'present', value: 3, newestEventTime: '1970-01-01T00:00:00.900Z' }],
  })
  expect(asked).toEqual([])
})

test('asKnownNow without a moment is refused, since it would change nothing', async () => {
  const answer = await serverOf().values('userId=u&asKnownNow=true')
  expect(answer.statusCode).toBe(400)
  expect(answer.json()).toMatchObject({
    code: 'REQUEST_INVALID',
    detail: expect.stringMatching(/^asKnownNow: found true, but no "at"/),
  })
  expect(answer.body).toContain('Add at, such as at=2026-03-31T12:00:00Z')
})
