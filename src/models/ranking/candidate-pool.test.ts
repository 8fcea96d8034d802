// Goal: places come as far up as the best generator put them, whichever generators are asked about.
// Method: lists of a few items for several generators, often the same ones, with what is none among them; held against ranks that are looked up and sorted.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { CandidateGenerator } from '../../ports/candidate-generator.ts'
import { CandidatePool } from './candidate-pool.ts'

const ITEM_COUNT = 40

/** Proposes these, without a look at anybody. */
const proposing = (items: readonly number[], scores: readonly number[]): CandidateGenerator => ({
  supportsEmptyHistory: true,
  generate(_history, k, _allowed, out) {
    const count = Math.min(k, items.length)
    for (let n = 0; n < count; n++) {
      out.itemIndexes[n] = items[n]!
      out.scores[n] = scores[n % scores.length]!
    }
    return count
  },
  similar: () => 0,
})

const list = fc.uniqueArray(fc.integer({ min: -1, max: ITEM_COUNT }), { maxLength: 12 })
const lists = fc.array(list, { minLength: 1, maxLength: 4 })
const scores = fc.array(fc.constantFrom(1, 2, Number.NaN), { minLength: 1, maxLength: 5 })

test('a generator that says it has written more than was asked for, or no number, takes nothing from the others', () => {
  for (const told of [4, Number.NaN]) {
    const wrong = { ...proposing([1, 2], [1]) }
    const { generate } = wrong
    wrong.generate = (...asked) => generate(...asked) && told
    const generators = new Map([
      ['wrong', wrong],
      ['right', proposing([3, 4], [1])],
    ])
    const pool = new CandidatePool(generators, { itemCount: ITEM_COUNT, perGenerator: 2 })
    pool.gather({ itemIndexes: new Int32Array(0), weights: new Float32Array(0) }, undefined)
    const out = { places: new Int32Array(pool.capacity), proposers: new Uint8Array(pool.capacity) }
    const itemsOf = (generator: number): number[] => {
      const written = pool.bestPlaces([generator], 9, out)
      return Array.from(out.places.subarray(0, written), (place) => pool.itemIndexes[place]!)
    }
    expect(itemsOf(0)).toEqual(told === 4 ? [1, 2] : [])
    expect(itemsOf(1)).toEqual([3, 4])
  }
})

test('the best places of some generators are in the order of their best ranks, then of the pool', () => {
  fc.assert(
    fc.property(
      lists,
      scores,
      fc.integer({ min: 1, max: 12 }),
      fc.nat(15),
      fc.nat(50),
      (proposed, scoresOfAll, k, chosen, countMax) => {
        const generators = new Map(proposed.map((items, g) => [`g${g}`, proposing(items, scoresOfAll)]))
        const pool = new CandidatePool(generators, { itemCount: ITEM_COUNT, perGenerator: k })
        const empty = { itemIndexes: new Int32Array(0), weights: new Float32Array(0) }
        // A visitor before, of whom nothing may be left.
        pool.gather(empty, undefined)
        const count = pool.gather(empty, undefined)
        const numbers = proposed.map((_, g) => g).filter((g) => (chosen >> g) & 1)
        const out = { places: new Int32Array(pool.capacity), proposers: new Uint8Array(pool.capacity) }
        const written = pool.bestPlaces(numbers, countMax, out)
        const expected = Array.from({ length: count }, (_, place) => {
          const ranks = numbers.map((g) => pool.columns[2 * g + 1]![place]!)
          const rank = Math.min(...ranks.map((one) => (Number.isNaN(one) ? Number.POSITIVE_INFINITY : one)))
          return { place, rank, proposer: numbers[ranks.indexOf(rank)] }
        })
          .filter(({ rank }) => rank < Number.POSITIVE_INFINITY)
          .sort((a, b) => a.rank - b.rank || a.place - b.place)
        const found = Array.from({ length: written }, (_, n) => ({ place: out.places[n], proposer: out.proposers[n] }))
        expect(written).toBeGreaterThanOrEqual(Math.min(countMax, expected.length))
        expect(found).toEqual(expected.slice(0, written).map(({ place, proposer }) => ({ place, proposer })))
      },
    ),
    { numRuns: 500 },
  )
})
