import { expect, test } from 'vitest'
import { lambdaMart } from '../models/lambda-mart/lambda-mart.ts'
import { popularity } from '../models/popularity/popularity.ts'
import { defineSystem } from './define-system.ts'
import { httpIngest } from './sources.ts'

const owner = 'team@shop.example'

const systemWith = (examples: object | undefined) =>
  defineSystem({
    name: 'shop',
    data: {
      owner,
      entities: { user: {}, item: {} },
      interactions: { view: { weight: 1 } },
      sources: { shop: httpIngest() },
    },
    training: {
      owner,
      candidates: { trending: popularity() },
      ranker: lambdaMart(),
      ...(examples !== undefined && { examples }),
    },
    serving: { owner, placements: { home: { limit: 5 } } },
    monitoring: { owner },
  })

test('a ranker learns from plain history of four weeks unless it is told otherwise', () => {
  const DAY_MS = 86_400_000
  expect(systemWith(undefined).plan.training.examples).toEqual({
    from: 'history',
    windowCount: 4,
    windowMs: 7 * DAY_MS,
    attributionMs: DAY_MS,
    questionsPerUser: 3,
    perGenerator: 200,
    wrongPerQuestion: 200,
  })
  const told = systemWith({ from: 'both', attribution: '2 hours' }).plan.training.examples
  expect(told).toMatchObject({ from: 'both', attributionMs: 7_200_000 })
})

test.each([
  [{ from: 'impression' }, /training\.examples\.from: found "impression"/],
  [{ attribution: 5 }, /training\.examples\.attribution: found 5/],
  [{ windows: 0 }, /training\.examples\.windows: found 0/],
  [{ attributionWindow: '1 day' }, /training\.examples\.attributionWindow: found a setting of an unknown name/],
])('%o is refused with where, what and what instead', (examples, message) => {
  const problems = () => {
    try {
      systemWith(examples)
      return []
    } catch (error) {
      return (error as { problems: { where: string; message: string }[] }).problems
    }
  }
  expect(problems().map((problem) => `${problem.where}: ${problem.message}`)).toEqual([expect.stringMatching(message)])
})
