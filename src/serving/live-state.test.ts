import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Best } from './best.ts'
import { LivePopularity } from './live-popularity.ts'
import { LiveState } from './live-state.ts'
import { deletion, did, item, planWith, Shop } from './serving-fixture.testing.ts'

describe('the live state', () => {
  test('a batch given twice counts once', () => {
    const shop = new Shop(planWith({ home: {} }))
    const events = shop.log(item('a', { price: 1 }), did('u', 'a'))
    shop.live.apply(events)
    shop.live.apply(events.slice(1))
    expect(shop.live.popularity.countOf(0)).toBe(1)
    const { start, end } = shop.live.histories.historyOf('u')!
    expect(end - start).toBe(1)
    expect(shop.live.nextOffset).toBe(2)
  })

  test('offsets that retention has removed are passed over', () => {
    const live = new LiveState(planWith({ home: {} }))
    live.apply([{ offset: 900, availableTimeMs: 0, event: did('u', 'a') }])
    expect(live.nextOffset).toBe(901)
  })

  test('an interaction that the plan does not name is counted and left out', () => {
    const shop = new Shop(planWith({ home: {} }))
    shop.log(did('u', 'a', 'retired'))
    expect([shop.live.ignoredCount, shop.live.catalogue.rowCount, shop.live.nextOffset]).toEqual([1, 0, 1])
  })

  // Goal: looking many users and items up before the events are taken in changes nothing. Method: the same events one by one, and as one batch of several times as many as are looked up together.
  test('a batch says what its events say one by one', () => {
    const event = fc.oneof(
      {
        weight: 8,
        arbitrary: fc.tuple(fc.constantFrom('u', 'v', 'w', 'é'), fc.constantFrom('a', 'b', 'c'), fc.nat(50)),
      },
      { weight: 1, arbitrary: fc.tuple(fc.constantFrom('u', 'v'), fc.constant(undefined), fc.nat(50)) },
    )
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 20 }), (some) => {
        const events = Array.from({ length: 900 }, (_, n) => {
          const [user, itemId, timeMs] = some[n % some.length]!
          // Each round has users and items of its own, so that every batch brings new ones.
          const userId = `${user}${Math.floor(n / 300)}`
          return itemId === undefined
            ? deletion('user', userId, timeMs + 1)
            : did(userId, `${itemId}${Math.floor(n / 200)}`, 'view', timeMs + n)
        })
        const together = new Shop(planWith({ home: {} }))
        const oneByOne = new Shop(planWith({ home: {} }))
        together.log(...events)
        for (const one of events) oneByOne.log(one)
        expect(contentOf(together.live)).toEqual(contentOf(oneByOne.live))
      }),
      { numRuns: 20 },
    )
  })

  test('the weight of an interaction is the plan’s, changed by the event’s own', () => {
    const shop = new Shop(planWith({ home: {} }))
    shop.log({ ...did('u', 'a', 'cart'), weight: 0.5 } as never)
    const { weights, start } = shop.live.histories.historyOf('u')!
    expect(weights[start]).toBe(2)
  })
})

describe('live popularity', () => {
  test('items are in the order of their counts after every interaction', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(12), { maxLength: 80 }), (rows) => {
        const popularity = new LivePopularity()
        const counts = new Map<number, number>()
        for (const row of rows) {
          popularity.increment(row)
          counts.set(row, (counts.get(row) ?? 0) + 1)
          const order = Array.from({ length: popularity.rowCount }, (_, place) => popularity.rowAt(place))
          expect([...order].sort((a, b) => a - b)).toEqual(order.map((_, i) => i))
          for (const [place, at] of order.entries()) expect(popularity.placeOf(at)).toBe(place)
          const inOrder = order.map((at) => counts.get(at) ?? 0)
          expect(inOrder).toEqual([...inOrder].sort((a, b) => b - a))
          expect(order.map((at) => popularity.countOf(at))).toEqual(inOrder)
        }
      }),
    )
  })
})

describe('the best of many', () => {
  test('are those a stable sort puts first', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { maxLength: 60 }), fc.nat(20), (scores, k) => {
        const best = new Best()
        best.reset(k)
        for (const [value, score] of scores.entries()) best.offer(value, score)
        const drained: number[][] = []
        best.drain((value, score) => drained.push([value, score]))
        const expected = scores.map((score, value) => [value, score]).sort((a, b) => b[1]! - a[1]!)
        expect(drained).toEqual(expected.slice(0, k))
      }),
      { numRuns: 500 },
    )
  })
})

function contentOf({ catalogue, histories, popularity, nextOffset }: LiveState) {
  const users = [...histories.userIds()].map((userId) => {
    const { rows, eventTimesMs, interactionCodes, weights, end } = histories.historyOf(userId)!
    const arrays = [rows, eventTimesMs, interactionCodes, weights]
    return [userId, ...arrays.map((array) => [...array.subarray(0, end)])]
  })
  const items = Array.from({ length: catalogue.rowCount }, (_, row) => [catalogue.idOf(row), popularity.countOf(row)])
  return { users, items, nextOffset }
}
