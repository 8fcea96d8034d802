import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MillraceError } from '../../lib/errors.ts'
import { testRecordSource } from '../../ports/record-source.contract.ts'
import type { PulledBatch, RecordSource } from '../../ports/record-source.ts'
import { type PostgresRecordSourceOptions, postgresRecordSource } from './record-source.ts'

const address = process.env.POSTGRES_URL
if (!address) throw new Error('POSTGRES_URL is not set: run this with npm run test:services')

const database = `millrace_source_${process.pid}`
const url = Object.assign(new URL(address), { pathname: `/${database}` }).href
const never = new AbortController().signal

let client: pg.Client
beforeAll(async () => {
  await onServer(`CREATE DATABASE ${database}`)
  client = await connected()
})
afterAll(async () => {
  await client.end()
  await onServer(`DROP DATABASE ${database} WITH (FORCE)`)
})

async function onServer(sql: string): Promise<void> {
  const server = new pg.Client(address)
  await server.connect()
  await server.query(sql)
  await server.end()
}

async function connected(): Promise<pg.Client> {
  const opened = new pg.Client(url)
  opened.on('error', () => {})
  await opened.connect()
  return opened
}

const sourceOf = (options: Partial<PostgresRecordSourceOptions>): RecordSource =>
  postgresRecordSource({ name: 'items', url: () => url, query: 'SELECT * FROM items', columns: ['id'], ...options })

const by = (column: string, overlap: { overlapMs?: number; overlapCount?: number } = {}) => ({
  incremental: { by: column, overlapMs: 0, overlapCount: 0, ...overlap },
})

async function pulled(source: RecordSource, cursor?: string): Promise<PulledBatch[]> {
  const batches: PulledBatch[] = []
  for await (const batch of source.pull(cursor, never)) batches.push(batch)
  return batches
}

const idsOf = (batches: readonly PulledBatch[]): string[] =>
  batches.flatMap(({ rows }) => rows.map((row) => String((row as { id: unknown }).id)))

async function failureOf(source: RecordSource): Promise<MillraceError> {
  const error = await pulled(source).then(
    () => undefined,
    (found: unknown) => found,
  )
  expect(error).toBeInstanceOf(MillraceError)
  return error as MillraceError
}

/** 100 items; five share each value of `version`, and of `changed_at`. */
async function items(): Promise<string[]> {
  await client.query(`
    DROP TABLE IF EXISTS items;
    CREATE TABLE items (id text PRIMARY KEY, price numeric, version bigint, changed_at timestamptz);
    INSERT INTO items SELECT 'i' || n, n / 4.0, n / 5, timestamptz '2026-01-01 00:00Z' + (n / 5) * interval '1.000001 second'
    FROM generate_series(1, 100) n`)
  return Array.from({ length: 100 }, (_, n) => `i${n + 1}`)
}

describe.each([
  ['a snapshot', {}],
  ['incremental by a number', by('version')],
  ['incremental by a number, with an overlap', by('version', { overlapCount: 3 })],
  ['incremental by a time', by('changed_at')],
  ['incremental by a time, with an overlap', by('changed_at', { overlapMs: 5000 })],
])('a Postgres source: %s', (_, options) =>
  testRecordSource(async () => ({
    source: sourceOf({ batchRowCount: 7, ...options }),
    ids: await items(),
    idOf: (row) => (row as { id: string }).id,
    remove: async () => {},
  })),
)

describe('an incremental Postgres source', () => {
  const end = async (source: RecordSource, cursor?: string) => (await pulled(source, cursor)).at(-1)!.cursor

  it('gives what is new or changed, and little else', async () => {
    await items()
    const source = sourceOf(by('version'))
    const cursor = await end(source)
    await client.query("UPDATE items SET version = 50 WHERE id = 'i3'; INSERT INTO items VALUES ('new', 1, 51, now())")
    // i100 has the newest value of the first pull, and others could have come with the same.
    expect(idsOf(await pulled(source, cursor))).toEqual(['i100', 'i3', 'new'])
  })

  it('gives rows that come later with the value it had come to', async () => {
    await items()
    const source = sourceOf(by('version'))
    const cursor = await end(source)
    await client.query("INSERT INTO items VALUES ('tie', 1, 20, now())")
    expect(idsOf(await pulled(source, cursor))).toContain('tie')
  })

  it.each(['version', 'changed_at'])(
    'gives a row with a smaller %s that was committed later',
    async (column) => {
      await items()
      const source = sourceOf(by(column))
      const slow = await connected()
      await slow.query("BEGIN; INSERT INTO items VALUES ('late', 1, 21, now())")
      await client.query("INSERT INTO items VALUES ('early', 1, 22, now())")
      // "late" is not visible yet, and "early" is beyond it.
      const first = await pulled(source)
      expect(idsOf(first)).toContain('early')
      expect(idsOf(first)).not.toContain('late')
      // However often it is pulled, and however much is committed, while the slow one goes on.
      const second = await pulled(source, first.at(-1)!.cursor)
      await client.query("INSERT INTO items VALUES ('later', 1, 23, now())")
      const third = await pulled(source, second.at(-1)!.cursor)
      await slow.query('COMMIT')
      await slow.end()
      expect(idsOf(await pulled(source, third.at(-1)!.cursor))).toContain('late')
    },
    60_000,
  )

  it('gives a row that a prepared transaction commits later', async () => {
    const [setting] = (await client.query('SHOW max_prepared_transactions')).rows
    if (Number(setting.max_prepared_transactions) === 0) return
    await items()
    const source = sourceOf(by('version'))
    await client.query("BEGIN; INSERT INTO items VALUES ('late', 1, 21, now()); PREPARE TRANSACTION 'slow'")
    await client.query("INSERT INTO items VALUES ('early', 1, 22, now())")
    const cursor = await end(source)
    await client.query("COMMIT PREPARED 'slow'")
    expect(idsOf(await pulled(source, cursor))).toContain('late')
  })

  // Goal: nothing is lost while others write in disorder. Method: eight writers each take a number, wait, and commit or roll back; meanwhile the source
  // is pulled from cursor to cursor, without any overlap. What was committed in the end must have been seen.
  it('loses no row of writers that commit in another order than they took their numbers', async () => {
    await client.query('DROP TABLE IF EXISTS items; CREATE TABLE items (id text, version bigserial)')
    const source = sourceOf(by('version'))
    const committed = new Set<string>()
    const endMs = performance.now() + 8000
    const write = async (writer: number): Promise<void> => {
      const connection = await connected()
      for (let n = 0; performance.now() < endMs; n++) {
        const id = `w${writer}-${n}`
        await connection.query('BEGIN')
        await connection.query('INSERT INTO items (id) VALUES ($1)', [id])
        // Most are quick; one takes longer than the source waits.
        await connection.query(`SELECT pg_sleep(${writer === 0 ? 4.5 : 0.01 * writer})`)
        const isKept = (n + writer) % 7 !== 0
        await connection.query(isKept ? 'COMMIT' : 'ROLLBACK')
        if (isKept) committed.add(id)
      }
      await connection.end()
    }
    const seen = new Set<string>()
    let cursor: string | undefined
    let rowCount = 0
    const pull = async (): Promise<void> => {
      const batches = await pulled(source, cursor)
      cursor = batches.at(-1)!.cursor
      for (const id of idsOf(batches)) seen.add(id)
      rowCount += idsOf(batches).length
    }
    const writers = Promise.all(Array.from({ length: 8 }, (_, n) => write(n)))
    while (performance.now() < endMs) await pull()
    await writers
    await pull()
    expect(committed.size).toBeGreaterThan(200)
    expect([...committed].filter((id) => !seen.has(id))).toEqual([])
    // Read again were only rows behind a mark that waited.
    expect(rowCount).toBeLessThan(20 * committed.size)
  }, 60_000)

  it('goes back over the mark when its transactions have ended', async () => {
    await items()
    const source = sourceOf(by('version'))
    const first = await end(source)
    expect(idsOf(await pulled(source, await end(source, first)))).toEqual(['i100'])
  })

  it('is not led astray by a time that has not come yet', async () => {
    await items()
    await client.query("INSERT INTO items VALUES ('future', 1, 1, '9999-12-31'), ('endless', 1, 1, 'infinity')")
    const source = sourceOf(by('changed_at'))
    const cursor = await end(source)
    await client.query("INSERT INTO items VALUES ('next', 1, 1, now())")
    expect(idsOf(await pulled(source, cursor))).toContain('next')
  })

  it('gives rows without a value each time', async () => {
    await items()
    await client.query("INSERT INTO items VALUES ('unknown', 1, NULL, NULL)")
    const source = sourceOf(by('version'))
    expect(idsOf(await pulled(source, await end(source)))).toContain('unknown')
  })

  it('refuses a column whose order says nothing', async () => {
    await items()
    const error = await failureOf(sourceOf({ query: 'SELECT id, price > 3 AS flag FROM items', ...by('flag') }))
    expect(error).toMatchObject({ code: 'SOURCE_QUERY_INVALID', message: expect.stringContaining('boolean of "flag"') })
  })
})

describe('the values of a Postgres source', () => {
  it.each([
    ["'2026-03-29 01:30:00.123456+02'::timestamptz", new Date('2026-03-28T23:30:00.123Z')],
    ["'2026-03-29 02:30:00'::timestamp", new Date('2026-03-29T02:30:00Z')],
    ["'1969-12-31 23:59:59.9995+00'::timestamptz", new Date(-1)],
    ["'2026-03-29'::date", new Date('2026-03-29T00:00:00Z')],
    ["'infinity'::timestamptz", 'infinity'],
    ['12.50::numeric(10, 2)', 12.5],
    ["'NaN'::numeric", Number.NaN],
    ['9007199254740993::bigint', 9007199254740993n],
    ['42::bigint', 42],
    ['-7::smallint', -7],
    ['1.1::real', 1.1],
    ['0.1::double precision', 0.1],
    ['true', true],
    ['NULL::text', null],
    ["''::text", ''],
    [`ARRAY['a', 'b c', 'd"e', NULL]`, ['a', 'b c', 'd"e', null]],
    ['ARRAY[1, 2]', ['1', '2']],
    ["'{}'::text[]", []],
    [`'{"a": [1, null]}'::jsonb`, { a: [1, null] }],
    ["'[1, 2]'::json", [1, 2]],
    ["'6f1c2d34-0000-4000-8000-000000000000'::uuid", '6f1c2d34-0000-4000-8000-000000000000'],
    ["interval '1 day'", '1 day'],
  ])('are read as what they mean: %s', async (sql, expected) => {
    const [batch] = await pulled(sourceOf({ query: `SELECT ${sql} AS id` }))
    expect(batch!.rows).toEqual([{ id: expected }])
  })

  it('may be of types that the database defines itself', async () => {
    await client.query(`
      DROP TYPE IF EXISTS colour CASCADE; CREATE TYPE colour AS ENUM ('red', 'green');
      DROP DOMAIN IF EXISTS money2 CASCADE; CREATE DOMAIN money2 AS numeric(10, 2)`)
    const query = "SELECT 'red'::colour AS id, ARRAY['red', 'green']::colour[] AS list, 1.5::money2 AS price"
    const [batch] = await pulled(sourceOf({ query }))
    expect(batch!.rows).toEqual([{ id: 'red', list: ['red', 'green'], price: 1.5 }])
  })
})

it('needs no more memory for a million rows than for a few', async () => {
  const query = "SELECT n AS id, repeat('x', 1000) AS text FROM generate_series(1, 1000000) n"
  let rowCount = 0
  let peakBytes = 0
  const startBytes = process.memoryUsage().rss
  for await (const { rows } of sourceOf({ query }).pull(undefined, never)) {
    rowCount += rows.length
    peakBytes = Math.max(peakBytes, process.memoryUsage().rss - startBytes)
  }
  expect(rowCount).toBe(1_000_000)
  // They are 1 GB.
  expect(peakBytes).toBeLessThan(250e6)
}, 120_000)

describe('a Postgres source that cannot be read', () => {
  it('names a mapped column that is missing, what there is, and the nearest', async () => {
    await items()
    const error = await failureOf(sourceOf({ columns: ['id', 'prise', 'title'] }))
    expect(error.code).toBe('SOURCE_COLUMN_MISSING')
    expect(error.message).toContain('prise, title. Found: id, price, version, changed_at.')
    expect(error.problems.map(({ message }) => message)).toEqual([
      'Found no column "prise". Did you mean "price"? Known: id, price, version, changed_at.',
      'Found no column "title". Known: id, price, version, changed_at.',
    ])
  })

  it.each(['SELECT id, prise FROM items', 'SELECT i.id, i.prise FROM items i', 'SELECT id, "prise" FROM Items'])(
    'names a column that was renamed in the database: %s',
    async (query) => {
      await items()
      const error = await failureOf(sourceOf({ query }))
      expect(error.code).toBe('SOURCE_COLUMN_MISSING')
      expect(error.message).toContain('prise. Found: changed_at, id, price, version.')
      expect(error.fix).toContain('write "price"')
    },
  )

  it('cannot be made to write', async () => {
    await items()
    await client.query(
      `CREATE OR REPLACE FUNCTION gone() RETURNS text LANGUAGE sql AS 'DELETE FROM items RETURNING id'`,
    )
    const error = await failureOf(sourceOf({ query: 'SELECT gone() AS id' }))
    expect(error).toMatchObject({ code: 'SOURCE_QUERY_INVALID', message: expect.stringContaining('read-only') })
    expect((await client.query('SELECT count(*)::int AS n FROM items')).rows).toEqual([{ n: 100 }])
  })

  it('takes a query that ends in a semicolon or a comment', async () => {
    await items()
    expect(idsOf(await pulled(sourceOf({ query: 'SELECT * FROM items; ' })))).toHaveLength(100)
    expect(idsOf(await pulled(sourceOf({ query: 'SELECT * FROM items -- all' })))).toHaveLength(100)
  })

  it('shows neither user nor password, whatever goes wrong', async () => {
    const wrong = [
      'postgres://bob:hunter2@127.0.0.1:1/shop',
      'postgres://bob:hunter2@no-such-host.invalid/shop',
      'postgres://bob:hunter2@[not-an-address/shop',
      Object.assign(new URL(url), { password: 'hunter2', username: 'nobody_here' }).href,
      Object.assign(new URL(url), { password: 'hunter2', pathname: '/no_such_database' }).href,
    ]
    for (const address of wrong) {
      const error = await failureOf(sourceOf({ url: () => address }))
      expect(['SOURCE_REFUSED', 'SOURCE_UNAVAILABLE']).toContain(error.code)
      const everything = `${error.message} ${error.fix} ${error.stack} ${(error.cause as Error | undefined)?.stack} ${JSON.stringify(error.cause)}`
      expect(everything).not.toContain('hunter2')
    }
  })

  it('is given up where the query takes longer than allowed', async () => {
    const error = await failureOf(sourceOf({ query: "SELECT 'a' AS id, pg_sleep(20)", timeoutMs: 300 }))
    expect(error.code).toBe('SOURCE_UNAVAILABLE')
  })

  it('lets go of a server that never says hello when it is told to stop', async () => {
    const mute = createServer(() => {}).listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const { port } = mute.address() as AddressInfo
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 200)
    const startMs = performance.now()
    const source = sourceOf({ url: () => `postgres://x@127.0.0.1:${port}/x` })
    for await (const _ of source.pull(undefined, stop.signal)) expect.unreachable()
    expect(performance.now() - startMs).toBeLessThan(5000)
    mute.close()
  })

  it('lets go of a query that runs when it is told to stop', async () => {
    const stop = new AbortController()
    setTimeout(() => stop.abort(), 200)
    const startMs = performance.now()
    const batches: PulledBatch[] = []
    for await (const batch of sourceOf({ query: "SELECT 'a' AS id, pg_sleep(20)" }).pull(undefined, stop.signal))
      batches.push(batch)
    expect(batches).toEqual([])
    expect(performance.now() - startMs).toBeLessThan(5000)
  })
})
