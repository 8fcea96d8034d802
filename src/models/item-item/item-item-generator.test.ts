import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Csr, csrFromTriplets } from '../../lib/csr.ts'
import type { ItemSet } from '../../ports/candidate-generator.ts'
import { ItemItemGenerator, itemItemArtifacts } from './item-item-generator.ts'

const itemCount = 40

/** A table by hand: rows best first. */
function tableOf(rows: Readonly<Record<number, readonly (readonly [number, number])[]>>): Csr {
  const offsets = new Int32Array(itemCount + 1)
  const columns: number[] = []
  const values: number[] = []
  for (let item = 0; item < itemCount; item++) {
    for (const [column, value] of rows[item] ?? []) {
      columns.push(column)
      values.push(value)
    }
    offsets[item + 1] = columns.length
  }
  const size = { rowCount: itemCount, columnCount: itemCount }
  return { ...size, offsets, columns: Int32Array.from(columns), values: Float32Array.from(values) }
}

function answer(
  generator: ItemItemGenerator,
  history: readonly (readonly [number, number])[],
  k: number,
  allowed?: ItemSet,
) {
  const out = { itemIndexes: new Int32Array(k), scores: new Float32Array(k) }
  const itemIndexes = Int32Array.from(history, ([item]) => item)
  const count = generator.generate({ itemIndexes, weights: Float32Array.from(history, ([, w]) => w) }, k, allowed, out)
  return Array.from({ length: count }, (_, i) => [out.itemIndexes[i]!, out.scores[i]!] as const)
}

const table = tableOf({
  1: [
    [5, 4],
    [3, 2],
  ],
  2: [
    [3, 3],
    [7, 2],
  ],
})
const generator = new ItemItemGenerator(itemItemArtifacts(table), { historyWeightPower: 0.5 })

test('a candidate scores the sum over the history of root weight times similarity', () => {
  // Item 3: 2 * 2 + 1 * 3 = 7; item 5: 2 * 4 = 8; item 7: 2.
  expect(
    answer(
      generator,
      [
        [1, 4],
        [2, 1],
      ],
      10,
    ),
  ).toEqual([
    [5, 8],
    [3, 7],
    [7, 2],
  ])
})

test('an item that occurs twice in the history counts once, with the sum of its weights, as in training', () => {
  expect(
    answer(
      generator,
      [
        [2, 1],
        [2, 1],
      ],
      1,
    ),
  ).toEqual([[3, Math.fround(Math.sqrt(2) * 3)]])
})

test('only allowed items are proposed, and the answer is filled up with them', () => {
  const allowed = new Uint32Array(2)
  allowed[0] = (1 << 3) | (1 << 7)
  expect(
    answer(
      generator,
      [
        [1, 4],
        [2, 1],
      ],
      1,
      allowed,
    ),
  ).toEqual([[3, 7]])
})

test('an empty history, k = 0 and an item without similar ones give nothing', () => {
  expect(generator.supportsEmptyHistory).toBe(false)
  expect(answer(generator, [], 5)).toEqual([])
  expect(answer(generator, [[1, 1]], 0)).toEqual([])
  expect(answer(generator, [[9, 1]], 5)).toEqual([])
})

test('similar items are the row of the table, filtered', () => {
  const out = { itemIndexes: new Int32Array(4), scores: new Float32Array(4) }
  expect(generator.similar(1, 4, undefined, out)).toBe(2)
  expect(Array.from(out.itemIndexes.subarray(0, 2))).toEqual([5, 3])
  expect(generator.similar(1, 4, Uint32Array.from([1 << 3, 0]), out)).toBe(1)
  expect(out.itemIndexes[0]).toBe(3)
})

const tables = fc
  .uniqueArray(fc.tuple(fc.nat(itemCount - 1), fc.nat(itemCount - 1), fc.integer({ min: 1, max: 6 })), {
    selector: ([row, column]) => row * itemCount + column,
    maxLength: 200,
  })
  .map((all) =>
    csrFromTriplets(
      { rows: all.map(([row]) => row), columns: all.map(([, column]) => column), values: all.map(([, , v]) => v) },
      { rowCount: itemCount, columnCount: itemCount },
    ),
  )
const histories = fc.array(fc.tuple(fc.nat(itemCount - 1), fc.integer({ min: 1, max: 4 })), { maxLength: 12 })

test('answers equal those of scoring and sorting everything, call after call', () => {
  fc.assert(
    fc.property(tables, fc.array(histories, { maxLength: 4 }), fc.integer({ min: 1, max: 50 }), (csr, all, k) => {
      // Integers keep float32 sums exact, so that ties are real ties.
      const open = new ItemItemGenerator(itemItemArtifacts(csr), { historyWeightPower: 1 })
      for (const history of all) {
        const sums = new Float64Array(itemCount)
        for (const [item, weight] of history) {
          for (let i = csr.offsets[item]!; i < csr.offsets[item + 1]!; i++)
            sums[csr.columns[i]!]! += weight * csr.values[i]!
        }
        const expected = Array.from(sums, (sum, item) => [item, sum] as const)
          .filter(([, sum]) => sum > 0)
          .sort((a, b) => b[1] - a[1] || a[0] - b[0])
          .slice(0, k)
        expect(answer(open, history, k)).toEqual(expected)
      }
    }),
  )
})
