import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { heldOutSource } from './files-to-import.ts'
import { readHeldOut } from './read-held-out.ts'

const fileWith = (name: string, content: string | Buffer): string => {
  const path = join(mkdtempSync(join(tmpdir(), 'millrace-held-out-')), name)
  writeFileSync(path, content)
  return path
}

test('pairs are read by their own names or by mapped ones, compressed or not', async () => {
  const pairs = [
    { userId: 'u1', itemId: 'i2' },
    { userId: 'u3', itemId: 'i4' },
  ]
  const plain = fileWith('test.csv', 'userId,itemId\nu1,i2\nu3,i4\n')
  expect(await readHeldOut(heldOutSource(plain, undefined))).toEqual(pairs)
  const mapped = fileWith('test.tsv.gz', gzipSync('user\twhen\titem\nu1\t5\ti2\nu3\t6\ti4\n'))
  expect(await readHeldOut(heldOutSource(mapped, 'userId=user,itemId=item'))).toEqual(pairs)
})

test('a row without an item fails the file, naming the line', async () => {
  const path = fileWith('test.csv', 'userId,itemId\nu1,i2\nu3,\n')
  await expect(readHeldOut(heldOutSource(path, undefined))).rejects.toMatchObject({
    code: 'HELD_OUT_INVALID',
    message: expect.stringMatching(/:3.*nothing/),
  })
})

test('a mapping that lacks a field, or names another one, is refused with every problem', () => {
  expect(() => heldOutSource('test.csv', 'userId=u,item=i')).toThrowError(
    expect.objectContaining({
      code: 'IMPORT_MAPPING_INVALID',
      problems: [
        expect.objectContaining({ message: expect.stringContaining('itemId') }),
        expect.objectContaining({ message: expect.stringContaining('"item"') }),
      ],
    }),
  )
  expect(() => heldOutSource('test.xlsx', undefined)).toThrowError(
    expect.objectContaining({ code: 'IMPORT_MAPPING_INVALID' }),
  )
})
