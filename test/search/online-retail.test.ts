// Goal: searches find what people mean, and near-copies are found and nothing else, in a real catalogue. Method: the titles of Online Retail, which the example ships;
// twenty queries whose relevant titles were written down before anything could answer them (queries.json); near-copies and look-alikes planted among the titles.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { beforeAll, expect, test } from 'vitest'
import { seededRng } from '../../src/lib/rng.ts'
import { LiveState } from '../../src/serving/live-state.ts'
import { ItemSearch } from '../../src/serving/search/item-search.ts'
import { item, planWith } from '../../src/serving/serving-fixture.testing.ts'

const file = (path: string): Buffer => readFileSync(new URL(path, import.meta.url))

const products = gunzipSync(file('../../examples/online-retail/data/products.tsv.gz'))
  .toString('utf8')
  .trimEnd()
  .split('\n')
  .slice(1)
  .map((line) => line.split('\t') as [code: string, title: string])

function searchOver(titles: Iterable<readonly [id: string, title: string]>): ItemSearch {
  const plan = planWith({})
  const live = new LiveState(plan)
  live.apply(Array.from(titles, ([id, title], offset) => ({ offset, availableTimeMs: 0, event: item(id, { title }) })))
  const onFailure = (error: unknown) => {
    throw error
  }
  return new ItemSearch({ plan, live, newRequestId: () => 'r', onFailure })
}

const titleOf = new Map<string, string>()
let search: ItemSearch
beforeAll(async () => {
  for (const [code, title] of products) titleOf.set(code, title)
  search = searchOver(titleOf)
  await search.index.current()
})

// At the first run 96.0 % were found; then two rules were added that had been meant from the beginning, and it has been 97.5 % since: an item that lacks a word falls
// behind one that has all, and a word that few items have is also looked for in two parts.
test('of what twenty queries mean, at least 95 % is among the first ten', async () => {
  const queries = JSON.parse(file('queries.json').toString('utf8')) as { query: string; relevant: string }[]
  expect(queries).toHaveLength(20)
  const report: string[] = []
  let sum = 0
  for (const { query, relevant } of queries) {
    const isRelevant = (title: string) => new RegExp(relevant).test(title)
    const relevantCount = [...titleOf.values()].filter(isRelevant).length
    const { items } = await search.search({ query, limit: 10 })
    const hitCount = items.filter(({ itemId }) => isRelevant(titleOf.get(itemId)!)).length
    sum += hitCount / Math.min(10, relevantCount)
    report.push(`${query}: ${hitCount} of ${Math.min(10, relevantCount)}`)
  }
  expect(sum / queries.length, report.join('\n')).toBeGreaterThan(0.95)
  // Not a single query finds nothing.
  expect(report.filter((line) => line.includes(': 0 of'))).toEqual([])
})

const COLOURS = [
  'RED',
  'BLUE',
  'PINK',
  'GREEN',
  'WHITE',
  'BLACK',
  'SILVER',
  'PURPLE',
  'YELLOW',
  'IVORY',
  'CREAM',
  'GOLD',
]
const rng = seededRng('planted')
const pick = <T>(list: readonly T[]): T => list[rng.integer(list.length)]!

/** The same thing once more, as catalogues have it. */
const copying: Readonly<Record<string, (words: readonly string[]) => readonly string[] | undefined>> = {
  'another order': (words) => (words.length < 2 ? undefined : [...words.slice(1), words[0]!]),
  'another case and marks': (words) => [words.map((word) => word.toLowerCase()).join(', ')],
  'a plural': (words) => changed(words, /^[A-Z]{4,}[^SY]$/, (word) => `${word}S`),
  'a letter missing': (words) => changed(words, /^[A-Z]{6,}$/, (word) => word.slice(0, 2) + word.slice(3)),
  'two letters exchanged': (words) =>
    changed(words, /^[A-Z]{6,}$/, (word) =>
      word[2] === word[3] ? undefined : word.slice(0, 2) + word[3] + word[2] + word.slice(4),
    ),
  'two words in one': (words) => (words.length < 3 ? undefined : [words[0]! + words[1]!, ...words.slice(2)]),
}

/** Another thing, however alike. */
const differing: Readonly<Record<string, (words: readonly string[]) => readonly string[] | undefined>> = {
  'another colour': (words) => {
    const at = words.findIndex((word) => COLOURS.includes(word))
    return at < 0 ? undefined : words.with(at, pick(COLOURS.filter((colour) => colour !== words[at])))
  },
  'another number': (words) => changed(words, /^\d+$/, (word) => String(Number(word) + 1)),
  'a word more': (words) => [pick(COLOURS.filter((colour) => !words.includes(colour))), ...words],
  'a word less': (words) => (words.length < 3 ? undefined : words.slice(1)),
}

function changed(
  words: readonly string[],
  which: RegExp,
  change: (word: string) => string | undefined,
): readonly string[] | undefined {
  const at = words.findIndex((word) => which.test(word))
  const word = at < 0 ? undefined : change(words[at]!)
  return word === undefined ? undefined : words.with(at, word)
}

interface Planted {
  readonly id: string
  readonly title: string
  readonly of: string
  readonly how: string
  readonly isCopy: boolean
}

/** For every way, so many titles once more. A changed title that the shop has anyway is not planted. */
function planted(countOfEach: number): readonly Planted[] {
  const titles = new Set(titleOf.values())
  const ways = [
    ...Object.entries(copying).map((way) => [...way, true] as const),
    ...Object.entries(differing).map((way) => [...way, false] as const),
  ]
  return ways.flatMap(([how, change, isCopy]) => {
    const made: Planted[] = []
    while (made.length < countOfEach) {
      const [of, title] = pick(products)
      const words = change(title.split(/[^A-Z0-9]+/).filter((word) => word !== ''))
      if (words === undefined || titles.has(words.join(' '))) continue
      made.push({ id: `${how} ${made.length}`, title: words.join(' '), of, how, isCopy })
    }
    return made
  })
}

test('planted near-copies are found, and look-alikes are not taken for them', async () => {
  const plants = planted(40)
  const garden = searchOver([...titleOf, ...plants.map(({ id, title }) => [id, title] as const)])
  const groups = await garden.allDuplicates()
  const groupOf = new Map<string, number>()
  for (const [n, { itemId, duplicates }] of groups.entries()) {
    for (const id of [itemId, ...duplicates.map((copy) => copy.itemId)]) groupOf.set(id, n)
  }
  const isFound = ({ id, of }: Planted): boolean => groupOf.has(id) && groupOf.get(id) === groupOf.get(of)
  const shareFound = (how: string): number => {
    const made = plants.filter((plant) => plant.how === how)
    return made.filter(isFound).length / made.length
  }
  const shares = Object.fromEntries(
    [...Object.keys(copying), ...Object.keys(differing)].map((how) => [how, shareFound(how)]),
  )
  const report = JSON.stringify(shares, undefined, 1)

  const copies = plants.filter(({ isCopy }) => isCopy)
  const foundCount = copies.filter(isFound).length
  const wrongCount = plants.filter((plant) => !plant.isCopy && isFound(plant)).length
  // 95.0 %: eleven of the twelve that are missed have a slip that three or more titles share by now, which is taken for a word of its own.
  expect(foundCount / copies.length, report).toBeGreaterThan(0.93)
  // 100 %.
  expect(foundCount / (foundCount + wrongCount), report).toBeGreaterThan(0.99)

  // One item asked about by itself finds the same.
  for (const plant of plants.filter((_, n) => n % 20 === 0)) {
    const { duplicates } = await garden.duplicatesOf(plant.id)
    expect(duplicates.map(({ itemId }) => itemId).includes(plant.of), plant.title).toBe(isFound(plant))
  }
})
