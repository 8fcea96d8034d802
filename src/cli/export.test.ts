// Goal: a model's ranker leaves the command line as a file that was compared, or not at all. Method: real bundles with made trees; the commands as they are run.
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CommandDef } from 'citty'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { openApp } from '../app.ts'
import { madeTrees } from '../kernels/trees.testing.ts'
import { seededRng } from '../lib/rng.ts'
import { treeArtifacts } from '../models/boosted-trees/tree-artifacts.ts'
import { emptyBundle } from '../models/bundle.testing.ts'
import { writeBundle } from '../models/bundle.ts'
import exportCommand from './export.ts'
import importance from './importance.ts'
import { runCommandLine } from './run-command.ts'

const featureNames = ['price', 'age', 'clicks']
const source = `import { defineSystem, httpIngest, lambdaMart, popularity, text } from 'millrace'
export default defineSystem({
  name: 'shop',
  data: {
    owner: 'data@shop.example',
    entities: { user: {}, item: { title: text() } },
    interactions: { view: { weight: 1 } },
    sources: { shop: httpIngest() },
  },
  training: { owner: 'ml@shop.example', candidates: { popular: popularity() }, ranker: lambdaMart() },
  serving: { owner: 'api@shop.example', placements: { home: { limit: 5 } } },
  monitoring: { owner: 'sre@shop.example' },
})
`

let folder: string
let printed: string[]

beforeEach(async () => {
  folder = await mkdtemp(join(import.meta.dirname, '..', '..', 'build', 'export-command-'))
  await writeFile(join(folder, 'millrace.config.ts'), source)
  printed = []
  vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line))
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(folder, { recursive: true })
})

// biome-ignore lint/suspicious/noExplicitAny: each command has its own arguments, which only citty looks at.
async function run(name: string, command: CommandDef<any>, ...args: string[]): Promise<string> {
  printed = []
  await runCommandLine(name, command, [...args, '--system', folder, '--data', join(folder, 'data')])
  return printed.join('\n')
}

/** @returns the version in charge */
async function madeChampion({ hasRanker }: { hasRanker: boolean }): Promise<string> {
  const trees = madeTrees(seededRng(1), { leafCounts: [8, 8, 5], featureCount: 3 })
  const ranker = {
    kind: 'lambdaMart',
    options: {},
    featureNames,
    features: [],
    generatorNames: ['popular'],
    perGenerator: 100,
    looks: [],
    examples: { windowCount: 1, fromMs: 0, beforeMs: 1, questionCount: 1, answeredCount: 1, rowCount: 2 },
    artifacts: treeArtifacts(trees),
    dictionaries: { price: [], age: ['young', 'old'] },
  }
  const app = await openApp({ systemFile: folder, dataDir: join(folder, 'data') })
  try {
    const models = await app.models()
    const { version } = await writeBundle(models.parts.modelsDir, {
      ...emptyBundle(Date.UTC(2026, 0, 1)),
      ...(hasRanker && { ranker }),
    })
    await models.register(version)
    await models.promote({ version, decision: { by: 'test', command: 'test', why: 'test', override: 'a test' } })
    return version
  } finally {
    await app.close()
  }
}

test('a ranker becomes a compared file, and says what its columns are', async () => {
  const version = await madeChampion({ hasRanker: true })
  const path = join(folder, 'ranker.onnx')
  const lines = (await run('export', exportCommand, '--onnx', path, '--rows', '2000')).split('\n')
  expect(lines[0]).toMatch(new RegExp(`ranker.onnx: the ranker of ${version}, 3 trees, \\d+ bytes$`))
  expect(lines[1]).toMatch(/^In onnxruntime 2000 rows score within \S+e-8, in the same order\.$/)
  expect(lines[2]).toBe('Input "features", float32, rows x 3: price, age, clicks')
  const bytes = readFileSync(path)
  expect(bytes.includes('["price","age","clicks"]')).toBe(true)
  expect(bytes.includes('{"age":["young","old"]}')).toBe(true)
  const told = JSON.parse(await run('export', exportCommand, version, '--onnx', path, '--rows', '100', '--json'))
  expect(told).toMatchObject({ version, treeCount: 3, featureNames, comparison: { rowCount: 100, misplacedCount: 0 } })
  expect(readdirSync(folder).filter((name) => name.includes('.part'))).toEqual([])

  const table = (await run('importance', importance)).split('\n')
  expect(table[0]).toBe('feature  gain    splits')
  expect(table).toHaveLength(4)
  const { gain } = JSON.parse(await run('importance', importance, '--json'))
  expect(gain.reduce((sum: number, { splitCount }: { splitCount: number }) => sum + splitCount, 0)).toBe(18)
})

test('what cannot be exported is refused with the reason, and leaves no file', async () => {
  const path = join(folder, 'ranker.onnx')
  await expect(run('export', exportCommand, '--onnx', path)).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
  await madeChampion({ hasRanker: false })
  await expect(run('export', exportCommand, '--onnx', path)).rejects.toMatchObject({ code: 'MODEL_WITHOUT_TREES' })
  await expect(run('importance', importance, 'no such')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
  await expect(run('export', exportCommand, '--onnx', path, '--rows', 'many')).rejects.toMatchObject({
    code: 'CLI_USAGE',
  })
  await madeChampion({ hasRanker: true })
  await expect(run('export', exportCommand, '--onnx', join(folder, 'none', 'x.onnx'))).rejects.toMatchObject({
    code: 'EXPORT_UNWRITABLE',
  })
  expect(readdirSync(folder).filter((name) => name.includes('onnx'))).toEqual([])
})
