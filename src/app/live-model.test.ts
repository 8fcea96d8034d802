import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { silentLogger } from '../lib/logger.ts'
import { writeEmptyBundle } from '../models/bundle.testing.ts'
import { setCurrentVersion } from '../models/bundle.ts'
import { popularity } from '../models/popularity/popularity.ts'
import { LiveModel } from './live-model.ts'

let modelsDir: string
let live: LiveModel
let swaps: string[]
let warnings: object[]

beforeEach(async () => {
  modelsDir = await mkdtemp(join(tmpdir(), 'millrace-live-model-'))
  swaps = []
  warnings = []
  live = new LiveModel({
    modelsDir,
    generators: { trending: popularity() },
    log: { ...silentLogger, warn: (_, details = {}) => void warnings.push(details) },
    onSwap: ({ version }) => void swaps.push(version),
  })
})

const trained = (trainedAtMs: number): Promise<string> => writeEmptyBundle(modelsDir, trainedAtMs)

test('a damaged model is loaded once it was mended and put in charge again, without a restart', async () => {
  const version = await trained(1000)
  await setCurrentVersion(modelsDir, version)
  const path = join(modelsDir, version, 'manifest.json')
  const manifest = await readFile(path)
  await writeFile(path, '<html>')
  await live.refresh()
  expect(live.problem).toMatch(/^BUNDLE_CORRUPT/)
  expect(swaps).toEqual([])

  await writeFile(path, manifest)
  await setCurrentVersion(modelsDir, version)
  await live.refresh()
  expect(live.problem).toBeUndefined()
  expect(swaps).toEqual([version])
})

test('a pointer that is whole again ends the problem, and the model that answers is not loaded twice', async () => {
  const version = await trained(1000)
  await setCurrentVersion(modelsDir, version)
  await live.refresh()
  await writeFile(join(modelsDir, 'current.json'), '{"vers')
  await live.refresh()
  expect(live.problem).toMatch(/^BUNDLE_CORRUPT/)
  await setCurrentVersion(modelsDir, version)
  await live.refresh()
  expect(live.problem).toBeUndefined()
  expect(swaps).toEqual([version])
})

test('a generator of the system file that the model was not trained with is told', async () => {
  const version = await trained(1000)
  await setCurrentVersion(modelsDir, version)
  await live.refresh()
  expect(warnings).toEqual([{ modelVersion: version, missing: ['trending'] }])
})
