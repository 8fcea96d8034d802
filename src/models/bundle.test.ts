import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import {
  type BundleContent,
  currentVersion,
  listVersions,
  readBundle,
  setCurrentVersion,
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
        await expect(readBundle(modelsDir, version), `${file} at ${position}`).rejects.toMatchObject({
          code: expect.stringMatching(/^BUNDLE_(CORRUPT|NEWER)$/),
          message: expect.stringContaining(file),
        })
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

describe('the version in charge', () => {
  test('is undefined before any, and then the one that was set', async () => {
    expect(await currentVersion(modelsDir)).toBeUndefined()
    const { version } = await writeBundle(modelsDir, content)
    await setCurrentVersion(modelsDir, version)
    expect(await currentVersion(modelsDir)).toBe(version)
    expect(await listVersions(modelsDir)).toEqual([version])
  })

  test('can only be one that exists', async () => {
    for (const version of ['nope', '../nope', '']) {
      await expect(setCurrentVersion(modelsDir, version)).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
    }
  })
})
