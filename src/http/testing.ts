// A server over made components, for the tests of this folder.
import { randomBytes } from 'node:crypto'
import { type ApiKey, createApiKey, type Scope } from '../domain/api-key.ts'
import type { ExplainedAnswer } from '../domain/explained-answer.ts'
import type { RecommendRequest, RecommendResponse } from '../domain/recommendation.ts'
import type { AliasMove } from '../domain/registered-model.ts'
import type { SkewReport } from '../domain/skew-report.ts'
import type { SystemStatus } from '../domain/system-status.ts'
import { MillraceError } from '../lib/errors.ts'
import { jsonLogger } from '../lib/logger.ts'
import { someCheckResult } from '../ports/check-results.contract.ts'
import { someGateReport } from '../ports/gate-reports.contract.ts'
import type { KeyStore } from '../ports/key-store.ts'
import { someModel } from '../ports/model-registry.contract.ts'
import { someRun } from '../ports/run-store.contract.ts'
import type { ModelEntry } from '../training/model-entry.ts'
import type {
  EntityChangeRow,
  IntakeResult,
  Models,
  Origin,
  Runs,
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
  /** What was asked of the registry. */
  readonly promotions: object[]
  models: Models
  /** What was asked of the runs. */
  readonly runWishes: object[]
  skewReport: SkewReport | undefined
  /** Makes a key and returns it. */
  addKey(...scopes: Scope[]): string
}

const someSystemStatus: SystemStatus = {
  log: { eventCount: 12, megabytes: 0.5 },
  quarantinedCount: 1,
  model: undefined,
  modelProblem: undefined,
  answeringInstead: undefined,
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

const someMove: AliasMove = {
  number: 1,
  alias: 'champion',
  to: 'm1',
  atMs: 1_000,
  decision: { by: 'train', command: 'millrace train', why: 'newly trained' },
}

/** Models m1, which answers, and m0, which is deleted; promotions are noted and succeed. */
function someModels(promotions: object[]): Models {
  const entry: ModelEntry = {
    ...someModel('m1', Date.UTC(2026, 0, 2, 3, 4, 5)),
    status: 'registered',
    registeredAtMs: Date.UTC(2026, 0, 2, 3, 5),
    aliases: ['champion'],
    bundle: { state: 'whole' },
    usedBy: [7],
    slices: [{ name: 'new users', value: 0.125, interval: [0.1, 0.15] }],
    weakSlices: [
      {
        of: 'users',
        conditions: ['user.country = DE', 'user = new'],
        unitCount: 60,
        mean: 0.1,
        difference: -0.2,
        interval: [-0.3, -0.1],
        adjustedPValue: 0.004,
      },
    ],
  }
  const deleted: ModelEntry = {
    ...someModel('m0', 0),
    status: 'deleted',
    registeredAtMs: 1_000,
    retiredAtMs: 2_000,
    deletedAtMs: 3_000,
    aliases: [],
    bundle: { state: 'removed' },
    usedBy: [],
  }
  return {
    list: async () => [entry, deleted],
    find: async (version) => {
      if (version === 'm1') return entry
      throw new MillraceError('MODEL_NOT_FOUND', `The registry has no model version ${version}.`)
    },
    audit: async (query) => (query.untilMs === 0 ? [] : [someMove]),
    inChargeAt: async (atMs) => (atMs < 1_000 ? undefined : someMove),
    gateReport: async (version) => (version === 'm1' ? someGateReport : undefined),
    card: async (version) => ({
      system: 'shop',
      model: entry,
      aliases: entry.aliases,
      owner: 'ml@shop.example',
      card: { intendedUse: 'Recommendations | on the home page.' },
      newestInteractionMs: 1_900,
      tables: [{ table: 'interactions', version: 4 }],
      gates: version === 'm1' ? someGateReport : undefined,
      moves: [someMove],
    }),
    importance: async (version) => {
      if (version !== 'm1') throw new MillraceError('MODEL_WITHOUT_TREES', `Model ${version} has no ranker.`)
      const loss = { mean: 0.5, interval: [0.25, 0.75] as const, count: 7, pValue: 0.01 }
      const losses = [{ featureName: 'cf.score', loss, adjustedPValue: 0.02 }]
      const asked = { fromMs: 1_000, k: 20, questionCount: 9, userCount: 7, ndcg: loss, losses }
      return {
        version,
        gain: [{ featureName: 'cf.score', gainShare: 1, splitCount: 3 }],
        measured: { runId: 'r0', atMs: 3_000, permutation: { ranker: 'registered', ...asked } },
      }
    },
    explain: async ({ userId, itemId = 'i1', version = 'm1' }) => {
      if (userId !== 'u1') throw new MillraceError('USER_UNKNOWN', `Nothing is known of ${userId}.`)
      return {
        version,
        userId,
        momentMs: 1_000,
        historyLength: 2,
        candidateCount: 3,
        items: [{ itemId: 'i1', score: 0.75, ranks: { cf: 1 } }],
        explained: {
          itemId,
          place: 1,
          explanation: {
            score: 0.75,
            averageScore: 0.25,
            contributions: [
              { featureName: 'cf.score', value: 0.5, contribution: 0.75 },
              { featureName: 'user_country', value: 'DE', contribution: -0.25 },
              { featureName: 'item_price', value: null, contribution: 0 },
            ],
          },
        },
      }
    },
    promote: async (promotion) => {
      promotions.push(promotion)
      return { before: {}, after: { champion: promotion.version } }
    },
    rollBack: async (options) => {
      promotions.push(options)
      return { before: { champion: 'm1', previous: 'm0' }, after: { champion: 'm0', previous: 'm1' } }
    },
    answering: () => 'm1',
  }
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

/** Runs r1, which waits, and r0, which has ended; wishes are noted. */
function someRuns(wishes: object[]): Runs {
  const ended = someRun('r0', 1_000, {
    state: 'succeeded',
    attempt: 2,
    startedAtMs: 2_000,
    endedAtMs: 3_000,
    process: { pid: 7, startedAt: '1' },
    inputs: {
      planHash: 'f'.repeat(64),
      commit: 'c0ffee',
      isDirty: true,
      millraceVersion: '0.1.0',
      seed: 1,
      nextOffset: 9,
      asOfMs: 2_000,
      tables: [{ table: 'interactions', version: 3, checkedThrough: '1970-01-01' }],
      parameters: { seed: 1 },
    },
    resources: { cpuSeconds: 1.5, wallSeconds: 1, peakMemoryMb: 90 },
    modelVersion: 'm1',
    artifacts: [{ path: 'models/m1/items.txt', bytes: 4, sha256: 'a'.repeat(64) }],
  })
  const all = [someRun('r1', 4_000), ended]
  const found = (id: string) => {
    const run = all.find((one) => one.id === id)
    if (run) return run
    throw new MillraceError('RUN_NOT_FOUND', `There is no run ${id}.`)
  }
  return {
    list: async ({ kind, states, limit }) =>
      all.filter((run) => (kind ?? run.kind) === run.kind && (states?.includes(run.state) ?? true)).slice(0, limit),
    find: async (id) => ({
      run: found(id),
      metrics: [{ name: 'NDCG@20', step: 0, value: 0.25, interval: [0.2, 0.3], atMs: 2_500 }],
    }),
    queue: async (wanted) => {
      wishes.push(wanted)
      return someRun('r2', 5_000)
    },
    cancel: async (id, asked) => {
      const run = found(id)
      if (run.state !== 'queued') throw new MillraceError('RUN_STATE_CHANGED', `Run ${id} is ${run.state}.`)
      wishes.push({ id, ...asked })
      return { ...run, state: 'cancelled', outcome: 'Cancelled.' }
    },
  }
}

export function startTestServer(
  options: ServerOptions & Partial<Pick<ServerDependencies, 'recommender' | 'intake' | 'placements' | 'features'>> = {},
): TestServer {
  const promotions: object[] = []
  const test: Omit<TestServer, 'server'> & { server?: HttpServer } = {
    requests: [],
    eventBatches: [],
    entityChanges: [],
    logLines: [],
    keys: new Map(),
    status: { lagEventCount: 0, lagMs: 0, obstacles: [] },
    systemStatus: someSystemStatus,
    checkQueries: [],
    promotions,
    models: someModels(promotions),
    runWishes: [],
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
    lists: {
      rank: async ({ itemIds }) => ({
        requestId: 'r1',
        modelVersion: 'm1',
        rung: 'full',
        items: itemIds.map((itemId, n) => (itemId === 'unknown' ? { itemId } : { itemId, score: 9 - n })),
        unknown: itemIds.filter((itemId) => itemId === 'unknown'),
      }),
    },
    search: {
      search: async ({ query }) => ({
        requestId: 'r1',
        items: [{ itemId: 'i1', score: 1.5, matched: [query] }],
        words: [{ word: query, readAs: [{ word: query, by: 'word' }] }],
      }),
      duplicatesOf: async (itemId) => ({ itemId, duplicates: [{ itemId: 'i2', by: 'words', differing: ['price'] }] }),
    },
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
    models: test.models,
    runs: someRuns(test.runWishes),
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
        impressions: { recordedCount: 5, lostCount: 1 },
        answers: { recordedCount: 6, lostCount: 3, queueLength: 4 },
        sources: test.systemStatus.sources,
        checks: test.systemStatus.checks,
        championAnswers: false,
      }),
    },
    answers: {
      explain: async ({ requestId, itemId }) => {
        if (requestId !== 'r1') throw new MillraceError('ANSWER_NOT_FOUND', 'no such answer')
        return explainedAnswer(itemId)
      },
    },
    build: { version: '9.9.9', planHash: 'abc' },
  }
  test.server = createServer(deps, options)
  return test as TestServer
}

const explainedAnswer = (itemId: string | undefined): ExplainedAnswer => ({
  requestId: 'r1',
  placement: 'home',
  atMs: 0,
  latencyMs: 4,
  modelVersion: 'm1',
  rung: 'full',
  candidateCount: 9,
  isRecordedWhole: true,
  recomputed: { isSame: true, caveats: ['a caveat'] },
  items: [
    {
      itemId: 'i1',
      place: 1,
      score: 0.5,
      generator: 'alike',
      proposals: [{ generator: 'alike', rank: 2, score: 7 }],
      candidatePlace: 3,
      rankedPlace: 1,
      explanation: {
        score: 0.5,
        averageScore: 0.25,
        contributions: [{ featureName: 'views', value: null, contribution: 0.25 }],
      },
    },
  ],
  rules: [{ position: 0, kind: 'atMost', description: 'at most 2 of each kind', removed: ['i2'] }],
  ...(itemId !== undefined && {
    asked: { itemId, reason: 'RULE' as const, message: 'turned away', rule: 0, proposals: [] },
  }),
})
