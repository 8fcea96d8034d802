import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ByteReader, ByteWriter } from '../../lib/bytes.ts'
import { corpusDefinitions } from '../feature-corpus.contract.ts'
import { familyOf, isWindowed, type WindowedFormula } from './family-of.ts'
import type { Contribution, TileFamily } from './tile-family.ts'

const formulas = corpusDefinitions.map(({ formula }) => formula).filter(isWindowed)
const oneOfEach = [...new Map(formulas.map((formula) => [formula.family, formula])).values()] as WindowedFormula[]

const AS_OF_MS = 1_000_000_000
const contributions = fc.array(
  fc.record({
    timeMs: fc.nat({ max: 40 }).map((minute) => minute * 60_000),
    value: fc.constantFrom(0, 0.1, -2.5, 1e9, -1e9, 0.0000005),
    keys: fc.uniqueArray(fc.constantFrom('a', 'b', 'ä', '\u{1f600}'), { minLength: 1, maxLength: 3 }),
    isOf: fc.boolean(),
  }),
  { maxLength: 30 },
)
const numbered = (given: readonly Pick<Contribution, 'timeMs' | 'value' | 'keys' | 'isOf'>[]): Contribution[] =>
  given.map((one, offset) => ({ ...one, offset, isPer: !one.isOf, seen: one.keys[0] }))

function tileOf(family: TileFamily<unknown>, events: readonly Contribution[]): unknown {
  const tile = family.empty()
  for (const event of events) family.add(tile, event)
  return tile
}

const valueIn = (family: TileFamily<unknown>, tile: unknown, events: readonly Contribution[]) =>
  family.value(tile, AS_OF_MS, events.length === 0 ? undefined : Math.max(...events.map(({ timeMs }) => timeMs)))

function copied(family: TileFamily<unknown>, tile: unknown): unknown {
  const writer = new ByteWriter()
  family.write(tile, writer)
  const reader = new ByteReader(writer.copy())
  const copy = family.read(reader)
  expect(() => reader.byte()).toThrow(RangeError)
  return copy
}

describe.each(oneOfEach.map((formula) => [formula.family, formula] as const))('tiles of %s', (_, formula) => {
  const family = familyOf(formula)

  test('do not mind the order of events, and outlive being written and read', () => {
    fc.assert(
      fc.property(contributions, fc.nat(), (given, seed) => {
        const events = numbered(given)
        const shuffled = events.toSorted((a, b) => ((a.offset * 7919 + seed) % 31) - ((b.offset * 7919 + seed) % 31))
        const value = valueIn(family, tileOf(family, events), events)
        expect(valueIn(family, tileOf(family, shuffled), events)).toEqual(value)
        expect(valueIn(family, copied(family, tileOf(family, events)), events)).toEqual(value)
      }),
    )
  })

  test('merged in the order of time give what all events together give, and can be taken away again', () => {
    fc.assert(
      fc.property(contributions, fc.nat({ max: 41 }), (given, minute) => {
        const events = numbered(given)
        const early = events.filter(({ timeMs }) => timeMs < minute * 60_000)
        const late = events.filter(({ timeMs }) => timeMs >= minute * 60_000)
        const merged = family.empty()
        family.merge(merged, tileOf(family, early))
        family.merge(merged, tileOf(family, late))
        expect(valueIn(family, merged, events)).toEqual(valueIn(family, tileOf(family, events), events))
        if (family.subtract === undefined) return
        family.subtract(merged, tileOf(family, early))
        expect(valueIn(family, merged, late)).toEqual(valueIn(family, tileOf(family, late), late))
      }),
    )
  })
})
