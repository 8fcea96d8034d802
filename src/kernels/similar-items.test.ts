// Goal: the kernel's answers are those of adding up in a map and sorting, bit for bit.
// Method: random tables, requests and filters, one after the other on one instance, so that scratch space grows and holds what was before; then what random ones seldom hold.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { KernelMemory } from './memory.ts'
import { SimilarItems } from './similar-items.ts'

interface Table {
  readonly offsets: Int32Array
  readonly indexes: Int32Array
  readonly similarities: Float32Array
}

interface Request {
  /** Different from each other. */
  readonly items: readonly number[]
  readonly weights: readonly number[]
  readonly k: number
  readonly allowed: Uint32Array | undefined
}

type Answer = readonly (readonly [item: number, score: number])[]

const open = ({ offsets, indexes, similarities }: Table) =>
  new SimilarItems(new KernelMemory(), offsets, indexes, similarities)

function answer(table: SimilarItems, { items, weights, k, allowed }: Request, room = k): Answer {
  const out = { itemIndexes: new Int32Array(room), scores: new Float32Array(room) }
  const written = table.bestSums(Int32Array.from(items), Float64Array.from(weights), items.length, k, allowed, out)
  return Array.from({ length: written }, (_, i) => [out.itemIndexes[i]!, out.scores[i]!])
}

function naiveAnswer({ offsets, indexes, similarities }: Table, { items, weights, k, allowed }: Request): Answer {
  const sums = new Map<number, number>()
  for (const [h, item] of items.entries()) {
    for (let i = offsets[item]!; i < offsets[item + 1]!; i++) {
      const similar = indexes[i]!
      if (allowed !== undefined && ((allowed[similar >> 5]! >>> (similar & 31)) & 1) === 0) continue
      sums.set(similar, Math.fround((sums.get(similar) ?? 0) + weights[h]! * similarities[i]!))
    }
  }
  return [...sums].sort(([a, x], [b, y]) => y - x || a - b).slice(0, k)
}

function tableOf(rows: readonly (readonly (readonly [item: number, similarity: number])[])[]): Table {
  const offsets = new Int32Array(rows.length + 1)
  for (const [item, row] of rows.entries()) offsets[item + 1] = offsets[item]! + row.length
  return {
    offsets,
    indexes: Int32Array.from(rows.flat(), ([item]) => item),
    similarities: Float32Array.from(rows.flat(), ([, similarity]) => similarity),
  }
}

// Few values make ties; the smallest come to -0 where they are multiplied with small weights.
const similarities = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(0.25, 0.5, 1, 1, 2) },
  { weight: 2, arbitrary: fc.float({ min: Math.fround(0.001), max: 10, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(0, -0, -1, -0.5, 1e-45, -1e-45, 1e35, -1e35) },
)
const weights = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(1, 2, 0.1) },
  { weight: 1, arbitrary: fc.double({ min: 1e-10, max: 100, noNaN: true }) },
)
const cases = fc.integer({ min: 1, max: 300 }).chain((itemCount) => {
  const item = fc.nat(itemCount - 1)
  // Longer than it has to be at times.
  const wordCount = fc.integer({ min: Math.ceil(itemCount / 32), max: 12 })
  const word = fc.oneof(fc.constant(0xffffffff), fc.constant(0), fc.integer({ min: 0, max: 0xffffffff }))
  const set = wordCount.chain((length) => fc.uint32Array({ minLength: length, maxLength: length, max: 0xffffffff }))
  const sparseSet = wordCount.chain((length) =>
    fc.array(word, { minLength: length, maxLength: length }).map((words) => Uint32Array.from(words)),
  )
  const request = fc
    .uniqueArray(fc.tuple(item, weights), { selector: ([one]) => one, maxLength: 60 })
    .chain((history) =>
      fc.record({
        items: fc.constant(history.map(([one]) => one)),
        weights: fc.constant(history.map(([, weight]) => weight)),
        k: fc.oneof(fc.nat(20), fc.nat(400)),
        allowed: fc.option(fc.oneof(set, sparseSet), { nil: undefined }),
      }),
    )
  const row = fc.oneof(
    fc.array(fc.tuple(item, similarities), { maxLength: 5 }),
    fc.array(fc.tuple(item, similarities), { maxLength: 150, size: 'max' }),
  )
  return fc.record({
    table: fc.array(row, { minLength: itemCount, maxLength: itemCount }).map(tableOf),
    requests: fc.array(request, { minLength: 1, maxLength: 5 }),
  })
})

test('answers equal those of a map and a sort bit for bit, call after call', () => {
  fc.assert(
    fc.property(cases, ({ table, requests }) => {
      const opened = open(table)
      for (const request of requests) expect(answer(opened, request)).toEqual(naiveAnswer(table, request))
    }),
    { numRuns: 150 },
  )
})

/** A table of many items with long rows, without any arrangement. */
function largeTable(itemCount: number, rowLength: number, similarityOf: (place: number) => number): Table {
  let state = 1
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0)
  return tableOf(
    Array.from({ length: itemCount }, () =>
      Array.from({ length: rowLength }, (_, place) => [next() % itemCount, similarityOf(place)] as const),
    ),
  )
}

test('long histories, after short ones, are added up whole, with real numbers and with nothing but ties', () => {
  for (const similarityOf of [(place: number) => 1 / (3 + place), () => 0.5]) {
    const table = largeTable(5000, 100, similarityOf)
    const opened = open(table)
    for (const historyCount of [1, 20, 3000, 20]) {
      const items = Array.from({ length: historyCount }, (_, h) => (h * 7) % 5000)
      const allowed = Uint32Array.from({ length: 157 }, (_, n) => Math.imul(n + 1, 0x9e3779b1))
      for (const request of [
        { items, weights: items.map((item) => 1 + (item % 3)), k: 250, allowed: undefined },
        { items, weights: items.map(() => 1), k: 6000, allowed },
      ]) {
        expect(answer(opened, request)).toEqual(naiveAnswer(table, request))
      }
    }
  }
})

test('a sum that rounds to -0 is a tie with 0, and stays -0', () => {
  const row = [
    [3, 0],
    [2, -1e-45],
    [1, 0],
    [0, -1],
  ] as const
  const opened = open(tableOf([row, [], [], []]))
  expect(answer(opened, { items: [0], weights: [1e-3], k: 4, allowed: undefined })).toEqual([
    [1, 0],
    [2, -0],
    [3, 0],
    [0, Math.fround(-1e-3)],
  ])
})

test('an answer ends where the shorter array does', () => {
  const opened = open(tableOf([[[0, 1]], [[1, 2]]]))
  const request = { items: [0, 1], weights: [1, 1], k: 2, allowed: undefined }
  expect(answer(opened, request, 1)).toEqual([[1, 2]])
  expect(answer(opened, request, 0)).toEqual([])
})

test('nothing in the history, no items and k = 0 give nothing', () => {
  const nothing = { items: [], weights: [], k: 5, allowed: undefined }
  expect(answer(open(tableOf([[[0, 1]]])), nothing)).toEqual([])
  expect(answer(open(tableOf([])), nothing)).toEqual([])
  expect(answer(open(tableOf([[[0, 1]]])), { ...nothing, items: [0], weights: [1], k: 0 })).toEqual([])
})

test('an item without a row is the mistake of the caller', () => {
  const opened = open(tableOf([[[0, 1]]]))
  expect(() => answer(opened, { items: [1], weights: [1], k: 1, allowed: undefined })).toThrow('has a row')
})
