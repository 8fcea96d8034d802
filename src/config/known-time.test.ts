import { describe, expect, it } from 'vitest'
import { MillraceError } from '../lib/errors.ts'
import { text } from './attributes.ts'
import { checkSystem } from './check-system.ts'
import type { SourcePlan } from './plan.ts'
import { fileSource, folderSource } from './sources.ts'

const owner = 'team@shop.example'
const orders = { userId: 'u', itemId: 'i', eventTime: 't' }
const history = { path: 'orders.csv', holds: 'interactions', interaction: 'view', columns: orders } as const
const items = { path: 'items.csv', holds: 'item', columns: { entityId: 'id', title: 'name' } } as const
const drops = { path: 'drops', files: '*.csv', every: '1 hour' } as const

const system = (source: unknown) => ({
  name: 'shop',
  data: {
    owner,
    entities: { user: {}, item: { title: text() } },
    interactions: { view: { weight: 1 } },
    sources: { one: source },
  },
  training: {
    owner,
    candidates: {
      a: {
        kind: 'test',
        options: {},
        tunable: {},
        with: () => undefined,
        train: async () => ({}),
        open: () => ({ supportsEmptyHistory: false, generate: () => 0 }),
      },
    },
  },
  serving: { owner, placements: { home: {} } },
  monitoring: { owner },
})
const knownOf = (source: unknown): unknown =>
  (checkSystem(system(source)).plan.data.sources.one as Exclude<SourcePlan, { kind: 'http' }>).known

function problemsOf(source: unknown): string[] {
  try {
    checkSystem(system(source))
    return []
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    return error.problems.map(({ where, message }) => `${where}: ${message}`)
  }
}

describe('a source', () => {
  it('says nothing of since when its rows were known, unless it is declared', () => {
    const { plan } = checkSystem(system(fileSource(history)))
    expect(plan.data.sources.one).not.toHaveProperty('known')
  })

  it('of history may be known when it happened, since a day, or by a column', () => {
    expect(knownOf(fileSource({ ...history, known: 'when-it-happened' }))).toBe('when-it-happened')
    expect(knownOf(fileSource({ ...items, known: { since: '2024-01-01' } }))).toEqual({ sinceMs: Date.UTC(2024, 0, 1) })
    expect(problemsOf(fileSource({ ...items, columns: { ...items.columns, knownTime: 'loaded_at' } }))).toEqual([])
    expect(
      problemsOf(
        folderSource({ ...drops, holds: 'interactions', columns: { ...orders, knownTime: 'l' }, interaction: 'view' }),
      ),
    ).toEqual([])
  })

  it.each<[string, object, string]>([
    ['an unknown word', { ...history, known: 'always' }, 'data.sources.one.known'],
    ['a day that is none', { ...history, known: { since: '2024-02-31' } }, 'data.sources.one.known.since'],
    [
      'an unknown setting',
      { ...history, known: { sinceDay: '2024-02-01', since: '2024-02-01' } },
      'data.sources.one.known.sinceDay',
    ],
    [
      'it said twice',
      { ...history, columns: { ...orders, knownTime: 'l' }, known: 'when-it-happened' },
      'data.sources.one.known',
    ],
    ['no time of which to be known from', { ...items, known: 'when-it-happened' }, 'data.sources.one.known'],
  ])('is refused with %s', (_, options, where) => {
    expect(problemsOf(fileSource(options as never)).map((problem) => problem.split(': ')[0])).toEqual([where])
  })

  it('that is read again and again cannot be known since a day: it says something new each time', () => {
    const source = folderSource({ ...drops, ...items, path: 'drops', known: { since: '2024-01-01' } as never })
    expect(problemsOf(source).map((problem) => problem.split(': ')[0])).toContain('data.sources.one.known')
  })
})
