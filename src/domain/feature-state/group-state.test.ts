// Goal: the totals of a group are those of the window, to the hop. Method: a list of events counted by hand, windows of few hops, so that borders are
// where most events are, and records written and read again at any point.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { windowStartMs } from '../feature.ts'
import { countTiles } from '../feature-tiles/counts.ts'
import type { TileFamily } from '../feature-tiles/tile-family.ts'
import { hopOf, tileForm } from '../feature-tiles/tiles.ts'
import { GroupState, groupTotals } from './group-state.ts'

const WINDOW_MS = 20 * 60_000
const form = tileForm(countTiles as TileFamily<unknown>, WINDOW_MS)

test('events and distinct entities of a group are those in the window, at every moment and across hops', () => {
  // In halves of a hop of 5 minutes, a few hops before and after the window.
  const event = fc.record({ entity: fc.integer({ min: 0, max: 4 }), half: fc.integer({ min: 0, max: 16 }) })
  const events = fc.array(fc.record({ event, isStoredAfter: fc.boolean() }), { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(events, fc.integer({ min: 0, max: 12 }), (steps, laterHalves) => {
      let state = GroupState.from(form, undefined)
      const lastHops = new Map<number, number>()
      const done: { entity: number; timeMs: number }[] = []
      for (const { event, isStoredAfter } of steps) {
        const timeMs = event.half * 150_000
        state.add({ timeMs, lastHop: lastHops.get(event.entity) })
        lastHops.set(event.entity, Math.max(lastHops.get(event.entity) ?? -1, hopOf(form, timeMs)))
        done.push({ entity: event.entity, timeMs })
        // At the first moment, so that nothing is forgotten that a later reading needs.
        if (isStoredAfter) state = GroupState.from(form, state.write(0))
      }
      const asOfMs = Math.max(...done.map(({ timeMs }) => timeMs)) + 1 + laterHalves * 150_000
      const inWindow = done.filter(({ timeMs }) => timeMs >= windowStartMs(asOfMs, WINDOW_MS))
      expect(groupTotals(form, state.write(0), asOfMs)).toEqual({
        eventCount: inWindow.length,
        entityCount: new Set(inWindow.map(({ entity }) => entity)).size,
      })
      // What is dropped when it is written later is what no later window holds.
      expect(groupTotals(form, state.write(asOfMs), asOfMs)).toEqual({
        eventCount: inWindow.length,
        entityCount: new Set(inWindow.map(({ entity }) => entity)).size,
      })
    }),
    { numRuns: 300 },
  )
})

test('a group without a record has nothing', () => {
  expect(groupTotals(form, undefined, 0)).toEqual({ eventCount: 0, entityCount: 0 })
})
