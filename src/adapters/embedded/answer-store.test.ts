import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
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
    await elsewhere(folder, `await store.append([anAnswer('from elsewhere')])`)
    expect(await store.find('from elsewhere')).toEqual(anAnswer('from elsewhere'))
    await store.close()
  })

  it('loses nothing of two processes that write batches of one moment at once', async () => {
    const folder = newFolder()
    const store = await openAnswerStore({ folder, ...retention })
    const append = `for (let n = 0; n < 40; n++) await store.append([anAnswer(\`\${name} \${n}\`), anAnswer(\`\${name} \${n}b\`)])`
    await Promise.all(['a', 'b'].map((name) => elsewhere(folder, `const name = '${name}'; ${append}`)))
    expect(await store.newest(1000)).toHaveLength(160)
    for (const name of ['a', 'b']) {
      for (let n = 0; n < 40; n++) {
        expect(await store.find(`${name} ${n}`)).toEqual(anAnswer(`${name} ${n}`))
        expect(await store.find(`${name} ${n}b`)).toEqual(anAnswer(`${name} ${n}b`))
      }
    }
    await store.close()
  })

  it('keeps the newest of an append that is larger than all it may hold', async () => {
    const store = await openAnswerStore({ folder: newFolder(), ...retention })
    const large = Array.from({ length: 100 }, (_, n) => anAnswer(`${n}`, { atMs: n, served: new Float32Array(12_500) }))
    await store.append(large)
    const kept = (await store.newest(100)).map(({ atMs }) => atMs)
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, n) => 99 - n))
    // Of 50,000 bytes each, two in a batch.
    expect(kept.length).toBeGreaterThan(15)
    expect(kept.length).toBeLessThan(20)
    await store.close()
  })

  it('lets go of everything of a batch: its ids, too', async () => {
    const store = await openAnswerStore({ folder: newFolder(), ...retention })
    const dayMs = 86_400_000
    await store.append([anAnswer('a', { atMs: 1 }), anAnswer('b', { atMs: 3 })])
    // As long as its newest record is young enough.
    await store.append([anAnswer('c', { atMs: dayMs + 2 })])
    expect(await store.find('a')).toEqual(anAnswer('a', { atMs: 1 }))
    await store.append([anAnswer('d', { atMs: dayMs + 4 })])
    expect(await store.find('a')).toBeUndefined()
    expect(await store.find('b')).toBeUndefined()
    await store.close()
  })

  it('removes the file of versions that kept an entry for each record', async () => {
    const folder = newFolder()
    for (const name of ['data.mdb', 'lock.mdb']) writeFileSync(join(folder, name), 'old')
    const store = await openAnswerStore({ folder, ...retention })
    await store.append([anAnswer('a')])
    expect(await store.find('a')).toEqual(anAnswer('a'))
    await store.close()
    expect(readdirSync(folder)).toEqual(['batches'])
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

/** Runs this in a process of its own, with a `store` in the folder. */
async function elsewhere(folder: string, statement: string): Promise<void> {
  const moduleUrl = (path: string) => JSON.stringify(new URL(path, import.meta.url).href)
  const script = `
    const { openAnswerStore } = await import(${moduleUrl('./answer-store.ts')})
    const { anAnswer } = await import(${moduleUrl('../../domain/answer-record.contract.ts')})
    const store = await openAnswerStore({ folder: ${JSON.stringify(folder)}, ...${JSON.stringify(retention)} })
    ${statement}
    await store.close()`
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 })
}
