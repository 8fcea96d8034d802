import { expect, test } from 'vitest'
import { seededRng } from '../lib/rng.ts'
import { ExactSearch } from './exact-search.ts'
import { KernelMemory } from './memory.ts'

test('scores are inner products', () => {
  const rng = seededRng(7)
  for (const width of [4, 8, 12, 64]) {
    const count = 50
    const memory = new KernelMemory()
    const vectors = memory.float32(count * width).map(() => rng.normal())
    const placed = memory.placeFloat32(vectors)
    const query = Array.from({ length: width }, () => rng.normal())
    const scores = new ExactSearch(memory, placed, width).scores(query)
    for (let row = 0; row < count; row++) {
      const expected = query.reduce((sum, q, d) => sum + q * vectors[row * width + d]!, 0)
      // float32 sums of 64 products: the error stays far below 64 ulp of the largest partial sum.
      expect(scores[row]).toBeCloseTo(expected, 3)
    }
  }
})
