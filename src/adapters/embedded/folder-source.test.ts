import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MillraceError } from '../../lib/errors.ts'
import { testRecordSource } from '../../ports/record-source.contract.ts'
import type { PulledBatch, RecordSource } from '../../ports/record-source.ts'
import { type FileRows, folderSource } from './folder-source.ts'

const never = new AbortController().signal
const settleMs = 1000

let folder: string
let nowMs: number
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-folder-'))
  // Beyond what the file system's clock says of files that are written during the test.
  nowMs = Date.now() + settleMs + 1000
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A line is a row; the line "damaged" ends the file. */
async function* readLines(path: string): AsyncGenerator<FileRows> {
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean)
  const end = lines.indexOf('damaged')
  yield {
    rows: end === -1 ? lines : lines.slice(0, end),
    where: (position) => `${path}:${position + 1}`,
    original: (position) => lines[position],
  }
  if (end !== -1) throw new MillraceError('IMPORT_FILE_DAMAGED', `${path} is damaged behind line ${end}.`)
}

const sourceOf = (options: Partial<Parameters<typeof folderSource>[0]> = {}): RecordSource =>
  folderSource({
    name: 'drops',
    folder,
    files: 'items-*.txt',
    settleMs,
    readFile: readLines,
    clock: { now: () => nowMs },
    ...options,
  })

const drop = (name: string, ...lines: string[]): void => writeFileSync(join(folder, name), `${lines.join('\n')}\n`)

async function pulled(source: RecordSource, cursor?: string): Promise<PulledBatch[]> {
  const batches: PulledBatch[] = []
  for await (const batch of source.pull(cursor, never)) batches.push(batch)
  return batches
}
const rowsOf = (batches: readonly PulledBatch[]): unknown[] => batches.flatMap(({ rows }) => rows)
const endOf = (batches: readonly PulledBatch[]) => batches.at(-1)!.end!
const cursorOf = (batches: readonly PulledBatch[]) => batches.at(-1)!.cursor

describe('a folder', () =>
  testRecordSource(async () => {
    for (const n of [1, 2, 3, 4]) drop(`items-${n}.txt`, `a${n}`, `b${n}`)
    return {
      source: sourceOf(),
      ids: [1, 2, 3, 4].flatMap((n) => [`a${n}`, `b${n}`]),
      idOf: String,
      remove: async () => {},
    }
  }))

describe('files dropped in a folder', () => {
  it('are read in the order of their names, each once', async () => {
    drop('items-2.txt', 'c')
    drop('items-10.txt', 'a', 'b')
    drop('other.txt', 'x')
    drop('.items-0.txt', 'x')
    const first = await pulled(sourceOf())
    expect(rowsOf(first)).toEqual(['a', 'b', 'c'])
    expect(endOf(first)).toMatchObject({ pageCount: 2, isNotModified: false })
    drop('items-3.txt', 'd')
    nowMs += 5000
    const second = await pulled(sourceOf(), cursorOf(first))
    expect(rowsOf(second)).toEqual(['d'])
    expect(endOf(await pulled(sourceOf(), cursorOf(second)))).toMatchObject({ isNotModified: true })
  })

  it('wait until they are complete: written, or renamed into place', async () => {
    const source = sourceOf()
    drop('items-1.txt', 'a')
    nowMs = Date.now() + settleMs / 2
    expect(rowsOf(await pulled(source))).toEqual([])
    nowMs = Date.now() + settleMs + 100
    expect(rowsOf(await pulled(source))).toEqual(['a'])
    // Written long ago, and only now here.
    drop('upload', 'b')
    utimesSync(join(folder, 'upload'), 1e9, 1e9)
    renameSync(join(folder, 'upload'), join(folder, 'items-2.txt'))
    nowMs = statSync(join(folder, 'items-2.txt')).ctimeMs + settleMs - 1
    expect(rowsOf(await pulled(source))).not.toContain('b')
    nowMs += 1
    expect(rowsOf(await pulled(source))).toContain('b')
  })

  it('are read again where their content changes, and not where they are only touched', async () => {
    drop('items-1.txt', 'a')
    const first = await pulled(sourceOf())
    utimesSync(join(folder, 'items-1.txt'), 1.7e9, 1.7e9)
    nowMs += 5000
    const touched = await pulled(sourceOf(), cursorOf(first))
    expect(rowsOf(touched)).toEqual([])
    appendFileSync(join(folder, 'items-1.txt'), 'b\n')
    nowMs += 5000
    expect(rowsOf(await pulled(sourceOf(), cursorOf(touched)))).toEqual(['a', 'b'])
  })

  it('are read again where they were written to meanwhile', async () => {
    drop('items-1.txt', 'a')
    const source = sourceOf({
      async *readFile(path) {
        yield* readLines(path)
        appendFileSync(path, 'b\n')
      },
    })
    const first = await pulled(source)
    nowMs += 5000
    expect(rowsOf(await pulled(sourceOf(), cursorOf(first)))).toEqual(['a', 'b'])
  })

  it('do not keep others waiting where they are damaged, and say so until they are mended', async () => {
    drop('items-1.txt', 'a', 'damaged', 'b')
    drop('items-2.txt', 'c')
    const first = await pulled(sourceOf())
    expect(rowsOf(first)).toEqual(['a', 'c'])
    expect(endOf(first).failures.map(({ code }) => code)).toEqual(['IMPORT_FILE_DAMAGED'])
    const second = await pulled(sourceOf(), cursorOf(first))
    expect(rowsOf(second)).toEqual([])
    expect(endOf(second)).toMatchObject({ failures: [{ message: expect.stringContaining('damaged behind line 1') }] })
    drop('items-1.txt', 'a', 'b')
    nowMs += 5000
    const third = await pulled(sourceOf(), cursorOf(second))
    expect(rowsOf(third)).toEqual(['a', 'b'])
    expect(endOf(third).failures).toEqual([])
  })

  it('do not keep others waiting where they may not be read, and are tried again', async () => {
    drop('items-1.txt', 'a')
    drop('items-2.txt', 'b')
    const denied = Object.assign(new Error("EACCES: permission denied, open 'items-1.txt'"), { code: 'EACCES' })
    // For the administrator no file is forbidden, so the reader says it in the place of the file system.
    if (process.getuid?.() !== 0) chmodSync(join(folder, 'items-1.txt'), 0)
    const first = await pulled(
      sourceOf({
        async *readFile(path) {
          if (path.endsWith('1.txt')) throw denied
          yield* readLines(path)
        },
      }),
    )
    expect(rowsOf(first)).toEqual(['b'])
    expect(endOf(first).failures).toMatchObject([{ code: 'IMPORT_FILE_UNREADABLE' }])
    chmodSync(join(folder, 'items-1.txt'), 0o644)
    nowMs += 5000
    expect(rowsOf(await pulled(sourceOf(), cursorOf(first)))).toEqual(['a'])
  })

  it('are forgotten where they are taken away', async () => {
    drop('items-1.txt', 'a')
    const first = await pulled(sourceOf())
    rmSync(join(folder, 'items-1.txt'))
    expect(JSON.parse(cursorOf(await pulled(sourceOf(), cursorOf(first)))!)).toEqual({})
  })

  it('cannot be found where there is no folder', async () => {
    await expect(pulled(sourceOf({ folder: join(folder, 'none') }))).rejects.toMatchObject({
      code: 'SOURCE_UNAVAILABLE',
    })
  })
})
