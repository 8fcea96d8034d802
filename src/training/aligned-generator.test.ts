import { expect, test } from 'vitest'
import type { CandidateGenerator } from '../ports/candidate-generator.ts'
import { alignedGenerator } from './aligned-generator.ts'

/** Proposes the history back, then every other allowed item by index. */
const echo: CandidateGenerator = {
  supportsEmptyHistory: true,
  generate({ itemIndexes }, k, allowed, out) {
    const order = [...itemIndexes, ...[0, 1, 2].filter((item) => !itemIndexes.includes(item))]
    const fitting = order.filter((item) => allowed === undefined || (allowed[item >> 5]! & (1 << (item & 31))) !== 0)
    const list = fitting.slice(0, k)
    out.itemIndexes.set(list)
    return list.length
  },
}

test('an older model is asked and answers in the indexes of today; what only one side knows is left out', () => {
  const generator = alignedGenerator(echo, { from: ['new', 'c', 'a'], to: ['a', 'gone', 'c'] })
  const out = { itemIndexes: new Int32Array(3), scores: new Float32Array(3) }
  const history = { itemIndexes: Int32Array.of(0, 1), weights: Float32Array.of(1, 2) }
  expect(generator.generate(history, 3, undefined, out)).toBe(2)
  // "c" of the history first, then "a"; "new" is unknown to the model, "gone" to us.
  expect([...out.itemIndexes.slice(0, 2)]).toEqual([1, 2])
  expect(generator.generate(history, 3, Uint32Array.of(0b100), out)).toBe(1)
  expect(out.itemIndexes[0]).toBe(2)
})
