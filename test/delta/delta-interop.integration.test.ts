// Goal: other readers see the same rows in our tables, at every version, as we do, and we in theirs.
// Method: real Parquet files; Python's `deltalake` (delta-rs) reads the log on its own; DuckDB reads the files that our log names for a version.
import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DuckDBInstance } from '@duckdb/node-api'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pythonWith } from '../../bench/peers.ts'
import { localDeltaStorage } from '../../src/adapters/embedded/delta-storage.ts'
import type { DeltaColumn } from '../../src/delta/schema.ts'
import type { DeltaSnapshot } from '../../src/delta/snapshot.ts'
import { createDeltaTable, type DeltaTable, openDeltaTable } from '../../src/delta/table.ts'
import type { NewDeltaFile } from '../../src/delta/write.ts'
import { systemClock } from '../../src/lib/clock.ts'

interface Row {
  readonly day: string | null
  readonly id: number
  readonly name: string | null
}

const day: DeltaColumn = { name: 'day', type: 'date', nullable: true }
const id: DeltaColumn = { name: 'id', type: 'long', nullable: false }
const name: DeltaColumn = { name: 'name', type: 'string', nullable: true }

const folder = mkdtempSync(join(tmpdir(), 'millrace-delta-interop-'))
const own = join(folder, 'own table')
const theirs = join(folder, 'theirs')
let python: string
let partCount = 0

beforeAll(() => {
  const peer = pythonWith(['deltalake==1.6.6', 'pyarrow==26.0.1'], () => {})
  if ('skipped' in peer) throw new Error(peer.skipped)
  python = peer.python
}, 300_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

const open = () =>
  openDeltaTable({ storage: localDeltaStorage({ folder: own }), clock: systemClock, newId: randomUUID })

/** Writes the rows, all of one day, to a file; names only where the table has them. */
function rowsFile(rows: readonly Row[], { hasNames }: { readonly hasNames: boolean }): NewDeltaFile {
  const date = rows[0]!.day
  const path = `day=${date ?? '__HIVE_DEFAULT_PARTITION__'}/part ${partCount++} é%.parquet`
  const bytes = parquetWriteBuffer({
    columnData: [
      { name: 'id', data: rows.map((row) => BigInt(row.id)), type: 'INT64', nullable: false },
      ...(hasNames ? [{ name: 'name', data: rows.map((row) => row.name), type: 'STRING' as const }] : []),
    ],
  })
  mkdirSync(dirname(join(own, path)), { recursive: true })
  writeFileSync(join(own, path), new Uint8Array(bytes))
  const ids = rows.map((row) => row.id)
  return {
    path,
    sizeBytes: bytes.byteLength,
    partitionValues: { day: date },
    rowCount: rows.length,
    // delta-rs skips files by these, so wrong ones would show.
    stats: {
      minValues: { id: Math.min(...ids) },
      maxValues: { id: Math.max(...ids) },
      nullCount: { id: 0, ...(hasNames && { name: rows.filter((row) => row.name === null).length }) },
    },
  }
}

const rowsOf = (date: string | null, firstId: number, count = 3, rowName: string | null = null): Row[] =>
  Array.from({ length: count }, (_, i) => ({ day: date, id: firstId + i, name: rowName && `${rowName} ${i}` }))

const ordered = (rows: readonly Row[]): Row[] =>
  rows.map((row) => ({ day: row.day, id: row.id, name: row.name ?? null })).sort((a, b) => a.id - b.id)

function readByDeltalake(
  table: string,
  versions: readonly number[],
): { latest: number; operations: string[]; rows: Record<string, Row[]> } {
  const script = fileURLToPath(new URL('./read-with-deltalake.py', import.meta.url))
  const output = execFileSync(python, [script, table, ...versions.map(String)], { encoding: 'utf8' })
  return JSON.parse(output)
}

async function readByDuckdb(table: string, { files }: DeltaSnapshot): Promise<Row[]> {
  if (files.length === 0) return []
  const connection = await (await DuckDBInstance.create()).connect()
  const paths = files.map(({ path }) => `'${join(table, path).replaceAll("'", "''")}'`)
  const source = `read_parquet([${paths.join(', ')}], union_by_name = true, filename = true, hive_partitioning = false)`
  const reader = await connection.runAndReadAll(`select * from ${source}`)
  const dayByFile = new Map(files.map(({ path, partitionValues }) => [join(table, path), partitionValues.day ?? null]))
  const rows = reader.getRowObjectsJson() as { id: string; name?: string | null; filename: string; day?: string }[]
  return rows.map((row) => ({
    day: row.day ?? dayByFile.get(row.filename)!,
    id: Number(row.id),
    name: row.name ?? null,
  }))
}

describe('a table of ours', () => {
  /** By version. */
  const expected: Row[][] = []
  let table: DeltaTable

  async function commit(work: () => Promise<{ version: number }>, rows: readonly Row[]): Promise<void> {
    const { version } = await work()
    expect(version).toBe(expected.length)
    expected.push(ordered(rows))
  }

  async function expectSameRows(versions: readonly number[]): Promise<void> {
    const seen = readByDeltalake(own, versions)
    expect(seen.latest).toBe(expected.length - 1)
    for (const version of versions) {
      expect(ordered(seen.rows[version]!), `deltalake at version ${version}`).toEqual(expected[version])
      const ours = await readByDuckdb(own, await table.snapshot({ version }))
      expect(ordered(ours), `DuckDB at version ${version}`).toEqual(expected[version])
    }
  }

  it('is read by deltalake and by DuckDB with the same rows at every version', { timeout: 120_000 }, async () => {
    table = await createDeltaTable(
      { storage: localDeltaStorage({ folder: own }), clock: systemClock, newId: randomUUID },
      {
        schema: [day, id],
        partitionColumns: ['day'],
        name: 'clicks',
        configuration: { 'delta.checkpointInterval': '6' },
      },
    )
    expected.push([])
    const a = rowsOf('2026-01-01', 0)
    const b = rowsOf('2026-01-02', 10)
    const c = rowsOf(null, 20)
    const files = [a, b, c].map((rows) => rowsFile(rows, { hasNames: false }))
    await commit(() => table.append(files), [...a, ...b, ...c])
    const d = rowsOf('2026-01-02', 30, 5)
    await commit(() => table.overwrite([{ day: '2026-01-02' }], [rowsFile(d, { hasNames: false })]), [...a, ...c, ...d])
    const e = rowsOf('2026-01-03', 40, 4, 'é "quoted"')
    const evolved = rowsFile(e, { hasNames: true })
    await commit(() => table.append([evolved], { schema: [day, id, name] }), [...a, ...c, ...d, ...e])
    const f = rowsOf('2026-01-03', 50, 2)
    await commit(() => table.append([rowsFile(f, { hasNames: true })]), [...a, ...c, ...d, ...e, ...f])
    const small = (await table.snapshot()).filesIn({ day: '2026-01-03' })
    await commit(
      () =>
        table.compact(
          small.map(({ path }) => path),
          [rowsFile([...f, ...e], { hasNames: true })],
        ),
      [...a, ...c, ...d, ...e, ...f],
    )
    // Version 6 has a checkpoint, by the interval.
    await commit(() => table.removePartitions([{ day: null }]), [...a, ...d, ...e, ...f])
    await commit(() => table.removeFiles([files[0]!.path]), [...d, ...e, ...f])
    const g = rowsOf('2026-01-04', 60, 2, 'g')
    const txn = { appId: 'importer', version: 7 }
    const late = rowsFile(g, { hasNames: true })
    await commit(() => table.append([late], { txn }), [...d, ...e, ...f, ...g])
    expect(await table.append([late], { txn })).toEqual({ version: 8, isNew: false })

    await expectSameRows(expected.map((_, version) => version))
    expect(readByDeltalake(own, []).operations).toEqual(
      ['CREATE TABLE', 'WRITE', 'WRITE', 'WRITE', 'WRITE', 'OPTIMIZE', 'DELETE', 'DELETE', 'WRITE'].reverse(),
    )
  })

  it('is still read so after a checkpoint alone is left of the start, and what no version needs was vacuumed', {
    timeout: 120_000,
  }, async () => {
    const pinned = 4
    const before = await table.snapshot({ version: 1 })
    await table.checkpoint()
    // What was committed a moment ago must be older than a retention of nothing.
    await new Promise((resolve) => setTimeout(resolve, 20))
    const log = await table.cleanUpLog({ retentionMs: 0, pinnedVersions: [pinned] })
    expect(log.removedPaths.length).toBeGreaterThan(6)
    const files = await table.vacuum({ retentionMs: 0, pinnedVersions: [pinned] })
    // The file of version 1 that version 2 replaced is in no version that is left.
    expect(files.removedPaths).toEqual([before.filesIn({ day: '2026-01-02' })[0]!.path])
    expect(() => statSync(join(own, files.removedPaths[0]!))).toThrow('ENOENT')
    const i = rowsOf('2026-01-05', 70, 2, 'i')
    await commit(() => table.append([rowsFile(i, { hasNames: true })]), [...expected.at(-1)!, ...i])
    await expectSameRows([pinned, 8, 9])
  })

  it('takes what deltalake appends, checkpoints and removes', { timeout: 120_000 }, async () => {
    const script = fileURLToPath(new URL('./write-with-deltalake.py', import.meta.url))
    execFileSync(python, [script, own, theirs], { stdio: 'pipe' })
    const { version } = await table.snapshot()
    expect(version).toBe(12)
    for (const reader of [table, await open()]) {
      for (const seen of [10, 11, 12]) {
        const rows = await readByDuckdb(own, await reader.snapshot({ version: seen }))
        expect(ordered(rows)).toEqual(ordered(readByDeltalake(own, [seen]).rows[seen]!))
      }
    }
    const j = rowsOf('2026-02-02', 990, 1, 'j')
    await table.append([rowsFile(j, { hasNames: true })])
    const { latest, rows } = readByDeltalake(own, [13])
    expect(latest).toBe(13)
    expect(rows[13]!.map((row) => row.id)).toEqual(expect.arrayContaining([901, 903, 990]))
    expect(rows[13]!.map((row) => row.id)).not.toContain(902)
  })
})

describe('a table of deltalake', () => {
  it('is read with the same rows at every version', { timeout: 120_000 }, async () => {
    const storage = localDeltaStorage({ folder: theirs })
    const table = await openDeltaTable({ storage, clock: systemClock, newId: randomUUID })
    const { latest, rows } = readByDeltalake(theirs, [0, 1, 2])
    expect(latest).toBe(2)
    for (const version of [0, 1, 2]) {
      const seen = await readByDuckdb(theirs, await table.snapshot({ version }))
      expect(ordered(seen)).toEqual(ordered(rows[version]!))
    }
    expect(rows[2]!.map((row) => row.id).sort()).toEqual([4, 5])
    expect((await table.snapshot({ version: 0 })).filesIn({ day: '2026-03-01' })).toHaveLength(1)
    expect((await table.history()).map(({ version }) => version)).toEqual([0, 1, 2])
  })
})
