// Goal: a window holds what its events come to, however it came to be: events late and in order, stored and read at any point, tails let go of. Method:
// random histories of a few hops; after each, the window at a random moment is held against one tile of the events that it should hold.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '../../lib/bytes.ts'
import { windowStartMs } from '../feature.ts'
import { corpusDefinitions } from '../feature-corpus.contract.ts'
import { familyOf, isWindowed } from './family-of.ts'
import type { Contribution } from './tile-family.ts'
import { firstHopAt, type TileForm, Tiles, tileForm, windowTotal } from './tiles.ts'
import { Validity } from './validity.ts'

const WINDOW_MS = 20 * 60_000
const formulas = corpusDefinitions.map(({ formula }) => formula).filter(isWindowed)
const oneOfEach = [...new Map(formulas.map((formula) => [formula.family, formula])).values()]

/** A minute forward or, for a late event, back from the newest; stored and read after it, or not. */
const steps = fc.array(
  fc.record({
    forwardMinutes: fc.integer({ min: -25, max: 12 }),
    value: fc.constantFrom(0, 0.1, -2.5, 1e9),
    keys: fc.uniqueArray(fc.constantFrom('a', 'b', 'ä', 'c', 'd'), { minLength: 1, maxLength: 3 }),
    isOf: fc.boolean(),
    isStored: fc.boolean(),
  }),
  { minLength: 1, maxLength: 40 },
)

function stored(form: TileForm, tiles: Tiles): Tiles {
  const writer = new ByteWriter()
  // In the midst of a record.
  writer.byte(7)
  writer.forgetWords()
  tiles.write(writer)
  const bytes = writer.copy()
  return Tiles.read(form, new ByteReader(bytes, 1), bytes.length)
}

function windowValue(form: TileForm, tiles: Tiles, asOfMs: number): unknown {
  const writer = new ByteWriter()
  tiles.write(writer)
  const { total, newestMs } = windowTotal(form, new ByteReader(writer.copy()), asOfMs, new Validity())
  return { value: form.family.value(total, asOfMs, newestMs), newestMs }
}

/** As long as the validity says, the window holds the same: looked at where it begins and ends and at a moment in between. */
function expectValid(form: TileForm, tiles: Tiles, asOfMs: number, newestMs: number): void {
  const writer = new ByteWriter()
  tiles.write(writer)
  const bytes = writer.copy()
  const validity = new Validity()
  const totalAt = (ms: number, of = new Validity()) => windowTotal(form, new ByteReader(bytes), ms, of)
  const total = totalAt(asOfMs, validity)
  const { fromMs, untilMs } = validity
  expect(asOfMs >= fromMs && asOfMs < untilMs).toBe(true)
  const firstMs = Math.max(fromMs, newestMs + 1)
  const lastMs = Math.min(untilMs - 1, asOfMs + 2 * WINDOW_MS)
  for (const ms of [firstMs, Math.floor((firstMs + lastMs) / 2), lastMs]) expect(totalAt(ms)).toEqual(total)
}

function naiveValue({ family }: TileForm, events: readonly Contribution[], asOfMs: number): unknown {
  const inWindow = events.filter(({ timeMs }) => timeMs >= windowStartMs(asOfMs, WINDOW_MS))
  const tile = family.empty()
  for (const event of inWindow) family.add(tile, event)
  const newestMs = inWindow.length === 0 ? undefined : Math.max(...inWindow.map(({ timeMs }) => timeMs))
  return { value: family.value(tile, asOfMs, newestMs), newestMs }
}

describe.each(oneOfEach.map((formula) => [formula.family, formula] as const))('a window of %s', (_, formula) => {
  const form = tileForm(familyOf(formula), WINDOW_MS)

  test('holds what its events come to', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 30 }), (given, laterMinutes) => {
        let tiles = new Tiles(form)
        const events: Contribution[] = []
        let newestMs = 1_000 * 60_000
        for (const { forwardMinutes, isStored, ...rest } of given) {
          const timeMs = newestMs + forwardMinutes * 60_000
          newestMs = Math.max(newestMs, timeMs)
          const event = { ...rest, timeMs, offset: events.length, isPer: !rest.isOf, seen: rest.keys[0] }
          // Too late for every moment from now on: such events are not handed to a window.
          if (Math.floor(timeMs / form.hopMs) < firstHopAt(form, newestMs + 1)) continue
          events.push(event)
          tiles.add(event)
          if (!isStored) continue
          tiles.dropBefore(firstHopAt(form, newestMs + 1))
          tiles = stored(form, tiles)
        }
        expect(tiles.isEmpty).toBe(events.length === 0)
        for (const asOfMs of [newestMs + 1, newestMs + laterMinutes * 60_000]) {
          expect(windowValue(form, tiles, asOfMs)).toEqual(naiveValue(form, events, asOfMs))
          expectValid(form, tiles, asOfMs, newestMs)
        }
        tiles.dropBefore(firstHopAt(form, newestMs + WINDOW_MS + form.hopMs))
        expect(tiles.isEmpty).toBe(true)
        expect(tiles.endMs).toBe(Number.NEGATIVE_INFINITY)
      }),
      { numRuns: 400 },
    )
  })
})

test('a change in the newest hop leaves the bytes of older tiles as they are', () => {
  const form = tileForm(familyOf(formulas.find(({ family }) => family === 'share')!), WINDOW_MS)
  const event = (minute: number, key: string) =>
    ({
      timeMs: minute * 60_000,
      offset: minute,
      isOf: true,
      isPer: false,
      value: undefined,
      keys: [key],
      seen: key,
    }) as const
  let tiles = new Tiles(form)
  for (const minute of [1000, 1006, 1012]) tiles.add(event(minute, `key ${minute}`))
  const bytesOf = (some: Tiles): Buffer => {
    const writer = new ByteWriter()
    some.write(writer)
    return Buffer.from(writer.copy())
  }
  const before = bytesOf(tiles)
  tiles = stored(form, tiles)
  tiles.add(event(1013, 'new'))
  const after = bytesOf(tiles)
  // Of the two older tiles: distance from the first, events, keys, and number and count of the key.
  const olderBytes = 2 * 5
  expect(after.subarray(-olderBytes)).toEqual(before.subarray(-olderBytes))
  expect(after.length).toBeGreaterThan(before.length)
})
