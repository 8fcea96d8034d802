import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
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
    expect(bytesIn(folder)).toBeLessThan(1.1e6)
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
    // Of 50,000 bytes each.
    expect(kept.length).toBeGreaterThan(15)
    expect(kept.length).toBeLessThan(20)
    await store.close()
  })

  it('lets go of a whole segment, by the newest record in it', async () => {
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

  it('lets go of what earlier processes left, one of which was killed', async () => {
    const folder = newFolder()
    const record = (n: number): string => `anAnswer('${n}', { atMs: ${n}, served: new Float32Array(10_000) })`
    for (let n = 0; n < 3; n++) await elsewhere(folder, `await store.append([${record(n)}])`)
    await elsewhere(folder, `await store.append([${record(3)}]); process.kill(process.pid, 'SIGKILL')`).catch(() => {})
    const store = await openAnswerStore({ folder, ...retention })
    expect((await store.newest(9)).map(({ atMs }) => atMs)).toEqual([3, 2, 1, 0])
    for (let n = 4; n < 26; n++) await store.append([anAnswer(`${n}`, { atMs: n, served: new Float32Array(10_000) })])
    // Of 40,000 bytes each.
    expect((await store.newest(99)).map(({ atMs }) => atMs)).toEqual(Array.from({ length: 24 }, (_, n) => 25 - n))
    await store.append([anAnswer('much later', { atMs: 10 ** 9 })])
    expect(await store.newest(99)).toEqual([anAnswer('much later', { atMs: 10 ** 9 })])
    expect(filesIn(folder)).toHaveLength(2)
    await store.close()
  })

  it('lets go of a segment whose records are gone already, as of one whose deletion was cut short', async () => {
    const folder = newFolder()
    await elsewhere(folder, `await store.append([anAnswer('a', { atMs: 1 })])`)
    const [heads, records] = filesIn(folder)
    rmSync(records!)
    const store = await openAnswerStore({ folder, ...retention })
    expect(await store.find('a')).toBeUndefined()
    await store.append([anAnswer('b', { atMs: 10 ** 9 })])
    await store.append([anAnswer('c', { atMs: 10 ** 9 })])
    expect(filesIn(folder)).not.toContain(heads)
    expect((await store.newest(9)).map(({ response }) => response.requestId)).toEqual(['c', 'b'])
    await store.close()
  })

  it('writes once more what went into files that somebody deleted', async () => {
    const folder = newFolder()
    const store = await openAnswerStore({ folder, ...retention })
    await store.append([anAnswer('a')])
    for (const file of filesIn(folder)) rmSync(file)
    await store.append([anAnswer('b')])
    expect(await store.find('a')).toBeUndefined()
    expect(await store.find('b')).toEqual(anAnswer('b'))
    rmSync(folder, { recursive: true })
    await store.append([anAnswer('c')])
    expect(await store.newest(9)).toEqual([anAnswer('c')])
    await store.close()
  })

  it('has no file before the first answer, and a process that ended leaves what it has added', async () => {
    const folder = newFolder()
    await (await openAnswerStore({ folder, ...retention })).close()
    expect(filesIn(folder)).toEqual([])
    // A record a process, and the last one is killed the moment that it was told.
    const append = `for (let n = 0; n < 20; n++) await store.append([anAnswer(name + n)])`
    await elsewhere(folder, `const name = 'a'; ${append}`)
    await elsewhere(folder, `const name = 'b'; ${append}; process.kill(process.pid, 'SIGKILL')`).catch(() => {})
    const store = await openAnswerStore({ folder, ...retention })
    for (const name of ['a', 'b']) {
      for (let n = 0; n < 20; n++) expect(await store.find(`${name}${n}`)).toEqual(anAnswer(`${name}${n}`))
    }
    await store.close()
  })

  it('finds what is sound beside what a crash of the machine has damaged', async () => {
    const folder = newFolder()
    const store = await openAnswerStore({ folder, ...retention })
    await store.append([anAnswer('a'), anAnswer('b')])
    await store.append([anAnswer('c')])
    await store.close()
    const [heads, records] = filesIn(folder)
    const bytes = readFileSync(records!)
    writeFileSync(records!, bytes.fill(0, bytes.indexOf('"b"'), bytes.indexOf('"b"') + 3))
    // The start of a line.
    writeFileSync(heads!, Buffer.concat([readFileSync(heads!), Buffer.from('{"start":')]))
    const again = await openAnswerStore({ folder, ...retention })
    expect(await again.find('b')).toBeUndefined()
    await again.append([anAnswer('d')])
    expect((await again.newest(9)).map(({ response }) => response.requestId)).toEqual(['d', 'c', 'a'])
    // Records that never reached the disk.
    writeFileSync(records!, '')
    expect(await again.newest(9)).toEqual([anAnswer('d')])
    await again.close()
  })

  it('removes the files of versions that kept answers in LMDB', async () => {
    const folder = newFolder()
    mkdirSync(join(folder, 'batches'))
    for (const name of ['data.mdb', 'lock.mdb', join('batches', 'data.mdb')]) writeFileSync(join(folder, name), 'old')
    const store = await openAnswerStore({ folder, ...retention })
    await store.append([anAnswer('a')])
    expect(await store.find('a')).toEqual(anAnswer('a'))
    await store.close()
    expect(readdirSync(folder)).toEqual(['segments'])
  })

  it('says so where there is no room, and where its file is something else', async () => {
    const folder = newFolder()
    const store = await openAnswerStore({ folder, ...retention, roomBytes: 2 ** 60 })
    await expect(store.append([anAnswer('a')])).rejects.toMatchObject({ code: 'DISK_FULL' })
    expect(await store.find('a')).toBeUndefined()
    await store.close()
    const other = newFolder()
    writeFileSync(join(other, 'segments'), 'something else')
    await expect(openAnswerStore({ folder: other, ...retention })).rejects.toMatchObject({
      code: 'DATA_FOLDER_UNUSABLE',
    })
  })
})

/** Heads, then records, by segment. */
function filesIn(folder: string): readonly string[] {
  const segments = join(folder, 'segments')
  return readdirSync(segments)
    .sort()
    .map((name) => join(segments, name))
}

const bytesIn = (folder: string): number => filesIn(folder).reduce((sum, file) => sum + statSync(file).size, 0)

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
