// The judge itself, held against values worked out by hand.
import { describe, expect, test } from 'vitest'
import { seededRng } from '../lib/rng.ts'
import type { StoredEvent } from '../ports/event-log.ts'
import type { LogEvent } from './event.ts'
import type { FeatureFormula } from './feature.ts'
import { corpusDefinitions, definitionOf, randomCorpus } from './feature-corpus.contract.ts'
import { readFeature } from './feature-oracle.contract.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const NOON_MS = Date.UTC(2026, 5, 1, 12)

type Sent = Partial<LogEvent> & { readonly at: number; readonly knownAt?: number }

/** Times in minutes after noon. */
function history(...sent: readonly Sent[]): StoredEvent[] {
  return sent.map(({ at, knownAt = at, ...event }, offset) => {
    const whole = {
      kind: 'interaction',
      id: `e${offset}`,
      interaction: 'view',
      userId: 'u',
      itemId: 'i',
      ...event,
      eventTimeMs: NOON_MS + at * MINUTE_MS,
    }
    return { offset, availableTimeMs: NOON_MS + knownAt * MINUTE_MS, event: whole as LogEvent }
  })
}

const read = (formula: FeatureFormula, events: readonly StoredEvent[], atMinute: number, options = {}) =>
  readFeature([...corpusDefinitions, definitionOf('x', formula, options)], events, {
    name: 'x',
    entity: { userId: 'u', itemId: 'i' },
    asOfMs: NOON_MS + atMinute * MINUTE_MS,
  })

const views: FeatureFormula = { family: 'count', by: 'user', of: ['view'], windowMs: HOUR_MS }
const change = (entity: 'user' | 'item', kind: 'put' | 'patch' | 'delete', attributes = {}): Partial<LogEvent> => ({
  kind: 'entity',
  entity,
  entityId: entity === 'user' ? 'u' : 'i',
  change: kind,
  attributes,
})

describe('time', () => {
  test('an event counts after it became available, not at that moment and not before', () => {
    const events = history({ at: 0, knownAt: 10 })
    expect([5, 10, 10.001].map((minute) => read(views, events, minute).value)).toEqual([0, 0, 1])
  })

  test('the tail of a window moves in hops, the head does not', () => {
    const events = history({ at: 4 })
    // 13:04 minus an hour is 12:04, in the hop that begins at 12:00; that hop leaves when the window's start reaches 12:05.
    expect([4.5, 64, 64.999, 65].map((minute) => read(views, events, minute).value)).toEqual([1, 1, 1, 0])
  })

  test('an event from the future happened when it became available', () => {
    const events = history({ at: 30, knownAt: 1 })
    expect(read({ family: 'since', by: 'user', of: 'any', windowMs: HOUR_MS }, events, 2).value).toBe(60)
  })

  test('a value is stale once its newest event is older than its time to live, and a default stands in', () => {
    const events = history({ at: 0 })
    const newestEventTimeMs = NOON_MS
    expect(read(views, events, 10, { ttlMs: 10 * MINUTE_MS })).toEqual({
      status: 'present',
      value: 1,
      newestEventTimeMs,
    })
    expect(read(views, events, 10.1, { ttlMs: 10 * MINUTE_MS })).toEqual({
      status: 'stale',
      value: undefined,
      newestEventTimeMs,
    })
    expect(read(views, events, 11, { ttlMs: 10 * MINUTE_MS, default: 7 })).toEqual({
      status: 'default',
      value: 7,
      newestEventTimeMs,
    })
    expect(read(views, [], 11, { ttlMs: 1, default: 7 })).toEqual({
      status: 'present',
      value: 0,
      newestEventTimeMs: undefined,
    })
  })
})

describe('groups', () => {
  const share: FeatureFormula = {
    family: 'share',
    by: 'user',
    of: 'any',
    over: { entity: 'item', attribute: 'category' },
    windowMs: HOUR_MS,
  }

  test('an event counts under the value that the log knew when it came', () => {
    const events = history(
      { at: 0 },
      { at: 1, ...change('item', 'put', { category: 'hats' }) },
      { at: 2 },
      { at: 3, ...change('item', 'patch', { category: 'shoes' }) },
      { at: 3, ...change('item', 'patch', { category: 'late' }), knownAt: 3 },
      { at: 4 },
      { at: 1.5, knownAt: 5, ...change('item', 'patch', { category: 'older' }) },
      { at: 6 },
    )
    expect(read(share, events, 10).value).toEqual(
      new Map([
        ['hats', 1 / 3],
        ['late', 2 / 3],
      ]),
    )
  })

  test('tags count once each, null and nothing not at all', () => {
    const tags: FeatureFormula = { ...share, over: { entity: 'item', attribute: 'tags' } }
    const events = history(
      { at: 0, ...change('item', 'put', { tags: ['a', 'b', 'a'] }) },
      { at: 1 },
      { at: 2, ...change('item', 'patch', { tags: ['b'] }) },
      { at: 3 },
      { at: 4, ...change('item', 'patch', { tags: null }) },
      { at: 5 },
    )
    expect(read(tags, events, 10).value).toEqual(
      new Map([
        ['a', 0.5],
        ['b', 1],
      ]),
    )
    expect(read(tags, events, 10).newestEventTimeMs).toBe(NOON_MS + 3 * MINUTE_MS)
  })

  test('an item is compared with the mean of its group', () => {
    const ratio: FeatureFormula = {
      family: 'ratioToGroup',
      by: 'item',
      of: 'any',
      group: 'category',
      windowMs: HOUR_MS,
    }
    const events = history(
      { at: 0, ...change('item', 'put', { category: 'hats' }) },
      { at: 0, ...change('item', 'put', { category: 'hats' }), entityId: 'j' } as Sent,
      { at: 1 },
      { at: 2 },
      { at: 3 },
      { at: 4, itemId: 'j' } as Sent,
      { at: 5, itemId: 'unknown' } as Sent,
    )
    expect(read(ratio, events, 10).value).toBe(3 / (4 / 2))
  })
})

describe('numbers', () => {
  test('sums are exact beyond 2^53 and round halves away from zero', () => {
    const sum: FeatureFormula = { family: 'sum', by: 'user', of: 'any', value: 'revenue', windowMs: HOUR_MS }
    const of = (...values: number[]) =>
      read(sum, history(...values.map((revenue, at) => ({ at, values: { revenue } }) as Sent)), 50).value
    expect(of(0.1, 0.2)).toBe(0.3)
    expect(of(0.0000005, -0.0000015)).toBe(-0.000001)
    expect(of(...Array(20).fill(1e9), 0.000001, ...Array(20).fill(-1e9))).toBe(0.000001)
  })

  test('sessions end where the gap is exceeded, and not where it is met', () => {
    const session: FeatureFormula = {
      family: 'sessionMean',
      by: 'user',
      of: 'any',
      gapMs: 5 * MINUTE_MS,
      windowMs: HOUR_MS,
    }
    const events = history({ at: 0 }, { at: 5 }, { at: 8, knownAt: 20 }, { at: 14 })
    expect(read(session, events, 15).value).toBe(300 / 2)
    expect(read(session, events, 30).value).toBe(480 / 2)
  })

  test('a smoothed rate is its prior where nothing happened', () => {
    const rate: FeatureFormula = {
      family: 'rate',
      by: 'item',
      of: ['click'],
      per: ['view'],
      prior: 0.1,
      strength: 10,
      windowMs: HOUR_MS,
    }
    expect(read(rate, [], 1)).toEqual({ status: 'present', value: 0.1, newestEventTimeMs: undefined })
    expect(read(rate, history({ at: 0 }, { at: 0, interaction: 'click' } as Sent), 1).value).toBe(2 / 11)
    expect(read({ ...rate, strength: 0 }, [], 1).status).toBe('missing')
  })
})

test('a deletion forgets what was known when it came and what had happened by then, for the user and not for the item', () => {
  const events = history(
    { at: 1 },
    { at: 3, ...change('user', 'delete'), knownAt: 5 },
    { at: 2, knownAt: 6 },
    { at: 4, knownAt: 7 },
  )
  expect([4, 5.5, 6.5, 7.5].map((minute) => read(views, events, minute).value)).toEqual([1, 0, 0, 1])
  expect(read({ ...views, by: 'item' }, events, 8).value).toBe(3)
})

test('attributes are those of the newest change, whatever order changes came in', () => {
  const price: FeatureFormula = { family: 'attribute', by: 'item', attribute: 'price' }
  const events = history(
    { at: 0, ...change('item', 'patch', { price: 1 }) },
    { at: 5, ...change('item', 'put', { price: 2, category: 'hats' }) },
    { at: 3, knownAt: 6, ...change('item', 'patch', { price: 3 }) },
    { at: 7, ...change('item', 'put', { category: 'hats' }) },
  )
  expect([1, 5.5, 6.5, 8].map((minute) => read(price, events, minute).value)).toEqual([1, 2, 2, undefined])
})

// Goal: the corpus is worth comparing on. A family that is always missing, or never late, would prove nothing.
test('random histories make every definition present now and then, and bring lateness, repetitions and deletions', () => {
  const rng = seededRng(1)
  const presentNames = new Set<string>()
  let lateCount = 0
  let repeatedCount = 0
  for (let n = 0; n < 60; n++) {
    const { arrivals, events, userIds, itemIds } = randomCorpus(rng.fork(`${n}`), { eventCount: 80 })
    repeatedCount += arrivals.flatMap((arrival) => arrival.events).length - events.length
    lateCount += events.filter(({ event, availableTimeMs }) => availableTimeMs - event.eventTimeMs > HOUR_MS).length
    const asOfMs = events.at(-1)!.availableTimeMs + 1
    for (const { name } of corpusDefinitions) {
      const reading = readFeature(corpusDefinitions, events, {
        name,
        entity: { userId: userIds[0]!, itemId: itemIds[0]! },
        asOfMs,
      })
      if (reading.status === 'present' && reading.value !== 0) presentNames.add(name)
    }
  }
  expect(corpusDefinitions.map(({ name }) => name).filter((name) => !presentNames.has(name))).toEqual([])
  expect(Math.min(lateCount, repeatedCount)).toBeGreaterThan(100)
})
