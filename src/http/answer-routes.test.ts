import { expect, test } from 'vitest'
import { startTestServer } from './testing.ts'

test('an answer is explained by its request id, with an item where one is asked about; one that is not known is refused', async () => {
  const { server } = startTestServer()
  const found = await server.inject('/v1/explain/r1?item=i2')
  expect(found.statusCode).toBe(200)
  expect(found.json()).toEqual({
    requestId: 'r1',
    placement: 'home',
    at: '1970-01-01T00:00:00.000Z',
    latencyMs: 4,
    modelVersion: 'm1',
    rung: 'full',
    candidateCount: 9,
    isRecordedWhole: true,
    recomputed: { isSame: true, caveats: ['a caveat'] },
    items: [
      {
        itemId: 'i1',
        place: 1,
        score: 0.5,
        generator: 'alike',
        proposals: [{ generator: 'alike', rank: 2, score: 7 }],
        candidatePlace: 3,
        rankedPlace: 1,
        explanation: {
          score: 0.5,
          averageScore: 0.25,
          contributions: [{ featureName: 'views', value: null, contribution: 0.25 }],
        },
      },
    ],
    rules: [{ position: 0, kind: 'atMost', description: 'at most 2 of each kind', removed: ['i2'] }],
    asked: { itemId: 'i2', reason: 'RULE', message: 'turned away', rule: 0, proposals: [] },
  })
  expect((await server.inject('/v1/explain/r1')).json()).not.toHaveProperty('asked')
  const unknown = await server.inject('/v1/explain/r2')
  expect([unknown.statusCode, unknown.json().code]).toEqual([404, 'ANSWER_NOT_FOUND'])
  expect((await server.inject('/v1/explain/r1?what=1')).statusCode).toBe(400)
})

test('what pages before have shown is nothing that a sender may say', async () => {
  const { server } = startTestServer()
  const payload = { placement: 'home', alreadyShown: ['i1'] }
  const answer = await server.inject({ method: 'POST', url: '/v1/recommend', payload })
  expect([answer.statusCode, answer.json().code]).toEqual([400, 'REQUEST_INVALID'])
})
