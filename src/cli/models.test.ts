// Goal: whatever is damaged in the folder of models, these commands still show what is whole and put it in charge.
// Method: real bundles in a folder, damaged by hand; the commands as the command line runs them.
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { writeEmptyBundle } from '../models/bundle.testing.ts'
import { currentVersion, setCurrentVersion } from '../models/bundle.ts'
import models from './models.ts'
import { runCommandLine } from './run-command.ts'

let data: string
let modelsDir: string
let printed: string[]

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'millrace-models-command-'))
  modelsDir = join(data, 'models')
  printed = []
  vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line))
  vi.spyOn(console, 'error').mockImplementation((line: string) => void printed.push(line))
})
afterEach(() => vi.restoreAllMocks())

const system = join(import.meta.dirname, '..', '..', 'examples', 'online-retail')
const run = (...args: string[]) => runCommandLine('models', models, [...args, '--data', data, '--system', system])

const trained = (trainedAtMs: number): Promise<string> => writeEmptyBundle(modelsDir, trainedAtMs)

test('a damaged pointer is told, and mended by `use`', async () => {
  const version = await trained(1000)
  await writeFile(join(modelsDir, 'current.json'), '{"vers')
  await run()
  expect(printed.join('\n')).toContain('current.json is damaged')
  expect(printed.join('\n')).toContain(version)
  await run('use', version)
  expect(await currentVersion(modelsDir)).toBe(version)
})

test('one damaged bundle does not hide the others', async () => {
  const [older, newer] = [await trained(1000), await trained(2000)]
  await setCurrentVersion(modelsDir, newer)
  await writeFile(join(modelsDir, newer, 'manifest.json'), '<html>')
  await run('list')
  expect(printed.join('\n')).toMatch(new RegExp(`${older} .*9`))
  expect(printed.join('\n')).toMatch(new RegExp(`${newer} +yes .*BUNDLE_CORRUPT`))
})

test('a bundle with a changed byte is not put in charge', async () => {
  const [older, newer] = [await trained(1000), await trained(2000)]
  await setCurrentVersion(modelsDir, older)
  await writeFile(join(modelsDir, newer, 'items.txt'), 'b')
  await expect(run('use', newer)).rejects.toMatchObject({ code: 'BUNDLE_CORRUPT' })
  expect(await currentVersion(modelsDir)).toBe(older)
})
