// Goal: a ranker that was trained elsewhere can only be given what the system has, and every text has a number. Method: each mistake on its own, all of them at once.
import { describe, expect, test } from 'vitest'
import { onnxRanker } from '../adapters/onnx/ranker-kind.ts'
import { MillraceError } from '../lib/errors.ts'
import { ials } from '../models/ials/ials.ts'
import { lambdaMart } from '../models/lambda-mart/lambda-mart.ts'
import { lightgbmRanker } from '../models/lightgbm/lightgbm-ranker.ts'
import { popularity } from '../models/popularity/popularity.ts'
import type { RankerKind } from '../ports/ranker.ts'
import { boolean, category, number, tags } from './attributes.ts'
import { checkSystem } from './check-system.ts'
import { attribute, count, last, share } from './features.ts'
import { httpIngest } from './sources.ts'

const owner = 'team@shop.example'
const shopWith = (ranker: unknown, training: object = {}) => ({
  name: 'shop',
  data: {
    owner,
    entities: { user: {}, item: { brand: category(), price: number(), labels: tags(), isNew: boolean() } },
    interactions: { view: { weight: 1 } },
    sources: { clicks: httpIngest() },
    features: {
      views: count({ of: 'view', by: 'item', window: '7 days' }),
      price: attribute('item.price'),
      brand: attribute('item.brand'),
      isNew: attribute('item.isNew'),
      labels: attribute('item.labels'),
      lastItem: last({ of: 'view', by: 'user', window: '1 day' }),
      brands: share({ of: 'any', over: 'item.brand', by: 'user', window: '30 days' }),
    },
  },
  training: { owner, candidates: { cf: ials(), trending: popularity() }, ranker, ...training },
  serving: { owner, placements: { home: {} } },
  monitoring: { owner },
})

function problemsOf(ranker: unknown): readonly string[] {
  try {
    checkSystem(shopWith(ranker))
    return []
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    return error.problems.map(({ where, message, fix }) => `${where}: ${message}${fix ? ` ${fix}` : ''}`)
  }
}

const features = ['cf.score', 'trending.rank', 'history.length', 'views', 'brand', 'isNew'] as const
const categories = { brand: ['acme', 'apex'] }

describe.each([
  ['onnxRanker()', onnxRanker],
  ['lightgbmRanker()', lightgbmRanker],
])('%s', (_, rankerOf: (settings: never) => RankerKind) => {
  const ranker = (settings: object): RankerKind =>
    rankerOf({ path: 'ranker.bin', features, categories, ...settings } as never)

  test('is in the plan with its columns, in order, and what its texts are', () => {
    const { plan, ranker: kind } = checkSystem(shopWith(ranker({})))
    expect(plan.training.ranker).toMatchObject({ kind: kind!.kind, path: 'ranker.bin', features, categories })
    const hashes = [
      ranker({}),
      ranker({ features: features.toReversed() }),
      ranker({ categories: { brand: ['apex', 'acme'] } }),
      ranker({ path: 'other.bin' }),
    ].map((kind) => checkSystem(shopWith(kind)).plan.hash)
    expect(new Set(hashes).size).toBe(4)
  })

  test('is tried on one window of examples, where the system file does not say more', () => {
    const windowsOf = (kind: RankerKind, training = {}) =>
      checkSystem(shopWith(kind, training)).plan.training.examples!.windowCount
    expect(windowsOf(ranker({}))).toBe(1)
    expect(windowsOf(ranker({}), { examples: { windows: 3 } })).toBe(3)
    expect(windowsOf(lambdaMart())).toBe(4)
  })

  test.each([
    [
      'a feature that nobody defines',
      { features: [...features, 'veiws'] },
      /^training\.ranker\.features\[6\]: no input of a ranker is called "veiws"\. Did you mean "views"\?/,
    ],
    [
      'a column of a generator that is not there',
      { features: [...features, 'ctf.score'] },
      /^training\.ranker\.features\[6\]: no input of a ranker is called "ctf\.score"\. Did you mean "cf\.score"\?/,
    ],
    ['a feature twice', { features: [...features, 'views'] }, /features\[6\]: names "views" a second time/],
    ['a map', { features: [...features, 'brands'] }, /features\[6\]: "brands" is a map, a list or an id/],
    ['a list', { features: [...features, 'labels'] }, /features\[6\]: "labels" is a map, a list or an id/],
    ['an id', { features: [...features, 'lastItem'] }, /features\[6\]: "lastItem" is a map, a list or an id/],
    ['no features', { features: [], categories: {} }, /features: found no feature, expected at least one/],
    ['features that are no list', { features: 'views', categories: {} }, /features: found "views", expected the names/],
    ['a feature that is no name', { features: [...features, 7] }, /features\[6\]: found 7, expected the name/],
    ['no path', { path: undefined }, /^training\.ranker\.path: found nothing, expected the path of a file/],
    [
      'texts without categories',
      { categories: {} },
      /features\[4\]: the values of "brand" are texts, and nothing says .* categories: \{ brand: \["\.\.\.", "\.\.\."\] \}/,
    ],
    [
      'categories of numbers',
      { categories: { ...categories, views: ['1', '2'] } },
      /categories\.views: the values of "views" are numbers, not texts/,
    ],
    [
      'categories of something that is no feature of it',
      { categories: { ...categories, brnad: ['a'] } },
      /categories\.brnad: "brnad" is none of the ranker's features\. Did you mean "brand"\?/,
    ],
    ['a category twice', { categories: { brand: ['acme', 'acme'] } }, /categories\.brand\[1\]: names "acme" a second/],
    ['a category that is no text', { categories: { brand: ['acme', 2] } }, /categories\.brand\[1\]: found 2, expected/],
    ['no categories in the list', { categories: { brand: [] } }, /categories\.brand: found no text, expected at least/],
    ['categories that are no list', { categories: { brand: 'acme' } }, /categories\.brand: found "acme", expected a/],
    ['categories that are no object', { categories: ['acme'] }, /categories: found a list, expected an object/],
  ])('with %s is refused', (_, settings, message) => {
    const problems = problemsOf(ranker(settings))
    expect(problems[0]).toMatch(message)
    // Of categories that are none the feature of texts tells, too.
    const further = problems.slice(1).filter((problem) => !/nothing says which numbers/.test(problem))
    expect(further).toEqual([])
  })

  test('tells everything that is wrong at once', () => {
    expect(problemsOf(ranker({ path: '', features: ['cf.scor', 'brand', 'brands'], categories: {} }))).toHaveLength(4)
  })
})
