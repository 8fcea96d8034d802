// Goal: a server follows the champion, and goes on answering whatever becomes of bundles and registry. Method: real bundles and a real registry, damaged by hand.
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { MillraceError } from '../lib/errors.ts'
import { silentLogger } from '../lib/logger.ts'
import { popularity } from '../models/popularity/popularity.ts'
import { openTestModels, someDecision, someUser, type TestModels } from '../training/registered-models.testing.ts'
import { LiveModel } from './live-model.ts'

let under: TestModels
let swaps: string[]
let warnings: object[]
let errors: object[]
let isAway: boolean

const server = (): LiveModel =>
  new LiveModel({
    modelsDir: under.modelsDir,
    models: async () => {
      if (isAway) throw new MillraceError('METADATA_UNAVAILABLE', 'The database does not answer.')
      return under.models
    },
    user: someUser,
    system: { generators: { trending: popularity() }, features: [] },
    log: {
      ...silentLogger,
      warn: (_, details = {}) => void warnings.push(details),
      error: (_, details = {}) => void errors.push(details),
    },
    onSwap: ({ version }) => void swaps.push(version),
  })

beforeEach(async () => {
  under = await openTestModels()
  swaps = []
  warnings = []
  errors = []
  isAway = false
})
afterEach(() => under.close())

const manifestPath = (version: string): string => join(under.modelsDir, version, 'manifest.json')

async function inTurn(...trainedAtMs: number[]): Promise<string[]> {
  const versions: string[] = []
  for (const moment of trainedAtMs) {
    versions.push(await under.trained(moment))
    await under.promote(versions.at(-1)!)
  }
  return versions
}

test('the champion is loaded, and another one when the alias moves', async () => {
  const live = server()
  await live.refresh()
  expect([live.manifest, live.problem]).toEqual([undefined, undefined])
  const [first] = await inTurn(1000)
  await live.refresh()
  await live.refresh()
  const [second] = await inTurn(2000)
  await live.refresh()
  await under.models.rollBack({ decision: someDecision })
  await live.refresh()
  expect(swaps).toEqual([first, second, first])
  expect(live.champion).toBe(first)
})

test('what is loaded is held, and let go at the end', async () => {
  const live = server()
  const [first] = await inTurn(1000)
  await live.refresh()
  expect(await under.metadata.modelUses.list()).toEqual([{ user: someUser, version: first }])
  const [second] = await inTurn(2000)
  await live.refresh()
  expect(await under.metadata.modelUses.list()).toEqual([{ user: someUser, version: second }])
  await live.stop()
  expect(await under.metadata.modelUses.list()).toEqual([])
})

test('a damaged champion is read once, and answers as soon as its files are mended, without a restart', async () => {
  const [version] = await inTurn(1000)
  const manifest = await readFile(manifestPath(version!))
  await writeFile(manifestPath(version!), '<html>')
  const live = server()
  await live.refresh()
  await live.refresh()
  expect(live.problem).toMatch(/^BUNDLE_CORRUPT/)
  expect(errors).toMatchObject([{ answering: 'popular items', modelVersion: version }])
  await writeFile(manifestPath(version!), manifest)
  await live.refresh()
  expect([live.problem, swaps]).toEqual([undefined, [version]])
})

test('at the start, the previous model answers where the champion was deleted by hand, until it is back', async () => {
  const [first, second] = await inTurn(1000, 2000)
  const manifest = await readFile(manifestPath(second!))
  await rm(manifestPath(second!))
  const live = server()
  await live.refresh()
  expect(swaps).toEqual([first])
  expect(live.champion).toBe(second)
  expect(live.problem).toMatch(/^MODEL_NOT_FOUND/)
  expect(errors).toMatchObject([{ answering: first, modelVersion: second }])
  expect(await under.metadata.modelUses.list()).toEqual([{ user: someUser, version: first }])
  await live.refresh()
  expect([swaps.length, errors.length]).toEqual([1, 1])
  await writeFile(manifestPath(second!), manifest)
  await live.refresh()
  expect([swaps, live.problem]).toEqual([[first, second], undefined])
})

test('at the start nothing answers where both are gone, and the one that is mended first does', async () => {
  const [first, second] = await inTurn(1000, 2000)
  const manifest = await readFile(manifestPath(first!))
  for (const version of [first!, second!]) await rm(manifestPath(version))
  const live = server()
  await live.refresh()
  expect(live.manifest).toBeUndefined()
  await writeFile(manifestPath(first!), manifest)
  await live.refresh()
  expect(swaps).toEqual([first])
  expect(live.problem).toMatch(/^MODEL_NOT_FOUND/)
})

test('a champion that is gone while it answers goes on answering, and one that cannot be loaded does not take its place', async () => {
  const live = server()
  const [first] = await inTurn(1000)
  await live.refresh()
  await rm(manifestPath(first!))
  await live.refresh()
  expect(live.problem).toBeUndefined()
  const [second] = await inTurn(2000)
  await writeFile(join(under.modelsDir, second!, 'items.txt'), 'b')
  await live.refresh()
  expect([swaps, live.champion]).toEqual([[first], second])
  expect(live.problem).toMatch(/^BUNDLE_CORRUPT/)
})

test('while the registry is away, what is loaded goes on answering, and the problem ends with it', async () => {
  const live = server()
  const [first] = await inTurn(1000)
  await live.refresh()
  isAway = true
  await live.refresh()
  expect([live.manifest?.version, live.problem]).toEqual([first, expect.stringMatching(/^METADATA_UNAVAILABLE/)])
  const [second] = await inTurn(2000)
  isAway = false
  await live.refresh()
  expect([swaps, live.problem]).toEqual([[first, second], undefined])
})

test('a generator of the system file that the model was not trained with is told', async () => {
  const [version] = await inTurn(1000)
  await server().refresh()
  expect(warnings).toEqual([{ modelVersion: version, missing: ['trending'] }])
})
