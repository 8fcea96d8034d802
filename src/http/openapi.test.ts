import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { startTestServer } from './testing.ts'

// biome-ignore lint/suspicious/noExplicitAny: a document of unknown shape is what is looked at here.
type Json = Record<string, any>

const documentOf = async (): Promise<Json> => (await startTestServer().server.inject('/openapi.json')).json()

const operationsOf = (document: Json): (Json & { path: string; method: string })[] =>
  Object.entries(document.paths as Json).flatMap(([path, item]) =>
    Object.entries(item as Json).map(([method, operation]) => ({ path, method, ...operation })),
  )

function* partsOf(value: unknown): Generator<Json> {
  if (typeof value !== 'object' || value === null) return
  yield value as Json
  for (const part of Object.values(value)) yield* partsOf(part)
}

test('it describes every route of the server', async () => {
  const document = await documentOf()
  expect(document.openapi).toBe('3.1.0')
  expect(document.info).toMatchObject({ title: 'Millrace', version: '9.9.9' })
  expect(operationsOf(document).map(({ method, path }) => `${method.toUpperCase()} ${path}`)).toEqual([
    'POST /v1/recommend',
    'GET /v1/items/{id}/similar',
    'POST /v1/search',
    'GET /v1/items/{id}/duplicates',
    'POST /v1/rank',
    'GET /v1/models',
    'GET /v1/models/{version}',
    'GET /v1/models/{version}/gates',
    'GET /v1/models/{version}/card',
    'GET /v1/models/audit',
    'POST /v1/models/promote',
    'POST /v1/models/rollback',
    'GET /v1/explain',
    'GET /v1/models/{version}/importance',
    'GET /v1/models/{version}/slices',
    'GET /v1/explain/{requestId}',
    'GET /v1/runs',
    'POST /v1/runs',
    'GET /v1/runs/{id}',
    'POST /v1/runs/{id}/cancel',
    'GET /v1/features',
    'GET /v1/features/values',
    'GET /v1/data',
    'GET /v1/data/{table}',
    'GET /v1/data/{table}/history',
    'GET /v1/data/{table}/rows',
    'GET /v1/status',
    'GET /v1/sources',
    'GET /v1/checks',
    'GET /v1/skew',
    'POST /v1/events',
    'PUT /v1/items/{id}',
    'PATCH /v1/items/{id}',
    'DELETE /v1/items/{id}',
    'PUT /v1/items',
    'PUT /v1/users/{id}',
    'PATCH /v1/users/{id}',
    'DELETE /v1/users/{id}',
    'PUT /v1/users',
    'GET /health/live',
    'GET /health/ready',
    'GET /metrics',
    'GET /openapi.json',
  ])
})

test('every operation has an id of its own, a summary, and an answer with a description', async () => {
  const operations = operationsOf(await documentOf())
  expect(new Set(operations.map((operation) => operation.operationId)).size).toBe(operations.length)
  for (const operation of operations) {
    expect(operation.summary).toMatch(/\w+ \w+/)
    expect(operation.responses['200'] ?? operation.responses['202']).toBeDefined()
    for (const [status, response] of Object.entries(operation.responses as Json)) {
      expect(status).toMatch(/^([1-5]\d\d|[45]XX)$/)
      expect(response.description).toBeTruthy()
      expect(Object.keys(response.content)).toHaveLength(1)
    }
  }
})

test('every variable of a path is declared as a required parameter, and nothing else is', async () => {
  for (const { path, parameters = [] } of operationsOf(await documentOf())) {
    const declared = parameters.filter((parameter: Json) => parameter.in === 'path')
    expect(declared.map((parameter: Json) => parameter.name)).toEqual([...path.matchAll(/\{(\w+)\}/g)].map((m) => m[1]))
    expect(declared.every((parameter: Json) => parameter.required === true)).toBe(true)
  }
})

test('every reference leads somewhere, and every component is used', async () => {
  const document = await documentOf()
  const references = new Set(
    [...partsOf(document)].flatMap((part) => (typeof part.$ref === 'string' ? [part.$ref] : [])),
  )
  const names = Object.keys(document.components.schemas)
  expect(names).toContain('RecommendRequest')
  const used = names.filter((name) => references.has(`#/components/schemas/${name}`))
  expect(used).toEqual(names)
  expect(references.size).toBe(names.length)
})

test('what may be asked with which scope is declared', async () => {
  const document = await documentOf()
  const scopes = Object.fromEntries(operationsOf(document).map((o) => [o.operationId, o.security?.[1]?.key ?? []]))
  expect(scopes).toMatchObject({ recommend: ['read'], sendEvents: ['collect'], deleteItem: ['write'], live: [] })
  expect(scopes).toMatchObject({ auditModels: ['read'], promoteModel: ['admin'], rollBackModel: ['admin'] })
  expect(scopes).toMatchObject({ listRuns: ['read'], queueRun: ['admin'], cancelRun: ['admin'] })
  expect(document.components.securitySchemes.key).toMatchObject({ type: 'http', scheme: 'bearer' })
})

test('its schemas are valid JSON Schema of the draft that OpenAPI 3.1 uses, and fit what the server really answers', async () => {
  const { server } = startTestServer()
  const document: Json = (await server.inject('/openapi.json')).json()
  const ajv = new Ajv2020({ strict: false })
  ajv.addSchema({ $id: 'openapi', components: document.components })
  const fits = (name: string, value: unknown): boolean => {
    const check = ajv.getSchema(`openapi#/components/schemas/${name}`)
    expect(check, name).toBeDefined()
    return check!(value) as boolean
  }
  for (const name of Object.keys(document.components.schemas)) fits(name, undefined)

  const recommend = (payload: object) => server.inject({ method: 'POST', url: '/v1/recommend', payload })
  expect(fits('RecommendAnswer', (await recommend({ placement: 'home' })).json())).toBe(true)
  expect(fits('RecommendAnswer', { requestId: 5 })).toBe(false)
  const post = async (url: string, payload: object) => (await server.inject({ method: 'POST', url, payload })).json()
  expect(fits('SearchAnswer', await post('/v1/search', { query: 'lamp' }))).toBe(true)
  expect(fits('RankAnswer', await post('/v1/rank', { itemIds: ['i1', 'unknown'] }))).toBe(true)
  expect(fits('DuplicatesAnswer', (await server.inject('/v1/items/i1/duplicates')).json())).toBe(true)
  expect(fits('RecommendRequest', { placement: 'productPage', itemIds: ['i1', 'i2'] })).toBe(true)
  expect(fits('RecommendRequest', { placement: 'productPage', itemIds: [] })).toBe(false)
  expect(fits('Problem', (await recommend({ limit: 0 })).json())).toBe(true)
  expect(fits('ModelsAnswer', (await server.inject('/v1/models')).json())).toBe(true)
  expect(fits('Model', (await server.inject('/v1/models/m1')).json())).toBe(true)
  expect(fits('Explanation', (await server.inject('/v1/explain?userId=u1')).json())).toBe(true)
  expect(fits('ImportanceAnswer', (await server.inject('/v1/models/m1/importance')).json())).toBe(true)
  expect(fits('SlicesAnswer', (await server.inject('/v1/models/m1/slices')).json())).toBe(true)
  expect(fits('RunsAnswer', (await server.inject('/v1/runs')).json())).toBe(true)
  expect(fits('RunWithMetrics', (await server.inject('/v1/runs/r0')).json())).toBe(true)
  expect(fits('AuditAnswer', (await server.inject('/v1/models/audit?at=1970-01-02')).json())).toBe(true)
  const promotion = { version: 'm1', reason: 'better' }
  expect(fits('PromoteRequest', promotion)).toBe(true)
  const promoted = await server.inject({ method: 'POST', url: '/v1/models/promote', payload: promotion })
  expect(fits('AliasesAnswer', promoted.json())).toBe(true)
  expect(fits('StatusAnswer', (await server.inject('/v1/status')).json())).toBe(true)
  expect(fits('SourcesAnswer', (await server.inject('/v1/sources')).json())).toBe(true)
  expect(fits('ChecksAnswer', (await server.inject('/v1/checks')).json())).toBe(true)
  expect(fits('SkewAnswer', (await server.inject('/v1/skew')).json())).toBe(true)
  expect(fits('Health', (await server.inject('/health/ready')).json())).toBe(true)
  const batch = { events: [{ interaction: 'view', userId: 'u', itemId: 'i', eventTime: 5 }] }
  expect(fits('EventBatch', batch)).toBe(true)
  const shown = { kind: 'impression', userId: 'u', itemIds: ['i', 'j'], placement: 'home', scores: [2, 1] }
  expect(fits('EventBatch', { events: [shown, ...batch.events] })).toBe(true)
  expect(fits('EventBatch', { events: [{ ...shown, itemIds: [] }] })).toBe(false)
  expect(fits('EventBatch', { events: [{ interaction: 'view' }] })).toBe(false)
  const answer = await server.inject({ method: 'POST', url: '/v1/events', payload: batch })
  expect(fits('IntakeAnswer', answer.json())).toBe(true)
})
