import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseFilter } from '../domain/filter-parser.ts'
import { defaultGateSettings } from '../domain/gate-settings.ts'
import { canonicalJson, contentHash } from '../lib/canonical-json.ts'
import { MillraceError, type Problem } from '../lib/errors.ts'
import type { GeneratorKind } from '../ports/candidate-generator.ts'
import { boolean, category, integer, number, tags, text, timestamp } from './attributes.ts'
import { checkSystem } from './check-system.ts'
import { defineSystem } from './define-system.ts'
import { attribute, count, cross, last, rate, ratioToGroup, sessionMean, share, similarity, sum } from './features.ts'
import {
  atLeast,
  atMost,
  blocked,
  boost,
  bury,
  explore,
  inStock,
  notInteracted,
  only,
  pin,
  rotate,
  rule,
  spread,
} from './rules.ts'
import { fileSource, httpIngest } from './sources.ts'
import { isSystem } from './system.ts'

/** A generator that is never trained here. */
const generator = (options: Record<string, number | string | boolean> = {}): GeneratorKind => ({
  kind: 'test',
  options,
  tunable: {},
  with: (changed) => generator({ ...options, ...(changed as typeof options) }),
  train: async () => ({}),
  open: () => ({ supportsEmptyHistory: false, generate: () => 0 }),
})

const owner = 'team@shop.example'

const history = {
  path: 'history.csv.gz',
  holds: 'interactions',
  columns: { userId: 'CustomerID', itemId: 'StockCode', eventTime: 'InvoiceDate' },
  interaction: 'purchase',
} as const

function shop() {
  return {
    name: 'shop',
    data: {
      owner,
      entities: {
        user: { country: category({ optional: true }), signedUpAt: timestamp({ optional: true }) },
        item: {
          title: text(),
          brand: category(),
          price: number(),
          stock: integer(),
          labels: tags({ optional: true }),
          isNew: boolean(),
        },
      },
      interactions: {
        view: { weight: 1, values: ['durationSeconds' as const] },
        purchase: { weight: 10, values: ['revenue' as const] },
      },
      sources: { clicks: httpIngest(), history: fileSource(history) },
      features: {
        views: count({ of: 'view', by: 'item', window: '7 days' }),
        spent: sum({ of: ['purchase'], value: 'revenue', by: 'user', window: '90 days', ttl: '1 day', default: 0 }),
        buys: rate({ of: 'purchase', per: 'view', by: 'item', window: '1 hour', prior: 0.1, strength: 10 }),
        brands: share({ of: 'any', over: 'item.brand', by: 'user', window: '30 days' }),
        itemBrands: share({ of: 'any', over: 'item.brand', by: 'item', window: '30 days' }),
        session: sessionMean({ of: 'view', value: 'durationSeconds', by: 'user', gap: '30 minutes', window: '1 day' }),
        brand: last({ of: 'view', value: 'item.brand', by: 'user', window: '1 day', default: 'none' }),
        price: attribute('item.price'),
        versus: ratioToGroup({ of: 'view', group: 'item.brand', by: 'item', window: '7 days' }),
        fit: cross({ share: 'brands', attribute: 'item.brand' }),
        alike: similarity({ user: 'brands', item: 'itemBrands' }),
      },
    },
    training: { owner, candidates: { cf: generator({ factors: 64 }), trending: generator() } },
    serving: {
      owner,
      placements: {
        home: {
          rules: [inStock(), only("brand = 'acme'"), notInteracted('purchase', '30 days'), atMost(4, { per: 'brand' })],
        },
        product: { pattern: 'embedding' as const, candidates: ['cf' as const], limit: 8, candidateCount: 100 },
      },
    },
    monitoring: { owner },
  }
}

/** The problems of the shop after one setting was replaced, as `path: message fix`. */
function problemsWith(path: string, value: unknown): readonly string[] {
  return problemsOf(replaced(shop(), path.split('.'), value))
}

function problemsOf(options: unknown): readonly string[] {
  try {
    checkSystem(options)
    return []
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    expect(error.code).toBe('CONFIG_INVALID')
    return error.problems.map(({ where, message, fix }: Problem) => `${where}: ${message}${fix ? ` ${fix}` : ''}`)
  }
}

function replaced(node: unknown, path: readonly string[], value: unknown): unknown {
  if (path.length === 0) return value
  const [key, ...rest] = path
  if (Array.isArray(node)) return node.map((child, i) => (String(i) === key ? replaced(child, rest, value) : child))
  const fields = { ...(node as Record<string, unknown>) }
  if (rest.length === 0 && value === undefined) delete fields[key!]
  else fields[key!] = replaced(fields[key!], rest, value)
  return fields
}

describe('a valid system', () => {
  test('becomes a plan with every default filled in', () => {
    const { plan } = defineSystem(shop())
    expect(plan.training).toEqual({
      owner,
      seed: 1,
      candidates: { cf: { kind: 'test', options: { factors: 64 } }, trending: { kind: 'test', options: {} } },
      gates: { ...defaultGateSettings, bias: { ...defaultGateSettings.bias, by: ['user.country', 'item popularity'] } },
      card: {},
    })
    expect(plan.data.futureToleranceMs).toBe(300_000)
    expect(plan.data.retention).toEqual({})
    expect(plan.data.skew).toEqual({ sampleShare: 0.01, maxBytes: 100_000_000 })
    expect(plan.data.entities.user).toEqual({
      country: { type: 'category', isOptional: true },
      signedUpAt: { type: 'timestamp', isOptional: true },
    })
    expect(plan.data.sources).toEqual({
      clicks: { kind: 'http' },
      history: {
        kind: 'file',
        path: 'history.csv.gz',
        format: 'csv',
        hasHeader: true,
        holds: 'interactions',
        columns: { userId: 'CustomerID', itemId: 'StockCode', eventTime: 'InvoiceDate' },
        interaction: 'purchase',
        timeFormat: 'iso',
      },
    })
    expect(plan.serving).toEqual({
      owner,
      placements: {
        home: {
          pattern: 'realtime',
          candidateCount: 500,
          limit: 20,
          candidates: ['cf', 'trending'],
          isRanked: false,
          newItemShare: 0.1,
          includeSeen: false,
          rules: [
            { kind: 'only', filter: '`stock` > 0' },
            { kind: 'only', filter: "brand = 'acme'" },
            { kind: 'notInteracted', interaction: 'purchase', withinMs: 2_592_000_000 },
            { kind: 'atMost', count: 4, per: 'brand' },
          ],
        },
        product: {
          pattern: 'embedding',
          candidateCount: 100,
          limit: 8,
          candidates: ['cf'],
          isRanked: false,
          newItemShare: 0,
          includeSeen: false,
          rules: [],
        },
      },
      budgetMs: 100,
      answers: { candidateShare: 0.01, maxAgeMs: 604_800_000, maxBytes: 1_000_000_000 },
    })
  })

  test('carries its generators by name, and is recognised as a system', () => {
    const system = defineSystem(shop())
    expect(Object.keys(system.generators)).toEqual(['cf', 'trending'])
    expect(system.generators.cf?.options).toEqual({ factors: 64 })
    expect(isSystem(system)).toBe(true)
    for (const other of [undefined, null, 3, {}, shop(), { plan: { hash: 'abc' }, generators: {} }])
      expect(isSystem(other)).toBe(false)
  })

  test('a rule on stock becomes a filter that can be read, whatever the attribute is called', () => {
    const item = { not: integer(), stock: integer() }
    const rules = [inStock(), inStock({ attribute: 'not' })]
    const base = replaced(shop(), ['data', 'entities', 'item'], item)
    const { plan } = checkSystem(
      replaced(replaced(base, ['data', 'features'], {}), ['serving', 'placements', 'home', 'rules'], rules),
    )
    const filters = plan.serving.placements.home!.rules.map(
      (rule) => rule.kind === 'only' && parseFilter(rule.filter, item),
    )
    expect(filters).toEqual([
      { kind: 'compare', attribute: 'stock', comparison: '>', value: 0 },
      { kind: 'compare', attribute: 'not', comparison: '>', value: 0 },
    ])
  })

  test('rules become data, functions by their names, and the functions lie beside the plan', () => {
    const keep = () => true
    const rules = [
      blocked({ items: ['a'] }),
      blocked({ attribute: 'brand', values: ['shady'] }),
      atLeast(2, { of: 'stock > 5' }),
      spread(0.3, { by: ['brand'] }),
      boost(2, { of: "brand = 'acme'" }),
      bury(4, { of: "brand = 'other'" }),
      pin('a7', { at: 1, from: '2026-12-01', until: '2026-12-24T18:00Z' }),
      rotate(3, { within: '7 days' }),
      explore(0.1, { among: 80 }),
      rule('keep', keep),
    ]
    const { plan, ruleFunctions } = checkSystem(replaced(shop(), ['serving', 'placements', 'home', 'rules'], rules))
    expect(plan.serving.placements.home!.rules).toEqual([
      { kind: 'blocked', items: ['a'] },
      { kind: 'blocked', items: [], attribute: 'brand', values: ['shady'] },
      { kind: 'atLeast', count: 2, of: 'stock > 5' },
      { kind: 'spread', strength: 0.3, by: ['brand'] },
      { kind: 'boost', factor: 2, of: "brand = 'acme'" },
      { kind: 'boost', factor: 0.25, of: "brand = 'other'" },
      { kind: 'pin', itemId: 'a7', at: 1, fromMs: Date.UTC(2026, 11, 1), untilMs: Date.UTC(2026, 11, 24, 18) },
      { kind: 'rotate', shownCount: 3, withinMs: 604_800_000, to: 'end' },
      { kind: 'explore', share: 0.1, among: 80 },
      { kind: 'function', name: 'keep' },
    ])
    expect(ruleFunctions).toEqual({ keep })
    const withOther = rules.with(
      -1,
      rule('keep', () => false),
    )
    const other = checkSystem(replaced(shop(), ['serving', 'placements', 'home', 'rules'], withOther))
    expect(other.plan.hash).toBe(plan.hash)
    expect(defineSystem(shop())).not.toHaveProperty('ruleFunctions')
  })

  test('two rules of one name are told apart from one rule in two placements', () => {
    const twice = (one: unknown, other: unknown) =>
      problemsOf(
        replaced(
          replaced(shop(), ['serving', 'placements', 'home', 'rules'], [one]),
          ['serving', 'placements', 'product', 'rules'],
          [other],
        ),
      )
    const shared = rule('keep', () => true)
    expect(twice(shared, shared)).toEqual([])
    expect(
      twice(
        shared,
        rule('keep', () => false),
      ),
    ).toEqual([
      'serving.placements.product.rules[0].name: another rule is called "keep", too. Choose another name, or use the same rule in both placements.',
    ])
  })

  test('files tell their format by their name', () => {
    const formatOf = (path: string) => {
      const source = checkSystem(replaced(shop(), ['data', 'sources', 'history'], fileSource({ ...history, path })))
        .plan.data.sources.history
      return source?.kind === 'file' && source.format
    }
    expect(['a.csv', 'a.TSV.gz', 'a.jsonl', 'a.ndjson.gz', 'a.parquet'].map(formatOf)).toEqual([
      'csv',
      'tsv',
      'jsonl',
      'jsonl',
      'parquet',
    ])
  })
})

describe('the hash of the plan', () => {
  /** A plan as JSON, its hash apart. */
  const { hash, ...said } = defineSystem(shop()).plan
  const leaves = leafPaths(said)

  test('is the hash of everything else in it', () => {
    expect(hash).toBe(contentHash(said))
    expect(hash).toMatch(/^[0-9a-f]{64}$/)
  })

  test('does not depend on the order in which keys are written', () => {
    fc.assert(
      fc.property(fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })), (order) => {
        const shuffled = (node: unknown): unknown => {
          if (node === null || typeof node !== 'object' || Array.isArray(node)) return node
          const entries = Object.entries(node).map(([key, child]) => ({
            key,
            child: shuffled(child),
            rank: order.next().value,
          }))
          return Object.fromEntries(entries.sort((a, b) => a.rank - b.rank).map(({ key, child }) => [key, child]))
        }
        // The order of the generators says which one leads, so it is given where a placement leaves it open.
        const options = replaced(shop(), ['serving', 'placements', 'home', 'candidates'], ['cf', 'trending'])
        expect(checkSystem(shuffled(options)).plan.hash).toBe(hash)
      }),
      { numRuns: 50 },
    )
  })

  test('changes with any value of the plan', () => {
    fc.assert(
      fc.property(fc.constantFrom(...leaves), fc.jsonValue(), (path, value) => {
        const changed = replaced(said, path, value)
        fc.pre(canonicalJson(changed) !== canonicalJson(said))
        expect(contentHash(changed)).not.toBe(hash)
      }),
    )
  })

  test.each([
    ['name', 'shop2'],
    ['data.owner', 'other'],
    ['data.interactions.view.weight', 2],
    ['data.entities.item.title', text({ optional: true })],
    ['data.sources.clicks', undefined],
    ['data.retention', { maxAge: '1 day' }],
    ['data.skew', { sampleShare: 0.5 }],
    ['data.futureTolerance', '6 minutes'],
    ['training.seed', 2],
    ['training.candidates.cf', generator({ factors: 65 })],
    ['serving.placements.home.includeSeen', true],
    ['serving.placements.home.limit', 21],
    ['serving.budgetMs', 50],
    ['serving.impressions', true],
    ['serving.impressions', { servedShare: 0.1 }],
    ['serving.answers', false],
    ['serving.answers', { maxAge: '1 day' }],
    ['serving.placements.home.newItemShare', 0],
    ['serving.placements.home.rules.3', atMost(5, { per: 'brand' })],
    ['monitoring.owner', 'other'],
  ])('changes with %s', (path, value) => {
    expect(checkSystem(replaced(shop(), path.split('.'), value)).plan.hash).not.toBe(hash)
  })
})

function leafPaths(node: unknown, path: readonly string[] = []): string[][] {
  if (node === null || typeof node !== 'object') return [[...path]]
  return Object.entries(node).flatMap(([key, child]) => leafPaths(child, [...path, key]))
}

describe('what is wrong is reported with its path and the way out', () => {
  test.each<[string, unknown, string | RegExp]>([
    [
      'name',
      undefined,
      'name: found nothing, expected lower-case letters, digits and hyphens, beginning with a letter, at most 63.',
    ],
    ['name', 'My Shop', /^name: found "My Shop", expected lower-case/],
    [
      'data.owner',
      undefined,
      'data.owner: found nothing, expected who is responsible for it, such as "shop-team@example.com".',
    ],
    ['training.owner', ' ', /^training.owner: found " ", expected who/],
    ['serving.owner', 3, /^serving.owner: found 3, expected who/],
    ['monitoring.owner', undefined, /^monitoring.owner: found nothing/],
    ['monitoring', undefined, /^monitoring: found nothing/],
    [
      'data.sourcs',
      {},
      'data.sourcs: found a setting of an unknown name. Did you mean "sources"? Known: owner, entities, interactions, sources, features, skew, checks, retention, futureTolerance.',
    ],
    [
      'data.entities.item.price',
      number,
      'data.entities.item.price: found the function number, expected one of category(), tags(), text(), number(), integer(), boolean(), timestamp(). Write number(), with parentheses.',
    ],
    ['data.entities.item.unit price', number(), /found the name "unit price", expected a letter, followed by/],
    ['data.entities.item.entityId', text(), /data.entities.item.entityId: the name "entityId" is reserved/],
    ['data.entities.item.constructor', text({ optional: true }), /the name "constructor" is reserved/],
    [
      'data.entities.item.Price',
      number(),
      'data.entities.item.Price: differs from "price" in upper and lower case only. Rename one of them.',
    ],
    [
      'data.interactions.view.weight',
      0,
      'data.interactions.view.weight: found 0, expected a number above 0 and at most 1000000.',
    ],
    ['data.interactions.view.weight', -1, /found -1/],
    ['data.interactions.view.weight', Number.NaN, /found NaN/],
    ['data.interactions.view.weight', '1', /found "1", expected a number/],
    ['data.sources', {}, /found no source/],
    [
      'data.sources.clicks',
      httpIngest,
      /data.sources.clicks: found the function httpIngest, expected a source such as/,
    ],
    [
      'data.retention',
      { maxAge: '30 dais' },
      'data.retention.maxAge: found "30 dais", expected a length of time above 0, such as "30 days", "12 hours" or "90 seconds".',
    ],
    ['data.retention', { maxBytes: 12 }, /data.retention.maxBytes: found 12/],
    ['data.skew', { sampleShare: 1.5 }, 'data.skew.sampleShare: found 1.5, expected a number from 0 to 1.'],
    ['data.skew', { maxBytes: 12 }, /data.skew.maxBytes: found 12, expected a whole number from 1000000/],
    ['data.skew', { share: 0.1 }, /data.skew.share: found a setting of an unknown name/],
    ['data.futureTolerance', 300, /data.futureTolerance: found 300, expected a length of time/],
    ['training.seed', 1.5, /training.seed: found 1.5, expected a whole number/],
    [
      'training.candidates.cf',
      generator,
      /training.candidates.cf: found the function generator, expected a candidate generator/,
    ],
    [
      'training.candidates.cf',
      generator({ factors: Number.NaN }),
      'training.candidates.cf.factors: found NaN, expected a number, a text, true or false.',
    ],
    ['serving.placements', {}, /serving.placements: found no placement, expected at least one/],
    [
      'serving.impressions',
      { servedShare: 2 },
      /serving.impressions.servedShare: found 2, expected a number from 0 to 1/,
    ],
    ['serving.answers', { maxBytes: 5 }, /serving.answers.maxBytes: found 5, expected a whole number from 1000000 to/],
    ['serving.answers', { maxAge: 'ever' }, /serving.answers.maxAge: found "ever", expected/],
    ['serving.budgetMs', 0, /serving.budgetMs: found 0, expected a whole number from 1 to/],
    ['serving.placements.home.ranked', 'yes', /home.ranked: found "yes", expected true or false/],
    ['serving.placements.home.ranked', true, /home.ranked: found true, and the system has no ranker/],
    ['serving.placements.home.includeSeen', 'yes', /home.includeSeen: found "yes", expected true or false/],
    [
      'serving.placements.home.limit',
      0,
      'serving.placements.home.limit: found 0, expected a whole number from 1 to 1000.',
    ],
    ['serving.placements.home.limit', 1e9, /expected a whole number from 1 to 1000/],
    [
      'serving.placements.home.candidateCount',
      10,
      'serving.placements.home.candidateCount: found 10, expected no less than the limit of 20.',
    ],
    ['serving.placements.home.newItemShare', 0.6, /newItemShare: found 0.6, expected a number from 0 to 0.5/],
    [
      'serving.placements.home.pattern',
      'realtme',
      /pattern: found "realtme", expected "realtime" or "embedding" or "batch" or "hybrid". Did you mean "realtime"\?/,
    ],
    ['serving.placements.home.pattern', 'hybrid', /home.live: found none, expected the candidate generators .* asked/],
    ['serving.placements.home.live', ['cf'], /home.live: found .*, and the pattern is "realtime". It is for "hybrid"/],
    ['serving.placements.product.every', '1 day', /product.every: found "1 day", and the pattern is "embedding"/],
    ['serving.placements.home.every', '1 second', /home.every: found "1 second", expected at least 1 minute/],
    [
      'serving.placements.home',
      { pattern: 'hybrid', candidates: ['trending'], live: ['cf'] },
      'serving.placements.home.live[0]: no candidate generator is called "cf". Known: trending.',
    ],
    ['serving.placements.home.candidates', [], /candidates: found an empty list/],
    ['serving.placements.home.candidates', ['cf', 'cf'], /candidates\[1\]: names "cf" a second time/],
    [
      'serving.placements.home.candidates',
      ['tranding'],
      'serving.placements.home.candidates[0]: no candidate generator is called "tranding". Did you mean "trending"? Known: cf, trending.',
    ],
    ['serving.placements.home.rules', 'inStock', /rules: found "inStock", expected a list of rules/],
    ['serving.placements.home.rules.0', blocked({} as { items: [] }), /rules\[0\]: blocks nothing, expected items/],
    [
      'serving.placements.home.rules.0',
      blocked({ attribute: 'brnad' as 'brand', values: ['x'] }),
      /rules\[0\].attribute: no attribute of items is called "brnad". Did you mean "brand"\?/,
    ],
    [
      'serving.placements.home.rules.0',
      blocked({ attribute: 'brand', values: undefined as never }),
      /rules\[0\].values: found nothing/,
    ],
    [
      'serving.placements.home.rules.0',
      blocked({ attribute: 'brand', values: [3] }),
      'serving.placements.home.rules[0].values[0]: found 3, expected a text.',
    ],
    [
      'serving.placements.home.rules.0',
      blocked({ attribute: 'stock', values: [0.5] }),
      'serving.placements.home.rules[0].values[0]: found 0.5, expected a whole number.',
    ],
    [
      'serving.placements.home.rules.0',
      atLeast(30, { of: 'stock > 3' }),
      "serving.placements.home.rules[0].count: found 30, expected no more than the placement's limit of 20. Make it smaller, or set the limit to 30.",
    ],
    ['serving.placements.home.rules.0', atLeast(3, { of: 'stok > 3' }), /rules\[0\].of: .*"stok"/],
    [
      'serving.placements.home.rules.0',
      spread(2, { by: ['brand'] }),
      'serving.placements.home.rules[0].strength: found 2, expected a number from 0 to 1.',
    ],
    ['serving.placements.home.rules.0', spread(1, { by: [] }), /rules\[0\].by: found an empty list/],
    ['serving.placements.home.rules.0', spread(1, { by: ['brand', 'brand'] }), /by\[1\]: names "brand" a second time/],
    ['serving.placements.home.rules.0', spread(1, { by: ['title'] }), /by\[0\]: "title" is of type text/],
    [
      'serving.placements.home.rules.0',
      boost(0.5, { of: 'stock > 3' }),
      'serving.placements.home.rules[0].factor: found 0.5, expected a number from 1 to 100.',
    ],
    ['serving.placements.home.rules.0', pin('', { at: 1 }), /rules\[0\].itemId: found "", expected the id of an item/],
    ['serving.placements.home.rules.0', pin('a', { at: 21 }), /rules\[0\].at: found 21, expected no more than/],
    [
      'serving.placements.home.rules.0',
      pin('a', { at: 1, from: 'soon' }),
      /rules\[0\].from: found "soon", expected a moment such as/,
    ],
    [
      'serving.placements.home.rules.0',
      pin('a', { at: 1, from: '2026-02-01', until: '2026-01-01' }),
      /rules\[0\].until: found "2026-01-01", expected a moment after "2026-02-01"/,
    ],
    [
      'serving.placements.home.rules',
      [blocked({ items: ['a'] }), pin('a', { at: 1 })],
      'serving.placements.home.rules[1]: the item "a" is both pinned and blocked. Leave one of the two out.',
    ],
    [
      'serving.placements.home.rules.0',
      rotate(100, { within: '1 day', to: 'back' as 'out' }),
      'serving.placements.home.rules[0].to: found "back", expected "end" or "out".',
    ],
    [
      'serving.placements.product',
      { pattern: 'embedding', limit: 100, rules: [rotate(30, { within: '1 day' })] },
      /rules\[0\].shownCount: found 30 lists of 100 items, and only the newest 2000 .* Take 20 or less/,
    ],
    [
      'serving.placements.home.rules.0',
      explore(0),
      /rules\[0\].share: found 0, expected a number above 0 and at most 0.5/,
    ],
    [
      'serving.placements.home.rules',
      [explore(0.1), explore(0.2)],
      'serving.placements.home.rules[1]: explore() is there a second time, after rules[0]. Leave one of them out.',
    ],
    ['serving.placements.home.rules.0', rule('a b', () => true), /rules\[0\].name: found "a b", expected a letter/],
    [
      'serving.placements.home.rules.0',
      { kind: 'function', name: 'x', apply: true },
      'serving.placements.home.rules[0].apply: found true, expected a function of an item.',
    ],
    ['serving.placements.home.rules.0', inStock, /rules\[0\]: found the function inStock, expected one of only\(\)/],
    [
      'serving.placements.home.rules.0',
      inStock({ attribute: 'brand' }),
      'serving.placements.home.rules[0].attribute: "brand" is of type category, expected number or integer.',
    ],
    [
      'serving.placements.home.rules.2',
      notInteracted('purchas', '30 days'),
      /rules\[2\].interaction: no interaction is called "purchas". Did you mean "purchase"\?/,
    ],
    [
      'serving.placements.home.rules.2',
      notInteracted('purchase', '1 month' as '1 day'),
      /rules\[2\].within: found "1 month"/,
    ],
    [
      'serving.placements.home.rules.3',
      atMost(4, { per: 'item.brand' }),
      /rules\[3\].per: no attribute of items is called "item.brand". Did you mean "brand"\?/,
    ],
    ['serving.placements.home.rules.3', atMost(0, { per: 'brand' }), /rules\[3\].count: found 0/],
    [
      'serving.placements.home.rules.1',
      only('brand ='),
      /rules\[1\].filter: filter, character 8: found the end, expected a text in quotes/,
    ],
    [
      'serving.placements.home.rules.1',
      only("brnad = 'x'"),
      /rules\[1\].filter: .*no attribute called "brnad"[\s\S]*Did you mean "brand"\?/,
    ],
  ])('%s, case %#', (path, value, expected) => {
    const problems = problemsWith(path, value)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(typeof expected === 'string' ? new RegExp(`^${RegExp.escape(expected)}$`) : expected)
  })

  const source = (options: object) =>
    problemsWith('data.sources.history', fileSource({ ...history, ...options } as never))

  test.each<[string, object, string | RegExp]>([
    ['no path', { path: '' }, /history.path: found ""/],
    [
      'a name without a format',
      { path: 'history.txt' },
      /history.format: the name of "history.txt" does not tell its format. Add format:/,
    ],
    [
      'an unknown format',
      { format: 'xml' },
      /history.format: found "xml", expected "csv" or "tsv" or "jsonl" or "parquet"/,
    ],
    ['an unknown time format', { timeFormat: 'second' }, /Did you mean "seconds"\?/],
    [
      'an unknown interaction',
      { interaction: 'purchse' },
      /history.interaction: no interaction is called "purchse". Did you mean "purchase"\?/,
    ],
    [
      'no interaction at all',
      { interaction: undefined },
      /history: nothing says which interaction a row is. Add interaction: "view"/,
    ],
    [
      'a missing column',
      { columns: { userId: 'u', eventTime: 't' } },
      'data.sources.history.columns.itemId: found nothing, expected the column that holds it.',
    ],
    ['no columns', { columns: { ...history.columns, itemId: -1 } }, /columns.itemId: found -1/],
    ['a column of an unknown meaning', { columns: { ...history.columns, wieght: 'w' } }, /Did you mean "weight"\?/],
    [
      'a column name without a header',
      { columns: { userId: 0, itemId: 'x', eventTime: 2 }, hasHeader: false },
      /columns.itemId: found "x", but a file without a header/,
    ],
    [
      'an attribute that items lack',
      {
        holds: 'item',
        interaction: undefined,
        columns: { entityId: 'id', titel: 'x', title: 't', brand: 'b', price: 'p', stock: 's', isNew: 'n' },
      },
      /columns.titel: no attribute of items is called "titel". Did you mean "title"\?/,
    ],
    [
      'a required attribute without a column',
      {
        holds: 'item',
        interaction: undefined,
        columns: { entityId: 'id', title: 't', brand: 'b', price: 'p', stock: 's' },
      },
      'data.sources.history.columns.isNew: found nothing, expected the column that holds it. Or declare it with { optional: true }.',
    ],
    [
      'an interaction of impressions',
      { holds: 'impressions', columns: { userId: 'u', itemIds: 'i', eventTime: 't' } },
      /history.interaction: found one, but impressions are no interactions/,
    ],
    [
      'impressions of one item',
      {
        holds: 'impressions',
        interaction: undefined,
        columns: { userId: 'u', itemIds: 'i', eventTime: 't', itm: 'i' },
      },
      /columns.itm: no column of impressions is called "itm"/,
    ],
    [
      'impressions without items',
      { holds: 'impressions', interaction: undefined, columns: { userId: 'u', eventTime: 't' } },
      'data.sources.history.columns.itemIds: found nothing, expected the column that holds it.',
    ],
  ])('a file source with %s', (_, options, expected) => {
    const problems = source(options)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(typeof expected === 'string' ? new RegExp(`^${RegExp.escape(expected)}$`) : expected)
  })

  test('an empty list of names is reported, and so is what names one of them', () => {
    expect(problemsWith('data.interactions', {})[0]).toMatch(
      /^data.interactions: found no interaction, expected at least/,
    )
    expect(problemsWith('training.candidates', {})).toEqual([
      'training.candidates: found no candidate generator, expected at least one.',
      'serving.placements.product.candidates[0]: no candidate generator is called "cf". None is defined yet.',
    ])
  })

  test('a missing component is one problem, not one for each thing in it', () => {
    const problems = problemsWith('data', undefined)
    expect(problems[0]).toMatch(/^data: found nothing, expected an object with owner, entities/)
    expect(problems.filter((problem) => problem.startsWith('data'))).toHaveLength(1)
    expect(problemsOf(undefined)).toEqual([
      'the argument of defineSystem: found nothing, expected an object with name, data, training, serving, monitoring.',
    ])
  })

  test('every problem is reported at once', () => {
    const options = replaced(
      replaced(replaced(shop(), ['name'], 7), ['training', 'seed'], 'x'),
      ['serving', 'placements', 'home', 'limit'],
      0,
    )
    expect(problemsOf(options).map((problem) => problem.split(':')[0])).toEqual([
      'name',
      'training.seed',
      'serving.placements.home.limit',
    ])
  })

  test.each([undefined, null, 3, 'shop', [], () => 1, {}])(
    'case %#: nonsense is answered, never with a crash',
    (options) => {
      expect(problemsOf(options).length).toBeGreaterThan(0)
    },
  )

  test('a generator kind without options is reported', () => {
    expect(problemsWith('training.candidates.cf.options', null)).toEqual([
      expect.stringMatching(/^training.candidates.cf: found .*, expected a candidate generator/),
    ])
  })

  test('any value at any place is accepted or reported, never a crash', () => {
    const paths = leafPaths(shop())
    const prefixes = paths.flatMap((path) => path.map((_, depth) => path.slice(0, depth + 1)))
    fc.assert(
      fc.property(fc.constantFrom(...prefixes), fc.anything(), (path, value) => {
        problemsOf(replaced(shop(), path, value))
      }),
      { numRuns: 2_000 },
    )
  })
})

test('attributes that a generator learns from must be declared, and hold words', () => {
  const reading = (...itemAttributes: readonly string[]) => ({ ...generator(), itemAttributes })
  expect(problemsWith('training.candidates.cf', reading('title', 'brand', 'labels'))).toEqual([])
  expect(problemsWith('training.candidates.cf', reading('titel', 'price'))).toEqual([
    'training.candidates.cf.attributes: data.entities.item has no attribute "titel". Did you mean "title"? Known: title, brand, labels.',
    expect.stringMatching(
      /^training\.candidates\.cf\.attributes: "price" is number\(\), expected text\(\), category\(\) or tags\(\)\./,
    ),
  ])
  expect(problemsWith('training.candidates.cf', reading())).toEqual([
    'training.candidates.cf.attributes: found no attribute, expected at least one.',
  ])
})
