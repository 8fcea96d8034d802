import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CheckName, type CheckResult, decide, describeCheck } from '../../domain/check.ts'
import { defaultCheckSettings } from '../../domain/check-settings.ts'
import { TableProfiler, type TableRules } from '../../domain/table-profile.ts'
import { seededRng } from '../../lib/rng.ts'
import type { ProfiledDay } from './measurement.ts'
import { plannedChecks } from './planned-checks.ts'
import { runChecks } from './run-checks.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const TODAY = 20_028

const rules: TableRules = {
  table: 'items',
  isRealTime: true,
  owner: 'data@shop.example',
  columns: {
    id: { type: 'id', isRequired: true, isUnique: true },
    price: { type: 'number', isRequired: true, min: 0 },
    stock: { type: 'integer', isRequired: false },
    isNew: { type: 'boolean', isRequired: true },
    brand: { type: 'category', isRequired: true },
    sellerId: { type: 'id', isRequired: true, references: 'sellers' },
  },
}
const sellers = new Map([['sellers', new Set(['s1'])]])

type Row = Readonly<Record<string, unknown>>

/** Rows of a sound day: prices around a level that moves by 2 % from day to day. */
function soundRows(dayNumber: number, rowCount = 400): Row[] {
  const rng = seededRng(`day ${dayNumber}`)
  const level = 20 * Math.exp(0.02 * rng.normal())
  return Array.from({ length: rowCount }, (_, i) => ({
    id: `${dayNumber}-${i}`,
    price: level * Math.exp(0.5 * rng.normal()),
    stock: rng.next() < 0.1 ? null : rng.integer(50),
    isNew: rng.next() < 0.2,
    brand: ['acme', 'acme', 'globex', 'initech'][rng.integer(4)],
    sellerId: 's1',
  }))
}

function dayOf(dayNumber: number, rows: readonly Row[], given = rules): ProfiledDay {
  const profiler = new TableProfiler(given, sellers)
  const eventTimeMs = (dayNumber + 1) * DAY_MS - HOUR_MS
  for (const row of rows) profiler.add(row, { eventTimeMs, availableTimeMs: eventTimeMs + 1000 })
  return { dayNumber, profile: profiler.finish() }
}

const history = (dayCount: number): ProfiledDay[] =>
  Array.from({ length: dayCount }, (_, i) => TODAY - dayCount + i).map((day) => dayOf(day, soundRows(day)))

const fourWeeks = history(28)
const nowMs = (TODAY + 1) * DAY_MS

function check(
  rows: readonly Row[],
  options: { history?: readonly ProfiledDay[]; rules?: TableRules; nowMs?: number } = {},
) {
  const given = options.rules ?? rules
  return runChecks(
    [{ rules: given, today: dayOf(TODAY, rows, given), history: options.history ?? fourWeeks }],
    defaultCheckSettings,
    options.nowMs ?? nowMs,
  )
}

const find = (results: readonly CheckResult[], name: CheckName, column: string | null = null): CheckResult =>
  results.find((of) => of.check === name && of.column === column)!
const alarmsOf = (results: readonly CheckResult[]) =>
  results
    .filter(({ verdict }) => verdict === 'warn' || verdict === 'fail')
    .map(({ check, column }) => `${column}: ${check}`)

describe('the checks of a run', () => {
  test('are those of the plan, and on a sound day all pass', () => {
    const results = check(soundRows(TODAY))
    expect(results.map(({ check, column }) => [check, column])).toEqual(
      plannedChecks(rules, defaultCheckSettings).map(({ check, column }) => [check, column]),
    )
    expect(new Set(results.map(({ verdict }) => verdict))).toEqual(new Set(['pass']))
    expect(decide(results).decision).toBe('publish')
    expect(find(results, 'mean', 'price').historyUsed).toMatchObject({ setAsideDayCount: 0, isByWeekday: true })
  })

  test('a price in cents raises its mean, its drift and nothing else, and the version is held', () => {
    const results = check(soundRows(TODAY).map((row) => ({ ...row, price: (row.price as number) * 100 })))
    expect(alarmsOf(results)).toEqual(['price: mean', 'price: drift'])
    const mean = find(results, 'mean', 'price')
    expect(mean).toMatchObject({ verdict: 'fail', severity: 'hold', isBeyondThreshold: true, isSignificant: true })
    expect(mean.meanRule).toMatchObject({ stdDevs: 2, holds: false })
    expect(mean.adjustedPValue!).toBeLessThan(1e-6)
    expect(describeCheck(mean)).toMatch(
      /^FAIL \(hold\) · items\.price · mean: mean \d+, expected \d[\d.]+; worth an alarm outside .*; significant \(p < 0\.000001 for 16 tests, usual .*, by 28 days and weekday\); rule of 2 standard deviations broken \(.*\)$/,
    )
    expect(decide(results).decision).toBe('hold')
  })

  test('breaking the rule of two standard deviations is shown, and is no alarm by itself', () => {
    const { meanRule } = find(check(soundRows(TODAY)), 'mean', 'price')
    const spread = (meanRule!.band.high! - meanRule!.band.low!) / 4
    const today = find(check(soundRows(TODAY)), 'mean', 'price')
    // 2.3 standard deviations above the middle, by scaling all prices.
    const factor = (meanRule!.band.low! + 4.3 * spread) / today.value!
    const moved = find(
      check(soundRows(TODAY).map((row) => ({ ...row, price: (row.price as number) * factor }))),
      'mean',
      'price',
    )
    expect(moved.meanRule!.holds).toBe(false)
    expect(moved.verdict).toBe('pass')
    expect(moved).toMatchObject({ isBeyondThreshold: true, isSignificant: false })
  })

  test('a change that is significant and too small to matter is no alarm', () => {
    // A hundred million rows a day around 20 with a standard deviation of 10; today 20.05, fifty standard errors off.
    const withMean = (day: ProfiledDay, mean: number): ProfiledDay => {
      const price = { ...day.profile.columns.price!, moments: { count: 1e8, mean, squares: 100 * 1e8 } }
      return { ...day, profile: { ...day.profile, columns: { ...day.profile.columns, price } } }
    }
    const today = withMean(dayOf(TODAY, soundRows(TODAY)), 20.05)
    const days = fourWeeks.map((day) => withMean(day, 20))
    const mean = find(runChecks([{ rules, today, history: days }], defaultCheckSettings, nowMs), 'mean', 'price')
    expect(mean).toMatchObject({ verdict: 'pass', isSignificant: true, isBeyondThreshold: false })
  })

  test('broken rules of the schema are facts: one row is enough', () => {
    const rows = soundRows(TODAY)
    const results = check([
      ...rows.slice(0, -3),
      { ...rows.at(-3), price: -1 },
      { ...rows.at(-2), id: rows[0]!.id, isNew: 'yes' },
      { ...rows.at(-1), sellerId: 's9' },
    ])
    expect(alarmsOf(results)).toEqual(['id: uniqueness', 'price: range', 'isNew: type', 'sellerId: reference'])
    expect(find(results, 'uniqueness', 'id')).toMatchObject({ verdict: 'fail', value: 1 / 400, pValue: null })
    expect(find(results, 'reference', 'sellerId').verdict).toBe('warn')
    expect(find(results, 'type', 'isNew').message).toContain('such as "yes"')
  })

  test('nulls in a required column: above 1 % and not by chance', () => {
    const withNulls = (count: number) => soundRows(TODAY).map((row, i) => (i < count ? { ...row, brand: null } : row))
    // 5 of 400 are 1.25 %: P(at least 5 | 1 %) = 0.37.
    expect(find(check(withNulls(5)), 'nullRate', 'brand')).toMatchObject({
      verdict: 'pass',
      isBeyondThreshold: true,
      isSignificant: false,
    })
    expect(find(check(withNulls(40)), 'nullRate', 'brand')).toMatchObject({
      verdict: 'fail',
      severity: 'hold',
      value: 0.1,
    })
  })

  test('nulls in an optional column are compared with what is usual', () => {
    const results = check(soundRows(TODAY).map((row, i) => (i % 2 === 0 ? { ...row, stock: null } : row)))
    expect(alarmsOf(results)).toEqual(['stock: nullRateShift'])
    expect(find(results, 'nullRateShift', 'stock').expected).toBeCloseTo(0.1, 1)
  })

  test('a column that has gone stops the run, and one that has come is not judged yet', () => {
    const gone = check(soundRows(TODAY).map(({ price, ...row }) => row))
    expect(alarmsOf(gone)).toContain('price: column')
    expect(decide(gone).decision).toBe('stop')

    const wider: TableRules = { ...rules, columns: { ...rules.columns, weight: { type: 'number', isRequired: false } } }
    const come = check(
      soundRows(TODAY).map((row) => ({ ...row, weight: 5 })),
      { rules: wider },
    )
    expect(alarmsOf(come)).toEqual([])
    for (const name of ['mean', 'drift', 'nullRateShift'] as const) {
      expect(find(come, name, 'weight')).toMatchObject({ verdict: 'notEnoughHistory', pValue: null })
    }
  })

  test('a category never seen that takes a third of the rows is drift, and is named', () => {
    const results = check(soundRows(TODAY).map((row, i) => (i % 3 === 0 ? { ...row, brand: 'umbrella' } : row)))
    expect(alarmsOf(results)).toEqual(['brand: drift'])
    expect(find(results, 'drift', 'brand').message).toContain('most of it "umbrella", 0 % before and 33.5 % now')
    const once = check(soundRows(TODAY).map((row, i) => (i === 0 ? { ...row, brand: 'umbrella' } : row)))
    expect(alarmsOf(once)).toEqual([])
  })

  test('an empty day is an alarm of the volume only, and of freshness as far as the days before are old', () => {
    const results = check([])
    expect(alarmsOf(results)).toEqual(['null: eventFreshness', 'null: availableFreshness', 'null: volume'])
    expect(find(results, 'volume')).toMatchObject({ value: 0, verdict: 'fail', severity: 'hold' })
    // The newest row there is came at 23 o'clock of the day before.
    expect(find(results, 'eventFreshness').value).toBe(25 * HOUR_MS)
  })

  test('half of the rows is business, a tenth is an alarm', () => {
    expect(find(check(soundRows(TODAY, 230)), 'volume').verdict).toBe('pass')
    expect(find(check(soundRows(TODAY, 40)), 'volume').verdict).toBe('fail')
  })

  test('the two kinds of age are told apart', () => {
    const profiler = new TableProfiler(rules, sellers)
    for (const row of soundRows(TODAY))
      profiler.add(row, { eventTimeMs: nowMs - 5 * HOUR_MS, availableTimeMs: nowMs - HOUR_MS })
    const today = { dayNumber: TODAY, profile: profiler.finish() }
    const results = runChecks([{ rules, today, history: fourWeeks }], defaultCheckSettings, nowMs)
    expect(alarmsOf(results)).toEqual(['null: eventFreshness'])
    expect(describeCheck(find(results, 'eventFreshness'))).toBe(
      'WARN · items · eventFreshness: the newest row happened 5 h ago; at most 2 h are allowed',
    )
  })

  test('one row, all null, a constant: nothing is claimed of what cannot be known', () => {
    const one = check(soundRows(TODAY, 1))
    expect(find(one, 'mean', 'price')).toMatchObject({ verdict: 'notEnoughHistory', value: null })
    expect(alarmsOf(one)).toEqual(['null: volume'])

    const constant = (day: number) => soundRows(day).map((row) => ({ ...row, price: 5, brand: 'acme' }))
    const days = fourWeeks.map(({ dayNumber }) => dayOf(dayNumber, constant(dayNumber)))
    expect(alarmsOf(check(constant(TODAY), { history: days }))).toEqual([])
    expect(alarmsOf(check(soundRows(TODAY), { history: days }))).toEqual([
      'price: mean',
      'price: drift',
      'brand: drift',
    ])
  })

  test.each([1, 2, 3, 13])(
    'with %d days of history only what is grossly off is warned of, by a fixed threshold',
    (dayCount) => {
      const days = history(dayCount)
      const sound = check(soundRows(TODAY), { history: days })
      expect(alarmsOf(sound)).toEqual([])
      expect(find(sound, 'mean', 'price')).toMatchObject({ verdict: 'notEnoughHistory', adjustedPValue: null })
      expect(find(sound, 'mean', 'price').message).toContain(
        `only ${dayCount} day${dayCount === 1 ? '' : 's'} of history, so the threshold is a fixed, wide one`,
      )
      const cents = check(
        soundRows(TODAY).map((row) => ({ ...row, price: (row.price as number) * 100 })),
        { history: days },
      )
      expect(alarmsOf(cents)).toEqual(['price: mean', 'price: drift'])
      expect(find(cents, 'mean', 'price').verdict).toBe('warn')
    },
  )

  test('the first day ever is published with what its rows alone can say', () => {
    const results = check(soundRows(TODAY), { history: [] })
    expect(alarmsOf(results)).toEqual([])
    expect(find(results, 'volume').verdict).toBe('notEnoughHistory')
    expect(find(results, 'uniqueness', 'id').verdict).toBe('pass')
  })

  test('whatever rows come, every number of every result is one, and the results survive JSON', () => {
    const value = fc.constantFrom<unknown>(
      null,
      0,
      1,
      -1,
      5e-324,
      1e-300,
      1e300,
      -1.7e308,
      1e9,
      'a',
      true,
      Number.NaN,
      [],
    )
    const rows = fc.array(fc.record({ id: fc.string(), price: value, stock: value, isNew: value, brand: value }), {
      maxLength: 3,
    })
    fc.assert(
      fc.property(fc.array(fc.tuple(rows, fc.constantFrom(1, 40, 120)), { minLength: 1, maxLength: 32 }), (days) => {
        const profiled = days.map(([some, times], i) =>
          dayOf(TODAY - days.length + 1 + i, Array.from({ length: times }, () => some).flat()),
        )
        const results = runChecks(
          [{ rules, today: profiled.at(-1)!, history: profiled.slice(0, -1) }],
          defaultCheckSettings,
          nowMs,
        )
        expect(JSON.parse(JSON.stringify(results))).toEqual(results)
        // The example of a wrong value may well be NaN itself.
        for (const result of results)
          expect(describeCheck(result).replace(/such as .*/, '')).not.toMatch(/NaN|Infinity|undefined/)
      }),
    )
  })

  test('later days are not looked at, and the order of the days does not matter', () => {
    const later = dayOf(TODAY + 1, [])
    const rows = soundRows(TODAY)
    expect(check(rows, { history: [later, ...fourWeeks].reverse() })).toEqual(check(rows))
  })
})
