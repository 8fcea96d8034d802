import { execFileSync } from 'node:child_process'
import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { ServedFeatures } from '../../domain/served-features.ts'
import { testServedFeaturesStore } from '../../ports/served-features-store.contract.ts'
import { openServedFeaturesStore } from './served-features-store.ts'

const folders: string[] = []
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-served-'))
  folders.push(folder)
  return folder
}
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const row = (momentMs: number): ServedFeatures => ({
  momentMs,
  userId: `user ${momentMs}`,
  readings: [{ name: 'views', version: 'v1', status: 'present', value: 1 }],
})
const momentsIn = async (folder: string): Promise<number[]> => {
  const moments: number[] = []
  const store = openServedFeaturesStore({ folder, maxBytes: 1e6 })
  for await (const rows of store.read({ fromMs: 0, toMs: 1e12 })) moments.push(...rows.map(({ momentMs }) => momentMs))
  return moments
}

describe('embedded store of served features', () => {
  testServedFeaturesStore(async () => {
    const folder = newFolder()
    return {
      open: async () => {
        const store = openServedFeaturesStore({ folder, maxBytes: 1e7 })
        return { port: store, close: () => store.close() }
      },
      remove: async () => rmSync(folder, { recursive: true }),
    }
  })

  it('never holds much more than it may, and lets the oldest rows go first', async () => {
    const folder = newFolder()
    const maxBytes = 20_000
    const store = openServedFeaturesStore({ folder, maxBytes })
    for (let n = 0; n < 2000; n++) {
      await store.append([row(n)])
      const bytes = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
      expect(bytes).toBeLessThan(maxBytes + 500)
    }
    const moments = await momentsIn(folder)
    expect(moments.length).toBeGreaterThan(100)
    expect(moments).toEqual(Array.from({ length: moments.length }, (_, n) => 2000 - moments.length + n))
  })

  it('passes over a row that was cut short, and over files of others', async () => {
    const folder = newFolder()
    const store = openServedFeaturesStore({ folder, maxBytes: 1e6 })
    await store.append([row(1), row(2)])
    const [file] = readdirSync(folder)
    appendFileSync(join(folder, file!), '{"momentMs":3,"readi')
    writeFileSync(join(folder, 'notes.txt'), 'not a row')
    expect(await momentsIn(folder)).toEqual([1, 2])
  })

  // A file size limit of the operating system stands in for the disk.
  it('says that there is no room, and goes on in another file once there is', async () => {
    const folder = newFolder()
    const moduleUrl = JSON.stringify(new URL('./served-features-store.ts', import.meta.url).href)
    const script = `
      const { openServedFeaturesStore } = await import(${moduleUrl})
      const store = openServedFeaturesStore({ folder: ${JSON.stringify(folder)}, maxBytes: 1e9 })
      const rows = (momentMs, count) => Array.from({ length: count }, () => ({ momentMs, userId: 'u', readings: [] }))
      let code
      try { await store.append(rows(1, 100000)) } catch (error) { code = error.code }
      await store.append(rows(2, 3))
      console.log(code)`
    const limited = ['-c', 'ulimit -f 64 && exec "$0" --input-type=module -e "$1"', process.execPath, script]
    expect(execFileSync('bash', limited, { encoding: 'utf8', timeout: 20_000 }).trim()).toBe('DISK_FULL')
    expect((await momentsIn(folder)).slice(-3)).toEqual([2, 2, 2])
  })

  it('says so where its folder cannot be made', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, 'file'), '')
    const store = openServedFeaturesStore({ folder: join(folder, 'file'), maxBytes: 1e6 })
    await expect(store.append([row(1)])).rejects.toMatchObject({ code: 'DATA_FOLDER_UNUSABLE' })
  })
})
