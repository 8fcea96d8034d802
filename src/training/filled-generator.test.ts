import { expect, test } from 'vitest'
import type { CandidateGenerator } from '../ports/candidate-generator.ts'
import { filledGenerator } from './filled-generator.ts'

const proposing = (items: readonly number[], supportsEmptyHistory: boolean): CandidateGenerator => ({
  supportsEmptyHistory,
  generate: (_history, k, _allowed, out) => {
    const proposed = items.slice(0, k)
    out.itemIndexes.set(proposed)
    out.scores.set(proposed.map(() => 1))
    return proposed.length
  },
})
const history = { itemIndexes: Int32Array.of(9), weights: Float32Array.of(1) }
const nobody = { itemIndexes: new Int32Array(0), weights: new Float32Array(0) }

test('the first generator orders, the next fills, no item comes twice', () => {
  const generator = filledGenerator([proposing([3, 1], false), proposing([1, 7, 5, 2], true)])
  const out = { itemIndexes: new Int32Array(4), scores: new Float32Array(4) }
  expect(generator.generate(history, 4, undefined, out)).toBe(4)
  expect([...out.itemIndexes]).toEqual([3, 1, 7, 5])
  expect([...out.scores]).toEqual([4, 3, 2, 1])
})

test('without a history only those answer that can', () => {
  const generator = filledGenerator([proposing([3, 1], false), proposing([1, 7], true)])
  const out = { itemIndexes: new Int32Array(4), scores: new Float32Array(4) }
  expect(generator.generate(nobody, 4, undefined, out)).toBe(2)
  expect([...out.itemIndexes.subarray(0, 2)]).toEqual([1, 7])
})
