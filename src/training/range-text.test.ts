import { expect, test } from 'vitest'
import { ials } from '../models/ials/ials.ts'
import { rangesIn } from './range-text.ts'

test('ranges are read with their scale, the kind’s own where none is written', () => {
  const { tunable } = ials()
  expect(rangesIn('factors=16..64,regularization=0.01..1,initStdDev=0.1..1:log,mode=a|2|true', tunable)).toEqual({
    factors: { low: 16, high: 64, scale: 'integer' },
    regularization: { low: 0.01, high: 1, scale: 'log' },
    initStdDev: { low: 0.1, high: 1, scale: 'log' },
    mode: { choices: ['a', 2, true] },
  })
  expect(rangesIn('rows=5..50:logInteger', {})).toEqual({ rows: { low: 5, high: 50, scale: 'logInteger' } })
  expect(rangesIn('', tunable)).toEqual({})
  expect(() => rangesIn('factors=a..b', tunable)).toThrow(/The ranges have "factors=a..b"/)
})
