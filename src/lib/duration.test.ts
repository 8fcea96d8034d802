import { expect, test } from 'vitest'
import { type Duration, durationMs, durationText } from './duration.ts'

test.each([
  ['30 days', 2_592_000_000],
  ['1 day', 86_400_000],
  ['1.5 hours', 5_400_000],
  ['90 seconds', 90_000],
  ['2 weeks', 1_209_600_000],
  ['500 milliseconds', 500],
  [' 5 Minutes ', 300_000],
])('"%s" is %d ms', (text, expected) => {
  expect(durationMs(text)).toBe(expected)
})

test.each([
  '',
  '30',
  'days',
  '0 days',
  '-1 day',
  '1 month',
  '30 dais',
  '1e9 days',
  '99999999999999 weeks',
  '1 constructor',
])('"%s" is no length of time', (text) => {
  expect(durationMs(text)).toBeUndefined()
})

test('the type knows the units', () => {
  const valid: Duration = '30 days'
  // @ts-expect-error "dais" is no unit
  const invalid: Duration = '30 dais'
  expect([valid, invalid]).toHaveLength(2)
})

test('a length of time is written in the largest unit that fits, and read back as it was', () => {
  expect(durationText(30 * 86_400_000)).toBe('30 days')
  expect(durationText(604_800_000)).toBe('1 week')
  expect(durationText(3_600_000)).toBe('1 hour')
  expect(durationText(90_000)).toBe('90 seconds')
  for (const ms of [1, 999, 60_000, 86_400_001]) expect(durationMs(durationText(ms))).toBe(ms)
})
