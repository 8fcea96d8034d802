import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDataFolder } from './data-folder.ts'

const emptyDir = (): string => mkdtempSync(join(tmpdir(), 'millrace-data-'))

test('a missing folder is made, and opening it again finds the same places', () => {
  const path = join(emptyDir(), 'a', 'b')
  expect(openDataFolder(path)).toEqual(openDataFolder(path))
})

test('a folder written by a newer version is refused, naming both versions', () => {
  const path = emptyDir()
  writeFileSync(join(path, 'format.json'), '{"format":99}')
  expect(() => openDataFolder(path)).toThrowError(
    expect.objectContaining({ code: 'DATA_FOLDER_NEWER', message: expect.stringMatching(/format 99.*up to 1/) }),
  )
})

test('a damaged mark or a file in the way gets a clear error', () => {
  const path = emptyDir()
  writeFileSync(join(path, 'format.json'), 'oops')
  expect(() => openDataFolder(path)).toThrowError(expect.objectContaining({ code: 'DATA_FOLDER_UNUSABLE' }))
  const file = join(emptyDir(), 'file')
  writeFileSync(file, '')
  expect(() => openDataFolder(join(file, 'x'))).toThrowError(expect.objectContaining({ code: 'DATA_FOLDER_UNUSABLE' }))
})
