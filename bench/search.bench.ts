// How well searches find in the titles of Online Retail, and what they cost over a made catalogue of 100,000: to begin, per query, per change, per item.
import { readFileSync } from 'node:fs'
import { seededRng } from '../src/lib/rng.ts'
import { type Bench, type Figure, median, percentile } from './figure.ts'
import { onlineRetailPurchases, onlineRetailTitles } from './online-retail.ts'
import { madeTitles, put, type SearchedCatalogue, searchedCatalogue } from './search-catalogue.ts'

const bench: Bench = async ({ smoke, log }) => {
  const figures = [...(await quality(smoke)), ...(await costs(smoke ? 2_000 : 100_000, log))]
  if (!smoke) figures.push(...(await taste()))
  return figures
}
export default bench

/** The queries of the test, whose relevant titles are written beside them. */
async function quality(smoke: boolean): Promise<Figure[]> {
  const titles = [...onlineRetailTitles()].slice(0, smoke ? 400 : undefined)
  const { search } = searchedCatalogue(titles)
  const titleOf = new Map(titles)
  const path = new URL('../test/search/queries.json', import.meta.url)
  const queries = JSON.parse(readFileSync(path, 'utf8')) as { query: string; relevant: string }[]
  const shares: number[] = []
  for (const { query, relevant } of queries) {
    const isRelevant = (title: string): boolean => new RegExp(relevant).test(title)
    const relevantCount = [...titleOf.values()].filter(isRelevant).length
    if (relevantCount === 0) continue
    const { items } = await search.search({ query, limit: 10 })
    shares.push(items.filter(({ itemId }) => isRelevant(titleOf.get(itemId)!)).length / Math.min(10, relevantCount))
  }
  const share = (100 * shares.reduce((sum, value) => sum + value, 0)) / shares.length
  return [
    {
      name: 'relevant titles among the first ten',
      value: share,
      unit: '%',
      bar: '>= 95',
      ok: share >= 95,
      note: `${shares.length} queries over ${titles.length} titles of Online Retail; the mean of found / min(10, relevant)`,
    },
  ]
}

async function costs(count: number, log: (line: string) => void): Promise<Figure[]> {
  const titles = madeTitles(count)
  const catalogue = searchedCatalogue(titles.map((title, n) => [`i${n}`, title]))
  const { search } = catalogue
  const begun = performance.now()
  await search.index.current()
  const buildSeconds = (performance.now() - begun) / 1000
  log(`${count} titles: index and vectors in ${buildSeconds.toFixed(1)} s`)
  const note = `${count.toLocaleString('en-US')} made titles of 3 to 8 words`
  const figures: Figure[] = [
    {
      name: 'index and vectors of all items',
      value: buildSeconds,
      unit: 's',
      note: `${note}; other requests are answered meanwhile`,
    },
    {
      name: 'memory',
      value: search.index.byteLength / count,
      unit: 'bytes/item',
      note: `${note}; 256 of them are the vector`,
    },
  ]
  for (const [kind, queries] of Object.entries(queriesOf(titles))) {
    const ms: number[] = []
    for (const query of queries) await search.search({ query, limit: 10 })
    for (const query of queries) {
      const askedMs = performance.now()
      await search.search({ query, limit: 10 })
      ms.push(performance.now() - askedMs)
    }
    figures.push({ name: `${kind}, p50`, value: median(ms), unit: 'ms', note: `${note}; ${queries.length} queries` })
    figures.push({ name: `${kind}, p99`, value: percentile(ms, 0.99), unit: 'ms', note })
  }
  figures.push({
    name: 'a changed item is found',
    value: await changeMs(catalogue),
    unit: 'ms',
    note: `${note}; the search that finds it included; median`,
  })
  const groupedMs = performance.now()
  const groups = await search.allDuplicates()
  const seconds = (performance.now() - groupedMs) / 1000
  figures.push({ name: 'all duplicates', value: seconds, unit: 's', note: `${note}; ${groups.length} groups` })
  const one: number[] = []
  for (let n = 0; n < 100; n++) {
    const askedMs = performance.now()
    await search.duplicatesOf(`i${n}`)
    one.push(performance.now() - askedMs)
  }
  figures.push({ name: 'duplicates of one item, p50', value: median(one), unit: 'ms', note })
  return figures
}

/** By kind, two hundred each. */
function queriesOf(titles: readonly string[]): Readonly<Record<string, readonly string[]>> {
  const rng = seededRng('queries')
  const some = (make: (words: readonly string[]) => string): readonly string[] =>
    Array.from({ length: 200 }, () => make(titles[rng.integer(titles.length)]!.split(' ')))
  return {
    'one word': some((words) => `${words[0]} `),
    'three words': some((words) => `${words.slice(0, 3).join(' ')} `),
    'half-written word': some((words) => `${words[0]} ${words[1]!.slice(0, 3)}`),
    'a letter missing': some((words) => `${words[0]} ${words[1]!.slice(0, 2)}${words[1]!.slice(3)} `),
    'words that no item has': some((words) => `${words[0]}${words[1]} `),
  }
}

async function changeMs({ log, search }: SearchedCatalogue): Promise<number> {
  const ms: number[] = []
  for (let n = 0; n < 50; n++) {
    const askedMs = performance.now()
    log(put(`i${n}`, { title: `changed word${n}` }, 2))
    const { items } = await search.search({ query: `word${n}`, limit: 1 })
    ms.push(performance.now() - askedMs)
    if (items[0]?.itemId !== `i${n}`) throw new Error(`i${n} is not found`)
  }
  return median(ms)
}

/** Whether a user's taste helps: the query is one or two words of something that a customer bought later. */
async function taste(): Promise<Figure[]> {
  const titles = onlineRetailTitles()
  const { live, log, search } = searchedCatalogue(titles)
  const cutMs = Date.parse('2011-11-15')
  const later: { userId: string; itemId: string }[] = []
  for (const [n, { userId, itemId, timeMs }] of onlineRetailPurchases(titles).entries()) {
    if (userId === undefined) continue
    if (timeMs >= cutMs) later.push({ userId, itemId })
    else log({ kind: 'interaction', id: `p${n}`, interaction: 'purchase', userId, itemId, eventTimeMs: timeMs })
  }
  const rng = seededRng('taste')
  const sums = { without: 0, with: 0 }
  let askedCount = 0
  for (let n = 0; n < 3_000; n++) {
    const { userId, itemId } = later[rng.integer(later.length)]!
    const words = titles.get(itemId)!.match(/[A-Z]{4,}/g) ?? []
    if (words.length === 0 || live.histories.historyOf(userId) === undefined) continue
    const query = Array.from({ length: 1 + rng.integer(2) }, () => words[rng.integer(words.length)]!).join(' ')
    const placeOf = async (asking: { userId?: string }): Promise<number> => {
      const { items } = await search.search({ query: `${query} `, limit: 50, ...asking })
      const place = items.findIndex((found) => found.itemId === itemId)
      return place < 0 ? 0 : 1 / (place + 1)
    }
    sums.without += await placeOf({})
    sums.with += await placeOf({ userId })
    askedCount++
  }
  const note = `${askedCount} queries of one or two words out of what customers of Online Retail bought after 2011-11-15`
  return [
    {
      name: 'mean reciprocal place, with the taste of the user',
      value: sums.with / askedCount,
      unit: '',
      peer: 'without',
      peerValue: sums.without / askedCount,
      ratio: sums.with / sums.without,
      bar: 'ratio > 1',
      ok: sums.with > sums.without,
      note,
    },
  ]
}
