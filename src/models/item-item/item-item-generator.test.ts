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

test('a weight below 0, which has no root, says nothing, and those after it are heard', () => {
  expect(
    answer(
      generator,
      [
        [2, -1],
        [1, 4],
      ],
      9,
    ),
  ).toEqual(answer(generator, [[1, 4]], 9))
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

const realTables = fc
  .uniqueArray(
    fc.tuple(
      fc.nat(itemCount - 1),
      fc.nat(itemCount - 1),
      fc.oneof(fc.constantFrom(0.5, 1), fc.float({ min: Math.fround(0.01), max: 5, noNaN: true })),
    ),
    { selector: ([row, column]) => row * itemCount + column, maxLength: 600, size: 'max' },
  )
  .map((all) =>
    csrFromTriplets(
      { rows: all.map(([row]) => row), columns: all.map(([, column]) => column), values: all.map(([, , v]) => v) },
      { rowCount: itemCount, columnCount: itemCount },
    ),
  )
const realWeights = fc.float({ min: Math.fround(0.01), max: 8, noNaN: true })
const filters = fc.option(fc.uint32Array({ minLength: 2, maxLength: 3, max: 0xffffffff }), { nil: undefined })

test('with repetitions, powers, decay and filters, answers equal those of maps and a sort, bit for bit', () => {
  const requests = fc.record({
    history: fc.array(fc.tuple(fc.nat(itemCount - 1), realWeights), { maxLength: 60 }),
    k: fc.nat(50),
    allowed: filters,
  })
  const options = fc.record({
    historyWeightPower: fc.constantFrom(0, 0.5, 0.7, 1),
    historyDecay: fc.constantFrom(1, 0.8),
  })
  fc.assert(
    fc.property(realTables, options, fc.array(requests, { minLength: 1, maxLength: 4 }), (csr, settings, all) => {
      const open = new ItemItemGenerator(itemItemArtifacts(csr), settings)
      for (const { history, k, allowed } of all) {
        // A map keeps the order in which items came first; what they weigh is added from the newest on.
        const weightByItem = new Map(history.map(([item]) => [item, 0]))
        let decay = 1
        for (const [item, weight] of history.toReversed()) {
          weightByItem.set(item, Math.fround(weightByItem.get(item)! + decay * weight))
          decay *= settings.historyDecay
        }
        const sums = new Map<number, number>()
        for (const [item, weight] of weightByItem) {
          for (let i = csr.offsets[item]!; i < csr.offsets[item + 1]!; i++) {
            const similar = csr.columns[i]!
            if (allowed !== undefined && !(allowed[similar >> 5]! & (1 << (similar & 31)))) continue
            const part = weight ** settings.historyWeightPower * csr.values[i]!
            sums.set(similar, Math.fround((sums.get(similar) ?? 0) + part))
          }
        }
        const expected = [...sums].sort(([a, x], [b, y]) => y - x || a - b).slice(0, k)
        expect(answer(open, history, k, allowed)).toEqual(expected)
      }
    }),
  )
})
