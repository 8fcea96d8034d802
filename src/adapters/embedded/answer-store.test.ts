import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { anAnswer } from '../../domain/answer-record.contract.ts'
import { testAnswerStore } from '../../ports/answer-store.contract.ts'
import { openAnswerStore } from './answer-store.ts'

const folders: string[] = []
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-answers-'))
  folders.push(folder)
  return folder
}
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

const retention = { maxAgeMs: 86_400_000, maxBytes: 1e6 }

describe('embedded store of answers', () => {
  testAnswerStore(async () => {
    const folder = newFolder()
    return {
      open: async () => {
        const store = await openAnswerStore({ folder, ...retention })
        return { port: store, close: () => store.close() }
      },
      remove: async () => rmSync(folder, { recursive: true }),
    }
  })

  it('does not grow beyond about what it may hold, however much comes', async () => {
    const folder = newFolder()
    const store = await openAnswerStore({ folder, ...retention })
    for (let n = 0; n < 60; n++) {
      const batch = Array.from({ length: 10 }, (_, k) =>
        anAnswer(`${n} ${k}`, { atMs: n * 10 + k, served: new Float32Array(5000) }),
      )
      await store.append(batch)
    }
    await store.close()
    // 12 MB went through.
    expect(statSync(join(folder, 'batches', 'data.mdb')).size).toBeLessThan(3e6)
  })

  it('is read while another process writes', async () => {
    const folder = newFolder()
    const store = await openAnswerStore({ folder, ...retention })
    const moduleUrl = (path: string) => JSON.stringify(new URL(path, import.meta.url).href)
    const script = `
      const { openAnswerStore } = await import(${moduleUrl('./answer-store.ts')})
      const { anAnswer } = await import(${moduleUrl('../../domain/answer-record.contract.ts')})
      const store = await openAnswerStore({ folder: ${JSON.stringify(folder)}, ...${JSON.stringify(retention)} })
      await store.append([anAnswer('from elsewhere')])
      await store.close()`
    execFileSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 })
    expect(await store.find('from elsewhere')).toEqual(anAnswer('from elsewhere'))
    await store.close()
  })

  it('says so where there is no room, and where its file is something else', async () => {
    const folder = newFolder()
    const store = await openAnswerStore({ folder, ...retention, roomBytes: 2 ** 60 })
    await expect(store.append([anAnswer('a')])).rejects.toMatchObject({ code: 'DISK_FULL' })
    expect(await store.find('a')).toBeUndefined()
    await store.close()
    const other = newFolder()
    mkdirSync(join(other, 'batches'))
    writeFileSync(join(other, 'batches', 'data.mdb'), 'something else')
    await expect(openAnswerStore({ folder: other, ...retention })).rejects.toMatchObject({
      code: 'DATA_FOLDER_UNUSABLE',
    })
  })
})
