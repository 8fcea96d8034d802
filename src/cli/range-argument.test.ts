import { expect, test } from 'vitest'
import { ials } from '../models/ials/ials.ts'
import { rangesArgument } from './range-argument.ts'

test('ranges are read with their scale, the kind’s own where none is written', () => {
  expect(rangesArgument('factors=16..64,regularization=0.01..1,initStdDev=0.1..1:log,mode=a|2|true', ials())).toEqual({
    factors: { low: 16, high: 64, scale: 'integer' },
    regularization: { low: 0.01, high: 1, scale: 'log' },
    initStdDev: { low: 0.1, high: 1, scale: 'log' },
    mode: { choices: ['a', 2, true] },
  })
  expect(rangesArgument(undefined, ials())).toEqual({})
  expect(() => rangesArgument('factors=a..b', ials())).toThrow(/--ranges has "factors=a..b", expected a range/)
})
