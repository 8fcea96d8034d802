// The bytes of a file as a stream, decompressed where they are gzip, in pieces small enough that a file of any size needs little memory.
import { once } from 'node:events'
import { type FileHandle, open } from 'node:fs/promises'
import { createGunzip, type Gunzip } from 'node:zlib'
import { MillraceError } from '../lib/errors.ts'

/** A compressed piece may grow a thousandfold, so it is kept smaller. */
const CHUNK_BYTES = 2 ** 18
const COMPRESSED_CHUNK_BYTES = 2 ** 16

export interface FileBytes {
  readonly chunk: Buffer
  /** Of the file as it lies on disk, for the progress. */
  readonly readBytes: number
}

/** @throws MillraceError IMPORT_FILE_UNREADABLE */
export async function openFile(path: string): Promise<FileHandle> {
  let file: FileHandle | undefined
  try {
    file = await open(path)
    if ((await file.stat()).isDirectory()) throw new Error('it is a folder')
    return file
  } catch (error) {
    await file?.close()
    throw new MillraceError('IMPORT_FILE_UNREADABLE', `${path} cannot be read: ${(error as Error).message}.`, {
      fix: 'Check the path, and that this user may read the file.',
      cause: error,
    })
  }
}

/** The first bytes of a file: what it is shows there, whatever its name says. */
export async function firstBytes(file: FileHandle): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0)
  return buffer.subarray(0, bytesRead)
}

export const isGzip = (start: Buffer): boolean => start[0] === 0x1f && start[1] === 0x8b

/**
 * Pieces in order; each is valid until the next one is asked for. Of a gzip stream that is cut or broken, everything before that place comes first, then the error.
 * @throws DamagedBytes
 */
export async function* fileBytes(file: FileHandle): AsyncGenerator<FileBytes> {
  if (!isGzip(await firstBytes(file))) {
    yield* rawBytes(file, CHUNK_BYTES)
    return
  }
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES })
  const unpacked: Buffer[] = []
  gunzip.on('data', (chunk: Buffer) => unpacked.push(chunk))
  let readBytes = 0
  let failure: Error | undefined
  try {
    for await (const { chunk, readBytes: soFar } of rawBytes(file, COMPRESSED_CHUNK_BYTES)) {
      readBytes = soFar
      failure = await written(gunzip, chunk)
      for (const piece of unpacked.splice(0)) yield { chunk: piece, readBytes }
      if (failure) break
    }
    failure ??= await ended(gunzip)
    for (const piece of unpacked.splice(0)) yield { chunk: piece, readBytes }
    if (failure) throw new DamagedBytes(failure.message, readBytes, failure)
  } finally {
    gunzip.destroy()
  }
}

/** The bytes of a file end early or are broken; what came before is good. */
export class DamagedBytes extends Error {
  /** How far into the file, as it lies on disk, the reader had come. */
  readonly readBytes: number

  constructor(message: string, readBytes: number, cause: unknown) {
    super(message, { cause })
    this.readBytes = readBytes
  }
}

async function* rawBytes(file: FileHandle, chunkBytes: number): AsyncGenerator<FileBytes> {
  // One buffer for the whole file: a piece is used up before the next one is asked for.
  const buffer = Buffer.allocUnsafe(chunkBytes)
  let readBytes = 0
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, chunkBytes, readBytes)
    if (bytesRead === 0) return
    readBytes += bytesRead
    yield { chunk: buffer.subarray(0, bytesRead), readBytes }
  }
}

/** Everything that this piece unpacks to has been emitted when it resolves. */
function written(gunzip: Gunzip, chunk: Buffer): Promise<Error | undefined> {
  return new Promise((resolve) => {
    gunzip.once('error', resolve)
    gunzip.write(chunk, (error) => {
      gunzip.off('error', resolve)
      resolve(error ?? undefined)
    })
  })
}

async function ended(gunzip: Gunzip): Promise<Error | undefined> {
  gunzip.end()
  try {
    await once(gunzip, 'end')
    return undefined
  } catch (error) {
    return error as Error
  }
}
