import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { open } from 'lmdb'
import { afterEach, describe, expect, it } from 'vitest'
import { testOnlineStore } from '../../ports/online-store.contract.ts'
import { lmdbFileBytes } from './lmdb-folder.ts'
import { openOnlineStore } from './online-store.ts'

const folders: string[] = []
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-online-'))
  folders.push(folder)
  return folder
}
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const moduleUrl = JSON.stringify(new URL('./online-store.ts', import.meta.url).href)

const put = (value: number, keys: readonly string[] = ['x']) => [
  { space: 'a', puts: keys.map((key) => ({ key, bytes: Uint8Array.of(value) })), removes: [] },
]

const expiringPuts = fc.record({
  key: fc.nat({ max: 60 }).map((n) => `k${n}`),
  inMs: fc.constantFrom(1, 15, 40, 1000, Number.POSITIVE_INFINITY),
})

describe('embedded online store', () => {
  testOnlineStore(async () => {
    const folder = newFolder()
    return { open: () => openOnlineStore({ folder }), remove: async () => rmSync(folder, { recursive: true }) }
  })

  it('removes expired records a few at a time, and nothing else', async () => {
    const store = await openOnlineStore({ folder: newFolder() })
    const writer = await store.claim()
    const keys = Array.from({ length: 300 }, (_, n) => `k${n}`)
    const puts = keys.map((key, n) => ({
      key,
      bytes: Uint8Array.of(n % 250),
      expiresAtMs: n % 3 === 0 ? undefined : 1000 + n,
    }))
    await writer.commit([{ space: 'a', puts, removes: [] }], 0)
    for (let n = 0; n < 40; n++) await writer.commit([], 1200)
    const [records] = await store.read([{ space: 'a', keys }])
    expect(records!.map((record) => record !== undefined)).toEqual(keys.map((_, n) => n % 3 === 0 || 1000 + n > 1200))
    await store.close()
  })

  // Goal: records go, round after round, though the store looks for them only where some can have expired. Method: random commits as time goes on, then
  // as many more as a round may take; a record is there where it was put last with a moment that is still to come.
  it('has let go of every expired record after a while, and of no other', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(expiringPuts, { maxLength: 30 }), { minLength: 1, maxLength: 10 }),
        async (given) => {
          const store = await openOnlineStore({ folder: newFolder() })
          const writer = await store.claim()
          const expiryByKey = new Map<string, number>()
          let nowMs = 0
          for (const commit of given) {
            nowMs += 10
            const puts = commit.map(({ key, inMs }) => ({ key, bytes: Uint8Array.of(1), expiresAtMs: nowMs + inMs }))
            for (const { key, expiresAtMs } of puts) expiryByKey.set(key, expiresAtMs)
            await writer.commit([{ space: 'a', puts, removes: [] }], nowMs)
          }
          for (let n = 0; n < 20; n++) await writer.commit([], nowMs)
          const keys = [...expiryByKey.keys()]
          const [records] = await store.read([{ space: 'a', keys }])
          expect(keys.filter((_, n) => records![n] !== undefined)).toEqual(
            keys.filter((key) => expiryByKey.get(key)! > nowMs),
          )
          await store.close()
        },
      ),
      { numRuns: 30 },
    ))

  it('refuses a second engine while the process of the first lives, and takes over when it was killed', async () => {
    const folder = newFolder()
    const script = `
      const { openOnlineStore } = await import(${moduleUrl})
      const store = await openOnlineStore({ folder: ${JSON.stringify(folder)} })
      await store.claim()
      console.log('held')
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await new Promise((resolve) => child.stdout.once('data', resolve))
    const store = await openOnlineStore({ folder })
    await expect(store.claim()).rejects.toMatchObject({
      code: 'ONLINE_STORE_TAKEN',
      message: expect.stringContaining(`Process ${child.pid}`),
    })
    const ended = new Promise((resolve) => child.once('close', resolve))
    child.kill('SIGKILL')
    await ended
    const writer = await store.claim()
    await writer.commit([{ space: 'a', puts: [{ key: 'x', bytes: Uint8Array.of(1) }], removes: [] }], 0)
    await store.close()
  })

  // A file size limit of the operating system stands in for the disk.
  it('refuses a commit that finds no room, and keeps the one before', async () => {
    const folder = newFolder()
    const script = `
      const { openOnlineStore } = await import(${moduleUrl})
      const store = await openOnlineStore({ folder: ${JSON.stringify(folder)} })
      const writer = await store.claim()
      for (let n = 0; ; n++) {
        const puts = Array.from({ length: 100 }, (_, k) => ({ key: n + '-' + k, bytes: new Uint8Array(1000).fill(1) }))
        try {
          await writer.commit([{ space: 'a', puts: [...puts, { key: 'head', bytes: Buffer.from(String(n)) }], removes: [] }], 0)
        } catch (error) {
          const read = await store.read([{ space: 'a', keys: ['head', (n - 1) + '-99', n + '-0'] }])
          console.log(JSON.stringify({ n, code: error.code, head: Buffer.from(read[0][0]).toString(), before: read[0][1]?.length, failed: read[0][2]?.length }))
          break
        }
      }
      process.exit(0)`
    const limited = ['-c', 'ulimit -f 8192 && exec "$0" --input-type=module -e "$1"', process.execPath, script]
    const result = JSON.parse(execFileSync('bash', limited, { encoding: 'utf8', timeout: 20_000 }))
    expect(result).toMatchObject({ code: 'ONLINE_STORE_FULL', head: String(result.n - 1), before: 1000 })
    expect(result.failed).toBeUndefined()
    const store = await openOnlineStore({ folder })
    const [records] = await store.read([{ space: 'a', keys: ['head'] }])
    expect(Buffer.from(records![0]!).toString()).toBe(String(result.n - 1))
    await store.close()
  })

  it('writes nothing to a disk that is nearly full, and goes on when there is room', async () => {
    const folder = newFolder()
    const store = await openOnlineStore({ folder })
    const writer = await store.claim()
    await writer.commit(put(1), 0)
    await writer.release()
    const poor = await openOnlineStore({ folder, roomBytes: Number.MAX_SAFE_INTEGER })
    await expect(poor.claim()).rejects.toMatchObject({
      code: 'ONLINE_STORE_FULL',
      message: expect.stringMatching(/\d+ MiB are free, expected \d+/),
    })
    expect(await poor.read([{ space: 'a', keys: ['x'] }])).toEqual([[Uint8Array.of(1)]])
    await poor.close()
    await (await store.claim()).commit(put(2), 0)
    expect(await store.read([{ space: 'a', keys: ['x'] }])).toEqual([[Uint8Array.of(2)]])
    await store.close()
  })

  it('shows a commit of this thread at once, though readers that run without a pause share a look', async () => {
    const folder = newFolder()
    const store = await openOnlineStore({ folder })
    const reader = await openOnlineStore({ folder })
    const writer = await store.claim()
    let { mark } = await reader.changesSince()
    // Nothing but promises from here on: the loop does not come round.
    for (let value = 1; value <= 3; value++) {
      await writer.commit(put(value), 0)
      for (const each of [reader, store]) {
        expect(await each.read([{ space: 'a', keys: ['x'] }])).toEqual([[Uint8Array.of(value)]])
      }
      const looked = await reader.changesSince(mark)
      expect(looked.changed).toEqual([{ space: 'a', keys: ['x'] }])
      mark = looked.mark
      expect((await reader.changesSince(mark)).changed).toEqual([])
    }
    await store.close()
    await reader.close()
  })

  describe('a record that is asked for again', () => {
    const again = { space: 'a', keys: ['x', 'y'], isRepeated: true }

    it('comes as the same array until it changes, while others do', async () => {
      const folder = newFolder()
      const store = await openOnlineStore({ folder })
      const reader = await openOnlineStore({ folder })
      const writer = await store.claim()
      await writer.commit(put(1, ['x', 'y']), 0)
      const [first] = await reader.read([again])
      await writer.commit(put(2, ['y', 'z']), 0)
      const [second] = await reader.read([again])
      expect(second).toEqual([Uint8Array.of(1), Uint8Array.of(2)])
      expect(second![0]).toBe(first![0])
      expect((await reader.read([{ space: 'a', keys: ['x'] }]))[0]![0]).not.toBe(first![0])
      await store.close()
      await reader.close()
    })

    it.each([
      ['after more commits than are noted', { commitCount: 300, keyCount: 1 }],
      ['after a commit with more keys than are noted', { commitCount: 1, keyCount: 3000 }],
    ])('is the new one %s', async (_, { commitCount, keyCount }) => {
      const folder = newFolder()
      const store = await openOnlineStore({ folder })
      const reader = await openOnlineStore({ folder })
      const writer = await store.claim()
      await writer.commit(put(1), 0)
      await reader.read([again])
      await writer.commit(put(2), 0)
      const others = Array.from({ length: keyCount }, (_, n) => `other ${n}`)
      for (let n = 0; n < commitCount; n++) await writer.commit(put(3, others), 0)
      expect((await reader.read([again]))[0]![0]).toEqual(Uint8Array.of(2))
      await store.close()
      await reader.close()
    })

    it('is gone when it has expired and was removed, and when its space was cleared', async () => {
      const store = await openOnlineStore({ folder: newFolder() })
      const writer = await store.claim()
      const expiring = { key: 'x', bytes: Uint8Array.of(1), expiresAtMs: 1000 }
      await writer.commit([{ space: 'a', puts: [expiring, { key: 'y', bytes: Uint8Array.of(2) }], removes: [] }], 0)
      expect((await store.read([again]))[0]).toEqual([Uint8Array.of(1), Uint8Array.of(2)])
      await writer.commit([], 1000)
      expect((await store.read([again]))[0]).toEqual([undefined, Uint8Array.of(2)])
      await writer.clear('a', 10)
      expect((await store.read([again]))[0]).toEqual([undefined, undefined])
      await store.close()
    })

    it('is the new one though its writer is an older Millrace, which notes nothing', async () => {
      const folder = newFolder()
      const reader = await openOnlineStore({ folder })
      const writer = await reader.claim()
      await writer.commit(put(1), 0)
      await reader.read([again])
      await writer.release()
      const older = open<unknown, string>({ path: folder, noSubdir: false, maxDbs: 4 })
      const claims = older.openDB('claims', { encoding: 'json' })
      const { number } = claims.get('writer') as { number: number }
      await claims.put('writer', { holder: { pid: 0, startedAt: '' }, number: number + 1 })
      await older
        .openDB('records', { keyEncoding: 'binary', encoding: 'binary' })
        .put(Buffer.from('a/x') as never, Buffer.concat([Buffer.alloc(8), Buffer.of(2)]))
      await older.close()
      expect((await reader.read([again]))[0]![0]).toEqual(Uint8Array.of(2))
      await (await reader.claim()).commit(put(3), 0)
      expect((await reader.read([again]))[0]![0]).toEqual(Uint8Array.of(3))
      await reader.close()
    })

    // 300 records of 1,000 bytes where there is room for some sixty: all of them come as they are, round after round.
    it('takes no more memory than it may', async () => {
      const store = await openOnlineStore({ folder: newFolder(), atHandBytes: 65_536 })
      const writer = await store.claim()
      const keys = Array.from({ length: 300 }, (_, n) => `k${n}`)
      const puts = keys.map((key, n) => ({ key, bytes: new Uint8Array(1000).fill(n) }))
      await writer.commit([{ space: 'a', puts, removes: [] }], 0)
      const read = async () => (await store.read([{ space: 'a', keys, isRepeated: true }]))[0]!
      const first = await read()
      const second = await read()
      expect(second.map((bytes) => bytes![999])).toEqual(keys.map((_, n) => n % 256))
      expect(second.filter((bytes, n) => bytes === first[n]).length).toBeLessThan(200)
      const [last] = await store.read([{ space: 'a', keys: keys.slice(-1), isRepeated: true }])
      expect(last![0]).toBe(second.at(-1))
      await store.close()
    })
  })

  it('wants room for what a commit may take, before it begins', async () => {
    const folder = newFolder()
    const { bavail, bsize } = statfsSync(folder)
    // All but one GiB is to stay free: what others write meanwhile does not matter.
    const store = await openOnlineStore({ folder, roomBytes: bavail * bsize - 2 ** 30 })
    const writer = await store.claim()
    await writer.commit([{ space: 'a', puts: [{ key: 'x', bytes: Uint8Array.of(1) }], removes: [] }], 0)
    const bytes = new Uint8Array(2 ** 20)
    const puts = Array.from({ length: 600 }, (_, n) => ({ key: `large-${n}`, bytes }))
    await expect(writer.commit([{ space: 'a', puts, removes: [] }], 0)).rejects.toMatchObject({
      code: 'ONLINE_STORE_FULL',
    })
    expect(await store.read([{ space: 'a', keys: ['x', 'large-0'] }])).toEqual([[Uint8Array.of(1), undefined]])
    expect(lmdbFileBytes(folder)).toBeLessThan(2 ** 24)
    await store.close()
  })

  it('says so where the folder cannot hold a store', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, 'data.mdb'), Buffer.alloc(20_000, 'no database'))
    await expect(openOnlineStore({ folder })).rejects.toMatchObject({ code: 'ONLINE_STORE_UNUSABLE' })
  })
})
