// Goal: imported history makes a training set, whose rows are what "features value --at" says, and which is made again byte for byte.
// Method: a project in a temporary folder, the commands as the command line runs them, on the embedded stores.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CommandDef } from 'citty'
import { parquetReadObjects } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { openTables } from '../app/open-tables.ts'
import { openApp } from '../app.ts'
import type { TrainingSet } from '../domain/training-set.ts'
import data from './data.ts'
import features from './features.ts'
import importCommand from './import.ts'
import { runCommandLine } from './run-command.ts'
import status from './status.ts'
import trainingSets from './training-sets.ts'

const repository = join(import.meta.dirname, '..', '..')
const folder = mkdtempSync(join(tmpdir(), 'millrace-training-sets-'))

beforeAll(() => {
  writeFileSync(
    join(folder, 'millrace.config.ts'),
    `import { attribute, category, count, defineSystem, fileSource, httpIngest, popularity, share, tags } from ${JSON.stringify(join(repository, 'src', 'index.ts'))}
export default defineSystem({
  name: 'shop',
  data: {
    owner: 'data@shop.example',
    entities: { user: {}, item: { category: category() } },
    interactions: { view: { weight: 1 }, purchase: { weight: 5 } },
    sources: {
      items: fileSource({ path: 'items.csv', holds: 'item', columns: { entityId: 'id', category: 'category' }, known: { since: '2024-01-01' } }),
      history: fileSource({
        path: 'history.csv',
        holds: 'interactions',
        columns: { userId: 'user', itemId: 'item', eventTime: 'at', interaction: 'what' },
        known: 'when-it-happened',
      }),
      shop: httpIngest(),
    },
    features: {
      views: count({ of: 'view', by: 'user', window: '7 days' }),
      taste: share({ of: 'any', over: 'item.category', by: 'user', window: '30 days' }),
      category: attribute('item.category'),
    },
  },
  training: { owner: 'ml@shop.example', candidates: { trending: popularity() } },
  serving: { owner: 'web@shop.example', placements: { home: {} } },
  monitoring: { owner: 'sre@shop.example' },
})
`,
  )
  writeFileSync(join(folder, 'items.csv'), 'id,category\nlamp,lamps\nchair,chairs\n')
  writeFileSync(
    join(folder, 'history.csv'),
    `user,item,at,what
u,lamp,2024-03-01T10:00Z,view
u,lamp,2024-03-02T10:00Z,view
u,chair,2024-03-03T10:00Z,view
u,lamp,2024-03-04T10:00Z,purchase
v,chair,2024-04-01T10:00Z,purchase
`,
  )
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let printed: string[]
beforeEach(() => {
  printed = []
  for (const stream of ['log', 'error'] as const) {
    vi.spyOn(console, stream).mockImplementation((line: string) => void printed.push(line))
  }
})
afterEach(() => vi.restoreAllMocks())

const run = async (name: string, command: unknown, ...args: string[]): Promise<string> => {
  printed = []
  await runCommandLine(name, command as CommandDef, [...args, '--system', folder])
  return printed.join('\n')
}
const make = (...args: string[]) => run('training-sets', trainingSets, 'make', ...args)
const madeBy = async (...args: string[]) => JSON.parse(await make(...args, '--json'))
const valuesAt = (...args: string[]) => run('features', features, 'value', '--user', 'u', '--item', 'lamp', ...args)

const rowsOf = async (path: string) => {
  const { buffer, byteOffset, byteLength } = readFileSync(path)
  return parquetReadObjects({ file: buffer.slice(byteOffset, byteOffset + byteLength), compressors })
}

test('history that was imported makes a training set, and its rows are the values of their moments', async () => {
  await run('import', importCommand)
  const { path, rowCount } = await madeBy(
    '--of',
    'purchase',
    '--from',
    '2024-03-04T10:00Z',
    '--to',
    '2024-04-01T10:00Z',
  )
  expect(rowCount).toBe(1)
  const [row] = await rowsOf(path)
  // Two views of lamps and one of a chair; not the purchase itself.
  expect(row).toMatchObject({
    userId: 'u',
    itemId: 'lamp',
    views: 3,
    category: 'lamps',
    taste: { lamps: 2 / 3, chairs: 1 / 3 },
  })
  const answer = JSON.parse(await valuesAt('--at', '2024-03-04T10:00Z', '--json'))
  expect(answer.asOf).toBe('2024-03-04T10:00:00.000Z')
  const values = Object.fromEntries(
    answer.features.map(({ name, value }: { name: string; value: unknown }) => [name, value]),
  )
  expect(values).toEqual({ views: row!.views, category: row!.category, taste: row!.taste })
})

test('the same set is the same bytes, after new data came a set of its own, and both are listed', async () => {
  const asked = ['--of', 'purchase', '--from', '2024-03-01', '--to', '2024-05-01']
  const first = await madeBy(...asked)
  expect(await madeBy(...asked)).toEqual(first)
  const app = await openApp({ systemFile: folder })
  const late = { kind: 'interaction', id: 'late', interaction: 'view', userId: 'u', itemId: 'lamp' } as const
  await app.log.append([{ ...late, eventTimeMs: Date.UTC(2024, 2, 3) }])
  await app.close()

  const second = await madeBy(...asked)
  const { tables } = JSON.parse(await run('status', status, '--json'))
  expect(tables).toMatchObject([
    { name: 'interactions', publishedVersion: 2 },
    { name: 'changes', publishedVersion: 1 },
    { name: 'impressions', publishedVersion: 0 },
  ])
  expect(await run('status', status)).toMatch(/table interactions +version 2 is published \(20/)
  expect(second.contentHash).not.toBe(first.contentHash)
  expect([first.tableVersions, second.tableVersions]).toEqual([
    { interactions: '1', changes: '1' },
    { interactions: '2', changes: '1' },
  ])
  // It became available today, so it changes nothing of then.
  expect(second.sha256).toBe(first.sha256)
  const listed = await run('training-sets', trainingSets)
  for (const { contentHash } of [first, second]) expect(listed).toContain(contentHash.slice(0, 16))
  expect(listed).toMatch(/interactions 2, changes 1 +kept/)
})

test('a set is made again from the versions that it was made of, after a compaction and where its file is gone', async () => {
  const asked = ['--of', 'purchase', '--from', '2024-03-01', '--to', '2024-05-01']
  const made = await madeBy(...asked)
  await run('data', data, 'compact')
  const remake = (...args: string[]) => run('training-sets', trainingSets, 'remake', ...args)
  expect(await remake(made.contentHash.slice(0, 10))).toMatch(new RegExp(`^The same bytes: 2 rows.*${made.sha256}`))
  unlinkSync(made.path)
  expect(JSON.parse(await remake(made.contentHash, '--json'))).toMatchObject({ isSame: true, sha256: made.sha256 })
  expect(await rowsOf(made.path)).toHaveLength(2)

  const manifestPath = `${made.path}.manifest.json`
  const manifest = readFileSync(manifestPath, 'utf8')
  writeFileSync(manifestPath, manifest.replace(made.sha256, 'f'.repeat(64)))
  expect(await remake(made.contentHash)).toMatch(/^Other bytes than the manifest promises/)
  expect(process.exitCode).toBe(1)
  process.exitCode = undefined
  writeFileSync(manifestPath, manifest)

  // What lies there is mended, too: rows that somebody changed, a manifest that was cut short.
  writeFileSync(made.path, 'rows')
  expect(await remake(made.contentHash)).toMatch(/^The same bytes/)
  expect(await rowsOf(made.path)).toHaveLength(2)
  for (const damage of [() => writeFileSync(manifestPath, manifest.slice(0, 40)), () => unlinkSync(manifestPath)]) {
    damage()
    expect(await remake(made.contentHash)).toMatch(/^Made again.*no manifest that could be read/)
    expect(readFileSync(manifestPath, 'utf8')).toBe(manifest)
  }
  expect(readdirSync(join(folder, '.millrace', 'offline', 'temporary'))).toEqual([])

  await expect(remake('0000')).rejects.toMatchObject({ code: 'TRAINING_SET_UNKNOWN' })
  await expect(remake('')).rejects.toMatchObject({ code: 'TRAINING_SET_UNKNOWN', fix: 'Give more digits.' })
  const system = readFileSync(join(folder, 'millrace.config.ts'), 'utf8')
  const changes: [(text: string) => string, RegExp][] = [
    [
      (text) => text.replace("window: '7 days'", "window: '8 days'"),
      /Feature views is version \w{16}, and was \w{16}\./,
    ],
    [(text) => text.replace(/views: count.*/, ''), /Feature views is not defined any more\./],
    [(text) => text.replace("window: '7 days'", "window: '7 days', ttl: '1 day'"), /A time to live or a default/],
    // Which changes the version of no share: only of what takes the attribute's own value.
    [
      (text) => text.replace('category: category() }', 'category: tags() }').replace(/category: attribute.*/, ''),
      /Attribute item\.category is of the kind tags in the system file, and was of the kind text\./,
    ],
  ]
  for (const [i, [change, expected]] of changes.entries()) {
    const other = mkdtempSync(join(tmpdir(), 'millrace-training-sets-other-'))
    writeFileSync(join(other, 'millrace.config.ts'), change(system))
    try {
      const args = ['remake', made.contentHash, '--system', other, '--data', join(folder, '.millrace')]
      const otherwise = runCommandLine('training-sets', trainingSets as CommandDef, args)
      const message = expect.stringMatching(expected)
      await expect(otherwise, `change ${i}`).rejects.toMatchObject({ code: 'TRAINING_SET_CHANGED', message })
    } finally {
      rmSync(other, { recursive: true })
    }
  }
  expect(await run('training-sets', trainingSets, 'release', made.contentHash)).toMatch(/is released/)
  expect(await run('training-sets', trainingSets)).toMatch(/released/)
})

test('a released set whose versions a vacuum took cannot be made again, and says since when and why', async () => {
  const asked = ['--of', 'view', '--from', '2024-03-01', '--to', '2024-05-01']
  const shop = await openApp({ systemFile: folder })
  for (const id of ['later', 'latest']) {
    const event = { kind: 'interaction', id, interaction: 'view', userId: 'w', itemId: 'lamp' } as const
    await shop.log.append([{ ...event, eventTimeMs: Date.UTC(2024, 2, 3) }])
    await run('data', data, 'sync')
  }
  await shop.close()
  const made = await madeBy(...asked)
  await run('data', data, 'compact')
  // Files have the time of the machine, so the clock goes to where they are old.
  const app = await openApp({ systemFile: folder, clock: { now: () => Date.now() + 40 * 86_400_000 } })
  const tables = await openTables(app)
  const vacuum = () => tables.vacuum(undefined, { keepDays: 7, isDryRun: false })
  const remake = () => run('training-sets', trainingSets, 'remake', made.contentHash)
  try {
    await vacuum()
    expect(await remake()).toMatch(/^The same bytes/)
    await run('training-sets', trainingSets, 'release', made.contentHash)
    expect(await remake()).toMatch(/^The same bytes/)
    await vacuum()
    await expect(remake()).rejects.toMatchObject({
      code: 'TRAINING_SET_CHANGED',
      message: expect.stringMatching(
        /It was released at 20\d\d-\S+Z, and a vacuum has taken what its table versions need\. .*"?interactions/,
      ),
      fix: expect.stringContaining('millrace training-sets make'),
    })
  } finally {
    await app.close()
  }
})

test('a set that needs a file which is gone says which, and is not kept', async () => {
  const app = await openApp({ systemFile: folder })
  const { files } = await (await openTables(app)).files()
  await app.close()
  const gone = files.find(({ path }) => path.includes('date=2024-03-02'))!.path
  renameSync(gone, `${gone}.away`)
  try {
    await expect(make('--of', 'purchase', '--from', '2024-03-01', '--to', '2024-06-01')).rejects.toMatchObject({
      code: 'TABLE_FILE_DAMAGED',
      message: expect.stringContaining(`of table "interactions" cannot be read. ${gone}: found no such file`),
    })
  } finally {
    renameSync(`${gone}.away`, gone)
  }
  expect(await run('training-sets', trainingSets)).toMatch(/never finished, released/)
})

test('values of an earlier moment know what came late only where they are asked to', async () => {
  expect(await valuesAt('--at', '2024-03-04T10:00Z', '--feature', 'views')).toMatch(/views +3 /)
  expect(await valuesAt('--at', '2024-03-04T10:00Z', '--feature', 'views', '--as-known-now')).toMatch(/views +4 /)
})

test('rows may come from a file, of which one that says nothing is an error', async () => {
  const labels = join(folder, 'labels.csv')
  writeFileSync(labels, 'userId,itemId,moment\nu,chair,2024-03-02T12:00Z\nnobody,lamp,2024-03-02\n')
  const { path, rowCount } = await madeBy('--labels', labels)
  expect(rowCount).toBe(2)
  expect(await rowsOf(path)).toMatchObject([
    { itemId: 'chair', views: 2, category: 'chairs' },
    { userId: 'nobody', views: 0 },
  ])
  writeFileSync(labels, 'userId,itemId,moment\nu,chair,soon\n')
  await expect(make('--labels', labels)).rejects.toMatchObject({
    code: 'LABELS_INVALID',
    message: expect.stringMatching(/labels\.csv:2: found "u", "chair", "soon"/),
  })
  writeFileSync(labels, 'userId,itemId,moment\nu,chair,2024-03-02T12:00Z\nu,lamp,2999-03-02\n')
  await expect(make('--labels', labels)).rejects.toMatchObject({
    code: 'LABELS_INVALID',
    message: expect.stringMatching(
      /labels\.csv:3: found the moment "2999-03-02", which is 2999-03-02T00:00:00\.000Z, expected one up to 20\d\d-.*Z: what comes later is not known/,
    ),
  })
  writeFileSync(labels, 'userId,itemId,moment\nu,chair\n')
  await expect(make('--labels', labels)).rejects.toMatchObject({
    code: 'LABELS_INVALID',
    message: expect.stringMatching(/labels\.csv:2: Found 2 columns, expected 3/),
  })
  writeFileSync(labels, 'userId,itemId,moment\n')
  await expect(make('--labels', labels)).rejects.toMatchObject({
    code: 'LABELS_MISSING',
    fix: expect.stringMatching(/file with rows/),
  })
  writeFileSync(labels, 'userId,itemId,moment\nu,chair,2024-03-02T12:00Z\n')
  const { contentHash, sha256 } = await madeBy('--labels', labels)
  const remake = (...args: string[]) => run('training-sets', trainingSets, 'remake', contentHash, ...args)
  expect(await remake('--labels', labels)).toMatch(new RegExp(`^The same bytes: .*${sha256}`))
  await expect(remake()).rejects.toMatchObject({
    code: 'TRAINING_SET_CHANGED',
    fix: expect.stringContaining('--labels'),
  })
  writeFileSync(labels, 'userId,itemId,moment\nu,lamp,2024-03-02T12:00Z\n')
  await expect(remake('--labels', labels)).rejects.toMatchObject({ code: 'TRAINING_SET_CHANGED' })
  await expect(make('--labels', join(folder, 'gone.csv'))).rejects.toMatchObject({ code: 'IMPORT_FILE_UNREADABLE' })
})

// Method: the labels are a pipe, which the command reads once for their hash, and which it then waits for in mid-make.
test('a set whose maker was killed is never finished, and its table versions are let go by the next command', async () => {
  const labels = join(folder, 'pipe.csv')
  execFileSync('mkfifo', [labels])
  const args = ['training-sets', 'make', '--labels', labels, '--system', folder]
  const maker = spawn(process.execPath, [join(repository, 'bin', 'millrace.js'), ...args], { stdio: 'ignore' })
  const isOver = once(maker, 'exit')
  const states = async () => JSON.parse(await run('training-sets', trainingSets, '--json')) as TrainingSet[]
  try {
    await writeFile(labels, 'userId,itemId,moment\nkilled,chair,2024-03-02T12:00Z\n')
    await expect
      .poll(states, { timeout: 20_000 })
      .toContainEqual(expect.objectContaining({ maker: expect.objectContaining({ pid: maker.pid }) }))
  } finally {
    maker.kill('SIGKILL')
    await isOver
  }
  const app = await openApp({ systemFile: folder })
  const { unfinished, pinnedVersions } = (await app.metadata()).trainingSets
  expect(await unfinished()).toMatchObject([{ maker: { pid: maker.pid } }])
  const pinnedBefore = await pinnedVersions('interactions')
  const listed = await run('training-sets', trainingSets)
  expect(listed).toMatch(/never finished, released/)
  expect(listed).not.toMatch(/being made/)
  expect(await unfinished()).toEqual([])
  expect(pinnedBefore).toContain(5)
  await app.close()
  const { contentHash } = (await states()).find((set) => set.maker?.pid === maker.pid)!
  expect(await run('training-sets', trainingSets, 'release', contentHash)).toMatch(/It was never finished/)
})

test('what cannot be made says why, and is not kept', async () => {
  const listedBefore = await run('training-sets', trainingSets)
  await expect(make()).rejects.toMatchObject({ code: 'CLI_USAGE', fix: expect.stringContaining('--of view') })
  await expect(make('--of', 'purchse')).rejects.toMatchObject({
    code: 'CLI_USAGE',
    fix: expect.stringContaining('purchase'),
  })
  await expect(make('--of', 'view', '--from', 'march')).rejects.toMatchObject({ code: 'CLI_USAGE' })
  await expect(make('--of', 'view', '--labels', 'x.csv')).rejects.toMatchObject({ code: 'CLI_USAGE' })
  expect(await run('training-sets', trainingSets)).toBe(listedBefore)
  await expect(make('--of', 'view', '--to', '2020-01-01')).rejects.toMatchObject({ code: 'LABELS_MISSING' })
  expect(await run('training-sets', trainingSets)).toMatch(/changes 1 +never finished, released/)
})

test('a moment before all data, in the future or unreadable is a clear error', async () => {
  await expect(valuesAt('--at', '2023-01-01')).rejects.toMatchObject({ code: 'FEATURE_MOMENT_UNKNOWN' })
  await expect(valuesAt('--at', '2999-01-01')).rejects.toMatchObject({ code: 'FEATURE_MOMENT_UNKNOWN' })
  await expect(valuesAt('--at', 'yesterday')).rejects.toMatchObject({ code: 'CLI_USAGE' })
  await expect(valuesAt('--as-known-now')).rejects.toMatchObject({ code: 'CLI_USAGE' })
})
