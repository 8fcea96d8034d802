// The offline tables: their versions, and the rows of one.
import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import type { TableDescription } from '../data/tables/offline-tables.ts'
import { tableRowOf } from '../data/tables/table-row.ts'
import { MillraceError } from '../lib/errors.ts'
import type { ServerDependencies, Tables } from './dependencies.ts'
import { failures } from './openapi.ts'
import {
  TableAnswer,
  TableHistoryAnswer,
  TableHistoryQuery,
  TableParams,
  TableRowsAnswer,
  TableRowsQuery,
  TablesAnswer,
} from './schemas.ts'

type OfTable = { Params: Static<typeof TableParams> }

export function tableRoutes(app: FastifyInstance, deps: ServerDependencies): void {
  app.get('/v1/data', {
    schema: {
      operationId: 'listTables',
      summary: 'The offline tables and their versions',
      response: { 200: TablesAnswer, ...failures },
    },
    config: { scope: 'read' },
    handler: async () => ({ tables: ((await deps.tables?.list()) ?? []).map(described) }),
  })

  app.get<OfTable>('/v1/data/:table', {
    schema: {
      operationId: 'describeTable',
      summary: 'One offline table',
      params: TableParams,
      response: { 200: TableAnswer, ...failures },
    },
    config: { scope: 'read' },
    handler: async ({ params }) => described(await tablesOf(deps).describe(params.table)),
  })

  app.get<OfTable & { Querystring: Static<typeof TableHistoryQuery> }>('/v1/data/:table/history', {
    schema: {
      operationId: 'tableHistory',
      summary: 'What happened to an offline table',
      params: TableParams,
      querystring: TableHistoryQuery,
      response: { 200: TableHistoryAnswer, ...failures },
    },
    config: { scope: 'read' },
    handler: async ({ params, query }) => {
      const versions = await tablesOf(deps).history(params.table, query.limit ?? 100)
      return { versions: versions.map(({ timestampMs, ...rest }) => ({ ...rest, time: isoOf(timestampMs) })) }
    },
  })

  app.get<OfTable & { Querystring: Static<typeof TableRowsQuery> }>('/v1/data/:table/rows', {
    schema: {
      operationId: 'tableRows',
      summary: 'The newest rows of an offline table, in one of its versions',
      params: TableParams,
      querystring: TableRowsQuery,
      response: { 200: TableRowsAnswer, ...failures },
    },
    config: { scope: 'read' },
    handler: async ({ params, query }) => {
      const { version, rows } = await tablesOf(deps).rows(params.table, {
        version: query.version,
        limit: query.limit ?? 20,
      })
      return { version, rows: rows.map(tableRowOf) }
    },
  })
}

function tablesOf({ tables }: ServerDependencies): Tables {
  if (tables) return tables
  throw new MillraceError('TABLE_UNKNOWN', 'The offline tables could not be opened when the server started.', {
    fix: 'See the log of the server for the reason.',
  })
}

function described({ published, hold, ...table }: TableDescription) {
  return {
    ...table,
    ...(published && {
      publishedVersion: published.version,
      publishedAt: isoOf(published.publishedAtMs),
      publishedBy: published.by,
    }),
    ...(hold && {
      hold: { sinceVersion: hold.sinceVersion, since: isoOf(hold.heldAtMs), by: hold.by, reasons: [...hold.reasons] },
    }),
  }
}

const isoOf = (timeMs: number): string => new Date(timeMs).toISOString()
