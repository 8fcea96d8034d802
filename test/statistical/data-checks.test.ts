// Goal: on sound data the checks stay silent (at most 1 % of runs raise any alarm, over all tables, columns and checks), and they see what is wrong.
// Method: tables of 50 features with days and weekdays of their own are drawn as profiles (`simulated-table.testing.ts`), with a planted shift or
// without; the checks of a whole run are judged as in production, freshness, schema, nulls, volume, means and drift together.
//
// `MILLRACE_CHECK_RUNS=2000` is the full number. Seeds are fixed; the tolerances say how often other seeds would fail.
import { expect, test } from 'vitest'
import { runChecks } from '../../src/data/checks/run-checks.ts'
import { type CheckResult, describeCheck } from '../../src/domain/check.ts'
import { defaultCheckSettings } from '../../src/domain/check-settings.ts'
import { seededRng } from '../../src/lib/rng.ts'
import { DAY_MS, type DayNoise, normalDays, type PlantedShift, simulatedTable } from './simulated-table.testing.ts'

const runCount = Number(process.env.MILLRACE_CHECK_RUNS ?? 80)
const fullRun = 2000
const timeoutMs = 120_000 + runCount * 500

interface Scenario {
  readonly name: string
  readonly runs: number
  readonly historyDays: number
  readonly noise?: DayNoise
  readonly shift?: Omit<PlantedShift, 'featureIndex'>
}

interface Outcome {
  readonly runs: number
  readonly alarmed: number
  /** Runs with an alarm on the shifted feature. */
  readonly caught: number
  /** Runs in which the plain rule of two standard deviations is broken by some column. */
  readonly ruleBroken: number
  readonly alarms: readonly CheckResult[]
}

function simulate({ name, runs, historyDays, noise = normalDays, shift }: Scenario): Outcome {
  let alarmed = 0
  let caught = 0
  let ruleBroken = 0
  const alarms: CheckResult[] = []
  for (let run = 0; run < runs; run++) {
    const rng = seededRng(`${name}/${run}`)
    const { rules, days } = simulatedTable(rng.fork('table'))
    // Of five features in a row the last is a category, which has no mean.
    const featureIndex = 5 * rng.fork('feature').integer(10) + rng.fork('kind').integer(4)
    const drawn = days({
      dayCount: historyDays + 1,
      rng: rng.fork('days'),
      noise,
      ...(shift ? { shift: { ...shift, featureIndex } } : {}),
    })
    const today = drawn.at(-1)!
    const history = drawn.slice(0, -1)
    const results = runChecks([{ rules, today, history }], defaultCheckSettings, (today.dayNumber + 1) * DAY_MS)
    const raised = results.filter(({ verdict }) => verdict === 'fail' || verdict === 'warn')
    if (raised.length > 0) alarmed++
    if (raised.some(({ column }) => column === Object.keys(rules.columns)[featureIndex])) caught++
    if (results.some(({ meanRule }) => meanRule?.holds === false)) ruleBroken++
    alarms.push(...raised)
  }
  const percent = (count: number) => `${count} (${((100 * count) / runs).toFixed(1)} %)`
  process.stdout.write(
    `${name}: ${runs} runs, ${historyDays} days of history: any alarm ${percent(alarmed)}${shift ? `, caught ${percent(caught)}` : ''}, plain rule broken ${percent(ruleBroken)}\n${alarms
      .slice(0, 3)
      .map((alarm) => `  ${describeCheck(alarm)}\n`)
      .join('')}`,
  )
  return { runs, alarmed, caught, ruleBroken, alarms }
}

/** The least x with P(Binomial(n, p) > x) < 1e-6. */
function binomialBound(n: number, p: number): number {
  let probability = (1 - p) ** n
  let cumulative = probability
  let x = 0
  while (cumulative < 1 - 1e-6) {
    x++
    probability *= ((n - x + 1) / x) * (p / (1 - p))
    cumulative += probability
  }
  return x
}

test(
  'on sound data at most 1 % of runs raise any alarm, while the plain rule is broken in most',
  () => {
    const { runs, alarmed, ruleBroken } = simulate({ name: 'sound', runs: runCount, historyDays: 28 })
    // At the full number the claim itself. With fewer runs it cannot be told from 0 or 3 %: there the bound is what a true 1 % passes but for one
    // set of seeds in a million (80 runs: 8 alarms).
    expect(alarmed).toBeLessThanOrEqual(runs >= fullRun ? 0.01 * runs : binomialBound(runs, 0.01))
    expect(ruleBroken).toBeGreaterThan(0.5 * runs)
  },
  timeoutMs,
)

test(
  'a shift of one feature among 50 by 3 standard deviations between its rows is caught the same day in at least 95 % of runs',
  () => {
    const runs = Math.max(30, runCount / 4)
    const { caught } = simulate({
      name: '3 standard deviations between rows',
      runs,
      historyDays: 28,
      shift: { dayCount: 1, size: 3, of: 'rows' },
    })
    // The shift is some 50 standard deviations of the days: missing any would mean that something is broken.
    expect(caught).toBeGreaterThanOrEqual(0.95 * runs)
  },
  timeoutMs,
)

test(
  'on sound data with heavy-tailed or correlated days, which the test is not made for, at most one run in ten raises an alarm',
  () => {
    const runs = Math.max(20, runCount / 4)
    const heavy = { autocorrelation: 0, tailDegreesOfFreedom: 5 }
    const correlated = { autocorrelation: 0.5, tailDegreesOfFreedom: Number.POSITIVE_INFINITY }
    // The bound is what a true 10 % passes but for one set of seeds in a million.
    for (const [name, noise] of [
      ['heavy-tailed days', heavy],
      ['correlated days', correlated],
    ] as const) {
      expect(simulate({ name, runs, historyDays: 28, noise }).alarmed).toBeLessThanOrEqual(binomialBound(runs, 0.1))
    }
  },
  timeoutMs,
)

// Three standard deviations between days are another matter: no test can see them in one day and be silent on 50 sound features. With the usual
// spread known exactly, one false alarm in 100 runs leaves each of 50 two-sided tests 2e-4, a threshold of 3.72, and 3 + noise passes that in 24 %.
test(
  'a shift by 3 standard deviations between days that stays is caught within a week, in most runs with 4 weeks of history and in nearly all with 8',
  () => {
    const runs = Math.max(30, runCount / 4)
    const shift = { dayCount: 7, size: 3, of: 'days' } as const
    const four = simulate({ name: '3 standard deviations between days, for a week', runs, historyDays: 28, shift })
    const eight = simulate({ name: '3 standard deviations between days, for a week', runs, historyDays: 56, shift })
    // Over 500 other seeds 60 % and 90 % were caught; five sigma of the binomial below 50 % and 85 % fail for fewer than one set of seeds in a million.
    const least = (share: number) => runs * share - 5 * Math.sqrt(runs * share * (1 - share))
    expect(four.caught).toBeGreaterThanOrEqual(least(0.5))
    expect(eight.caught).toBeGreaterThanOrEqual(least(0.85))
  },
  timeoutMs,
)
