// Goal: the prediction of memory is that of the structures that are really kept. Method: a live state of made events, weighed by the heap and the arrays that it holds after a collection.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { LogEvent } from '../domain/event.ts'
import { heldBytes } from '../lib/kept-memory.ts'
import { seededRng } from '../lib/rng.ts'
import { LiveState } from '../serving/live-state.ts'
import { planWith } from '../serving/serving-fixture.testing.ts'
import { type CapacityCounts, type CapacityShape, LOAD_SHARE, predictedCapacity, workersFor } from './capacity.ts'

const attributes = { title: { type: 'text' }, brand: { type: 'category' }, price: { type: 'number' } } as const
const item = Object.fromEntries(
  Object.entries(attributes).map(([name, { type }]) => [name, { type, isOptional: true }]),
)
const shape: CapacityShape = { attributes, idLength: 11, textLength: 11, modelBytesPerItem: 2000 }
const someCounts: CapacityCounts = {
  itemCount: 10_000,
  userCount: 10_000,
  interactionsPerUser: 8,
  candidateCount: 500,
  featureCount: 20,
  treeCount: 100,
}

const plan = {
  ...planWith({}),
  data: { ...planWith({}).data, entities: { user: {}, item } },
}

test.each([someCounts, { ...someCounts, itemCount: 3000, userCount: 20_000, interactionsPerUser: 5 }])(
  'the live state is predicted within a quarter: $itemCount items, $userCount users',
  async (counts) => {
    const before = await heldBytes()
    const live = new LiveState(plan)
    fill(live, counts)
    const held = (await heldBytes()) - before
    const { catalogue, popularity, histories } = predictedCapacity(counts, shape).bytes
    const ratio = (catalogue + popularity + histories) / held
    expect(live.catalogue.rowCount, 'the state is alive until it was weighed').toBe(counts.itemCount)
    expect(ratio).toBeGreaterThan(0.8)
    expect(ratio).toBeLessThan(1.25)
  },
)

function fill(live: LiveState, { itemCount, userCount, interactionsPerUser }: CapacityCounts): void {
  const rng = seededRng(1)
  let offset = 0
  const put = (event: LogEvent): void => live.apply([{ offset: offset++, availableTimeMs: offset, event }])
  const idOf = (kind: string, n: number): string => `${kind}-${String(n).padStart(6, '0')}`
  for (let n = 0; n < itemCount; n++) {
    const described = {
      title: `thing ${rng.integer(90_000) + 10_000}`,
      brand: `b${rng.integer(50)}`,
      price: rng.next(),
    }
    put({
      kind: 'entity',
      id: `${offset}`,
      entity: 'item',
      entityId: idOf('item', n),
      change: 'put',
      attributes: described,
      eventTimeMs: offset,
    })
  }
  for (let n = 0; n < userCount * interactionsPerUser; n++) {
    const userId = idOf('user', rng.integer(userCount))
    const itemId = idOf('item', rng.integer(itemCount))
    put({ kind: 'interaction', id: `${offset}`, interaction: 'view', userId, itemId, eventTimeMs: offset })
  }
}

test('more of anything never takes less memory, nor gives more requests a second', () => {
  const names = Object.keys(someCounts) as (keyof CapacityCounts)[]
  const count = fc.integer({ min: 1, max: 5_000_000 })
  const anyCounts = fc.record(Object.fromEntries(names.map((name) => [name, count]))) as fc.Arbitrary<CapacityCounts>
  fc.assert(
    fc.property(anyCounts, fc.constantFrom(...names), fc.integer({ min: 1, max: 1_000_000 }), (counts, name, more) => {
      const less = predictedCapacity(counts, shape)
      const greater = predictedCapacity({ ...counts, [name]: counts[name] + more }, shape)
      expect(greater.bytes.whole).toBeGreaterThanOrEqual(less.bytes.whole)
      expect(greater.requestsPerSecondPerCore).toBeLessThanOrEqual(less.requestsPerSecondPerCore * (1 + 1e-9))
    }),
  )
})

test('the whole is the sum of its parts; without a model it lacks that part', () => {
  const { whole, ...parts } = predictedCapacity(someCounts, shape).bytes
  expect(Object.values(parts).reduce<number>((sum, part) => sum + part!, 0)).toBeCloseTo(whole, 3)
  const without = predictedCapacity(someCounts, { ...shape, modelBytesPerItem: undefined }).bytes
  expect(without.model).toBeUndefined()
  expect(without.whole).toBeCloseTo(whole - parts.model!, 3)
})

test('workers are enough for the rate at the share of a core that is to be used, and one fewer is not', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 10, max: 10_000 }), (rate, perCore) => {
      const workers = workersFor(rate, perCore)
      expect(workers * perCore * LOAD_SHARE).toBeGreaterThanOrEqual(rate * (1 - 1e-12))
      if (workers > 1) expect((workers - 1) * perCore * LOAD_SHARE).toBeLessThan(rate * (1 + 1e-12))
    }),
  )
})
