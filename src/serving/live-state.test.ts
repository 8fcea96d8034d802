import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Best } from './best.ts'
import { LivePopularity } from './live-popularity.ts'
import { LiveState } from './live-state.ts'
import { did, item, planWith, Shop } from './serving-fixture.testing.ts'

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
