import { describe, expect, test } from 'vitest'
import { checkpointPath, commitPath, LAST_CHECKPOINT_PATH } from './log-path.ts'
import {
  clicksByDate,
  column,
  dayFile,
  layCommit,
  layObject,
  type MemoryWorld,
  memoryWorld,
} from './memory-storage.testing.ts'
import { createDeltaTable, type DeltaTable, openDeltaTable } from './table.ts'

const HOUR_MS = 3_600_000
const a = '2026-01-01'
const b = '2026-01-02'

const created = async (configuration: Record<string, string> = {}) => {
  const world = memoryWorld()
  return { world, table: await createDeltaTable(world, { ...clicksByDate, configuration }) }
}
const pathsOf = async (table: DeltaTable, version?: number) =>
  (await table.snapshot(version === undefined ? {} : { version })).files.map(({ path }) => path)
const error = (code: string, ...words: string[]) =>
  expect.objectContaining({ code, message: expect.stringMatching(new RegExp(words.join('[^]*'))) })
/** Of a validation: its code, and words of the problems it lists. */
const problems = (code: string, ...messages: RegExp[]) =>
  expect.objectContaining({
    code,
    problems: messages.map((message) => expect.objectContaining({ message: expect.stringMatching(message) })),
  })
/** Versions 0 to 4, file k in version k. */
async function fiveVersions() {
  const { world, table } = await created()
  for (let k = 1; k < 5; k++) {
    world.clock.nowMs += HOUR_MS
    await table.append([dayFile(`p${k}`, a)])
  }
  return { world, table }
}
const damage = (world: MemoryWorld, path: string) => layObject(world, path, '{"add": {"path"')

describe('creating', () => {
  test('a table that is there already is not replaced', async () => {
    const { world } = await created()
    await expect(createDeltaTable(world, clicksByDate)).rejects.toEqual(error('DELTA_TABLE_EXISTS'))
  })

  test('of two processes that create one table, one succeeds', async () => {
    const world = memoryWorld()
    const results = await Promise.allSettled([1, 2, 3].map(() => createDeltaTable(world, clicksByDate)))
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected'])
  })

  test('every problem of a schema is told at once', async () => {
    const schema = [
      column('a b'),
      column('x', 'timestamp_ntz'),
      column('X'),
      column('list', { type: 'array', elementType: 'int', containsNull: true }),
    ]
    await expect(createDeltaTable(memoryWorld(), { schema, partitionColumns: ['day', 'list'] })).rejects.toEqual(
      problems(
        'DELTA_SCHEMA_MISMATCH',
        /white space/,
        /timestamp_ntz/,
        /case only/,
        /"int"/,
        /none of the columns/,
        /plain text form/,
      ),
    )
  })

  test('no table is a clear error', async () => {
    await expect(openDeltaTable(memoryWorld())).rejects.toEqual(error('DELTA_TABLE_NOT_FOUND'))
  })
})

describe('time travel', () => {
  test('a version is what it was, and a moment finds the newest version before it', async () => {
    const { world, table } = await fiveVersions()
    expect(await pathsOf(table, 2)).toEqual(['p1', 'p2'])
    const startMs = world.clock.nowMs - 4 * HOUR_MS
    expect((await table.snapshot({ timestampMs: startMs + 2 * HOUR_MS })).version).toBe(2)
    expect((await table.snapshot({ timestampMs: startMs + 3 * HOUR_MS - 1 })).version).toBe(2)
    await expect(table.snapshot({ timestampMs: startMs - 1 })).rejects.toEqual(
      error('DELTA_VERSION_NOT_FOUND', 'reaches back to version 0'),
    )
    await expect(table.snapshot({ version: 5 })).rejects.toEqual(error('DELTA_VERSION_NOT_FOUND', '5', 'latest is 4'))
  })

  test('a snapshot does not change when the table does', async () => {
    const { table } = await created()
    const before = await table.snapshot()
    await table.append([dayFile('p1', a)])
    expect(before.files).toEqual([])
    expect(before.version).toBe(0)
  })

  test('time in the log never runs backwards, whatever the clocks do', async () => {
    const { world, table } = await created()
    world.clock.nowMs -= HOUR_MS
    await table.append([dayFile('p1', a)])
    const [first, second] = await table.history()
    expect(second!.timestampMs).toBe(first!.timestampMs)
    const [{ commitInfo }] = readLines(world, 1) as [{ commitInfo: { timestamp: number } }]
    expect(commitInfo.timestamp).toBe(first!.timestampMs)
    layCommit(world, 2, [{ commitInfo: { timestamp: 5 } }])
    expect((await table.snapshot()).timestampMs).toBe(first!.timestampMs)
  })
})

describe('writing', () => {
  test('an overwrite replaces its partitions and nothing else', async () => {
    const { table } = await created()
    await table.append([dayFile('a1', a), dayFile('b1', b), dayFile('n1', null)])
    await table.overwrite([{ date: a }], [dayFile('a2', a)])
    expect(await pathsOf(table)).toEqual(['a2', 'b1', 'n1'])
    await table.overwrite([{}], [dayFile('b2', b)])
    expect(await pathsOf(table)).toEqual(['b2'])
  })

  test('the empty text and null are one partition', async () => {
    const world = memoryWorld()
    const table = await createDeltaTable(world, {
      schema: [column('c', 'string'), column('n')],
      partitionColumns: ['c'],
    })
    await table.append([{ ...dayFile('p', ''), partitionValues: { c: '' } }])
    expect((await table.snapshot()).files[0]!.partitionValues).toEqual({ c: null })
    await table.removePartitions([{ c: '' }])
    expect(await pathsOf(table)).toEqual([])
  })

  test('a write that is repeated with its txn happens once', async () => {
    const { world, table } = await created()
    const txn = { appId: 'import', version: 3 }
    expect(await table.append([dayFile('p1', a)], { txn })).toMatchObject({ version: 1, isNew: true })
    expect(await table.append([dayFile('p1', a)], { txn })).toMatchObject({ version: 1, isNew: false })
    const other = await openDeltaTable(world)
    expect(await other.append([dayFile('p0', a)], { txn: { ...txn, version: 2 } })).toMatchObject({ isNew: false })
    expect((await other.snapshot()).txnVersion('import')).toBe(3)
    expect((await other.snapshot()).txnVersion('export')).toBeUndefined()
  })

  test('a write that says which version of its application it follows is a conflict after any other, in a lost race too', async () => {
    const { world, table } = await created()
    const other = await openDeltaTable(world)
    const txn = (version: number, follows: number | null) => ({ txn: { appId: 'log', version, follows } })
    await table.append([dayFile('p1', a)], txn(10, null))
    // Further than the one before, yet not from where it ended: some rows would be there twice.
    await expect(other.append([dayFile('p2', a)], txn(20, null))).rejects.toMatchObject({ code: 'DELTA_CONFLICT' })
    await expect(table.append([dayFile('p2', a)], txn(20, 15))).rejects.toMatchObject({ code: 'DELTA_CONFLICT' })
    // All of it is there already.
    expect(await other.append([dayFile('p2', a)], txn(5, null))).toMatchObject({ isNew: false })
    const results = await Promise.allSettled([
      table.append([dayFile('p3', a)], txn(20, 10)),
      other.append([dayFile('p4', a)], txn(30, 10)),
    ])
    const lost = results.filter((result) => result.status === 'rejected' || !result.value.isNew)
    expect(lost).toHaveLength(1)
    expect((await table.snapshot()).files).toHaveLength(2)
  })

  test('a txn outlives the commit that told of it', async () => {
    const { world, table } = await created()
    const txn = { appId: 'import', version: 3 }
    await table.append([dayFile('p1', a)], { txn })
    await table.append([dayFile('p2', a)])
    await table.checkpoint()
    world.clock.nowMs += HOUR_MS
    await table.cleanUpLog({ retentionMs: 0 })
    expect(world.objects.has(commitPath(1))).toBe(false)
    const reopened = await openDeltaTable(world)
    expect(await reopened.append([dayFile('p1', a)], { txn })).toMatchObject({ version: 2, isNew: false })
  })

  test('a txn that another process commits in the meantime is not committed again', async () => {
    const { world, table } = await created()
    const txn = { appId: 'import', version: 3 }
    const other = await openDeltaTable(
      interrupted(world, () => table.overwrite([{ date: a }], [dayFile('p1', a)], { txn })),
    )
    // Without the txn this would be a conflict.
    expect(await other.overwrite([{ date: a }], [dayFile('p2', a)], { txn })).toMatchObject({
      version: 1,
      isNew: false,
    })
    expect(await pathsOf(other)).toEqual(['p1'])
  })

  test('a txn is remembered even where nothing else is to be done', async () => {
    const { table } = await created()
    const txn = { appId: 'import', version: 1 }
    expect(await table.removePartitions([{ date: a }], { txn })).toMatchObject({ version: 1, isNew: true })
    expect((await table.snapshot()).txnVersion('import')).toBe(1)
  })

  test('a compaction keeps its rows, or is refused with both counts', async () => {
    const { table } = await created()
    await table.append([dayFile('p1', a, 3), dayFile('p2', a, 4)])
    await expect(table.compact(['p1', 'p2'], [dayFile('p3', a, 8)])).rejects.toEqual(
      error('DELTA_COMMIT_INVALID', 'found 8', 'expected 7'),
    )
    await table.compact(['p1', 'p2'], [dayFile('p3', a, 7)])
    expect(await pathsOf(table)).toEqual(['p3'])
  })

  test('an append-only table keeps what it has, and may still be compacted', async () => {
    const { table } = await created({ 'delta.appendOnly': 'true' })
    await table.append([dayFile('p1', a)])
    const refused = error('DELTA_COMMIT_INVALID', 'append-only')
    await expect(table.removePartitions([{ date: a }])).rejects.toEqual(refused)
    await expect(table.removeFiles(['p1'])).rejects.toEqual(refused)
    await expect(table.overwrite([{}], [])).rejects.toEqual(refused)
    await table.compact(['p1'], [dayFile('p2', a)])
  })

  test('every file that does not suit is told, and nothing is committed', async () => {
    const { table } = await created()
    await table.append([dayFile('p1', a)])
    const files = [
      dayFile('p1', a),
      dayFile('../p', a),
      { ...dayFile('p2', a), partitionValues: {} },
      { ...dayFile('p3', a), partitionValues: { date: a, hour: '3' } },
      dayFile('p4', 'yesterday'),
      { ...dayFile('p5', a), sizeBytes: -1, rowCount: 0.5 },
      dayFile('p6', b),
      dayFile('p6', b),
    ]
    await expect(table.append(files)).rejects.toEqual(
      problems(
        'DELTA_COMMIT_INVALID',
        /in the table already/,
        /inside of the table/,
        /no value for the partition column "date"/,
        /"hour", expected the partition columns: date/,
        /"yesterday", expected a date/,
        /-1 bytes/,
        /0.5 rows/,
        /twice/,
      ),
    )
    await expect(table.overwrite([{ date: a }], [dayFile('p7', b)])).rejects.toEqual(
      problems('DELTA_COMMIT_INVALID', /Found partition .*02.*, expected one that is overwritten: .*01/),
    )
    await expect(table.overwrite([{ hour: '3' }], [])).rejects.toEqual(problems('DELTA_COMMIT_INVALID', /"hour"/))
    await expect(table.removeFiles(['p9'])).rejects.toEqual(problems('DELTA_COMMIT_INVALID', /no such file/))
    expect((await table.snapshot()).version).toBe(1)
  })

  test('one handle takes many writes at once, and loses none', async () => {
    const { table } = await created()
    const results = await Promise.all(Array.from({ length: 20 }, (_, k) => table.append([dayFile(`p${k}`, a)])))
    expect(results.map(({ version }) => version)).toEqual(Array.from({ length: 20 }, (_, k) => k + 1))
    expect(await pathsOf(table)).toHaveLength(20)
  })

  test('a storage that fails after it wrote does not make a commit happen twice', async () => {
    const { world, table } = await created()
    let isFirst = true
    const flaky = {
      ...world,
      storage: {
        ...world.storage,
        writeIfAbsent: async (path: string, bytes: Uint8Array) => {
          const isNew = await world.storage.writeIfAbsent(path, bytes)
          // As where a client repeats a request whose answer was lost.
          return isFirst ? (isFirst = false) : isNew
        },
      },
    }
    const other = await openDeltaTable(flaky)
    expect(await other.append([dayFile('p1', a)])).toMatchObject({ version: 1, isNew: true })
    expect((await table.snapshot()).version).toBe(1)
  })
})

describe('schema evolution', () => {
  test('a new column that may be null is added at the end; older versions lack it', async () => {
    const { table } = await created()
    await table.append([dayFile('p1', a)], { schema: [column('price', 'double'), ...clicksByDate.schema] })
    const names = async (version: number) => (await table.snapshot({ version })).schema.map(({ name }) => name)
    expect(await names(0)).toEqual(['date', 'clicks'])
    expect(await names(1)).toEqual(['date', 'clicks', 'price'])
    expect(await table.evolve(clicksByDate.schema)).toMatchObject({ isNew: false })
  })

  test('any other change is refused: column, found, expected', async () => {
    const world = memoryWorld()
    const table = await createDeltaTable(world, {
      schema: [column('id', 'long', false), column('clicks'), column('tag', 'string')],
    })
    const schema = [column('clicks', 'double'), column('Tag', 'string'), column('fresh', 'long', false)]
    await expect(table.evolve(schema)).rejects.toMatchObject({
      code: 'DELTA_SCHEMA_MISMATCH',
      problems: [
        { where: 'clicks', message: 'Found double, expected long.' },
        { where: 'tag', message: expect.stringMatching('Found "Tag", expected "tag"') },
        { where: 'fresh', message: expect.stringMatching('never null, expected one that may be null') },
        { where: 'id', message: expect.stringMatching('Found no such column, expected long') },
      ],
    })
    await expect(table.evolve([column('id', 'long', true)])).rejects.toEqual(
      problems('DELTA_SCHEMA_MISMATCH', /Found long that may be null, expected one that is never null/),
    )
    expect((await table.snapshot()).version).toBe(0)
  })

  test('two writers may add different columns at once; the same column with two types is refused', async () => {
    const { world, table } = await created()
    const other = await openDeltaTable(world)
    await table.append([dayFile('p1', a)], { schema: [...clicksByDate.schema, column('x')], basedOn: 0 })
    await other.append([dayFile('p2', a)], { schema: [...clicksByDate.schema, column('y')], basedOn: 0 })
    expect((await other.snapshot()).schema.map(({ name }) => name)).toEqual(['date', 'clicks', 'x', 'y'])
    await expect(
      table.append([dayFile('p3', a)], { schema: [...clicksByDate.schema, column('y', 'string')], basedOn: 0 }),
    ).rejects.toEqual(problems('DELTA_SCHEMA_MISMATCH', /Found string, expected long/))
  })
})

describe('concurrent writes', () => {
  /** A table with files a1 and b1, and what two handles did that both began at version 1. */
  async function rivals(
    first: (table: DeltaTable) => Promise<unknown>,
    second: (table: DeltaTable) => Promise<unknown>,
  ) {
    const { world, table } = await created()
    await table.append([dayFile('a1', a), dayFile('b1', b)])
    await first(table)
    const other = await openDeltaTable(world)
    await second(other)
    return pathsOf(other)
  }
  const basedOn = 1

  test('appends never conflict, not even with an overwrite of their partition', async () => {
    const overwrite = (table: DeltaTable) => table.overwrite([{ date: a }], [dayFile('a2', a)])
    const append = (table: DeltaTable) => table.append([dayFile('a3', a)], { basedOn })
    expect(await rivals(overwrite, append)).toEqual(['a2', 'a3', 'b1'])
  })

  test('overwrites of different partitions do not conflict', async () => {
    const first = (table: DeltaTable) => table.overwrite([{ date: a }], [dayFile('a2', a)])
    const second = (table: DeltaTable) => table.overwrite([{ date: b }], [dayFile('b2', b)], { basedOn })
    expect(await rivals(first, second)).toEqual(['a2', 'b2'])
  })

  test('an overwrite takes a compaction for what it is: the same rows in other files', async () => {
    const compact = (table: DeltaTable) => table.compact(['a1'], [dayFile('a2', a)])
    const overwrite = (table: DeltaTable) => table.overwrite([{ date: a }], [dayFile('a3', a)], { basedOn })
    expect(await rivals(compact, overwrite)).toEqual(['a3', 'b1'])
  })

  const overwriteA = (table: DeltaTable) => table.overwrite([{ date: a }], [dayFile('a9', a)], { basedOn })
  test.each<[string, (table: DeltaTable) => Promise<unknown>, (table: DeltaTable) => Promise<unknown>]>([
    ['two overwrites of one partition', (t) => t.overwrite([{ date: a }], [dayFile('a2', a)]), overwriteA],
    ['an overwrite after an append to its partition', (t) => t.append([dayFile('a2', a)]), overwriteA],
    [
      'an overwrite of everything after any append',
      (t) => t.append([dayFile('b2', b)]),
      (t) => t.overwrite([{}], [], { basedOn }),
    ],
    ['an overwrite after its partition was emptied', (t) => t.removePartitions([{ date: a }]), overwriteA],
    [
      'a compaction of a file that was removed',
      (t) => t.removeFiles(['a1']),
      (t) => t.compact(['a1'], [dayFile('a2', a)], { basedOn }),
    ],
    [
      'removing a file that was compacted',
      (t) => t.compact(['a1'], [dayFile('a2', a)]),
      (t) => t.removeFiles(['a1'], { basedOn }),
    ],
  ])('conflict: %s', async (_, first, second) => {
    await expect(rivals(first, second)).rejects.toEqual(error('DELTA_CONFLICT', 'version 2'))
  })

  test('a conflict that comes while a commit is being written is found too', async () => {
    const { world, table } = await created()
    await table.append([dayFile('a1', a)])
    const slow = interrupted(world, () => table.append([dayFile('a2', a)]))
    const other = await openDeltaTable(slow)
    await expect(other.overwrite([{ date: a }], [dayFile('a3', a)])).rejects.toEqual(
      error('DELTA_CONFLICT', 'added a2'),
    )
    expect(await pathsOf(table)).toEqual(['a1', 'a2'])
  })

  test('an incompatible change of the table stops every writer', async () => {
    const { world, table } = await created()
    const [, , { metaData }] = readLines(world, 0) as [unknown, unknown, { metaData: { schemaString: string } }]
    layCommit(world, 1, [
      { metaData: { ...metaData, schemaString: metaData.schemaString.replace('"long"', '"string"') } },
    ])
    await expect(table.append([dayFile('p1', a)], { basedOn: 0 })).rejects.toEqual(
      error('DELTA_CONFLICT', 'changed the type of the column clicks'),
    )
  })

  test('a handle that slept through a clean-up of the log finds the latest version and fills no gap', async () => {
    const { world, table } = await created()
    const sleeper = await openDeltaTable(world)
    for (let k = 1; k < 5; k++) {
      world.clock.nowMs += HOUR_MS
      await table.append([dayFile(`p${k}`, a)])
    }
    await table.checkpoint()
    await table.cleanUpLog({ retentionMs: 0, pinnedVersions: [0] })
    expect(world.objects.has(commitPath(1))).toBe(false)
    expect(await sleeper.append([dayFile('p5', a)])).toMatchObject({ version: 5 })
    expect(await pathsOf(sleeper)).toEqual(['p1', 'p2', 'p3', 'p4', 'p5'])
  })
})

describe('a damaged log', () => {
  test('a missing commit is named', async () => {
    const { world } = await fiveVersions()
    world.objects.delete(commitPath(2))
    await expect(openDeltaTable(world)).rejects.toEqual(error('DELTA_LOG_DAMAGED', '0002.json', 'version 4'))
  })

  test('a broken commit is named with its line, and a checkpoint after it makes it unnecessary', async () => {
    const { world, table } = await fiveVersions()
    await table.checkpoint()
    await table.append([dayFile('p5', a)])
    damage(world, commitPath(2))
    const reopened = await openDeltaTable(world)
    expect(await pathsOf(reopened)).toEqual(['p1', 'p2', 'p3', 'p4', 'p5'])
    expect(await pathsOf(reopened, 1)).toEqual(['p1'])
    await expect(reopened.snapshot({ version: 3 })).rejects.toEqual(
      error('DELTA_LOG_DAMAGED', '0002.json:1', 'no JSON'),
    )
  })

  test.each([
    '',
    '[]',
    'null',
    '{"add":{"path":"p"}}',
    '{"metaData":{"id":"x","schemaString":"{}","partitionColumns":[]}}',
    '{"txn":{"appId":1}}',
  ])('a commit that holds %j is refused', async (text) => {
    const { world } = await created()
    layObject(world, commitPath(1), text)
    await expect(openDeltaTable(world)).rejects.toEqual(error('DELTA_LOG_DAMAGED', '0001.json'))
  })

  test('a damaged checkpoint is passed over, whichever byte it is', async () => {
    const { world, table } = await fiveVersions()
    await table.checkpoint()
    const { bytes } = world.objects.get(checkpointPath(4))!
    for (let i = 0; i < bytes.length; i += 7) {
      world.objects.get(checkpointPath(4))!.bytes = bytes.with(i, bytes[i]! ^ 0x55)
      expect(await pathsOf(await openDeltaTable(world)), `byte ${i}`).toEqual(['p1', 'p2', 'p3', 'p4'])
    }
    for (const length of [0, 4, 100, bytes.length - 1]) {
      world.objects.get(checkpointPath(4))!.bytes = bytes.slice(0, length)
      expect(await pathsOf(await openDeltaTable(world)), `${length} bytes`).toEqual(['p1', 'p2', 'p3', 'p4'])
    }
  })

  test('with its only checkpoint damaged, a log without a start says so', async () => {
    const { world, table } = await fiveVersions()
    await table.checkpoint()
    await table.cleanUpLog({ retentionMs: 0 })
    damage(world, checkpointPath(4))
    await expect(openDeltaTable(world)).rejects.toEqual(
      error('DELTA_LOG_DAMAGED', 'every checkpoint', 'checkpoint.parquet'),
    )
  })

  test.each(['oops', '{"version":"x"}', '{"version":99}', '{"version":-1}', ''])(
    'the hint to the last checkpoint may say %j',
    async (text) => {
      const { world, table } = await fiveVersions()
      await table.checkpoint()
      layObject(world, LAST_CHECKPOINT_PATH, text)
      expect(await pathsOf(await openDeltaTable(world))).toEqual(['p1', 'p2', 'p3', 'p4'])
    },
  )

  test('a log is not cleaned up on the word of a damaged checkpoint', async () => {
    const { world, table } = await fiveVersions()
    await table.checkpoint()
    damage(world, checkpointPath(4))
    expect((await table.cleanUpLog({ retentionMs: 0 })).removedPaths).toEqual([])
    expect(await pathsOf(await openDeltaTable(world))).toEqual(['p1', 'p2', 'p3', 'p4'])
  })

  test('nothing is vacuumed where a commit is missing', async () => {
    const { world, table } = await fiveVersions()
    layObject(world, 'p2', '')
    world.clock.nowMs += HOUR_MS
    await table.append([dayFile('p5', a)])
    await table.checkpoint()
    world.objects.delete(commitPath(3))
    await expect(table.vacuum({ retentionMs: 4 * HOUR_MS })).rejects.toEqual(error('DELTA_LOG_DAMAGED', '0003.json'))
    expect(world.objects.has('p2')).toBe(true)
  })
})

describe('other protocols', () => {
  test.each<[string, object, RegExp]>([
    ['column mapping', { minReaderVersion: 2, minWriterVersion: 5 }, /reader of version 2/],
    [
      'deletion vectors',
      {
        minReaderVersion: 3,
        minWriterVersion: 7,
        readerFeatures: ['deletionVectors'],
        writerFeatures: ['deletionVectors'],
      },
      /version 3 with deletionVectors/,
    ],
    ['a version of the future', { minReaderVersion: 9, minWriterVersion: 9 }, /reader of version 9/],
  ])('%s: refused when reading, also by a handle that was open', async (_, protocol, message) => {
    const { world, table } = await created()
    layCommit(world, 1, [{ protocol }])
    const refused = expect.objectContaining({
      code: 'DELTA_PROTOCOL_UNSUPPORTED',
      message: expect.stringMatching(message),
    })
    await expect(openDeltaTable(world)).rejects.toEqual(refused)
    await expect(table.append([dayFile('p1', a)])).rejects.toEqual(refused)
    expect(world.objects.has(commitPath(2))).toBe(false)
    expect((await table.snapshot({ version: 0 })).version).toBe(0)
  })

  test('a table with newer demands on writers is read, and not written', async () => {
    const { world, table } = await created()
    layCommit(world, 1, [{ protocol: { minReaderVersion: 1, minWriterVersion: 4 } }])
    expect((await table.snapshot()).version).toBe(1)
    const refused = error('DELTA_PROTOCOL_UNSUPPORTED', 'writer of version 4')
    await expect(table.append([dayFile('p1', a)])).rejects.toEqual(refused)
    await expect(table.checkpoint()).rejects.toEqual(refused)
    await expect(table.cleanUpLog({ retentionMs: 0 })).rejects.toEqual(refused)
    await expect(table.vacuum({ retentionMs: 0 })).rejects.toEqual(refused)
  })

  test('a file with a deletion vector is refused, whatever the protocol says', async () => {
    const { world } = await created()
    const add = {
      path: 'p',
      partitionValues: { date: a },
      size: 1,
      modificationTime: 1,
      dataChange: true,
      deletionVector: {},
    }
    layCommit(world, 1, [{ add }])
    await expect(openDeltaTable(world)).rejects.toEqual(error('DELTA_PROTOCOL_UNSUPPORTED', 'deletion vector'))
  })

  test('actions and fields of others are passed over', async () => {
    const { world, table } = await created()
    const add = {
      path: 'date=x/a%20b%25.parquet',
      partitionValues: { date: a },
      size: 1,
      modificationTime: 1,
      dataChange: true,
      stats: 'oops',
      clusteringProvider: 'x',
    }
    layCommit(world, 1, [{ cdc: { path: 'c' } }, { add }, { somethingNew: {} }])
    const [file] = (await table.snapshot()).files
    expect(file).toMatchObject({ path: 'date=x/a b%.parquet', rowCount: undefined, stats: undefined })
    await table.removeFiles([file!.path])
    expect(await pathsOf(table)).toEqual([])
  })
})

describe('clean-up and vacuum', () => {
  const touch = (world: MemoryWorld, ...paths: string[]) => {
    for (const path of paths) layObject(world, path, 'rows')
  }

  test('vacuum spares what the retention time, a pinned version or a young file needs', async () => {
    const { world, table } = await created()
    touch(world, 'p1', 'p2', 'orphan', '_hidden/x', '.crc')
    await table.append([dayFile('p1', a)])
    world.clock.nowMs += HOUR_MS
    await table.overwrite([{}], [dayFile('p2', a)])
    world.clock.nowMs += HOUR_MS
    touch(world, 'p3', 'young')
    await table.overwrite([{}], [dayFile('p3', a)])
    world.clock.nowMs += HOUR_MS / 2
    const removed = async (options: Parameters<DeltaTable['vacuum']>[0]) =>
      (await table.vacuum({ isDryRun: true, ...options })).removedPaths
    // 90 minutes ago version 2 was the latest, with p2.
    expect(await removed({ retentionMs: 1.5 * HOUR_MS })).toEqual(['orphan', 'p1'])
    expect(await removed({ retentionMs: 1.5 * HOUR_MS, pinnedVersions: [1] })).toEqual(['orphan'])
    expect(await removed({ retentionMs: 1 })).toEqual(['orphan', 'p1', 'p2', 'young'])
    await expect(removed({ retentionMs: 1, pinnedVersions: [9] })).rejects.toEqual(
      error('DELTA_VERSION_NOT_FOUND', '9'),
    )
    expect(world.objects.has('p1')).toBe(true)
    expect(await table.vacuum({ retentionMs: 1 })).toEqual({
      removedPaths: ['orphan', 'p1', 'p2', 'young'],
      removedBytes: 16,
    })
    expect(['p1', 'p3', '_hidden/x', '.crc'].map((path) => world.objects.has(path))).toEqual([false, true, true, true])
  })

  test('vacuum spares a file of a version in between, however old the file', async () => {
    const { world, table } = await created()
    touch(world, 'p1')
    world.clock.nowMs += 10 * HOUR_MS
    await table.append([dayFile('p1', a)])
    world.clock.nowMs += HOUR_MS
    await table.removeFiles(['p1'])
    world.clock.nowMs += HOUR_MS
    expect((await table.vacuum({ retentionMs: 3 * HOUR_MS })).removedPaths).toEqual([])
    expect((await table.vacuum({ retentionMs: 0.5 * HOUR_MS })).removedPaths).toEqual(['p1'])
  })

  test('the log is cut off before the newest checkpoint that is old enough; pinned versions stay readable', async () => {
    const { world, table } = await fiveVersions()
    await table.checkpoint()
    world.clock.nowMs += HOUR_MS
    await table.append([dayFile('p5', a)])
    expect((await table.cleanUpLog({ retentionMs: 2 * HOUR_MS })).removedPaths).toEqual([])
    const { removedPaths } = await table.cleanUpLog({ retentionMs: HOUR_MS, pinnedVersions: [2] })
    expect(removedPaths).toEqual([0, 1, 2, 3].map(commitPath))
    const reopened = await openDeltaTable(world)
    expect(await pathsOf(reopened, 2)).toEqual(['p1', 'p2'])
    expect((await reopened.snapshot({ version: 2 })).timestampMs).toBe(world.clock.nowMs - 3 * HOUR_MS)
    expect(await pathsOf(reopened)).toHaveLength(5)
    for (const version of [1, 3]) {
      await expect(reopened.snapshot({ version })).rejects.toEqual(error('DELTA_VERSION_NOT_FOUND', 'cleaned up'))
    }
    expect((await reopened.history()).map(({ version }) => version)).toEqual([4, 5])
  })

  test('a version of which only a checkpoint is left is kept for the retention time too, with its files', async () => {
    const { world, table } = await created()
    touch(world, 'p1', 'p2')
    await table.append([dayFile('p1', a)])
    world.clock.nowMs += HOUR_MS
    await table.overwrite([{}], [dayFile('p2', a)])
    await table.checkpoint()
    world.clock.nowMs += HOUR_MS
    await table.cleanUpLog({ retentionMs: 0, pinnedVersions: [1] })
    expect((await table.cleanUpLog({ retentionMs: 4 * HOUR_MS })).removedPaths).toEqual([])
    expect((await table.vacuum({ retentionMs: 1.5 * HOUR_MS })).removedPaths).toEqual([])
    expect(await pathsOf(table, 1)).toEqual(['p1'])
    expect((await table.vacuum({ retentionMs: HOUR_MS / 2 })).removedPaths).toEqual(['p1'])
    expect((await table.cleanUpLog({ retentionMs: HOUR_MS / 2 })).removedPaths).toEqual([checkpointPath(1)])
  })

  test('tombstones are forgotten by a checkpoint after the retention time of the table', async () => {
    const { world, table } = await created({ 'delta.deletedFileRetentionDuration': 'interval 2 hours' })
    await table.append([dayFile('p1', a)])
    await table.removeFiles(['p1'])
    const size = async () => {
      await table.checkpoint()
      return JSON.parse(new TextDecoder().decode(world.objects.get(LAST_CHECKPOINT_PATH)!.bytes)).size
    }
    world.clock.nowMs += 2 * HOUR_MS
    expect(await size()).toBe(3)
    world.clock.nowMs += 1
    expect(await size()).toBe(2)
  })

  test('a checkpoint that cannot be written is told, and the commit stands', async () => {
    const { world } = await created({ 'delta.checkpointInterval': '1' })
    const full = { ...world, storage: { ...world.storage, write: () => Promise.reject(new Error('full')) } }
    const table = await openDeltaTable(full)
    const { checkpointFailure, ...rest } = await table.append([dayFile('p1', a)])
    expect(rest).toEqual({ version: 1, isNew: true })
    expect(checkpointFailure).toEqual(new Error('full'))
    expect(await pathsOf(await openDeltaTable(world))).toEqual(['p1'])
  })
})

test('the history tells what was done', async () => {
  const { table } = await created()
  await table.append([dayFile('p1', a, 3), dayFile('p2', b, 4)], { userMetadata: 'nightly' })
  await table.removeFiles(['p1'])
  expect(await table.history()).toMatchObject([
    { version: 0, operation: 'CREATE TABLE', addedFileCount: 0 },
    {
      version: 1,
      operation: 'WRITE',
      addedFileCount: 2,
      addedRowCount: 7,
      userMetadata: 'nightly',
      engine: 'millrace-delta',
    },
    { version: 2, operation: 'DELETE', addedFileCount: 0, removedFileCount: 1, addedRowCount: 0 },
  ])
})

/** The world, with something else happening just before the first commit that is tried. */
function interrupted(world: MemoryWorld, interruption: () => Promise<unknown>) {
  let isFirst = true
  const writeIfAbsent = async (path: string, bytes: Uint8Array) => {
    if (isFirst) {
      isFirst = false
      await interruption()
    }
    return world.storage.writeIfAbsent(path, bytes)
  }
  return { ...world, storage: { ...world.storage, writeIfAbsent } }
}

function readLines({ objects }: MemoryWorld, version: number): object[] {
  const text = new TextDecoder().decode(objects.get(commitPath(version))!.bytes)
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}
