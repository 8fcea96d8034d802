import { expect, test } from 'vitest'
import { MillraceError } from '../lib/errors.ts'
import { checkSettings } from './settings-check.ts'

test('every wrong setting is reported, with what was found and what was expected', () => {
  const ranges = { neighbours: { low: 1, isInteger: true }, shrinkage: { low: 0, high: 10 }, power: { low: -1 } }
  checkSettings('kind', { neighbours: 1, shrinkage: 10, power: -1 }, ranges)
  try {
    checkSettings('kind', { neighbours: 1.5, shrinkage: Number.NaN, power: 0 }, ranges)
    expect.unreachable()
  } catch (error) {
    expect(error).toBeInstanceOf(MillraceError)
    const { code, problems } = error as MillraceError
    expect(code).toBe('TRAINING_INPUT_INVALID')
    expect(problems).toEqual([
      { where: 'kind.neighbours', message: 'found 1.5, expected an integer of at least 1.' },
      { where: 'kind.shrinkage', message: 'found NaN, expected a number from 0 to 10.' },
    ])
  }
})
