// Goal: a table is at every version what a naive model says it is, whatever is done to it in whatever order.
// Method: random operations on a table whose storage is a map, and on a model that keeps the whole set of files of every version. The handle is opened
// anew, checkpoints are written, the log is cleaned up and files are vacuumed at random points; after all of it every version is compared.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { column, dayFile, type MemoryWorld, memoryWorld } from './memory-storage.testing.ts'
import type { DeltaColumn } from './schema.ts'
import { createDeltaTable, type DeltaTable, openDeltaTable } from './table.ts'
import type { NewDeltaFile } from './write.ts'

const HOUR_MS = 3_600_000
const dates = ['2026-01-01', '2026-01-02', 'a "b" %20/ü', null]

type Operation =
  | { kind: 'append' | 'overwrite'; dates: (string | null)[]; evolves: boolean }
  | { kind: 'removePartition'; date: string | null }
  | { kind: 'removeFiles' | 'compact'; picks: number[] }
  | { kind: 'txnAppend'; app: string; version: number }
  | { kind: 'reopen' | 'checkpoint' }
  | { kind: 'cleanUpLog' | 'vacuum'; retentionHours: number; pins: number[] }

const date = fc.constantFrom(...dates)
const picks = fc.array(fc.nat(), { minLength: 1, maxLength: 3 })
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      dates: fc.array(date, { minLength: 1, maxLength: 3 }),
      evolves: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('overwrite' as const),
      dates: fc.array(date, { minLength: 1, maxLength: 2 }),
      evolves: fc.boolean(),
    }),
  },
  fc.record({ kind: fc.constant('removePartition' as const), date }),
  fc.record({ kind: fc.constant('removeFiles' as const), picks }),
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('compact' as const), picks }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('txnAppend' as const),
      app: fc.constantFrom('a', 'b'),
      version: fc.nat(4),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('reopen' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('checkpoint' as const) }) },
  fc.record({
    kind: fc.constant('cleanUpLog' as const),
    retentionHours: fc.nat(12),
    pins: fc.array(fc.nat(), { maxLength: 2 }),
  }),
  fc.record({
    kind: fc.constant('vacuum' as const),
    retentionHours: fc.nat(12),
    pins: fc.array(fc.nat(), { maxLength: 2 }),
  }),
)

/** What a version holds. */
interface ModelVersion {
  readonly files: ReadonlyMap<string, NewDeltaFile>
  readonly columns: readonly string[]
  readonly timestampMs: number
}

class Model {
  readonly columns: DeltaColumn[]
  readonly versions: ModelVersion[]
  readonly txns = new Map<string, number>()
  /** Versions that can still be read, and those whose files are all still there. */
  readable: Set<number>
  intact: Set<number>
  pathCount = 0

  constructor(columns: DeltaColumn[], timestampMs: number) {
    this.columns = columns
    this.versions = [{ files: new Map(), columns: columns.map(({ name }) => name), timestampMs }]
    this.readable = new Set([0])
    this.intact = new Set([0])
  }

  get latest(): ModelVersion {
    return this.versions.at(-1)!
  }

  push(files: ReadonlyMap<string, NewDeltaFile>, timestampMs: number): void {
    this.readable.add(this.versions.length)
    this.intact.add(this.versions.length)
    this.versions.push({ files, columns: this.columns.map(({ name }) => name), timestampMs })
  }

  newFile(date: string | null, rowCount = 10): NewDeltaFile {
    return dayFile(`date=${encodeURIComponent(date ?? 'null')}/part ${this.pathCount++} ü.parquet`, date, rowCount)
  }

  /** Versions that were the latest at some moment of the last hours. */
  since(nowMs: number, retentionHours: number): number[] {
    const startMs = nowMs - retentionHours * HOUR_MS
    const first = this.versions.findLastIndex(({ timestampMs }) => timestampMs <= startMs)
    return this.versions.map((_, version) => version).filter((version) => version >= first)
  }
}

async function run(
  world: MemoryWorld,
  model: Model,
  operations: readonly Operation[],
  given: DeltaTable,
): Promise<void> {
  let table = given
  for (const operation of operations) {
    world.clock.nowMs += HOUR_MS
    const nowMs = world.clock.nowMs
    const layDown = (files: readonly NewDeltaFile[]) => {
      for (const { path } of files) world.objects.set(path, { bytes: new Uint8Array(100), modifiedAtMs: nowMs })
    }
    const withFiles = (files: readonly NewDeltaFile[], from = model.latest.files) =>
      new Map([...from, ...files.map((file) => [file.path, file] as const)])
    switch (operation.kind) {
      case 'append':
      case 'overwrite': {
        const files = operation.dates.map((day) => model.newFile(day))
        layDown(files)
        if (operation.evolves) model.columns.push(column(`extra_${model.columns.length}`, 'string'))
        const options = operation.evolves ? { schema: [...model.columns] } : {}
        const kept = new Map(
          [...model.latest.files].filter(([, file]) => !operation.dates.includes(file.partitionValues.date!)),
        )
        if (operation.kind === 'append') await table.append(files, options)
        else
          await table.overwrite(
            operation.dates.map((day) => ({ date: day })),
            files,
            options,
          )
        model.push(withFiles(files, operation.kind === 'append' ? model.latest.files : kept), nowMs)
        break
      }
      case 'removePartition': {
        const kept = [...model.latest.files].filter(([, file]) => file.partitionValues.date !== operation.date)
        const { isNew } = await table.removePartitions([{ date: operation.date }])
        expect(isNew).toBe(kept.length < model.latest.files.size)
        if (isNew) model.push(new Map(kept), nowMs)
        break
      }
      case 'removeFiles':
      case 'compact': {
        const all = [...model.latest.files.values()]
        if (all.length === 0) break
        const chosen = [...new Set(operation.picks.map((pick) => all[pick % all.length]!))]
        const kept = new Map(model.latest.files)
        for (const { path } of chosen) kept.delete(path)
        const paths = chosen.map(({ path }) => path)
        if (operation.kind === 'removeFiles') {
          await table.removeFiles(paths)
          model.push(kept, nowMs)
          break
        }
        const merged = chosen.map((file) => model.newFile(file.partitionValues.date!, file.rowCount))
        layDown(merged)
        await table.compact(paths, merged)
        model.push(withFiles(merged, kept), nowMs)
        break
      }
      case 'txnAppend': {
        const file = model.newFile(dates[0]!)
        layDown([file])
        const { isNew } = await table.append([file], { txn: { appId: operation.app, version: operation.version } })
        expect(isNew).toBe(operation.version > (model.txns.get(operation.app) ?? -1))
        if (!isNew) break
        model.txns.set(operation.app, operation.version)
        model.push(withFiles([file]), nowMs)
        break
      }
      case 'reopen':
        table = await openDeltaTable(world)
        break
      case 'checkpoint':
        expect(await table.checkpoint()).toBe(model.versions.length - 1)
        break
      case 'cleanUpLog': {
        const readable = [...model.readable]
        const pins = operation.pins.map((pin) => readable[pin % readable.length]!)
        const retentionMs = operation.retentionHours * HOUR_MS
        await table.cleanUpLog({ retentionMs, pinnedVersions: pins })
        const promised = new Set(
          [...pins, ...model.since(nowMs, operation.retentionHours)].filter((v) => model.readable.has(v)),
        )
        // It may keep more than promised: then what it kept must still be right, which `compare` sees to.
        model.readable = await stillReadable(table, model.readable, promised)
        break
      }
      case 'vacuum': {
        const readable = [...model.readable]
        const pins = operation.pins.map((pin) => readable[pin % readable.length]!)
        const retentionMs = operation.retentionHours * HOUR_MS
        await table.vacuum({ retentionMs, pinnedVersions: pins })
        const promised = [...pins, ...model.since(nowMs, operation.retentionHours)].filter(
          (v) => model.intact.has(v) && model.readable.has(v),
        )
        for (const version of promised) {
          for (const path of model.versions[version]!.files.keys()) expect(world.objects.has(path), path).toBe(true)
        }
        const isIntact = (version: number) =>
          [...model.versions[version]!.files.keys()].every((path) => world.objects.has(path))
        model.intact = new Set([...model.intact].filter(isIntact))
        const needed = new Set([...model.intact].flatMap((version) => [...model.versions[version]!.files.keys()]))
        const loose = [...world.objects].filter(
          ([path, { modifiedAtMs }]) =>
            !path.startsWith('_delta_log/') && !needed.has(path) && modifiedAtMs < nowMs - retentionMs,
        )
        // With nothing kept back, whatever no kept version needs is gone.
        if (pins.length === 0 && operation.retentionHours === 0) expect(loose.map(([path]) => path)).toEqual([])
        break
      }
    }
    await compare(await table.snapshot(), model, model.versions.length - 1)
  }
  const reopened = await openDeltaTable(world)
  await compare(await reopened.snapshot(), model, model.versions.length - 1)
  for (const version of model.readable) await compare(await reopened.snapshot({ version }), model, version)
  for (const { version, timestampMs } of await reopened.history()) {
    expect(timestampMs).toBe(model.versions[version]!.timestampMs)
    if (!model.readable.has(version)) continue
    expect((await reopened.snapshot({ timestampMs: timestampMs + 1 })).version).toBe(version)
  }
}

async function stillReadable(table: DeltaTable, before: ReadonlySet<number>, promised: ReadonlySet<number>) {
  const readable = new Set<number>()
  for (const version of before) {
    try {
      await table.snapshot({ version })
      readable.add(version)
    } catch (error) {
      expect(error).toMatchObject({ code: 'DELTA_VERSION_NOT_FOUND' })
      expect(promised.has(version), `version ${version} was promised`).toBe(false)
    }
  }
  return readable
}

async function compare(
  snapshot: Awaited<ReturnType<DeltaTable['snapshot']>>,
  model: Model,
  version: number,
): Promise<void> {
  const expected = model.versions[version]!
  expect(snapshot.version).toBe(version)
  expect(snapshot.timestampMs).toBe(expected.timestampMs)
  expect(snapshot.schema.map(({ name }) => name)).toEqual(expected.columns)
  expect(snapshot.files.map(({ path, partitionValues, rowCount }) => ({ path, partitionValues, rowCount }))).toEqual(
    [...expected.files.values()]
      .sort((a, b) => (a.path < b.path ? -1 : 1))
      .map(({ path, partitionValues, rowCount }) => ({ path, partitionValues, rowCount })),
  )
}

test('every version is what a naive model says, through re-opening, checkpoints, clean-up and vacuum', {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(operation, { minLength: 1, maxLength: 40, size: 'max' }),
      fc.constantFrom('3', '1000'),
      async (operations, interval) => {
        const world = memoryWorld()
        const columns = [column('date', 'string'), column('clicks')]
        const table = await createDeltaTable(world, {
          schema: columns,
          partitionColumns: ['date'],
          configuration: { 'delta.checkpointInterval': interval },
        })
        await run(world, new Model([...columns], world.clock.nowMs), operations, table)
      },
    ),
    {
      numRuns: Number(process.env.MILLRACE_DELTA_RUNS ?? 40),
      // Found once: the second clean-up took a version of the retention time for superseded, because its commit was gone.
      examples: [
        [
          [
            { kind: 'append', dates: ['2026-01-01'], evolves: false },
            { kind: 'checkpoint' },
            { kind: 'cleanUpLog', retentionHours: 0, pins: [0] },
            { kind: 'cleanUpLog', retentionHours: 4, pins: [] },
          ],
          '3',
        ],
      ],
    },
  )
})
