// Goal: import and quarantine work from the command line, on the embedded stores. Method: a project in a temporary folder, and the real program.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, it } from 'vitest'

const repository = join(import.meta.dirname, '..', '..')
const program = join(repository, 'bin', 'millrace.js')

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-cli-'))
  writeSystem({ interactions: '{ view: { weight: 1 }, purchase: { weight: 10 } }' })
  writeFileSync(join(folder, 'items.csv'), 'sku,name\ni1,Mug\ni2,\n')
  writeFileSync(
    join(folder, 'clicks.csv.gz'),
    gzipSync(
      'user,item,at,action\nu1,i1,2025-06-01,view\nu2,i2,2025-06-01,wishlist\nu1,i1,2025-06-01,view\n,i1,2025-06-01,view\n',
    ),
  )
})
afterEach(() => rmSync(folder, { recursive: true }))

function writeSystem({ interactions }: { readonly interactions: string }): void {
  writeFileSync(
    join(folder, 'millrace.config.ts'),
    `import { defineSystem, fileSource, popularity, text } from ${JSON.stringify(join(repository, 'src', 'index.ts'))}
export default defineSystem({
  name: 'shop',
  data: {
    owner: 'data@shop.example',
    entities: { user: {}, item: { title: text() } },
    interactions: ${interactions},
    sources: {
      clicks: fileSource({
        path: 'clicks.csv.gz',
        holds: 'interactions',
        columns: { userId: 'user', itemId: 'item', eventTime: 'at', interaction: 'action' },
      }),
      catalogue: fileSource({ path: 'items.csv', holds: 'item', columns: { entityId: 'sku', title: 'name' } }),
    },
  },
  training: { owner: 'ml@shop.example', candidates: { trending: popularity() } },
  serving: { owner: 'web@shop.example', placements: { home: { candidates: ['trending'] } } },
  monitoring: { owner: 'sre@shop.example' },
})
`,
  )
}

function millrace(...args: string[]) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [program, ...args], { cwd: folder, encoding: 'utf8' })
  return { stdout, stderr, status, json: () => JSON.parse(stdout) }
}

it('imports every source, entities first, and gives an account of every row', () => {
  const first = millrace('import', '--json')
  expect(first.status, first.stderr).toBe(0)
  expect(first.json()).toMatchObject({
    readCount: 6,
    acceptedCount: 2,
    duplicateCount: 1,
    quarantinedCount: 3,
    quarantinedByReason: { MISSING_ATTRIBUTE: 1, MISSING_USER_ID: 1, UNKNOWN_INTERACTION: 1 },
    files: [{ sourceName: 'catalogue' }, { sourceName: 'clicks' }],
  })
  expect(millrace('import', '--json').json()).toMatchObject({
    acceptedCount: 0,
    duplicateCount: 3,
    quarantinedCount: 3,
  })
  const text = millrace('import', 'clicks')
  expect(text.stdout).toMatch(/read +accepted +duplicate +quarantined\n4 +0 +2 +2\n/)
  expect(text.stdout).toContain('UNKNOWN_INTERACTION')
}, 60_000)

it('lists, explains and replays what is in quarantine', () => {
  millrace('import')
  expect(millrace('quarantine', 'counts', '--json').json()).toEqual([
    { source: 'catalogue', reason: 'MISSING_ATTRIBUTE', count: 1 },
    { source: 'clicks', reason: 'MISSING_USER_ID', count: 1 },
    { source: 'clicks', reason: 'UNKNOWN_INTERACTION', count: 1 },
  ])
  const listed = JSON.parse(millrace('quarantine', 'list', '--reason', 'UNKNOWN_INTERACTION', '--json').stdout)
  expect(listed).toMatchObject({ where: expect.stringMatching(/clicks\.csv\.gz:3$/) })
  const explained = millrace('quarantine', 'explain', String(listed.id)).stdout
  expect(explained).toContain('Add it to data.interactions and replay')
  expect(explained).toContain('"action":"wishlist"')

  writeSystem({ interactions: '{ view: { weight: 1 }, wishlist: { weight: 2 } }' })
  expect(millrace('quarantine', 'replay', '--json').json()).toEqual({
    acceptedCount: 1,
    duplicateCount: 0,
    stillRejectedCount: 2,
    notReplayableCount: 0,
  })
  expect(millrace('quarantine', 'list', '--reason', 'UNKNOWN_INTERACTION').stdout).toContain(
    'No rows are in quarantine',
  )
  expect(millrace('quarantine', 'explain', String(listed.id))).toMatchObject({
    status: 66,
    stderr: expect.stringContaining('QUARANTINE_ROW_UNKNOWN'),
  })
}, 60_000)

it('imports a file that is described by options', () => {
  const path = join(folder, 'more.tsv')
  writeFileSync(path, 'u9\ti9\t1750000000\n')
  const options = [
    '--columns',
    'userId=0,itemId=1,eventTime=2',
    '--interaction',
    'purchase',
    '--time-format',
    'seconds',
    '--no-header',
  ]
  const done = millrace('import', path, ...options, '--json')
  expect(done.stdout + done.stderr).toContain('"acceptedCount":1')
}, 60_000)

it('exits with the account and the reason where a file is cut in its gzip stream', () => {
  const whole = gzipSync(
    `user,item,at,action\n${Array.from({ length: 5000 }, (_, n) => `u${n * 7919},i${n},2025-06-01,view\n`).join('')}`,
  )
  writeFileSync(join(folder, 'clicks.csv.gz'), whole.subarray(0, whole.length - 2000))
  const cut = millrace('import', 'clicks', '--json')
  expect(cut.status).toBe(65)
  expect(cut.stderr).toMatch(/^IMPORT_FILE_DAMAGED: .*behind line \d+/)
  expect(cut.json().acceptedCount).toBeGreaterThan(1000)
  expect(cut.json().files[0].failure).toBe('IMPORT_FILE_DAMAGED')
}, 60_000)

it.each<[string, string[], number, RegExp]>([
  ['an unknown source', ['clcks'], 66, /IMPORT_SOURCE_UNKNOWN: "clcks".*\nDid you mean "clicks"\?/],
  [
    'a path without its columns',
    ['items.csv', '--holds', 'itm'],
    65,
    /--holds: Found "itm".*Did you mean "item"\?[\s\S]*--columns: Found no column for userId/,
  ],
  ['options beside a source', ['clicks', '--format', 'csv'], 65, /Leave the options out/],
])(
  'says what is wrong with %s',
  (_, args, status, message) => {
    const failed = millrace('import', ...args)
    expect(failed.stderr).toMatch(message)
    expect(failed.status).toBe(status)
  },
  30_000,
)
