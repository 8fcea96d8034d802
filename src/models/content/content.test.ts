import { expect, test } from 'vitest'
import type { ItemAttributes } from '../../domain/item-attributes.ts'
import { csrFromTriplets } from '../../lib/csr.ts'
import type { CandidateGenerator } from '../../ports/candidate-generator.ts'
import { content } from './content.ts'

const titles = [
  'red candle holder',
  'blue candle holder',
  'set of candles',
  'garden spade',
  'garden rake large',
  'large garden fork',
  null,
  'zzz',
]

/** Users have done nothing at all: content needs nobody. */
const dataOf = (itemAttributes: ItemAttributes | undefined, itemCount = titles.length) => ({
  userIds: ['u'],
  itemIds: Array.from({ length: itemCount }, (_, item) => String(item)),
  itemsByUser: csrFromTriplets({ rows: [], columns: [], values: [] }, { rowCount: 1, columnCount: itemCount }),
  newestTimesMs: undefined,
  asOfMs: 0,
  ...(itemAttributes && { itemAttributes }),
})
const context = { seed: 1, threadCount: 1, log: () => {} }
const kind = content({ attributes: ['title'], dimensions: 4 })

async function trained(itemAttributes: ItemAttributes): Promise<CandidateGenerator> {
  return kind.open(await kind.train(dataOf(itemAttributes), context), { itemCount: titles.length })
}

function proposed(ask: (out: { itemIndexes: Int32Array; scores: Float32Array }) => number): number[] {
  const out = { itemIndexes: new Int32Array(10), scores: new Float32Array(10) }
  return Array.from(out.itemIndexes.subarray(0, ask(out)))
}

test('items that nobody has chosen are found by what is written about them', async () => {
  const generator = await trained({ title: titles, other: titles.map(() => 'left alone') })
  const history = { itemIndexes: Int32Array.of(4), weights: Float32Array.of(1) }
  const unseen = Uint32Array.of(0xff & ~(1 << 4))
  expect(proposed((out) => generator.generate(history, 2, unseen, out)).sort()).toEqual([3, 5])
  expect(proposed((out) => generator.similar!(0, 2, undefined, out))).toEqual([1, 2])
})

test('an item of which nothing is known, or nothing in common, is neither proposed nor asked with', async () => {
  const generator = await trained({ title: titles })
  const about = (item: number) => ({ itemIndexes: Int32Array.of(item), weights: Float32Array.of(1) })
  for (const item of [6, 7]) {
    expect(proposed((out) => generator.generate(about(item), 8, undefined, out))).toEqual([])
    expect(proposed((out) => generator.similar!(item, 8, undefined, out))).toEqual([])
  }
  expect(proposed((out) => generator.generate(about(0), 8, undefined, out))).not.toContain(6)
  expect(proposed((out) => generator.similar!(0, 8, undefined, out))).not.toContain(0)
})

// The index is the only part that uses threads, and has its own test of them.
test('the same seed gives the same arrays, whatever the number of threads', async () => {
  const data = dataOf({ title: titles })
  expect(await kind.train(data, { ...context, threadCount: 2 })).toEqual(await kind.train(data, context))
})

test('data without the attributes, and settings out of range, are refused', async () => {
  await expect(kind.train(dataOf(undefined), context)).rejects.toMatchObject({ code: 'TRAINING_INPUT_INVALID' })
  await expect(kind.with({ dimensions: 0 }).train(dataOf({ title: titles }), context)).rejects.toMatchObject({
    code: 'TRAINING_INPUT_INVALID',
  })
})

test('settings survive their way through a manifest', () => {
  expect(content({ attributes: ['title', 'brand'] }).with({ dimensions: 32 })).toMatchObject({
    itemAttributes: ['title', 'brand'],
    options: { attributes: 'title,brand', dimensions: 32 },
  })
})
