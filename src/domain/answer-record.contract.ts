import type { AnswerRecord } from './answer-record.ts'

/** An answer with two items, for tests. */
export const anAnswer = (requestId: string, changes: Partial<AnswerRecord> = {}): AnswerRecord => ({
  request: { placement: 'home', userId: 'u1' },
  response: {
    requestId,
    placement: 'home',
    modelVersion: 'm1',
    rung: 'full',
    items: [
      { itemId: 'i1', score: 0.1 + 0.2, generator: 'alike' },
      { itemId: 'ü\u2028"', score: -1, generator: 'trending' },
    ],
  },
  atMs: 1000,
  latencyMs: 3,
  planHash: 'p',
  offsets: { firstOffset: 0, model: 3, gathered: 7, answered: 8 },
  failedGenerators: [],
  ...changes,
})
