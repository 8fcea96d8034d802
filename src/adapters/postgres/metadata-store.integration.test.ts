import { execFile } from 'node:child_process'
import { inspect, promisify } from 'node:util'
import { Pool } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { testMetadataStore } from '../../ports/metadata-store.contract.ts'
import { someModel } from '../../ports/model-registry.contract.ts'
import { newSourceState } from '../../ports/source-states.contract.ts'
import { openPostgresMetadataStore } from './metadata-store.ts'

const url = process.env.POSTGRES_URL!

let pool: Pool
let schemaCount = 0
beforeAll(() => {
  expect(url, 'run this through "npm run test:services"').toBeDefined()
  pool = new Pool({ connectionString: url })
})
afterAll(() => pool.end())
const freshSchema = (): string => `test ${process.pid} ${schemaCount++}`

/** The same address with other parts. */
function addressWith(parts: Partial<Pick<URL, 'username' | 'password' | 'port' | 'pathname' | 'search'>>): string {
  return Object.assign(new URL(url), parts).href
}

const withCode = (code: string) => expect.objectContaining({ code })
const failure = (opening: Promise<unknown>): Promise<unknown> =>
  opening.then(
    () => expect.unreachable(),
    (error: unknown) => error,
  )

describe('postgres metadata store', () =>
  testMetadataStore(async () => {
    const schema = freshSchema()
    return {
      open: () => openPostgresMetadataStore({ url, schema }),
      remove: async () => {
        await pool.query(`drop schema if exists "${schema}" cascade`)
      },
    }
  }))

test('the log of moves cannot be changed, not even past the store', async () => {
  const schema = freshSchema()
  const store = await openPostgresMetadataStore({ url, schema })
  await store.modelRegistry.register(someModel('a', 1), 1)
  const decision = { by: 'ada', command: 'millrace promote', why: 'first' }
  await store.modelRegistry.move({ from: {}, to: { champion: 'a' }, atMs: 1, decision })
  const table = `"${schema}".model_alias_move`
  for (const change of [`update ${table} set at_ms = 0`, `delete from ${table}`, `truncate ${table}`]) {
    await expect(pool.query(change)).rejects.toThrow('model_alias_move is append-only')
  }
  expect(await store.modelRegistry.audit({ limit: 10 })).toHaveLength(1)
  await store.close()
  await pool.query(`drop schema "${schema}" cascade`)
})

describe('an error says whether trying again can help, and never shows the password', () => {
  test.each([
    ['nobody listens', 'METADATA_UNAVAILABLE', { port: '1' }],
    ['the password is wrong', 'METADATA_UNUSABLE', { password: 'wr0ngpass' }],
    ['there is no such user', 'METADATA_UNUSABLE', { username: 'nobody' }],
    ['there is no such database', 'METADATA_UNUSABLE', { pathname: '/nowhere' }],
    ['the server speaks no TLS', 'METADATA_UNUSABLE', { search: '?sslmode=verify-full' }],
    ['there is no certificate', 'METADATA_UNUSABLE', { search: '?sslmode=verify-full&sslrootcert=/nowhere.pem' }],
    ['the password is a parameter', 'METADATA_UNUSABLE', { password: '', search: '?password=wr0ngpass' }],
  ])('%s', async (_, code, parts) => {
    const error = await failure(openPostgresMetadataStore({ url: addressWith(parts) }))
    expect(error).toMatchObject({ code, message: expect.stringMatching(/^Postgres at 127\.0\.0\.1:\d+\//) })
    const shown = inspect(error, { depth: 20, showHidden: true })
    for (const password of [new URL(url).password, decodeURIComponent(new URL(url).password), 'wr0ngpass']) {
      expect(shown).not.toContain(password)
    }
  })
})

test('the tables lie in their own schema and leave the rest of the database alone', async () => {
  const schema = freshSchema()
  const tables = async (where: string) =>
    (await pool.query(`select tablename from pg_tables where schemaname ${where} order by 1`)).rows.length
  const before = await tables(`= 'public'`)
  const store = await openPostgresMetadataStore({ url, schema })
  expect(await tables(`= '${schema}'`)).toBeGreaterThan(5)
  expect(await tables(`= 'public'`)).toBe(before)
  await store.close()
})

test('a given pool is used, and stays open', async () => {
  const store = await openPostgresMetadataStore({ pool, schema: freshSchema() })
  await store.sourceStates.save(newSourceState('s'), 0)
  await store.close()
  expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
})

test('a database that a newer version wrote is refused, and nothing in it changes', async () => {
  const schema = freshSchema()
  await (await openPostgresMetadataStore({ url, schema })).close()
  await pool.query(`insert into "${schema}".migration values (99, 'later', 0)`)
  await expect(openPostgresMetadataStore({ url, schema })).rejects.toThrow(
    expect.objectContaining({ code: 'METADATA_NEWER', message: expect.stringMatching(/version 99.*up to \d+\.$/) }),
  )
})

test('a step that fails leaves nothing of the steps before it', async () => {
  const schema = freshSchema()
  // In the way of the last of the tables.
  await pool.query(`create schema "${schema}"; create table "${schema}".training_set_table (x int)`)
  await expect(openPostgresMetadataStore({ url, schema })).rejects.toThrow(withCode('METADATA_UNUSABLE'))
  const { rows } = await pool.query(`select tablename from pg_tables where schemaname = '${schema}'`)
  expect(rows).toEqual([{ tablename: 'training_set_table' }])
  await pool.query(`drop table "${schema}".training_set_table`)
  await (await openPostgresMetadataStore({ url, schema })).close()
})

test('a user who may only read and write rows can use tables that are there', async () => {
  const schema = freshSchema()
  const user = `worker_${process.pid}`
  await (await openPostgresMetadataStore({ url, schema })).close()
  await pool.query(`create user ${user} password 'worker'`)
  const asUser = addressWith({ username: user, password: 'worker' })
  await expect(openPostgresMetadataStore({ url: asUser, schema })).rejects.toThrow(withCode('METADATA_UNUSABLE'))
  await pool.query(`grant usage on schema "${schema}" to ${user}`)
  await pool.query(`grant select, insert, update, delete on all tables in schema "${schema}" to ${user}`)
  const store = await openPostgresMetadataStore({ url: asUser, schema })
  expect(await store.sourceStates.save(newSourceState('s'), 0)).toBe(1)
  await store.close()
})

test('an answer that does not come in time is METADATA_UNAVAILABLE, and the store works again afterwards', async () => {
  const schema = freshSchema()
  const store = await openPostgresMetadataStore({ url, schema, timeoutMs: 300 })
  await store.sourceStates.save(newSourceState('s'), 0)
  const blocker = await pool.connect()
  await blocker.query(`begin; lock table "${schema}".source_state in access exclusive mode`)
  const waiting = [store.sourceStates.load('s'), store.sourceStates.save(newSourceState('s'), 1)]
  for (const { status, ...outcome } of await Promise.allSettled(waiting)) {
    expect({ status, ...outcome }).toMatchObject({ status: 'rejected', reason: { code: 'METADATA_UNAVAILABLE' } })
  }
  // On other connections than those that still wait.
  expect(await store.trainingSets.list(1)).toEqual([])
  await blocker.query('rollback')
  blocker.release()
  expect((await store.sourceStates.load('s'))?.state).toEqual(newSourceState('s'))
  await store.close()
})

test('a connection that is cut in the middle of a transaction does not end the process', async () => {
  const schema = freshSchema()
  const store = await openPostgresMetadataStore({ url, schema })
  await store.featureVersions.begin({ feature: 'f', version: 'v', definition: null, atMs: 1 })
  // The change waits for this lock with its transaction open.
  const blocker = await pool.connect()
  await blocker.query(`begin; lock table "${schema}".feature_version in exclusive mode`)
  const activating = failure(store.featureVersions.activate({ feature: 'f', version: 'v' }, 2))
  await expect
    .poll(async () => {
      const cut = `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'millrace' and wait_event_type = 'Lock'`
      return (await pool.query(cut)).rows.length
    })
    .toBe(1)
  expect(await activating).toMatchObject({ code: 'METADATA_UNAVAILABLE' })
  await blocker.query('rollback')
  blocker.release()
  await store.featureVersions.activate({ feature: 'f', version: 'v' }, 3)
  expect(await store.featureVersions.list('f')).toMatchObject([{ state: 'live', activatedAtMs: 3 }])
  await store.close()
})

test('says how to install the driver where it is missing', async () => {
  const module = new URL('./metadata-store.ts', import.meta.url).href
  const script = `
    import { registerHooks } from 'node:module'
    registerHooks({ resolve: (name, context, next) => next(name === 'pg' ? 'a-package-that-is-not-installed' : name, context) })
    const { openPostgresMetadataStore } = await import(${JSON.stringify(module)})
    await openPostgresMetadataStore({ url: 'postgres://db.example/shop' }).catch(({ code, fix }) => process.stdout.write(code + ' ' + fix))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
  expect(stdout).toMatch(/^METADATA_DRIVER_MISSING .*npm install pg/)
})
