import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Rng, seededRng } from './rng.ts'
import { type DailyFigure, shiftTest } from './shift-test.ts'
import { studentTTail } from './tail-probabilities.ts'

const series = (figures: readonly number[], samplingVariance = 0): DailyFigure[] =>
  figures.map((figure, i) => ({ dayNumber: 20_000 + i, figure, samplingVariance }))

const normalDays = (rng: Rng, count: number, weekday: readonly number[] = [0, 0, 0, 0, 0, 0, 0]): number[] =>
  Array.from({ length: count }, (_, i) => 100 + weekday[i % 7]! + rng.normal())

describe('the test of daily figures', () => {
  test('is the prediction interval of the textbook, where weekdays are not yet known and neighbours do not resemble each other', () => {
    const before = Array.from({ length: 14 }, (_, i) => 10 + (i % 2 === 0 ? 1 : -1))
    const found = shiftTest(series([...before, 14]))!
    // Mean 10, variance 14 / 13, t = 4 / sqrt(14 / 13 * (1 + 1 / 14)) with 13 degrees of freedom.
    expect(found).toMatchObject({
      windowDays: 1,
      degreesOfFreedom: 13,
      historyDays: 14,
      setAsideDays: 0,
      isByWeekday: false,
    })
    expect(found.expected).toBeCloseTo(10, 12)
    expect(found.pValue).toBeCloseTo(studentTTail(4 / Math.sqrt((14 / 13) * (15 / 14)), 13), 12)
  })

  test('needs two weeks', () => {
    expect(shiftTest(series(normalDays(seededRng(1), 14)))).toBeUndefined()
    expect(shiftTest(series(normalDays(seededRng(1), 15)))).toBeDefined()
    expect(shiftTest([])).toBeUndefined()
    expect(shiftTest(series([...Array(20).fill(1), Number.NaN]))).toBeUndefined()
  })

  // Binomial(2000, 0.05): five sigma is 0.0244. The Bonferroni step and the safety of the standard error keep it below 5 % by themselves.
  test.each([
    ['normal days', [0, 0, 0, 0, 0, 0, 0]],
    ['normal days in a strong weekly rhythm', [0, 1, 2, 1, 0, -8, -9]],
  ])('on %s p falls below 5 %% about as often as it says', (_, weekday) => {
    const rng = seededRng(3)
    let low = 0
    for (let run = 0; run < 2000; run++) {
      if (shiftTest(series(normalDays(rng, 29, weekday)))!.pValue <= 0.05) low++
    }
    expect(low / 2000).toBeLessThan(0.05 + 0.0244)
    expect(low / 2000).toBeGreaterThan(0.01)
  })

  test('sees a quiet Monday that would be a normal Sunday', () => {
    const weekday = [0, 0, 0, 0, 0, -20, -20]
    const days = normalDays(seededRng(4), 29, weekday)
    expect(shiftTest(series(days))!.pValue).toBeGreaterThan(0.01)
    const found = shiftTest(series([...days.slice(0, -1), 80]))!
    expect(found.isByWeekday).toBe(true)
    expect(found.pValue).toBeLessThan(1e-6)
  })

  test('sees in a week what it cannot see in a day', () => {
    const rng = seededRng(5)
    const days = normalDays(rng, 57).map((figure, i) => figure + (i >= 50 ? 3 : 0))
    const week = shiftTest(series(days))!
    expect(week).toMatchObject({ windowDays: 7, historyDays: 50 })
    expect(week.pValue).toBeLessThan(1e-5)
    expect(shiftTest(series(days.slice(0, 51)))!.pValue).toBeGreaterThan(1e-5)
  })

  test('is not blinded by an outage in the past, and keeps a day of the week that is always different', () => {
    const days = normalDays(seededRng(6), 29)
    const outage = shiftTest(series(days.map((figure, i) => (i === 9 ? 0 : i === 28 ? 110 : figure))))!
    expect(outage.setAsideDays).toBe(1)
    expect(outage.pValue).toBeLessThan(1e-4)
    const closed = shiftTest(series(normalDays(seededRng(7), 29, [-90, 0, 0, 0, 0, 0, 0])))!
    expect(closed).toMatchObject({ setAsideDays: 0, isByWeekday: true })
    expect(closed.pValue).toBeGreaterThan(0.01)
  })

  test('of equal days says that nothing moved, and that a step away from them did', () => {
    expect(shiftTest(series(Array(30).fill(0.1)))!.pValue).toBe(1)
    expect(shiftTest(series(Array(30).fill(0)))!.pValue).toBe(1)
    expect(shiftTest(series([...Array(29).fill(0.1), 0.2]))!.pValue).toBe(0)
    // Three successes of a thousand rows, where there never was one: standard deviation sqrt(0.003 / 1000) = 0.0017.
    const rare = series(Array(30).fill(0))
    rare[29] = { ...rare[29]!, figure: 0.003, samplingVariance: 3e-6 }
    expect(shiftTest(rare)!.pValue).toBeGreaterThan(0.05)
  })

  test('forgives a day of few rows what its rows explain', () => {
    const days = series(normalDays(seededRng(8), 29))
    const odd = { ...days[28]!, figure: 110 }
    const many = shiftTest([...days.slice(0, -1), odd])!
    const few = shiftTest([...days.slice(0, -1), { ...odd, samplingVariance: 100 }])!
    expect(many.pValue).toBeLessThan(1e-5)
    expect(few.pValue).toBeGreaterThan(0.1)
  })

  test('does not depend on unit and origin', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 15, maxLength: 60 }),
        fc.integer({ min: -1000, max: 1000 }),
        fc.constantFrom(0.5, 2, 1024, -1),
        (figures, origin, unit) => {
          const plain = shiftTest(series(figures))!
          const moved = shiftTest(series(figures.map((figure) => (figure + origin) * unit)))!
          expect(moved.pValue).toBeCloseTo(plain.pValue, 6)
        },
      ),
    )
  })

  test('never gives a number that is not one', () => {
    const figure = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.constantFrom(0, 1, 1e-300, 1e300, -1e308),
    )
    const day = fc.record({ figure, samplingVariance: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }) })
    fc.assert(
      fc.property(fc.array(day, { minLength: 15, maxLength: 40 }), (days) => {
        const found = shiftTest(days.map((of, i) => ({ dayNumber: i, ...of })))
        for (const value of Object.values(found ?? {})) expect(value).not.toBeNaN()
        if (found) {
          expect(found.pValue).toBeGreaterThanOrEqual(0)
          expect(found.pValue).toBeLessThanOrEqual(1)
        }
      }),
    )
  })
})
