import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { allows, createApiKey, isValidKey, keyIdOf } from './api-key.ts'

const make = () => createApiKey({ name: 'web', scopes: ['read'], createdAtMs: 1000 }, randomBytes)

test('a new key carries the id of its record and is valid for it', () => {
  const { key, record } = make()
  expect(key).toMatch(/^mlr_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/)
  expect(keyIdOf(key)).toBe(record.id)
  expect(isValidKey(key, record)).toBe(true)
  expect(record).toMatchObject({ name: 'web', scopes: ['read'], createdAtMs: 1000 })
})

test('the record does not contain the secret', () => {
  const { key, record } = make()
  expect(JSON.stringify(record)).not.toContain(key.slice(21))
})

test('a key with one other character is not valid', () => {
  const { key, record } = make()
  const last = key.at(-1) === 'A' ? 'B' : 'A'
  expect(isValidKey(key.slice(0, -1) + last, record)).toBe(false)
  expect(isValidKey(make().key, record)).toBe(false)
})

test('a revoked key is not valid', () => {
  const { key, record } = make()
  expect(isValidKey(key, { ...record, revokedAtMs: 2000 })).toBe(false)
})

test('text without the form of a key has no id', () => {
  for (const text of ['', 'mlr_', 'secret', `${make().key}x`, ` ${make().key}`, make().key.toUpperCase()]) {
    expect(keyIdOf(text)).toBeUndefined()
  }
})

test('admin covers reading and writing; reading and writing cover only themselves', () => {
  expect(allows(['admin'], 'read') && allows(['admin'], 'write') && allows(['admin'], 'admin')).toBe(true)
  expect(allows(['read'], 'write') || allows(['write'], 'read') || allows(['read', 'write'], 'admin')).toBe(false)
})

test('collecting is a part of writing, and of nothing else', () => {
  expect(allows(['collect'], 'collect') && allows(['write'], 'collect') && allows(['admin'], 'collect')).toBe(true)
  expect(allows(['collect'], 'write') || allows(['collect'], 'read') || allows(['read'], 'collect')).toBe(false)
})

test('scopes are stored once each, in a fixed order', () => {
  const { record } = createApiKey({ name: 'x', scopes: ['write', 'read', 'write'], createdAtMs: 0 }, randomBytes)
  expect(record.scopes).toEqual(['read', 'write'])
})
