// Goal: whatever is damaged in the folder of models, these commands still show what is whole and put it in charge, and say who decided.
// Method: real bundles in a folder, damaged by hand; the commands as the command line runs them.
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import type { CommandDef } from 'citty'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { openApp } from '../app.ts'
import type { ModelAliases } from '../domain/registered-model.ts'
import { writeEmptyBundle } from '../models/bundle.testing.ts'
import type { RegisteredModels } from '../training/registered-models.ts'
import models from './models.ts'
import promote from './promote.ts'
import rollback from './rollback.ts'
import { runCommandLine } from './run-command.ts'

let data: string
let modelsDir: string
let printed: string[]

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'millrace-models-command-'))
  modelsDir = join(data, 'models')
  printed = []
  vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line))
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(data, { recursive: true })
})

const system = join(import.meta.dirname, '..', '..', 'examples', 'online-retail')
// biome-ignore lint/suspicious/noExplicitAny: each command has its own arguments, which only citty looks at.
const commands: Readonly<Record<'models' | 'promote' | 'rollback', CommandDef<any>>> = { models, promote, rollback }

/** @returns what it printed */
async function run(name: keyof typeof commands, ...args: string[]): Promise<string> {
  printed = []
  // These models were never judged, and the tests are not about gates.
  const override = name === 'promote' && args.includes('--reason') ? ['--override', 'a test'] : []
  await runCommandLine(name, commands[name], [...args, ...override, '--data', data, '--system', system])
  return printed.join('\n')
}

async function withModels<T>(work: (models: RegisteredModels) => Promise<T>): Promise<T> {
  const app = await openApp({ systemFile: system, dataDir: data })
  try {
    return await work(await app.models())
  } finally {
    await app.close()
  }
}

/** Trains as many models, a second apart; none is in charge. */
const trained = (...trainedAtMs: number[]): Promise<string[]> =>
  withModels(async (registered) => {
    const versions: string[] = []
    for (const moment of trainedAtMs) {
      versions.push(await writeEmptyBundle(modelsDir, moment))
      await registered.register(versions.at(-1)!)
    }
    return versions
  })

const aliases = (): Promise<ModelAliases> => withModels((registered) => registered.aliases())

test('promoting and rolling back say what was replaced, and the log says who did it and why', async () => {
  const [older, newer] = await trained(1000, 2000)
  expect(await run('models')).toContain('No model is in charge.')
  expect(await run('promote', older!, '--reason', 'the first')).toContain(`${older} is in charge. Running`)
  const betweenMs = Date.now()
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(await run('promote', newer!, '--reason', 'better', '--by', 'ada')).toContain(`in place of ${older}`)
  expect(await run('promote', newer!, '--reason', 'again')).toContain('Nothing changed')
  expect(await run('rollback', '--reason', 'fewer clicks', '--expect', newer!)).toContain(`${older} is in charge`)
  expect(await aliases()).toEqual({ champion: older, previous: newer })
  expect(await run('models')).toMatch(new RegExp(`^${newer} +previous +registered.*\n${older} +champion`, 'm'))

  const log = await run('models', 'audit')
  expect(log).toMatch(new RegExp(`champion +${older} +${newer} +ada +millrace promote +better`))
  expect(log).toMatch(
    new RegExp(`champion +${newer} +${older} +${userInfo().username} +millrace rollback +fewer clicks`),
  )
  const then = await run('models', 'audit', '--at', new Date(betweenMs).toISOString())
  expect(then).toContain(`${older} was in charge`)
  expect(then).not.toContain('better')
  expect(await run('models', 'audit', '--at', '1999-01-01')).toBe('Nothing was in charge at 1999-01-01T00:00:00.000Z.')
  expect(JSON.parse(await run('models', 'audit', '--json')).moves).toHaveLength(5)
})

test('a challenger is on trial beside the champion', async () => {
  const [older, newer] = await trained(1000, 2000)
  await run('promote', older!, '--reason', 'the first')
  expect(await run('promote', newer!, '--as', 'challenger', '--reason', 'try')).toContain(`${newer} is the challenger`)
  expect(await aliases()).toEqual({ champion: older, challenger: newer })
})

test('what cannot be is refused with the way out: no reason, an unknown alias, nothing before, another version in charge', async () => {
  const [older, newer] = await trained(1000, 2000)
  await run('promote', older!, '--reason', 'the first')
  const refusals = [
    [run('promote', newer!, '--reason', ' '), 'CLI_USAGE'],
    [run('promote', newer!), 'CLI_USAGE'],
    [run('promote', newer!, '--as', 'previous', '--reason', 'x'), 'CLI_USAGE'],
    [run('rollback', '--reason', 'x'), 'MODEL_NO_PREVIOUS'],
    [run('promote', newer!, '--reason', 'x', '--expect', newer!), 'MODEL_ALIAS_MOVED'],
    [run('promote', 'nope', '--reason', 'x'), 'MODEL_NOT_FOUND'],
    [run('models', 'show', 'nope'), 'MODEL_NOT_FOUND'],
    [run('models', 'gc', '--keep', '0'), 'CLI_USAGE'],
    [run('models', 'gc', '--in-charge-days', 'x'), 'CLI_USAGE'],
  ] as const
  for (const [refused, code] of refusals) await expect(refused).rejects.toMatchObject({ code })
  expect(await aliases()).toEqual({ champion: older })
})

test('one damaged bundle does not hide the others, and cannot be put in charge', async () => {
  const [older, newer, newest] = await trained(1000, 2000, 3000)
  await run('promote', older!, '--reason', 'the first')
  await run('promote', newer!, '--reason', 'better')
  await writeFile(join(modelsDir, newer!, 'items.txt'), 'b')
  await rm(join(modelsDir, newest!), { recursive: true })
  const shown = await run('models', 'list')
  expect(shown).toMatch(new RegExp(`${older} +previous +registered +\\d+ days +9`))
  // One byte of it changed, and its length did not: those in charge are read in full.
  expect(shown).toMatch(new RegExp(`${newer} +champion +registered, damaged`))
  expect(shown).toMatch(new RegExp(`${newest} +– +registered, missing`))
  expect(shown).toContain(`${newer}: BUNDLE_CORRUPT`)
  await expect(run('promote', newest!, '--reason', 'x')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
  await run('rollback', '--reason', 'damaged')
  await expect(run('rollback', '--reason', 'x')).rejects.toMatchObject({ code: 'BUNDLE_CORRUPT' })
  expect(await aliases()).toEqual({ champion: older, previous: newer })
  expect(await run('models', 'show', newer!)).toContain('BUNDLE_CORRUPT')
})

test('a collection says what it deletes, deletes nothing as a rehearsal, and keeps what is known of the deleted', async () => {
  const [older, newer] = await trained(1000, 2000)
  const rehearsal = await run('models', 'gc', '--keep', '1', '--dry-run')
  expect(rehearsal).toContain(`${newer} stays: the newest`)
  expect(rehearsal).toContain(`${older} would be deleted`)
  expect(existsSync(join(modelsDir, older!))).toBe(true)
  expect(await run('models', 'gc', '--keep', '1')).toContain(`${older} is deleted`)
  expect(existsSync(join(modelsDir, older!))).toBe(false)
  expect(await run('models')).not.toContain(older)
  expect(await run('models', '--all')).toMatch(new RegExp(`${older} +– +deleted`))
  expect(await run('models', 'show', older!)).toContain('learned from')
  await expect(run('promote', older!, '--reason', 'x')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
  expect(await run('models', 'gc')).toContain('There is nothing to delete.')
})
