// A server over made components, for the tests of this folder.
import { randomBytes } from 'node:crypto'
import { type ApiKey, createApiKey, type Scope } from '../domain/api-key.ts'
import type { RecommendRequest, RecommendResponse } from '../domain/recommendation.ts'
import type { SkewReport } from '../domain/skew-report.ts'
import type { SystemStatus } from '../domain/system-status.ts'
import { MillraceError } from '../lib/errors.ts'
import { jsonLogger } from '../lib/logger.ts'
import { someCheckResult } from '../ports/check-results.contract.ts'
import type { KeyStore } from '../ports/key-store.ts'
import type {
  EntityChangeRow,
  IntakeResult,
  Origin,
  ServerDependencies,
  ServingStatus,
  Tables,
} from './dependencies.ts'
import { createServer, type HttpServer, type ServerOptions } from './server.ts'

export interface TestServer {
  readonly server: HttpServer
  readonly requests: RecommendRequest[]
  readonly eventBatches: { rows: readonly unknown[]; origin: Origin }[]
  readonly entityChanges: EntityChangeRow[]
  readonly logLines: string[]
  readonly keys: Map<string, ApiKey>
  status: ServingStatus
  systemStatus: SystemStatus
  readonly checkQueries: object[]
  skewReport: SkewReport | undefined
  /** Makes a key and returns it. */
  addKey(...scopes: Scope[]): string
}

const someSystemStatus: SystemStatus = {
  log: { eventCount: 12, megabytes: 0.5 },
  quarantinedCount: 1,
  model: undefined,
  features: { count: 2, isKept: true, lagEventCount: 3, lagMs: 250, backfilling: ['taste'], problem: undefined },
  sources: [
    {
      name: 'catalogue',
      owner: 'shop@test.example',
      freshness: 'late',
      freshnessMs: 60_000,
      ageMs: 90_000,
      lastSuccess: '2026-01-02T03:04:05.000Z',
      nextRun: undefined,
      rowCount: 5,
      failure: { code: 'SOURCE_UNAVAILABLE', message: 'It does not answer.' },
    },
  ],
  tables: [
    {
      name: 'interactions',
      publishedVersion: 4,
      publishedAt: '2026-01-02T03:04:05.000Z',
      hold: { sinceVersion: 5, since: '2026-01-02T03:05:00.000Z', reasons: ['Too many rows are null.'] },
    },
    { name: 'changes', publishedVersion: 0, publishedAt: '2026-01-02T03:04:05.000Z', hold: undefined },
  ],
  checks: {
    checkedAt: '2026-01-02T03:04:05.000Z',
    counts: { pass: 4, warn: 1, fail: 0, notEnoughHistory: 2 },
  },
}

/** Rejects rows and entity changes that contain the text "bad", and takes id "known" for a duplicate. */
function judge(rows: readonly unknown[]): IntakeResult {
  const positions = (text: string) => rows.flatMap((row, i) => (JSON.stringify(row).includes(text) ? [i] : []))
  const rejected = positions('"bad"').map((position) => ({ position, reason: 'BAD_ROW', message: 'It is bad.' }))
  const duplicatePositions = positions('"known"')
  return { acceptedCount: rows.length - rejected.length - duplicatePositions.length, duplicatePositions, rejected }
}

/** One table, of which version 2 is published and 3 held back. */
const tables: Tables = {
  list: async () => [await tables.describe('changes')],
  describe: async (table) => {
    if (table !== 'changes') throw new MillraceError('TABLE_UNKNOWN', `No offline table is called "${table}".`)
    return {
      table,
      newestVersion: 3,
      published: { table, version: 2, publishedAtMs: 1_000, by: 'ada', why: 'looked at it' },
      hold: { table, sinceVersion: 3, heldAtMs: 2_000, checkedAtMs: 3_000, reasons: ['odd'] },
      rowCount: 7,
      fileCount: 2,
      bytes: 500,
      newestDay: '1970-01-01',
    }
  },
  history: async (_, limit) =>
    [
      {
        version: 3,
        timestampMs: 2_000,
        operation: 'WRITE',
        addedRowCount: 4,
        addedFileCount: 1,
        removedFileCount: 0,
        state: 'held' as const,
      },
    ].slice(0, limit),
  rows: async (_, { version = 2, limit }) => ({
    version,
    rows: Array.from({ length: Math.min(limit, 3) }, (__, n) => ({
      offset: 9 - n,
      availableTimeMs: 1_000,
      event: {
        kind: 'entity' as const,
        id: `e${n}`,
        entity: 'item' as const,
        entityId: 'i',
        change: 'put' as const,
        attributes: { tags: ['a'] },
        eventTimeMs: 500,
      },
    })),
  }),
}

export function startTestServer(
  options: ServerOptions & Partial<Pick<ServerDependencies, 'recommender' | 'intake' | 'placements' | 'features'>> = {},
): TestServer {
  const test: Omit<TestServer, 'server'> & { server?: HttpServer } = {
    requests: [],
    eventBatches: [],
    entityChanges: [],
    logLines: [],
    keys: new Map(),
    status: { lagEventCount: 0, lagMs: 0, obstacles: [] },
    systemStatus: someSystemStatus,
    checkQueries: [],
    skewReport: undefined,
    addKey(...scopes) {
      const { key, record } = createApiKey({ name: scopes.join('+'), scopes, createdAtMs: 0 }, randomBytes)
      this.keys.set(record.id, record)
      return key
    },
  }
  const recommend = (request: RecommendRequest): RecommendResponse => {
    test.requests.push(request)
    return {
      requestId: 'r1',
      placement: request.placement,
      modelVersion: 'm1',
      rung: 'full',
      items: [
        { itemId: 'i1', score: 0.5, generator: 'cf' },
        { itemId: 'i2', score: 0.25, generator: 'cf' },
        { itemId: 'i3', score: 0.125, generator: 'popular' },
      ],
    }
  }
  const keys: KeyStore = {
    add: async (key) => void test.keys.set(key.id, key),
    find: (id) => test.keys.get(id),
    list: () => [...test.keys.values()],
    revoke: async () => false,
    close: async () => {},
  }
  const deps: ServerDependencies = {
    recommender: options.recommender ?? { recommend },
    intake: options.intake ?? {
      acceptEvents: async (rows, origin) => {
        test.eventBatches.push({ rows, origin })
        return judge(rows)
      },
      acceptEntityChanges: async (changes) => {
        test.entityChanges.push(...changes)
        return judge(changes)
      },
    },
    keys,
    clock: { now: () => 1_000 },
    log: jsonLogger({ clock: { now: () => 1_000 }, write: (line) => test.logLines.push(line), level: 'debug' }),
    placements: options.placements ?? { home: { pattern: 'realtime' }, productPage: { pattern: 'embedding' } },
    status: () => test.status,
    models: () => [
      {
        version: 'm1',
        trainedAt: '2026-01-02T03:04:05.000Z',
        userCount: 10,
        itemCount: 20,
        interactionCount: 30,
        generators: [{ name: 'cf', kind: 'ials' }],
        metrics: [{ name: 'ndcgAt20', value: 0.2, interval: [0.1, 0.3] }],
      },
    ],
    tables,
    ...(options.features && { features: options.features }),
    operations: {
      status: async () => test.systemStatus,
      sources: async () => test.systemStatus.sources,
      checks: async (query) => {
        test.checkQueries.push(query)
        return [someCheckResult]
      },
      skew: async () => test.skewReport,
      figures: async () => ({
        features: {
          lag: { lagEventCount: 3, lagMs: 250 },
          failureCount: 1,
          samples: { keptCount: 7, droppedCount: 2 },
        },
        sources: test.systemStatus.sources,
        checks: test.systemStatus.checks,
      }),
    },
    build: { version: '9.9.9', planHash: 'abc' },
  }
  test.server = createServer(deps, options)
  return test as TestServer
}
