import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sqliteError } from './sqlite-error.ts'

// SQLITE_IOERR_SHMSIZE, which opening a database on a full disk gives.
const sharedMemoryError = Object.assign(new Error('disk I/O error'), { errcode: 4874 })

test('an I/O error where there is room is about the file', () => {
  expect(sqliteError(sharedMemoryError, join(tmpdir(), 'metadata.sqlite'))).toMatchObject({ code: 'METADATA_UNUSABLE' })
})

// The file system /proc never has a free block: a full disk that every Linux has.
test.runIf(process.platform === 'linux')('an I/O error where there is no room is about the room', () => {
  expect(sqliteError(sharedMemoryError, '/proc/metadata.sqlite')).toMatchObject({
    code: 'METADATA_FULL',
    message: expect.stringContaining('/proc/metadata.sqlite'),
  })
})

test('where nobody knows how much room there is, an I/O error is about the file', () => {
  expect(sqliteError(sharedMemoryError, '/nowhere/at/all')).toMatchObject({ code: 'METADATA_UNUSABLE' })
})
