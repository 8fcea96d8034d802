import { expect, test } from 'vitest'
import type { ShownAnswer } from '../data/impression-recorder.ts'
import type { AnswerObservation } from '../serving/recommendation-service.ts'
import { recordImpression } from './record-impression.ts'

const observation: AnswerObservation = {
  response: {
    requestId: 'r1',
    placement: 'home',
    modelVersion: 'm1',
    rung: 'full',
    items: [
      { itemId: 'a', score: 2, generator: 'cf' },
      { itemId: 'b', score: 1, generator: 'cf' },
    ],
  },
  request: { placement: 'home', userId: 'u' },
  ranked: undefined,
  bestRung: 'full',
  offsets: { model: 0, gathered: 0, answered: 0 },
  userId: 'u',
  nowMs: 5,
  servedRows: () => undefined,
  historyLength: 0,
  failures: [],
  ruleFailures: [],
  propensities: [1, 0.02],
  trace: undefined,
  invalidCandidateCount: 0,
  withdrawnCount: 0,
}

function recorded(given: Partial<AnswerObservation>): readonly ShownAnswer[] {
  const answers: ShownAnswer[] = []
  const recorder = {
    record: (answer: ShownAnswer) => void answers.push(answer),
    counts: () => ({ recordedCount: 0, lostCount: 0 }),
    settled: async () => {},
  }
  recordImpression(recorder, { ...observation, ...given })
  return answers
}

test('what was left to chance is kept with how likely it was, and nothing where nothing was', () => {
  expect(recorded({})).toMatchObject([{ id: 'r1', itemIds: ['a', 'b'], propensities: [1, 0.02] }])
  expect(recorded({ propensities: undefined })[0]).not.toHaveProperty('propensities')
  expect(recorded({ userId: undefined })).toEqual([])
})
