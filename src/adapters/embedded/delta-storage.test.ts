import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { openDeltaTable } from '../../delta/table.ts'
import { systemClock } from '../../lib/clock.ts'
import { localDeltaStorage } from './delta-storage.ts'

const folders: string[] = []
const newFolder = (): string => {
  folders.push(mkdtempSync(join(tmpdir(), 'millrace-delta-storage-')))
  return folders.at(-1)!
}
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (found: Uint8Array | undefined) => found && new TextDecoder().decode(found)

test('what is written is read back, listed in order, and gone when removed', async () => {
  const storage = localDeltaStorage({ folder: join(newFolder(), 'made', 'later') })
  expect(await storage.list('')).toEqual([])
  expect(await storage.read('a')).toBeUndefined()
  await storage.remove('a')
  for (const path of ['log/10', 'log/2', 'date=x y/é%', 'log2', 'b']) await storage.write(path, bytes(path))
  expect(text(await storage.read('date=x y/é%'))).toBe('date=x y/é%')
  const list = async (prefix: string, after?: string) =>
    (await storage.list(prefix, after === undefined ? {} : { after })).map(({ path }) => path)
  expect(await list('')).toEqual(['b', 'date=x y/é%', 'log/10', 'log/2', 'log2'])
  expect(await list('log/')).toEqual(['log/10', 'log/2'])
  expect(await list('lo')).toEqual(['log/10', 'log/2', 'log2'])
  expect(await list('log/', 'log/10')).toEqual(['log/2'])
  expect((await storage.list('b'))[0]).toMatchObject({ path: 'b', sizeBytes: 1 })
  await storage.write('b', bytes('again'))
  expect(text(await storage.read('b'))).toBe('again')
  await storage.remove('b')
  expect(await storage.read('b')).toBeUndefined()
})

test('of many writers of one object exactly one succeeds, and its bytes are there', async () => {
  const folder = newFolder()
  for (let round = 0; round < 20; round++) {
    // A storage each, as processes have.
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, k) => localDeltaStorage({ folder }).writeIfAbsent(`${round}`, bytes(`${k}`))),
    )
    expect(results.filter(Boolean)).toHaveLength(1)
    expect(text(await localDeltaStorage({ folder }).read(`${round}`))).toBe(String(results.indexOf(true)))
  }
  expect(readdirSync(folder)).toHaveLength(20)
})

test('what a killed process was writing is not listed, and is swept away once it is an hour old', async () => {
  const folder = newFolder()
  const [old, young] = ['.delta-1-1-1.tmp', '.delta-1-1-2.tmp']
  for (const name of [old, young]) writeFileSync(join(folder, name), 'half')
  utimesSync(join(folder, old), 0, 0)
  const storage = localDeltaStorage({ folder })
  expect(await storage.list('')).toEqual([])
  await storage.write('a', bytes('a'))
  expect(readdirSync(folder)).toEqual([young, 'a'])
})

test('a file where the folder should be is a clear error', async () => {
  const file = join(newFolder(), 'file')
  writeFileSync(file, '')
  const storage = localDeltaStorage({ folder: file })
  const refused = expect.objectContaining({ code: 'DELTA_STORAGE_UNUSABLE', message: expect.stringContaining(file) })
  await expect(storage.write('a', bytes('a'))).rejects.toEqual(refused)
  await expect(storage.read('a')).rejects.toEqual(refused)
})

test('a disk that fills in the middle of a commit leaves nothing half-written, and the table as it was', async () => {
  const folder = newFolder()
  const at = (path: string) => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)))
  // A limit on the size of a file, in place of a full disk: the write is cut short in the same way.
  const script = `
    import { createDeltaTable } from ${at('../../delta/table.ts')}
    import { localDeltaStorage } from ${at('./delta-storage.ts')}
    const world = { storage: localDeltaStorage({ folder: ${JSON.stringify(folder)} }), clock: Date, newId: () => 'id' }
    const table = await createDeltaTable(world, { schema: [{ name: 'id', type: 'long', nullable: true }] })
    const file = (path) => ({ path, sizeBytes: 1, partitionValues: {}, rowCount: 1 })
    await table.append([file('small')])
    try {
      await table.append(Array.from({ length: 1000 }, (_, k) => file('large' + k)))
    } catch (error) {
      console.log(JSON.stringify({ code: error.code, fix: error.fix }))
    }`
  const limited = ['-c', 'ulimit -f 8 && exec "$0" --input-type=module -e "$1"', process.execPath, script]
  const { code, fix } = JSON.parse(execFileSync('bash', limited, { encoding: 'utf8', timeout: 20_000 }))
  expect(code).toBe('DISK_FULL')
  expect(fix).toMatch(/Free some disk space/)

  expect(readdirSync(join(folder, '_delta_log'))).toEqual(['00000000000000000000.json', '00000000000000000001.json'])
  const table = await openDeltaTable({ storage: localDeltaStorage({ folder }), clock: systemClock, newId: () => 'id' })
  expect((await table.snapshot()).files.map(({ path }) => path)).toEqual(['small'])
  const files = [{ path: 'later', sizeBytes: 1, partitionValues: {}, rowCount: 1 }]
  expect(await table.append(files)).toMatchObject({ version: 2 })
})
