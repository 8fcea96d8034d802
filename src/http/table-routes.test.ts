import { expect, test } from 'vitest'
import { startTestServer } from './testing.ts'

const { server } = startTestServer()
const get = async (url: string) => {
  const answer = await server.inject(url)
  return { status: answer.statusCode, body: answer.json() }
}

test('the tables are listed with their versions and what is held back', async () => {
  const described = {
    table: 'changes',
    newestVersion: 3,
    publishedVersion: 2,
    publishedAt: '1970-01-01T00:00:01.000Z',
    publishedBy: 'ada',
    rowCount: 7,
    fileCount: 2,
    bytes: 500,
    newestDay: '1970-01-01',
    hold: { sinceVersion: 3, since: '1970-01-01T00:00:02.000Z', reasons: ['odd'] },
  }
  expect(await get('/v1/data')).toEqual({ status: 200, body: { tables: [described] } })
  expect(await get('/v1/data/changes')).toEqual({ status: 200, body: described })
})

test('a table shows its versions and its rows, as many as are asked for, of the version that is asked for', async () => {
  const version = {
    version: 3,
    time: '1970-01-01T00:00:02.000Z',
    operation: 'WRITE',
    addedRowCount: 4,
    addedFileCount: 1,
    removedFileCount: 0,
    state: 'held',
  }
  expect((await get('/v1/data/changes/history')).body).toEqual({ versions: [version] })
  const { body } = await get('/v1/data/changes/rows?version=3&limit=2')
  expect(body.version).toBe(3)
  expect(body.rows).toEqual(
    [9, 8].map((offset, n) => ({
      offset,
      availableTime: '1970-01-01T00:00:01.000Z',
      eventTime: '1970-01-01T00:00:00.500Z',
      id: `e${n}`,
      entity: 'item',
      entityId: 'i',
      change: 'put',
      attributes: { tags: ['a'] },
    })),
  )
  expect((await get('/v1/data/changes/rows')).body).toMatchObject({ version: 2, rows: { length: 3 } })
})

test('a table that is not there and a version or limit that cannot be are refused', async () => {
  expect(await get('/v1/data/chnages')).toMatchObject({ status: 404, body: { code: 'TABLE_UNKNOWN' } })
  for (const query of ['version=-1', 'version=x', 'version=1.5', 'limit=0', 'limit=1001', 'order=asc']) {
    expect(await get(`/v1/data/changes/rows?${query}`), query).toMatchObject({ status: 400 })
  }
})

test('the rows of tables need a key that may read', async () => {
  const guarded = startTestServer({ requireKey: true })
  const status = async (key?: string) =>
    (
      await guarded.server.inject({
        url: '/v1/data/changes/rows',
        ...(key && { headers: { authorization: `Bearer ${key}` } }),
      })
    ).statusCode
  expect(await status()).toBe(401)
  expect(await status(guarded.addKey('write'))).toBe(403)
  expect(await status(guarded.addKey('read'))).toBe(200)
})
