import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { MillraceError } from '../../lib/errors.ts'
import { checkedPlace } from './postgres-url.ts'

test('names host, port and database, and neither user nor password', () => {
  expect(checkedPlace('postgres://me:s3cret@db.example:5433/shop')).toBe('Postgres at db.example:5433/shop')
  expect(checkedPlace('postgresql://me:a%40b%2Fc@db.example/sh%C3%B6p')).toBe('Postgres at db.example/shöp')
  expect(checkedPlace('postgres://:s3cret@db.example/shop')).toBe('Postgres at db.example/shop')
  expect(checkedPlace('postgres:///shop')).toBe('Postgres at localhost/shop')
  expect(checkedPlace('postgres://me:s3cret@/shop?host=/run/sql')).toBe('Postgres at /run/sql/shop')
  expect(checkedPlace('postgres://db.example/shop?user=me%40server&password=s3cret')).toBe(
    'Postgres at db.example/shop',
  )
})

describe('an address that cannot be read is refused without being shown', () => {
  test.each([
    ['nothing', ''],
    ['no URL', 'me:s3cret@db.example/shop'],
    ['another protocol', 'mysql://me:s3cret@db.example/shop'],
    ['a "/" in the password', 'postgres://me:12/s3cret@db.example/shop'],
    ['a "?" in the password', 'postgres://me:12?s3cret@db.example/shop'],
    ['a "#" in the password', 'postgres://me:12#s3cret@db.example/shop'],
    ['a "/" and a port that is none', 'postgres://me:s3cret/x@db.example/shop'],
    ['a bare "%" in the password', 'postgres://me:s3cret%zz@db.example/shop'],
    ['a bare "%" in the user', 'postgres://m%e:s3cret@db.example/shop'],
    ['a bare "%" in the database', 'postgres://me:s3cret@db.example/sh%p'],
    ['a port that is none', 'postgres://me:s3cret@db.example:port/shop'],
  ])('%s', (_, url) => {
    const error = thrownBy(() => checkedPlace(url))
    expect(error).toBeInstanceOf(MillraceError)
    expect(error).toMatchObject({ code: 'METADATA_UNUSABLE', fix: expect.stringContaining('percent-encoded') })
    expect(inspect(error, { depth: 10 })).not.toContain('s3cret')
  })
})

function thrownBy(call: () => unknown): unknown {
  try {
    return call()
  } catch (error) {
    return error
  }
}
