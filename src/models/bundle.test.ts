import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  type BundleContent,
  bundleFingerprint,
  checkBundle,
  inspectBundle,
  listVersions,
  readBundle,
  readHeldOutLists,
  readHeldOutRanking,
  removeBundle,
  removeLeftovers,
  summaryOf,
  writeBundle,
} from './bundle.ts'

const content: BundleContent = {
  lineage: {
    planHash: 'f'.repeat(64),
    commit: undefined,
    millraceVersion: '0.1.0',
    seed: 1,
    nextOffset: 10,
    interactionCount: 9,
    trainedAtMs: Date.UTC(2026, 0, 2, 3, 4, 5),
    asOfMs: 5,
  },
  userCount: 2,
  itemIds: ['a', 'b', 'ü c'],
  metrics: [{ name: 'NDCG@20', value: 0.2, interval: [0.1, 0.3] }],
  generators: {
    cf: {
      kind: 'ials',
      options: { factors: 4 },
      artifacts: { itemVectors: Float32Array.of(1, 2.5, -3, 0), lists: Int32Array.of(7, 8), codes: Int8Array.of(-1) },
    },
  },
}

let modelsDir: string
beforeEach(async () => {
  modelsDir = await mkdtemp(join(tmpdir(), 'millrace-models-'))
})

describe('a model bundle', () => {
  test('reads back exactly what was written', async () => {
    const { version } = await writeBundle(modelsDir, content)
    const bundle = await readBundle(modelsDir, version)
    expect(version).toMatch(/^20260102-030405-[0-9a-f]{8}$/)
    expect(bundle.itemIds).toEqual(content.itemIds)
    expect(bundle.artifacts).toEqual({ cf: content.generators.cf!.artifacts })
    expect(bundle.manifest.metrics).toEqual(content.metrics)
  })

  test('written again, as by a training that goes on after a kill, stays what it is, and takes the place of a damaged one', async () => {
    const first = await writeBundle(modelsDir, content)
    const before = await bundleFingerprint(modelsDir, first.version)
    expect(await writeBundle(modelsDir, content)).toEqual(first)
    expect(await bundleFingerprint(modelsDir, first.version)).toBe(before)
    await writeFile(join(modelsDir, first.version, 'items.txt'), 'a')
    await writeBundle(modelsDir, content)
    expect(await checkBundle(modelsDir, first.version)).toEqual(first)
    expect(await readdir(modelsDir)).toEqual([first.version])
  })

  test('refuses one flipped byte in any of its files, naming the file', async () => {
    const { version, files } = await writeBundle(modelsDir, content)
    for (const file of [...Object.keys(files), 'manifest.json']) {
      const path = join(modelsDir, version, file)
      const bytes = await readFile(path)
      for (const position of [0, bytes.length >> 1, bytes.length - 2]) {
        if (position < 0) continue
        const damaged = Uint8Array.from(bytes)
        damaged[position]! ^= 1
        await writeFile(path, damaged)
        for (const look of [readBundle, checkBundle]) {
          await expect(look(modelsDir, version), `${file} at ${position}`).rejects.toMatchObject({
            code: expect.stringMatching(/^BUNDLE_(CORRUPT|NEWER)$/),
            message: expect.stringContaining(file),
          })
        }
      }
      await writeFile(path, bytes)
    }
    await expect(readBundle(modelsDir, version)).resolves.toBeDefined()
  })

  test('of a newer format is refused with the way out', async () => {
    const { version } = await writeBundle(modelsDir, content)
    const path = join(modelsDir, version, 'manifest.json')
    await writeFile(path, (await readFile(path, 'utf8')).replace('"formatVersion": 1', '"formatVersion": 9'))
    await expect(readBundle(modelsDir, version)).rejects.toMatchObject({ code: 'BUNDLE_NEWER' })
  })

  test('leaves nothing behind when writing fails', async () => {
    const broken = { ...content, generators: { '../x/y': content.generators.cf! } }
    await expect(writeBundle(modelsDir, broken)).rejects.toThrow()
    expect(await readdir(modelsDir)).toEqual([])
  })
})

describe('looking at a bundle', () => {
  test('without reading it sees what is missing and what is too short, and is told so by name', async () => {
    const { version } = await writeBundle(modelsDir, content)
    expect((await inspectBundle(modelsDir, version)).version).toBe(version)
    const path = join(modelsDir, version, 'cf', 'lists.bin')
    const bytes = await readFile(path)
    await writeFile(path, bytes.subarray(1))
    await expect(inspectBundle(modelsDir, version)).rejects.toMatchObject({
      code: 'BUNDLE_CORRUPT',
      message: expect.stringMatching(/lists\.bin is damaged: it holds 7 bytes, expected 8/),
    })
    await rm(path)
    for (const look of [inspectBundle, checkBundle]) {
      await expect(look(modelsDir, version)).rejects.toMatchObject({
        message: expect.stringContaining('does not exist'),
      })
    }
  })

  test('by a name that cannot be one of a version reads nothing', async () => {
    for (const version of ['nope', '../nope', '']) {
      for (const look of [inspectBundle, checkBundle, readBundle]) {
        await expect(look(modelsDir, version)).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
      }
    }
  })

  test('tells whether a file was written, came or went since', async () => {
    const { version } = await writeBundle(modelsDir, content)
    const look = () => bundleFingerprint(modelsDir, version)
    const seen = [await look()]
    expect(await look()).toBe(seen[0])
    const path = join(modelsDir, version, 'items.txt')
    await writeFile(path, 'x')
    seen.push(await look())
    await rm(path)
    seen.push(await look())
    await rm(join(modelsDir, version), { recursive: true })
    seen.push(await look())
    expect(new Set(seen).size).toBe(4)
  })

  test('gives what the registry keeps of it', async () => {
    const manifest = await writeBundle(modelsDir, content)
    expect(summaryOf(manifest)).toMatchObject({
      version: manifest.version,
      lineage: { seed: 1 },
      generators: [{ name: 'cf', kind: 'ials' }],
      // The ids and four floats, two integers and one byte.
      bundleBytes: 'a\nb\nü c'.length + 1 + 16 + 8 + 1,
    })
  })
})

describe('taking a bundle away', () => {
  test('leaves nothing of it, and is no error where it is gone', async () => {
    const { version } = await writeBundle(modelsDir, content)
    await removeBundle(modelsDir, version)
    await removeBundle(modelsDir, version)
    expect(await readdir(modelsDir)).toEqual([])
  })

  test('leftovers of killed writers and deletions go, and a running writer keeps its folder', async () => {
    const { version } = await writeBundle(modelsDir, content)
    for (const name of ['.writing-1', '.writing-2', '.deleting-v']) await mkdir(join(modelsDir, name))
    expect(await listVersions(modelsDir)).toEqual([version])
    await removeLeftovers(modelsDir, (pid) => pid === 2)
    expect((await readdir(modelsDir)).sort()).toEqual(['.writing-2', version])
    await removeLeftovers(join(modelsDir, 'nowhere'), () => false)
  })
})

test('what an evaluation found of the ranked list is kept, value by value', async () => {
  const heldOutRanking = {
    k: 20,
    splitAtMs: 77,
    questions: { attributionMs: 5, questionsPerUser: 3, interactions: ['buy', 'view'] },
    userIds: ['u', 'ü v'],
    values: { recall: Float64Array.of(0.1, 1 / 3), ndcg: Float64Array.of(0.7, 0) },
  }
  const { version, contentHash } = await writeBundle(modelsDir, { ...content, heldOutRanking })
  expect(await readHeldOutRanking(modelsDir, version)).toEqual(heldOutRanking)
  const nobody = { ...heldOutRanking, userIds: [], values: { ndcg: new Float64Array(0) } }
  const { version: asked } = await writeBundle(modelsDir, { ...content, heldOutRanking: nobody })
  expect(await readHeldOutRanking(modelsDir, asked)).toEqual(nobody)
  await writeFile(join(modelsDir, version, 'ranked-values.bin'), 'x')
  await expect(readHeldOutRanking(modelsDir, version)).rejects.toMatchObject({ code: 'BUNDLE_CORRUPT' })
  const unmeasured = await writeBundle(modelsDir, content)
  expect(unmeasured.contentHash).toBe(contentHash)
  expect(await readHeldOutRanking(modelsDir, unmeasured.version)).toBeUndefined()
})

test('the lists of an evaluation are kept beside what answers, and a bundle that is there already is the same one', async () => {
  const heldOut = { k: 2, splitAtMs: 77, userIds: ['u', 'ü v'], rankedItems: Int32Array.of(0, 2, 1, -1) }
  const { version, files, contentHash } = await writeBundle(modelsDir, { ...content, heldOut })
  expect(await readHeldOutLists(modelsDir, version)).toEqual({ ...heldOut, itemIds: content.itemIds })
  expect(Object.keys(files)).toEqual(expect.arrayContaining(['held-out-users.txt', 'held-out-lists.bin']))
  expect((await readBundle(modelsDir, version)).artifacts).toEqual({ cf: content.generators.cf!.artifacts })
  expect((await writeBundle(modelsDir, { ...content, heldOut })).version).toBe(version)
  expect(await readdir(modelsDir)).toEqual([version])
  await writeFile(join(modelsDir, version, 'held-out-users.txt'), 'x')
  await expect(readHeldOutLists(modelsDir, version)).rejects.toMatchObject({ code: 'BUNDLE_CORRUPT' })
  const { version: unmeasured, ...rest } = await writeBundle(modelsDir, content)
  // How good it was says nothing of what was learned.
  expect(rest.contentHash).toBe(contentHash)
  expect(await readHeldOutLists(modelsDir, unmeasured)).toBeUndefined()
})
