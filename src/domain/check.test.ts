import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type CheckResult, decide, describeCheck } from './check.ts'

const result = (changes: Partial<CheckResult>): CheckResult => ({
  check: 'mean',
  table: 'items',
  column: 'price',
  value: 12,
  expected: 10,
  threshold: { low: 9, high: 11 },
  isBeyondThreshold: true,
  calibratedBand: { low: 9.5, high: 10.5 },
  pValue: 1e-8,
  adjustedPValue: 1e-6,
  isSignificant: true,
  meanRule: null,
  historyUsed: null,
  verdict: 'pass',
  severity: 'hold',
  owner: 'data@shop.example',
  message: 'mean 12, expected 10',
  ...changes,
})

describe('what follows from checks', () => {
  test('without an alarm the version is published', () => {
    expect(decide([])).toEqual({ decision: 'publish', reasons: [] })
    expect(decide([result({}), result({ verdict: 'notEnoughHistory', severity: 'stop' })])).toEqual({
      decision: 'publish',
      reasons: [],
    })
  })

  test('the gravest failed check decides, and all alarms are given, gravest first', () => {
    const warned = result({ verdict: 'warn', severity: 'stop' })
    const held = result({ verdict: 'fail', severity: 'hold' })
    const stopped = result({ verdict: 'fail', severity: 'stop' })
    expect(decide([warned])).toEqual({ decision: 'publish', reasons: [warned] })
    expect(decide([warned, held])).toEqual({ decision: 'hold', reasons: [held, warned] })
    expect(decide([warned, held, result({}), stopped])).toEqual({ decision: 'stop', reasons: [stopped, held, warned] })
  })

  test('the order of results does not matter, and one more result never makes it milder', () => {
    const any = fc
      .record({
        verdict: fc.constantFrom('pass', 'warn', 'fail', 'notEnoughHistory' as const),
        severity: fc.constantFrom('warn', 'hold', 'stop' as const),
      })
      .map(result as (changes: object) => CheckResult)
    const gravity = ['publish', 'hold', 'stop']
    fc.assert(
      fc.property(fc.array(any), any, (results, more) => {
        const before = decide(results).decision
        expect(decide([...results].reverse()).decision).toBe(before)
        expect(gravity.indexOf(decide([...results, more]).decision)).toBeGreaterThanOrEqual(gravity.indexOf(before))
      }),
    )
  })

  test('a result is one line', () => {
    expect(describeCheck(result({ verdict: 'fail' }))).toBe('FAIL (hold) · items.price · mean: mean 12, expected 10')
    expect(describeCheck(result({ check: 'volume', column: null, verdict: 'notEnoughHistory' }))).toBe(
      'too little history · items · volume: mean 12, expected 10',
    )
  })
})
