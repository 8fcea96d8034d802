import { describe, expect, it } from 'vitest'
import { MillraceError } from '../lib/errors.ts'
import { integer, text } from './attributes.ts'
import { checkSystem } from './check-system.ts'
import type { SourcePlan } from './plan.ts'
import { catalogueApi, folderSource, postgresSource } from './sources.ts'

const owner = 'team@shop.example'
const columns = { entityId: 'id', title: 'name' }
const query = {
  urlVariable: 'SHOP_DATABASE_URL',
  query: 'SELECT * FROM items',
  holds: 'item',
  columns,
  every: '1 hour',
} as const
const api = { url: 'https://shop.example/items', holds: 'item', columns, every: '1 day' } as const
const drop = { path: 'drop', files: 'items-*.csv.gz', holds: 'item', columns, every: '1 minute' } as const
const orders = { userId: 'u', itemId: 'i', eventTime: 't' }

const system = (source: unknown) => ({
  name: 'shop',
  data: {
    owner,
    entities: { user: {}, item: { title: text(), stock: integer({ optional: true }) } },
    interactions: { view: { weight: 1 } },
    sources: { items: source },
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

const planOf = (source: unknown): SourcePlan => checkSystem(system(source)).plan.data.sources.items!

function problemsOf(source: unknown): string[] {
  try {
    checkSystem(system(source))
    return []
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    return error.problems.map(({ where, message, fix }) => `${where}: ${message}${fix ? ` ${fix}` : ''}`)
  }
}

describe('the plan of a source with a schedule', () => {
  it('has every default filled in', () => {
    expect(planOf(postgresSource(query))).toEqual({
      kind: 'postgres',
      owner,
      schedule: { everyMs: 3_600_000 },
      freshnessMs: 7_200_000,
      holds: 'item',
      columns,
      timeFormat: 'iso',
      urlVariable: 'SHOP_DATABASE_URL',
      query: 'SELECT * FROM items',
      pull: { mode: 'snapshot', deletedShareMax: 0.2 },
    })
    expect(planOf(catalogueApi({ ...api, authorization: { variable: 'TOKEN' } }))).toMatchObject({
      kind: 'catalogue-api',
      paging: { kind: 'none' },
      authorization: { header: 'authorization', scheme: 'Bearer', variable: 'TOKEN' },
      pull: { mode: 'snapshot', deletedShareMax: 0.2 },
      requestsPerSecond: 10,
      timeoutMs: 30_000,
    })
    expect(planOf(folderSource(drop))).toMatchObject({ kind: 'folder', format: 'csv', hasHeader: true, settleMs: 5000 })
  })

  it('says what was written', () => {
    expect(
      planOf(postgresSource({ ...query, incrementalBy: 'changed_at', overlap: '1 hour', owner: 'db@x' })),
    ).toMatchObject({
      owner: 'db@x',
      pull: { mode: 'incremental', by: 'changed_at', overlapMs: 3_600_000, overlapCount: 1000 },
    })
    expect(planOf(postgresSource({ ...query, incrementalBy: 'id', overlap: 5 }))).toMatchObject({
      pull: { overlapMs: 600_000, overlapCount: 5 },
    })
    const paging = { by: 'page', parameter: 'p', first: 0 } as const
    const authorization = { header: 'X-Api-Key', variable: 'KEY' }
    expect(planOf(catalogueApi({ ...api, paging, authorization, deletesUpTo: 1 }))).toMatchObject({
      paging: { kind: 'page', parameter: 'p', first: 0 },
      authorization: { header: 'x-api-key', scheme: '', variable: 'KEY' },
      pull: { mode: 'snapshot', deletedShareMax: 1 },
    })
  })

  it.each([
    ['0 4 * * *', 24],
    ['0 6,18 * * *', 12],
    // From Friday to Monday.
    ['0 4 * * 1-5', 72],
  ] as const)('gives a source that runs at %s twice %i hours to be fresh', (every, hours) =>
    expect(planOf(postgresSource({ ...query, every }))).toMatchObject({
      schedule: { cron: every },
      freshnessMs: 2 * hours * 3_600_000,
    }),
  )
})

describe('what a source with a schedule may not say', () => {
  it.each<[string, unknown, RegExp]>([
    [
      'an unknown attribute',
      postgresSource({ ...query, columns: { ...columns, titel: 'x' } }),
      /columns.titel: no attribute of items is called "titel". Did you mean "title"/,
    ],
    ['no id', catalogueApi({ ...api, columns: { title: 'x' } as never }), /columns.entityId: found nothing/],
    [
      'the number of a column',
      postgresSource({ ...query, columns: { entityId: 0, title: 'x' } as never }),
      /columns.entityId: found 0, expected the name of a column/,
    ],
    [
      'an unknown setting',
      postgresSource({ ...query, incrementBy: 'x' } as never),
      /incrementBy: found a setting of an unknown name. Did you mean "incrementalBy"/,
    ],
    [
      'no schedule',
      postgresSource({ ...query, every: undefined } as never),
      /every: found nothing, expected a length of time .+ or a cron pattern/,
    ],
    ['a schedule in no unit', postgresSource({ ...query, every: '1 dai' } as never), /every: found "1 dai"/],
    [
      'a broken pattern',
      postgresSource({ ...query, every: '61 * * * *' }),
      /every: found "61 \* \* \* \*", which is no cron pattern/,
    ],
    ['a pattern that never comes', postgresSource({ ...query, every: '0 0 30 2 *' }), /no such moment ever comes/],
    ['a very short interval', postgresSource({ ...query, every: '10 milliseconds' }), /expected at least 1 second/],
    ['freshness of zero', postgresSource({ ...query, freshness: '0 hours' }), /freshness: found "0 hours"/],
    [
      'no query',
      postgresSource({ ...query, query: 'DELETE FROM items' }),
      /query: found "DELETE FROM items", expected a SELECT/,
    ],
    [
      'an overlap of a snapshot',
      postgresSource({ ...query, overlap: 5 }),
      /overlap: is of use with incrementalBy only/,
    ],
    [
      'a share above one',
      postgresSource({ ...query, deletesUpTo: 20 }),
      /deletesUpTo: found 20, expected a number from 0 to 1/,
    ],
    [
      'a snapshot of interactions',
      postgresSource({ ...query, holds: 'interactions', columns: orders, interaction: 'view' }),
      /items: reads interactions, of which there is no snapshot/,
    ],
    [
      'a snapshot of impressions',
      postgresSource({ ...query, holds: 'impressions', columns: { userId: 'u', itemIds: 'i', eventTime: 't' } }),
      /items: reads impressions, of which there is no snapshot/,
    ],
    [
      'an unknown interaction',
      postgresSource({
        ...query,
        holds: 'interactions',
        columns: orders,
        interaction: 'vew',
        incrementalBy: 't',
      } as never),
      /no interaction is called "vew". Did you mean "view"/,
    ],
    [
      'no address',
      catalogueApi({ ...api, url: 'shop.example/items' }),
      /url: found "shop.example\/items", expected an address/,
    ],
    [
      'changes without a cursor',
      catalogueApi({ ...api, mode: 'changes' }),
      /mode: found "changes" without cursor paging/,
    ],
    [
      'an unknown paging',
      catalogueApi({ ...api, paging: { by: 'offset' } as never }),
      /paging.by: found "offset", expected "cursor" or "page" or "link"/,
    ],
    [
      'a cursor that lies nowhere',
      catalogueApi({ ...api, paging: { by: 'cursor', parameter: 'a' } as never }),
      /paging.field: found nothing/,
    ],
    [
      'no requests',
      catalogueApi({ ...api, requestsPerSecond: 0 }),
      /requestsPerSecond: found 0, expected a number above 0/,
    ],
    [
      'files of an unknown format',
      folderSource({ ...drop, files: '*.xml' }),
      /format: the name of "\*.xml" does not tell its format/,
    ],
    ['files in another folder', folderSource({ ...drop, files: '../*.csv' }), /files: found "..\/\*.csv"/],
  ])('%s', (_, source, expected) => {
    const problems = problemsOf(source)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(expected)
  })

  it.each([
    [
      'an address in place of its variable',
      postgresSource({ ...query, urlVariable: 'postgres://bob:hunter2@db/shop' }),
    ],
    ['a password in the address of an API', catalogueApi({ ...api, url: 'https://bob:hunter2@shop.example/items' })],
  ])('a secret, which the message does not show: %s', (_, source) => {
    const problems = problemsOf(source)
    expect(problems).toHaveLength(1)
    expect(problems[0]).not.toContain('hunter2')
  })

  it('is told all at once', () => {
    const source = postgresSource({
      ...query,
      every: 'x',
      freshness: 'y',
      urlVariable: '',
      owner: '',
      deletesUpTo: -1,
    } as never)
    expect(problemsOf(source).map((problem) => problem.split(':')[0])).toEqual(
      ['every', 'owner', 'freshness', 'urlVariable', 'deletesUpTo'].map((name) => `data.sources.items.${name}`),
    )
  })
})
