import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CandidateOrder } from './candidate-order.ts'

test('gives candidates in the order of place divided by factor, whatever is asked for, and looks at no more than it must', () => {
  const few = fc.constantFrom(1, 1, 1, 2, 0.25, 7.5, 0)
  const many = fc.integer({ min: 1, max: 10_000 }).map((n) => n / 100)
  const order = new CandidateOrder()
  fc.assert(
    fc.property(
      fc.oneof(fc.array(few, { maxLength: 400 }), fc.array(many, { maxLength: 400 })),
      fc.nat(400),
      (factors, wanted) => {
        const known = new Float64Array(factors.length).fill(Number.NaN)
        const filled: number[] = []
        order.begin(factors.length, {
          factors: known,
          largest: 100,
          fill(from, to) {
            for (let i = from; i < to; i++) filled.push(i)
            known.set(factors.slice(from, to), from)
          },
        })
        const standing = (i: number) => (i + 1) / factors[i]!
        const expected = factors
          .map((_, i) => i)
          .sort((a, b) => (standing(a) === standing(b) ? a - b : standing(a) - standing(b)))
          .slice(0, wanted)
        expect(expected.map((_, place) => order.at(place))).toEqual(expected)
        expect(filled).toEqual(filled.map((_, i) => i))
        for (const i of expected) expect(order.standingOf(i)).toBe(standing(i))
      },
    ),
    { numRuns: 60 },
  )
  let filledTo = 0
  order.begin(500, { factors: new Float64Array(500).fill(1), largest: 2, fill: (_, to) => (filledTo = to) })
  expect(order.at(40)).toBe(40)
  expect(filledTo).toBe(96)
})

test('without factors every candidate stands where it is', () => {
  const order = new CandidateOrder()
  order.begin(5, undefined)
  expect([order.count, order.at(3), order.standingOf(3)]).toEqual([5, 3, 4])
})
