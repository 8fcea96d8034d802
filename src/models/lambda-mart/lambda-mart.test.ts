// Goal: how much leaves are smoothed follows how few rows they may have, also while that is tuned, unless the system file says it.
import { expect, test } from 'vitest'
import { lambdaMart } from './lambda-mart.ts'

const smoothingOf = ({ options }: ReturnType<typeof lambdaMart>): unknown => options['smoothing']

test('smoothing is half as much again as the least rows a leaf, unless it is given', () => {
  expect(smoothingOf(lambdaMart())).toBe(300)
  expect(smoothingOf(lambdaMart({ minRowsPerLeaf: 20 }))).toBe(30)
  expect(smoothingOf(lambdaMart({ minRowsPerLeaf: 20, smoothing: 0 }))).toBe(0)
})

test('a trial of a tuning with other least rows is smoothed as these ask, and keeps what was given', () => {
  const tried = lambdaMart({ trees: 7 }).with!({ minRowsPerLeaf: 100 })
  expect(tried.options).toMatchObject({ trees: 7, minRowsPerLeaf: 100, smoothing: 150 })
  expect(
    smoothingOf(lambdaMart({ smoothing: 12 }).with!({ minRowsPerLeaf: 100 }) as ReturnType<typeof lambdaMart>),
  ).toBe(12)
})
