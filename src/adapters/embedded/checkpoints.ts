// Checkpoints as files of one folder. Each begins with the SHA-256 of the rest: one that is damaged counts as none.
import { createHash } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { contentHash } from '../../lib/canonical-json.ts'
import { MillraceError } from '../../lib/errors.ts'
import type { Artifacts } from '../../ports/candidate-generator.ts'
import type { Checkpoints } from '../../ports/checkpoints.ts'

const arrayTypes = { Float32Array, Float64Array, Int32Array, Int8Array, Uint8Array } as const
type ArrayTypeName = keyof typeof arrayTypes

/** Of the arrays, in the order of their bytes. */
type Index = readonly { readonly name: string; readonly type: ArrayTypeName; readonly length: number }[]

const HASH_BYTES = 32
/** Of the index, behind the hash. */
const LENGTH_BYTES = 4

/** The folder is made with the first checkpoint. One process writes to it at a time. */
export function openCheckpoints({ folder }: { readonly folder: string }): Checkpoints {
  // A name may hold what a file system does not take.
  const pathOf = (name: string, key: string): string => join(folder, contentHash({ name, key }).slice(0, 32))
  return {
    async load(name, key) {
      try {
        return artifactsIn(await readFile(pathOf(name, key)))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      }
    },

    async save(name, key, artifacts) {
      const path = pathOf(name, key)
      const temporary = `${path}.writing`
      try {
        await mkdir(folder, { recursive: true })
        const file = await open(temporary, 'w')
        try {
          for (const part of partsOf(artifacts)) await file.writeFile(part)
          await file.sync()
        } finally {
          await file.close()
        }
        await rename(temporary, path)
      } catch (error) {
        await rm(temporary, { force: true })
        if (!/ENOSPC|EDQUOT/.test(String((error as NodeJS.ErrnoException).code))) throw error
        throw new MillraceError('DISK_FULL', `The disk that holds ${folder} is full; the checkpoint was not kept.`, {
          fix: 'Free some space: the model needs about as much once more.',
          cause: error,
        })
      }
    },
  }
}

function partsOf(artifacts: Artifacts): readonly Uint8Array[] {
  const entries = Object.entries(artifacts)
  const index: Index = entries.map(([name, array]) => ({
    name,
    type: array.constructor.name as ArrayTypeName,
    length: array.length,
  }))
  const indexText = Buffer.from(JSON.stringify(index))
  const indexLength = Buffer.alloc(LENGTH_BYTES)
  indexLength.writeUInt32LE(indexText.length)
  const arrays = entries.map(([, { buffer, byteOffset, byteLength }]) => new Uint8Array(buffer, byteOffset, byteLength))
  const body = [indexLength, indexText, ...arrays]
  const hash = createHash('sha256')
  for (const part of body) hash.update(part)
  return [hash.digest(), ...body]
}

/** @returns undefined where a byte differs from what was written */
function artifactsIn(bytes: Buffer): Artifacts | undefined {
  const body = bytes.subarray(HASH_BYTES)
  if (!createHash('sha256').update(body).digest().equals(bytes.subarray(0, HASH_BYTES))) return undefined
  const indexEnd = LENGTH_BYTES + body.readUInt32LE()
  const index = JSON.parse(body.toString('utf8', LENGTH_BYTES, indexEnd)) as Index
  let at = body.byteOffset + indexEnd
  const artifacts: Record<string, Artifacts[string]> = {}
  for (const { name, type, length } of index) {
    const ArrayType = arrayTypes[type]
    const end = at + length * ArrayType.BYTES_PER_ELEMENT
    // A fresh buffer: what was read need not be aligned for the type.
    artifacts[name] = new ArrayType(body.buffer.slice(at, end) as ArrayBuffer)
    at = end
  }
  return artifacts
}
