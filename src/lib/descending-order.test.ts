import fc from 'fast-check'
import { expect, test } from 'vitest'
import { descendingOrder } from './descending-order.ts'

// Few different scores, so that ties decide often.
const scored = fc.array(fc.constantFrom(-1.5, -1e-300, 0, -0, 1e-300, 2, 2.0000000001, 1e300), { maxLength: 200 })

test('is the order that a comparison of score and tie gives', () => {
  fc.assert(
    fc.property(
      fc.oneof(scored, fc.array(fc.double({ noNaN: true }), { maxLength: 300 })),
      fc.nat(1000),
      (values, seed) => {
        const scores = Float64Array.from(values)
        // A permutation: 7919 is a prime, and there are fewer scores.
        const ties = Int32Array.from(values, (_, n) => ((n + seed) * 7919) % 7927)
        const expected = [...values.keys()].sort((a, b) => scores[b]! - scores[a]! || ties[a]! - ties[b]!)
        const places = new Int32Array(values.length)
        descendingOrder(scores, ties, places)
        expect([...places]).toEqual(expected)
      },
    ),
  )
})
