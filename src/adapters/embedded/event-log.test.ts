import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open } from 'lmdb'
import { afterEach, describe, expect, it } from 'vitest'
import type { LogEvent } from '../../domain/event.ts'
import { testEventLog } from '../../ports/event-log.contract.ts'
import { openEventLog } from './event-log.ts'
import { EVENT_LOG_FORMAT } from './event-log-store.ts'

const folders: string[] = []
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-log-'))
  folders.push(folder)
  return folder
}
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const event = (id: string): LogEvent => ({
  kind: 'interaction',
  id,
  interaction: 'view',
  userId: 'u1',
  itemId: 'i1',
  eventTimeMs: 1_700_000_000_000,
})

describe('embedded event log', () => {
  testEventLog(async (clock) => {
    const folder = newFolder()
    return { open: () => openEventLog({ folder, clock }), remove: async () => rmSync(folder, { recursive: true }) }
  })

  it('takes a -0 for 0, as JSON does', async () => {
    const log = await openEventLog({ folder: newFolder() })
    await log.append([
      {
        kind: 'entity',
        id: 'a',
        entity: 'item',
        entityId: 'i',
        change: 'put',
        attributes: { price: -0 },
        eventTimeMs: 1,
      },
    ])
    expect((await log.read(0, 1))[0]!.event).toMatchObject({ attributes: { price: 0 } })
    await log.close()
  })

  it('appends nothing on a disk that is nearly full, and goes on when there is room', async () => {
    const folder = newFolder()
    const poor = await openEventLog({ folder, roomBytes: Number.MAX_SAFE_INTEGER })
    await expect(poor.append([event('a')])).rejects.toMatchObject({
      code: 'EVENT_LOG_FULL',
      message: expect.stringMatching(/\d+ MiB are free, expected \d+/),
    })
    // What makes room is not kept from doing so.
    expect(await poor.trim({ maxBytes: 1 })).toEqual({ removedCount: 0 })
    expect((await poor.bounds()).nextOffset).toBe(0)
    await poor.close()
    const log = await openEventLog({ folder })
    expect(await log.append([event('a')])).toMatchObject({ acceptedCount: 1, nextOffset: 1 })
    await log.close()
  })

  // A file size limit of the operating system stands in for the disk: the write that grows the file is refused in the same place.
  it('refuses a batch that finds no room, stores nothing of it, and keeps what it had', async () => {
    const folder = newFolder()
    const script = `
      const { openEventLog } = await import(${JSON.stringify(new URL('./event-log.ts', import.meta.url).href)})
      const log = await openEventLog({ folder: ${JSON.stringify(folder)} })
      for (let batchCount = 0; ; batchCount++) {
        const batch = Array.from({ length: 1000 }, (_, e) => (
          { kind: 'interaction', id: batchCount + '-' + e, interaction: 'view', userId: 'u', itemId: 'x'.repeat(100), eventTimeMs: 1 }))
        try {
          await log.append(batch)
        } catch (error) {
          console.log(JSON.stringify({ batchCount, code: error.code, fix: error.fix, bounds: await log.bounds() }))
          break
        }
      }
      await log.close()`
    const limited = ['-c', 'ulimit -f 4096 && exec "$0" --input-type=module -e "$1"', process.execPath, script]
    const result = JSON.parse(execFileSync('bash', limited, { encoding: 'utf8', timeout: 20_000 }))
    expect(result.code).toBe('EVENT_LOG_FULL')
    expect(result.fix).toMatch(/Free some disk space/)
    expect(result.batchCount).toBeGreaterThan(0)
    expect(result.bounds.nextOffset).toBe(result.batchCount * 1000)

    const log = await openEventLog({ folder })
    expect((await log.read(0, 1e6)).length).toBe(result.batchCount * 1000)
    expect(await log.append([event('0-0'), event(`${result.batchCount}-0`)])).toMatchObject({
      acceptedCount: 1,
      duplicatePositions: [0],
    })
    await log.close()
  })

  it('is for newer readers only once there is an impression in it', async () => {
    const folder = newFolder()
    const formatOf = async (): Promise<number> => {
      const environment = open({ path: folder, noSubdir: false, maxDbs: 8 })
      const { format } = environment.openDB<{ format: number }, string>('meta', { encoding: 'json' }).get('state')!
      await environment.close()
      return format
    }
    const append = async (appended: LogEvent): Promise<void> => {
      const log = await openEventLog({ folder })
      await log.append([appended])
      await log.close()
    }
    await append(event('a'))
    expect(await formatOf()).toBe(1)
    await append({ kind: 'impression', id: 's', userId: 'u', itemIds: ['i'], eventTimeMs: 1 })
    expect(await formatOf()).toBe(EVENT_LOG_FORMAT)
    await append(event('b'))
    expect(await formatOf()).toBe(EVENT_LOG_FORMAT)
  })

  it('gives fewer large events at once than were asked for, and every one in turn', async () => {
    const log = await openEventLog({ folder: newFolder() })
    const served = 'A'.repeat(100_000)
    const large = Array.from(
      { length: 400 },
      (_, n): LogEvent => ({ kind: 'impression', id: `s${n}`, userId: 'u', itemIds: ['i'], eventTimeMs: 1, served }),
    )
    await log.append(large)
    const counts: number[] = []
    let offset = 0
    for (;;) {
      const batch = await log.read(offset, 10_000)
      if (batch.length === 0) break
      expect(batch.map((stored) => stored.offset)).toEqual(batch.map((_, n) => offset + n))
      counts.push(batch.length)
      offset += batch.length
    }
    expect(offset).toBe(400)
    expect(Math.max(...counts)).toBeLessThan(200)
    // One event costs the reading of a few, not of a block of 256.
    expect((await log.trim({ maxBytes: 1_000_000 })).removedCount).toBeGreaterThan(380)
    await log.close()
  })

  it('refuses a log that a newer version wrote', async () => {
    const folder = newFolder()
    const environment = open({ path: folder, noSubdir: false, maxDbs: 8 })
    await environment.openDB('meta', { encoding: 'json' }).put('state', { format: EVENT_LOG_FORMAT + 1 })
    await environment.close()
    await expect(openEventLog({ folder })).rejects.toMatchObject({
      code: 'DATA_FOLDER_NEWER',
      message: expect.stringContaining(`has format ${EVENT_LOG_FORMAT + 1}`),
    })
  })

  it('says so where the folder cannot hold a log', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, 'a-file'), '')
    await expect(openEventLog({ folder: join(folder, 'a-file') })).rejects.toMatchObject({ code: 'EVENT_LOG_UNUSABLE' })
    writeFileSync(join(folder, 'data.mdb'), Buffer.alloc(20_000, 'no database'))
    await expect(openEventLog({ folder })).rejects.toMatchObject({ code: 'EVENT_LOG_UNUSABLE' })
  })

  // Goal: it does not matter who comes first. Method: four processes create the same log at the same moment and append the same ids and their own.
  it('can be created and used by several processes at once', async () => {
    const folder = join(newFolder(), 'log')
    const script = (name: string) => `
      const { openEventLog } = await import(${JSON.stringify(new URL('./event-log.ts', import.meta.url).href)})
      const log = await openEventLog({ folder: ${JSON.stringify(folder)} })
      const eventOf = (id) => ({ kind: 'interaction', id, interaction: 'view', userId: 'u', itemId: 'i', eventTimeMs: 1 })
      for (let n = 0; n < 20; n++) await log.append([eventOf('shared-' + n), eventOf('${name}-' + n)])
      await log.close()`
    const ends = ['a', 'b', 'c', 'd'].map(
      (name) =>
        new Promise<number | null>((resolve) => {
          spawn(process.execPath, ['--input-type=module', '-e', script(name)], { stdio: 'inherit' }).on(
            'close',
            resolve,
          )
        }),
    )
    expect(await Promise.all(ends)).toEqual([0, 0, 0, 0])
    const log = await openEventLog({ folder })
    const stored = await log.read(0, 1000)
    expect(stored.map(({ offset }) => offset)).toEqual(Array.from({ length: 100 }, (_, n) => n))
    expect(new Set(stored.map(({ event: { id } }) => id)).size).toBe(100)
    await log.close()
  })

  it('lets a process end that only read', () => {
    const script = `
      const { openEventLog } = await import(${JSON.stringify(new URL('./event-log.ts', import.meta.url).href)})
      const log = await openEventLog({ folder: ${JSON.stringify(newFolder())} })
      await log.append([{ kind: 'interaction', id: 'a', interaction: 'view', userId: 'u', itemId: 'i', eventTimeMs: 1 }])
      console.log((await log.read(0, 10)).length)`
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 20_000,
    })
    expect(output).toBe('1\n')
  })
})
