// For whom, and for which items, do lists work worse than elsewhere? Users are measured by NDCG, items by how many of those who chose one had it in their list.
import type { AttributeValue } from '../domain/event.ts'
import type { AttributeKind } from '../domain/feature.ts'
import { alignedColumns } from '../lib/aligned-columns.ts'
import { type Csr, rowColumns } from '../lib/csr.ts'
import { type Rng, seededRng } from '../lib/rng.ts'
import { type HeldOut, measureUsers, type RankedLists } from './evaluate.ts'
import { drawn } from './ranking-questions.ts'
import { slicesOf, type UnitAttribute } from './slices.ts'
import { describeWeakSlices, findWeakSlices, type SliceMetric, type WeakSliceSearch } from './weak-slices.ts'

/** An attribute of users or items, by their indexes. */
export interface EntityAttribute {
  readonly name: string
  readonly kind: AttributeKind
  readonly textOf?: ((value: number) => string) | undefined
  readonly valueAt: (index: number) => AttributeValue | undefined
}

export interface HeldOutSlices {
  readonly k: number
  /** NDCG@k of a user; those with something held out. */
  readonly users: WeakSliceSearch
  /** Recall@k of an item: which part of the users who chose it had it in their list; those that somebody chose. */
  readonly items: WeakSliceSearch
}

/** For two searches together. */
const ALPHA = 0.05

/** Of more users or items as many are drawn: they tell enough, and the time of the search is in proportion. */
const UNIT_COUNT_MAX = 20_000

/** Besides the given attributes, users and items are told apart by whether they were known, and by how much was. */
export function searchHeldOut(
  lists: RankedLists,
  { trainItemsByUser, testItemsByUser }: Pick<HeldOut, 'trainItemsByUser' | 'testItemsByUser'>,
  {
    userAttributes,
    itemAttributes,
    seed,
  }: {
    readonly userAttributes: readonly EntityAttribute[]
    readonly itemAttributes: readonly EntityAttribute[]
    readonly seed: number
  },
): HeldOutSlices {
  const { k } = lists
  const historySize = (user: number): number => trainItemsByUser.offsets[user + 1]! - trainItemsByUser.offsets[user]!
  const userCounts = new Int32Array(trainItemsByUser.columnCount)
  for (const item of trainItemsByUser.columns) userCounts[item]!++
  const { userIndexes, values } = measureUsers(lists, testItemsByUser)
  const { itemIndexes, recalls } = measureItems(lists, testItemsByUser)
  const search = (
    units: { readonly indexes: Int32Array; readonly values: Float64Array },
    attributes: readonly EntityAttribute[],
    name: string,
  ) => searchUnits(units, attributes, { seed, rng: seededRng(seed).fork(name) })
  return {
    k,
    users: search(
      { indexes: userIndexes, values: values.ndcg },
      [...familiarity('user', 'items in history', historySize), ...userAttributes],
      'users',
    ),
    items: search(
      { indexes: itemIndexes, values: recalls },
      [...familiarity('item', 'users before', (item) => userCounts[item]!), ...itemAttributes],
      'items',
    ),
  }
}

/** Whether there was anything to know of it, and how much. */
function familiarity(entity: string, countName: string, countOf: (index: number) => number): EntityAttribute[] {
  return [
    { name: entity, kind: 'text', valueAt: (index) => (countOf(index) === 0 ? 'new' : 'known') },
    { name: countName, kind: 'number', valueAt: countOf },
  ]
}

function searchUnits(
  { indexes, values }: { readonly indexes: Int32Array; readonly values: Float64Array },
  attributes: readonly EntityAttribute[],
  { seed, rng }: { readonly seed: number; readonly rng: Rng },
): WeakSliceSearch {
  const places = drawn(Array.from(indexes.keys()), UNIT_COUNT_MAX, rng)
  const ofUnits = attributes.map(
    ({ name, kind, textOf, valueAt }): UnitAttribute => ({
      name,
      kind,
      values: places.map((place) => valueAt(indexes[place]!)),
      ...(textOf && { textOf }),
    }),
  )
  const drawnValues = Float64Array.from(places, (place) => values[place]!)
  return findWeakSlices(drawnValues, slicesOf(ofUnits), { seed, alpha: ALPHA / 2 })
}

/** Ascending by item; one that nobody chose is not there. */
function measureItems(
  { k, userIndexes, rankedItems }: RankedLists,
  testItemsByUser: Csr,
): { readonly itemIndexes: Int32Array; readonly recalls: Float64Array } {
  const chosenCounts = new Int32Array(testItemsByUser.columnCount)
  const hitCounts = new Int32Array(testItemsByUser.columnCount)
  userIndexes.forEach((user, row) => {
    const shown = new Set(rankedItems.subarray(row * k, (row + 1) * k))
    for (const item of rowColumns(testItemsByUser, user)) {
      chosenCounts[item]!++
      if (shown.has(item)) hitCounts[item]!++
    }
  })
  const itemIndexes = Int32Array.from(Array.from(chosenCounts.keys()).filter((item) => chosenCounts[item]! > 0))
  return { itemIndexes, recalls: Float64Array.from(itemIndexes, (item) => hitCounts[item]! / chosenCounts[item]!) }
}

/** The weak slices as lines for people. */
export function describeHeldOutSlices({ k, users, items }: HeldOutSlices): readonly string[] {
  return [
    `NDCG@${k} of users, by slice. ${describeWeakSlices(users)[0]}`,
    ...describeWeakSlices(users).slice(1),
    '',
    `Recall@${k} of items, by slice. ${describeWeakSlices(items, 'items')[0]}`,
    ...describeWeakSlices(items, 'items').slice(1),
  ]
}

/** Every slice of one condition as lines for people, the lowest mean first. */
export function describeAllSlices({ k, users, items }: HeldOutSlices): readonly string[] {
  return [
    `NDCG@${k} of users, by slice; p is corrected for all that was looked at`,
    ...tableOf(users, 'users'),
    '',
    `Recall@${k} of items, by slice; p is corrected for all that was looked at`,
    ...tableOf(items, 'items'),
  ]
}

function tableOf(search: WeakSliceSearch, units: string): readonly string[] {
  const rows = ofOneCondition(search).map(({ conditions, unitCount, mean, difference, adjustedPValue }) => [
    conditions.join(' and '),
    String(unitCount),
    mean.toFixed(4),
    difference.toFixed(4),
    adjustedPValue.toPrecision(2),
  ])
  return alignedColumns([['slice', units, 'mean', 'minus the rest', 'p'], ...rows])
}

/** As data: of pairs, which are many, the weak ones only. */
export function toldSlices({ k, users, items }: HeldOutSlices) {
  const told = (search: WeakSliceSearch) => ({
    ...search,
    sliceCount: search.slices.length,
    slices: ofOneCondition(search),
  })
  return { k, users: told(users), items: told(items) }
}

const ofOneCondition = ({ slices }: WeakSliceSearch): readonly SliceMetric[] =>
  slices.filter(({ conditions }) => conditions.length === 1)
