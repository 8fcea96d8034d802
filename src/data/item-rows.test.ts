import { describe, expect, test } from 'vitest'
import { type Rng, seededRng } from '../lib/rng.ts'
import { ItemRows, type RowShape, TEXT_NUMBERS } from './item-rows.ts'

const NOON_MS = Date.UTC(2026, 5, 1, 12)
const shape: RowShape = { textCount: 1, partCount: 1, numberCount: 1 }

describe('when a row holds', () => {
  test('from its first moment to before its last, to the millisecond, however far from those that were near when it was made', () => {
    for (const awayMs of [0, 1, 86_400_000, 400 * 86_400_000, -86_400_000]) {
      const rows = new ItemRows(3, shape, NOON_MS - awayMs)
      rows.setMoments(1, NOON_MS, NOON_MS + 1000)
      const holds = (momentMs: number): boolean => rows.notHolding(Int32Array.of(1), momentMs).length === 0
      expect([NOON_MS - 1, NOON_MS, NOON_MS + 999, NOON_MS + 1000].map(holds)).toEqual([false, true, true, false])
    }
  })

  test('at none, where it would end before it begins', () => {
    const rows = new ItemRows(1, shape, NOON_MS)
    rows.setMoments(0, NOON_MS + 500, NOON_MS + 400)
    expect(rows.notHolding(Int32Array.of(0), NOON_MS + 300)).toEqual([0])
  })

  test('the other rows do not change that: a random history equals a plain table of moments', () => {
    const rng = seededRng('moments')
    const itemCount = 20
    const rows = new ItemRows(itemCount, shape, NOON_MS)
    const moments = Array.from({ length: itemCount }, () => [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
    const someMs = (): number => NOON_MS + rng.integer(40) - 20
    const someEnd = (): number => [someMs(), Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY][rng.integer(3)]!
    for (let step = 0; step < 3000; step++) {
      const item = rng.integer(itemCount)
      if (rng.integer(4) === 0) {
        rows.forget(item)
        moments[item] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
      } else {
        const [fromMs, untilMs] = [rng.integer(3) === 0 ? Number.NEGATIVE_INFINITY : someMs(), someEnd()]
        rows.setMoments(item, fromMs, untilMs)
        moments[item] = [fromMs, untilMs]
      }
      const items = Int32Array.from({ length: 8 }, () => rng.integer(itemCount))
      const momentMs = someMs()
      const expected = [...items].filter((of) => !(momentMs >= moments[of]![0]! && momentMs < moments[of]![1]!))
      expect(rows.notHolding(items, momentMs)).toEqual([...new Set(expected)])
    }
  })
})

const values = Float32Array.from({ length: TEXT_NUMBERS }, (_, number) => number)

/** Fills all rows, and expects what was put in. */
function expectRoundTrip(rng: Rng, { textCount, partCount, numberCount }: RowShape): void {
  const itemCount = 150
  const rows = new ItemRows(itemCount, { textCount, partCount, numberCount }, NOON_MS)
  const tableOf = (columnCount: number, value: () => number): number[][] =>
    Array.from({ length: columnCount }, () => Array.from({ length: itemCount }, value))
  const texts = tableOf(textCount, () => (rng.integer(3) === 0 ? -1 : rng.integer(TEXT_NUMBERS)))
  const parts = tableOf(partCount, () => NOON_MS + rng.next())
  const numbers = tableOf(numberCount, () => Math.fround(rng.next()))
  for (let item = 0; item < itemCount; item++) {
    texts.forEach((column, t) => {
      rows.setText(item, t, column[item]! < 0 ? undefined : column[item])
    })
    parts.forEach((column, p) => {
      rows.setPart(item, p, column[item]!)
    })
    numbers.forEach((column, n) => {
      rows.setNumber(item, n, column[item]!)
    })
    rows.setMoments(item, NOON_MS, NOON_MS + 1)
  }
  const items = Int32Array.from({ length: 201 }, () => rng.integer(itemCount))
  const of = (column: readonly number[]): number[] => Array.from(items, (item) => column[item]!)
  texts.forEach((column, t) => {
    const out = new Float32Array(items.length)
    rows.lookUp(t, items, { values, ofOther: (item) => -1 - item }, out)
    expect([...out]).toEqual(Array.from(items, (item) => (column[item]! < 0 ? -1 - item : column[item]!)))
  })
  parts.forEach((column, p) => {
    const out = new Float64Array(items.length)
    rows.copyParts(p, items, out)
    expect([...out]).toEqual(of(column))
  })
  const out = numbers.map(() => new Float32Array(items.length))
  rows.copyNumbers(items, out)
  expect(out.map((column) => [...column])).toEqual(numbers.map(of))
  expect(rows.notHolding(items, NOON_MS)).toEqual([])
}

test('texts, parts and numbers come out as they were put in, however many there are of each', () => {
  const rng = seededRng('rows')
  for (const textCount of [0, 1, 2, 3, 4])
    for (const partCount of [0, 1, 2])
      for (const numberCount of [0, 1, 5, 12, 13, 30]) expectRoundTrip(rng, { textCount, partCount, numberCount })
})
