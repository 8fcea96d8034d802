import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { StoredEvent } from '../../ports/event-log.ts'
import { EarliestTimes } from './earliest-times.ts'

test('the earliest time of all events from a place on but impressions, for any places and order of times', () => {
  const times = fc.array(fc.nat(50), { maxLength: 30 })
  const places = fc.array(fc.nat(35), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(times, places, fc.integer({ min: 1, max: 7 }), (timesMs, wanted, batchLength) => {
      const kindAt = (offset: number) => (offset % 5 === 3 ? 'impression' : 'entity')
      const events = timesMs.map(
        (availableTimeMs, offset) => ({ offset, availableTimeMs, event: { kind: kindAt(offset) } }) as StoredEvent,
      )
      const countedMs = timesMs.map((timeMs, offset) => (kindAt(offset) === 'entity' ? timeMs : Infinity))
      const earliest = new EarliestTimes(wanted)
      for (let begin = 0; begin < events.length; begin += batchLength)
        earliest.add(events.slice(begin, begin + batchLength))
      for (const place of wanted) expect(earliest.of(place)).toBe(Math.min(...countedMs.slice(place)))
    }),
  )
})
