import { describe, expect, test } from 'vitest'
import { type FeatureDefinition, hopMsOf } from '../domain/feature.ts'
import { checkFeatures, type FeatureContext } from './check-features.ts'
import {
  attribute,
  count,
  cross,
  distinct,
  last,
  maximum,
  mean,
  minimum,
  rate,
  ratioToGroup,
  sessionMean,
  share,
  similarity,
  since,
  sum,
} from './features.ts'
import { Inspection } from './inspection.ts'
import { shopFeatures } from './shop-features.ts'

const DAY_MS = 86_400_000

const context: FeatureContext = {
  owner: 'data@shop.example',
  entities: {
    user: { country: { type: 'category', isOptional: true } },
    item: {
      category: { type: 'category', isOptional: false },
      labels: { type: 'tags', isOptional: true },
      price: { type: 'number', isOptional: false },
      isNew: { type: 'boolean', isOptional: true },
    },
  },
  interactions: {
    impression: { weight: 0.1 },
    view: { weight: 1, values: ['durationSeconds'] },
    cart: { weight: 4 },
    purchase: { weight: 10, values: ['revenue'] },
  },
}

function check(features: unknown): { definitions: FeatureDefinition[]; problems: string[] } {
  const inspection = new Inspection()
  const definitions = checkFeatures(features, inspection, context)
  const problems = inspection.problems.map(({ where, message, fix }) => `${where}: ${message}${fix ? ` ${fix}` : ''}`)
  return { definitions, problems }
}

const problemsOf = (features: unknown): string[] => check(features).problems
const ofView = { of: 'view', by: 'item', window: '7 days' } as const
const taste = share({ of: 'any', over: 'item.category', by: 'user', window: '30 days' })

describe('a feature of the system file', () => {
  test('becomes a definition with every default filled in', () => {
    const { definitions, problems } = check({
      buys: rate({ of: ['purchase', 'cart'], per: 'view', by: 'item', window: '7 days' }),
    })
    expect(problems).toEqual([])
    expect(definitions).toEqual([
      {
        name: 'buys',
        owner: 'data@shop.example',
        description: 'cart, purchase per view, by item, over 7 days.',
        formula: {
          family: 'rate',
          by: 'item',
          of: ['cart', 'purchase'],
          per: ['view'],
          windowMs: 7 * DAY_MS,
          prior: 0,
          strength: 0,
        },
        version: expect.stringMatching(/^[0-9a-f]{16}$/),
      },
    ])
  })

  test('keeps what is said of it', () => {
    const told = { owner: 'a@shop.example', description: 'How often.', ttl: '2 days', default: 3 } as const
    const [definition] = check({ views: count({ ...ofView, ...told }) }).definitions
    expect(definition).toMatchObject({
      owner: told.owner,
      description: told.description,
      ttlMs: 2 * DAY_MS,
      default: 3,
    })
  })

  test('has a version that changes with the formula and with nothing else', () => {
    const versionOf = (feature: unknown) => check({ x: feature }).definitions[0]!.version
    const version = versionOf(count(ofView))
    expect(versionOf(count({ ...ofView, owner: 'b', ttl: '1 day', default: 1, description: 'd' }))).toBe(version)
    expect(versionOf(count({ ...ofView, window: '8 days' }))).not.toBe(version)
    expect(versionOf(count({ ...ofView, of: ['view'] }))).toBe(version)
    expect(versionOf(count({ ...ofView, by: 'user' }))).not.toBe(version)
  })

  test('of a pair has another version where one of its shares has', () => {
    const versionsOf = (shares: Readonly<Record<string, unknown>>) => {
      const match = cross({ share: 'taste', attribute: 'item.category' })
      const { definitions } = check({ taste, ...shares, match })
      return Object.fromEntries(definitions.map(({ name, version }) => [name, version]))
    }
    const { match } = versionsOf({})
    expect(versionsOf({ taste: { ...taste, options: { ...taste.options, window: '8 days' } } }).match).not.toBe(match)
    expect(versionsOf({ taste: { ...taste, options: { ...taste.options, ttl: '1 day' } }, other: taste }).match).toBe(
      match,
    )
  })

  test('may be of any family', () => {
    const windowed = { of: 'view', by: 'user', window: '1 day' } as const
    const value = 'durationSeconds'
    const all = {
      count: count(windowed),
      sum: sum({ ...windowed, value }),
      mean: mean({ ...windowed, value: 'weight' }),
      min: minimum({ ...windowed, value }),
      max: maximum({ ...windowed, value }),
      rate: rate({ ...windowed, per: 'any', prior: 0.5, strength: 2 }),
      share: taste,
      last: last({ ...windowed, value: 'item.labels' }),
      lastItem: last({ ...windowed, default: 'none' }),
      since: since({ of: 'any', by: 'user' }),
      distinct: distinct(windowed),
      categories: distinct({ ...windowed, value: 'item.category' }),
      session: sessionMean({ ...windowed, gap: '30 minutes' }),
      price: attribute('item.price', { default: 0 }),
      versus: ratioToGroup({ ...windowed, group: 'user.country' }),
      fit: cross({ share: 'share', attribute: 'item.category' }),
      itemShare: share({ ...windowed, by: 'item', over: 'item.labels' }),
      alike: similarity({ user: 'share', item: 'itemShare' }),
    }
    const { definitions, problems } = check(all)
    expect(problems).toEqual([])
    expect(new Set(definitions.map(({ formula }) => formula.family)).size).toBe(15)
    expect(definitions.map(({ name }) => name)).toEqual(Object.keys(all).sort())
    const descriptions = definitions.map(({ description }) => description)
    for (const description of descriptions) expect(description).toMatch(/^\S.*\.$/)
    expect(new Set(descriptions).size).toBe(descriptions.length)
  })
})

describe('what cannot be is reported with its path', () => {
  test.each<[string, unknown, RegExp | readonly RegExp[]]>([
    [
      'an unknown interaction',
      count({ ...ofView, of: 'viev' }),
      /x\.of: no interaction is called "viev"\. Did you mean "view"\?/,
    ],
    [
      'one of several',
      count({ ...ofView, of: ['view', 'car'] }),
      /x\.of\[1\]: no interaction is called "car"\. Did you mean "cart"/,
    ],
    ['an interaction twice', count({ ...ofView, of: ['view', 'view'] }), /x\.of\[1\]: names "view" a second time/],
    ['no interaction', count({ ...ofView, of: [] }), /x\.of: found an empty list/],
    [
      'an unknown entity',
      count({ ...ofView, by: 'itm' as 'item' }),
      /x\.by: found "itm", expected "user" or "item"\. Did you mean "item"/,
    ],
    [
      'a window of zero',
      count({ ...ofView, window: '0 minutes' }),
      /^data\.features\.x\.window: found "0 minutes", expected from 1 minute to 90 days in whole milliseconds, such as "7 days"\.$/,
    ],
    ['no window', count({ of: 'view', by: 'item' } as never), /x\.window: found nothing/],
    ['a window of seconds', count({ ...ofView, window: '30 seconds' }), /x\.window: .*from 1 minute to 90 days/],
    ['a window above 90 days', count({ ...ofView, window: '91 days' }), /x\.window: .*from 1 minute to 90 days/],
    [
      'a gap of zero',
      sessionMean({ ...ofView, gap: '0 minutes' }),
      /x\.gap: found "0 minutes", expected a length of time above 0 and at most the window/,
    ],
    ['a gap above the window', sessionMean({ ...ofView, gap: '8 days' }), /x\.gap: .*at most the window/],
    [
      'an unknown value',
      sum({ ...ofView, value: 'durationSecnds' }),
      /x\.value: no value of an interaction is called "durationSecnds"\. Did you mean "durationSeconds"/,
    ],
    [
      'a value of another interaction',
      sum({ ...ofView, value: 'revenue' }),
      /x\.value: no view has the value "revenue"\. Declare it/,
    ],
    [
      'a share over a number',
      share({ ...ofView, over: 'item.price' }),
      /x\.over: "item\.price" is of type number, expected category or integer or boolean or tags/,
    ],
    ['an unknown attribute', share({ ...ofView, over: 'item.brand' }), /x\.over: no attribute is called "item\.brand"/],
    [
      'the attribute of nobody',
      attribute('item.pric'),
      /x\.path: no attribute is called "item\.pric"\. Did you mean "item\.price"/,
    ],
    ['a group of tags', ratioToGroup({ ...ofView, group: 'item.labels' }), /x\.group: "item\.labels" is of type tags/],
    [
      'the group of the other entity',
      ratioToGroup({ ...ofView, group: 'user.country' }),
      /x\.group: no attribute is called "user\.country"/,
    ],
    [
      'an unknown feature',
      cross({ share: 'tast', attribute: 'item.category' }),
      /x\.share: no feature is called "tast"\. Did you mean "taste"/,
    ],
    [
      'a cross that names a cross',
      cross({ share: 'x', attribute: 'item.category' }),
      /x\.share: "x" is a cross, expected the name of a share\(\)/,
    ],
    [
      'a cross within one entity',
      cross({ share: 'taste', attribute: 'user.country' }),
      /x\.attribute: both "taste" and "user\.country" belong to the user/,
    ],
    [
      'a similarity of users',
      similarity({ user: 'taste', item: 'taste' }),
      /x\.item: "taste" is by user, expected a share\(\) by item/,
    ],
    [
      'a default of the wrong type',
      count({ ...ofView, default: 'none' as never }),
      /x\.default: found "none", expected a number/,
    ],
    [
      'a default for a map',
      share({ ...ofView, over: 'item.category', default: 1 } as never),
      /x\.default: .*nothing can stand in for it/,
    ],
    ['a negative strength', rate({ ...ofView, per: 'any', strength: -1 }), /x\.strength: found -1/],
    [
      'an unknown setting',
      count({ ...ofView, windw: '1 day' } as never),
      /x\.windw: found a setting of an unknown name\. Did you mean "window"/,
    ],
    ['a forgotten call', count, /x: found the function count.* Write count\(\{ \.\.\. \}\)/],
    ['no feature', 3, /x: found 3, expected a feature/],
    [
      'a time to live of zero',
      count({ ...ofView, ttl: '0 days' }),
      /x\.ttl: found "0 days", expected a length of time above 0/,
    ],
    [
      'everything at once',
      sessionMean({ of: 'viev', by: 'items' as 'item', window: '91 days', gap: '0 minutes', value: 'x' }),
      [/x\.by/, /x\.of/, /x\.window/, /x\.gap/, /x\.value/],
    ],
  ])('%s', (_, feature, expected) => {
    const problems = problemsOf({ taste, x: feature })
    const patterns = expected instanceof RegExp ? [expected] : expected
    expect(problems).toHaveLength(patterns.length)
    for (const [i, pattern] of patterns.entries()) expect(problems[i]).toMatch(pattern)
    for (const problem of problems) expect(problem.startsWith('data.features.x')).toBe(true)
  })

  test('a cycle of two crosses', () => {
    const problems = problemsOf({
      a: cross({ share: 'b', attribute: 'item.category' }),
      b: cross({ share: 'a', attribute: 'item.category' }),
    })
    expect(problems).toEqual([
      'data.features.a.share: "b" is a cross, expected the name of a share().',
      'data.features.b.share: "a" is a cross, expected the name of a share().',
    ])
  })

  test('a name that a training set needs for itself', () => {
    expect(problemsOf({ userId: taste })[0]).toMatch(/data\.features\.userId: the name "userId" is reserved/)
    // Of columns whose names are the same to SQL, one would be read as the other: the status of `taste` as the value of `taste__status`.
    for (const name of ['rowid', 'MomentMs', 'taste__status', 'taste__newest_ms', 'taste__STATUS']) {
      expect(problemsOf({ taste, [name]: taste })).toEqual([
        `data.features.${name}: the name "${name}" is reserved. Choose another.`,
      ])
    }
    expect(problemsOf({ taste, taste_status: taste, newest_ms: taste })).toEqual([])
  })
})

describe('the features of a shop', () => {
  const shop = shopFeatures({
    impression: 'impression',
    view: 'view',
    cart: 'cart',
    purchase: 'purchase',
    durationSeconds: 'durationSeconds',
    revenue: 'revenue',
    category: 'item.category',
    price: 'item.price',
  })

  test('are sixteen, the four that everybody asks for among them, and nothing is wrong with them', () => {
    const { definitions, problems } = check(shop)
    expect(problems).toEqual([])
    expect(definitions).toHaveLength(16)
    expect(definitions.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['click_rate_7d', 'category_affinity', 'session_duration_avg', 'session_recency']),
    )
  })

  test('have windows of every hop, so that all of them are met by whoever uses the preset', () => {
    const hops = check(shop).definitions.flatMap(({ formula }) =>
      'windowMs' in formula ? [hopMsOf(formula.windowMs)] : [],
    )
    expect(new Set(hops).size).toBe(3)
  })

  test('name what is missing where the shop lacks it', () => {
    const inspection = new Inspection()
    checkFeatures(shop, inspection, { ...context, interactions: { view: { weight: 1 } } })
    const where = new Set(inspection.problems.map((problem) => problem.where))
    expect(where).toContain('data.features.click_rate_7d.per')
    expect(where).toContain('data.features.user_spend_90d.value')
    expect(where).toContain('data.features.session_duration_avg.value')
  })
})
