// Goal: the columns give what the reader gives, for every family, whatever comes into the store and however time goes. Method: random histories as for the engine;
// columns that have been there all along are asked for many items at once, by a clock that goes on and now and then back, and every number is
// compared with the reader's, which the engine's tests hold against the oracle. A value is its text's number in a dictionary, so that equal means equal to the last bit.
import { expect, test } from 'vitest'
import type { FeatureDefinition, FeatureValue } from '../domain/feature.ts'
import { type Corpus, corpusDefinitions, definitionOf, randomCorpus } from '../domain/feature-corpus.contract.ts'
import { othersTurn } from '../lib/others-turn.ts'
import { type Rng, seededRng } from '../lib/rng.ts'
import type { OnlineStore } from '../ports/online-store.ts'
import { type FeatureColumns, featureColumns } from './feature-columns.ts'
import { growingLog, momentAfter, someDefinitions } from './feature-engine.testing.ts'
import { openFeatureEngine } from './feature-engine.ts'
import { MANIFEST_KEY } from './feature-manifest.ts'
import { featureReader } from './feature-reader.ts'
import { type MemoryRecords, memoryOnlineStore, memoryRecords } from './online-store.testing.ts'

const HISTORY_COUNT = Number(process.env.MILLRACE_FEATURE_CASES ?? 320) / 8
const MOMENTS_PER_HISTORY = 8
const SEED = Number(process.env.MILLRACE_FEATURE_SEED ?? 20_261_126)

/** By text of the value: a number of its own; NaN for no value. */
function dictionary(): (feature: number, value: FeatureValue | undefined) => number {
  const numbers = new Map<string, number>()
  return (feature, value) => {
    if (value === undefined) return Number.NaN
    // As it comes out of a column.
    if (typeof value === 'number') return Math.fround(value)
    const text = `${feature} ${value instanceof Map ? `map ${JSON.stringify([...value])}` : JSON.stringify(value)}`
    if (!numbers.has(text)) numbers.set(text, numbers.size)
    return -1 - numbers.get(text)!
  }
}

interface Compared {
  readonly definitions: readonly FeatureDefinition[]
  readonly columns: FeatureColumns
  readonly numberOf: ReturnType<typeof dictionary>
  readonly records: MemoryRecords
  readonly corpus: Corpus
  readonly rng: Rng
  readonly nowMs: number
}

async function expectReader(compared: Compared, label: string): Promise<void> {
  const { definitions, columns, numberOf, records, corpus, rng, nowMs } = compared
  const itemIds = [...corpus.itemIds, 'nothing']
  const items = Int32Array.from({ length: 12 }, () => rng.integer(itemIds.length))
  const userId = [undefined, 'nobody', ...corpus.userIds][rng.integer(corpus.userIds.length + 2)]
  const features = definitions.map(({ name }) => name)
  const out = features.map(() => new Float32Array(items.length + 1).fill(-1))
  await columns.fill(userId, items, out)
  const entities = Array.from(items, (item) => ({ ...(userId !== undefined && { userId }), itemId: itemIds[item]! }))
  const reader = featureReader({ store: memoryOnlineStore(records), clock: { now: () => nowMs } })
  const { rows } = await reader.read({ features, entities })
  for (let n = 0; n < items.length; n++) {
    const expected = rows[n]!.map(({ value }, f) => numberOf(f, value))
    const found = out.map((column) => column[n])
    expect(found, `${label}: ${features.join(', ')} of ${userId} and ${itemIds[items[n]!]} at ${nowMs}`).toEqual(
      expected,
    )
  }
}

test(`columns equal what the reader gives, in ${HISTORY_COUNT * MOMENTS_PER_HISTORY} cases of a history and a moment`, {
  timeout: 60_000 + HISTORY_COUNT * 200,
}, async () => {
  for (let history = 0; history < HISTORY_COUNT; history++) {
    const rng = seededRng(`${SEED}/${history}`)
    const corpus = randomCorpus(rng.fork('corpus'), { eventCount: 20 + rng.integer(100) })
    const log = growingLog(corpus.events)
    const records = memoryRecords()
    let definitions = someDefinitions(rng, corpusDefinitions, 10)
    const open = () =>
      openFeatureEngine({
        log,
        store: memoryOnlineStore(records),
        definitions,
        clock: { now: () => 0 },
        batchLength: 1 + rng.integer(40),
        cachedGroupCount: 4,
      })
    let nowMs = 0
    const numberOf = dictionary()
    const itemIds = [...corpus.itemIds, 'nothing']
    const begin = () =>
      featureColumns({
        store: memoryOnlineStore(records),
        clock: { now: () => nowMs },
        definitions,
        itemIds,
        numberOf,
      })
    let engine = await open()
    await engine.catchUp()
    let columns = begin()
    await columns.warm()
    for (let moment = 0; moment < MOMENTS_PER_HISTORY; moment++) {
      log.length = Math.min(corpus.events.length, log.length + rng.integer(corpus.events.length / 3))
      await engine.catchUp()
      if (rng.integer(6) === 0) {
        // Other features are wanted from now on: the layers change under columns that go on, where these still know all of theirs.
        records.holder = undefined
        definitions = someDefinitions(rng, corpusDefinitions, 10)
        engine = await open()
        await engine.catchUp()
        columns = begin()
      }
      const events = corpus.events.slice(0, log.length)
      for (let n = 0; n < 3; n++) {
        if (n !== 1) nowMs = momentAfter(rng, { events, definitions })
        const compared = { definitions, columns, numberOf, records, corpus, rng, nowMs }
        await expectReader(compared, `seed ${SEED}/${history}, moment ${moment}`)
      }
    }
  }
})

const MINUTE_MS = 60_000
const NOON_MS = Date.UTC(2026, 5, 1, 12)
const views = definitionOf('views', { family: 'count', by: 'item', of: ['view'], windowMs: 60 * MINUTE_MS })

/** `count` views of an item, a second apart. */
const viewsOf = (itemId: string, count: number) =>
  Array.from({ length: count }, (_, offset) => ({
    offset,
    availableTimeMs: NOON_MS + offset * 1000,
    event: {
      kind: 'interaction' as const,
      id: `e${offset}`,
      interaction: 'view',
      userId: 'u',
      itemId,
      eventTimeMs: NOON_MS + offset * 1000,
    },
  }))

async function shopOf(itemId: string) {
  const records = memoryRecords()
  const log = growingLog(viewsOf(itemId, 10))
  const engine = await openFeatureEngine({
    log,
    store: memoryOnlineStore(records),
    definitions: [views],
    clock: { now: () => 0 },
    batchLength: 10,
  })
  const columnsOver = (store: OnlineStore, definitions = [views]) =>
    featureColumns({
      store,
      clock: { now: () => NOON_MS + MINUTE_MS },
      definitions,
      itemIds: ['other', itemId],
      numberOf: (_, value) => (value as number | undefined) ?? Number.NaN,
    })
  const take = async (length: number): Promise<void> => {
    log.length = length
    await engine.catchUp()
  }
  return { records, columnsOver, take }
}

const countOf = async (columns: FeatureColumns): Promise<number> => {
  const out = new Float32Array(1)
  await columns.fill('u', Int32Array.of(1), [out])
  return out[0]!
}

test('a request that read before a commit and ends after it leaves nothing old behind for the others', async () => {
  const { records, columnsOver, take } = await shopOf('i')
  await take(1)
  const store = memoryOnlineStore(records)
  let letGo = (): void => {}
  let isHeld = true
  const columns = columnsOver({
    ...store,
    async read(requests) {
      const read = await store.read(requests)
      const isOfItems = requests.some(({ keys }) => keys.includes('ii'))
      if (!isOfItems || !isHeld) return read
      isHeld = false
      await new Promise<void>((resolve) => {
        letGo = resolve
      })
      return read
    },
  })
  const slow = countOf(columns)
  while (isHeld) await othersTurn()
  await take(5)
  expect(await countOf(columns)).toBe(5)
  letGo()
  expect(await slow).toBe(1)
  expect(await countOf(columns)).toBe(5)
})

test('where nothing has been committed since, only the user is read; where something comes in between, all of one commit', async () => {
  const mine = definitionOf('mine', { family: 'count', by: 'user', of: ['view'], windowMs: 60 * MINUTE_MS })
  const log = growingLog(viewsOf('i', 10))
  const store = memoryOnlineStore(memoryRecords())
  const engine = await openFeatureEngine({
    log,
    store,
    definitions: [mine],
    clock: { now: () => 0 },
    batchLength: 10,
  })
  const take = async (length: number): Promise<void> => {
    log.length = length
    await engine.catchUp()
  }
  await take(2)
  let readKeys: string[] = []
  let comesInBetween = false
  const columns = featureColumns({
    store: {
      ...store,
      read: async (requests) => {
        readKeys.push(...requests.flatMap(({ keys }) => keys))
        if (comesInBetween) {
          comesInBetween = false
          await take(7)
        }
        return store.read(requests)
      },
    },
    clock: { now: () => NOON_MS },
    definitions: [mine],
    itemIds: ['i'],
    numberOf: (_, value) => (value as number | undefined) ?? Number.NaN,
  })
  const known = async () => {
    const out = new Float32Array(1)
    const moment = await columns.fill('u', Int32Array.of(0), [out])
    return { count: out[0], ...moment }
  }
  // The clock is behind the events: the moment is the one after the newest of them.
  expect(await known()).toEqual({ count: 2, asOfMs: NOON_MS + 1001, nextOffset: 2 })
  readKeys = []
  expect(await known()).toEqual({ count: 2, asOfMs: NOON_MS + 1001, nextOffset: 2 })
  expect(readKeys).toEqual(['uu'])
  comesInBetween = true
  expect(await known()).toEqual({ count: 7, asOfMs: NOON_MS + 6001, nextOffset: 7 })
})

test('an item whose id is too long for the names of changes is read every time', async () => {
  const { records, columnsOver, take } = await shopOf('i'.repeat(1500))
  const columns = columnsOver(memoryOnlineStore(records))
  for (const length of [1, 4, 9]) {
    await take(length)
    expect(await countOf(columns)).toBe(length)
  }
})

test('only what has changed is read', async () => {
  const { records, columnsOver, take } = await shopOf('i')
  await take(3)
  const store = memoryOnlineStore(records)
  let keyCount = 0
  const columns = columnsOver({
    ...store,
    read: async (requests) => {
      for (const { keys } of requests) keyCount += keys.filter((key) => key.startsWith('i')).length
      return store.read(requests)
    },
  })
  await columns.warm()
  expect(keyCount).toBe(2)
  await countOf(columns)
  await countOf(columns)
  expect(keyCount).toBe(2)
  await take(5)
  expect(await countOf(columns)).toBe(5)
  expect(keyCount).toBe(3)
})

test('what the store does not answer as the system file has it is refused, until it does', async () => {
  const { records, columnsOver, take } = await shopOf('i')
  await take(2)
  const changed = definitionOf('views', { family: 'count', by: 'item', of: ['view'], windowMs: 5 * MINUTE_MS })
  const store = memoryOnlineStore(records)
  await expect(countOf(columnsOver(store, [changed]))).rejects.toMatchObject({ code: 'FEATURE_UNKNOWN' })
})

test('those who ask before anything is there wait for the same beginning', async () => {
  const { records, columnsOver, take } = await shopOf('i')
  await take(2)
  const store = memoryOnlineStore(records)
  let manifestCount = 0
  const columns = columnsOver({
    ...store,
    read: async (requests) => {
      if (requests.some(({ keys }) => keys.includes(MANIFEST_KEY))) manifestCount++
      return store.read(requests)
    },
  })
  expect(await Promise.all(Array.from({ length: 5 }, () => countOf(columns)))).toEqual([2, 2, 2, 2, 2])
  expect(manifestCount).toBe(1)
})

test('a beginning that failed is not what the next one waits for', async () => {
  const { records, columnsOver, take } = await shopOf('i')
  await take(2)
  const store = memoryOnlineStore(records)
  let isAway = true
  const columns = columnsOver({
    ...store,
    read: async (requests) => {
      if (isAway) throw new Error('away')
      return store.read(requests)
    },
  })
  await expect(countOf(columns)).rejects.toThrow('away')
  isAway = false
  expect(await countOf(columns)).toBe(2)
})

test('an item and its group are of one commit, though another comes between the two look-ups', async () => {
  const ratio = definitionOf('ratio', {
    family: 'ratioToGroup',
    by: 'item',
    of: ['view'],
    windowMs: 60 * MINUTE_MS,
    group: 'category',
  })
  const put = { kind: 'entity' as const, id: 'put', entity: 'item' as const, entityId: 'i', change: 'put' as const }
  const placed = { ...put, attributes: { category: 'c' }, eventTimeMs: NOON_MS - 1 }
  const later = viewsOf('i', 10).map((stored) => ({ ...stored, offset: stored.offset + 1 }))
  const log = growingLog([{ offset: 0, availableTimeMs: NOON_MS - 1, event: placed }, ...later])
  const store = memoryOnlineStore(memoryRecords())
  const engine = await openFeatureEngine({
    log,
    store,
    definitions: [ratio],
    clock: { now: () => 0 },
    batchLength: 10,
  })
  const take = async (length: number): Promise<void> => {
    log.length = length
    await engine.catchUp()
  }
  await take(3)
  let hasCome = false
  const columns = featureColumns({
    store: {
      ...store,
      read: async (requests) => {
        if (!hasCome && requests.some(({ keys }) => keys.some((key) => key.startsWith('g')))) {
          hasCome = true
          await take(9)
        }
        return store.read(requests)
      },
    },
    clock: { now: () => NOON_MS + MINUTE_MS },
    definitions: [ratio],
    itemIds: ['other', 'i'],
    numberOf: (_, value) => (value as number | undefined) ?? Number.NaN,
  })
  // The only one of its group: as many as the group's mean, whichever commit it is.
  expect(await countOf(columns)).toBe(1)
  expect(hasCome).toBe(true)
})
