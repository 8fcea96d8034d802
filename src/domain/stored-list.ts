// Lists that a batch made ahead of time, one for each user and placement, and the bytes they are kept as.
import { ByteReader, type ByteWriter } from '../lib/bytes.ts'
import type { RecommendedItem } from './recommendation.ts'

/** All lists that one batch made for a placement. Readers see one generation as a whole, or another. */
export interface ListGeneration {
  /** The id of the run that made it. */
  readonly batchId: string
  readonly modelVersion: string
  /** The moment that the lists are of. */
  readonly madeAtMs: number
  /** Those of the placement: a list names them by their places. */
  readonly generatorNames: readonly string[]
  readonly listCount: number
}

/** Best first. */
export interface StoredList {
  readonly itemIds: readonly string[]
  readonly scores: readonly number[]
  /** By item the candidate generator that proposed it. */
  readonly generators: readonly string[]
}

/** Lists of one user after another, as bytes: the n-th ends at `ends[n]`, where the next one begins. */
export interface EncodedLists {
  readonly bytes: Uint8Array
  readonly ends: Int32Array
}

/**
 * @param items best first; what others than these generators proposed, such as what is popular, is left out
 * @param generatorNames at most 256
 */
export function writeList(
  writer: ByteWriter,
  items: readonly RecommendedItem[],
  generatorNames: readonly string[],
): void {
  let count = 0
  for (const { generator } of items) if (generatorNames.includes(generator)) count++
  writer.whole(count)
  for (const { itemId, score, generator } of items) {
    const number = generatorNames.indexOf(generator)
    if (number < 0) continue
    writer.byte(number)
    writer.float(score)
    writer.text(itemId)
  }
}

/** @throws RangeError where the bytes end early */
export function readList(bytes: Uint8Array, generatorNames: readonly string[]): StoredList {
  const reader = new ByteReader(bytes)
  const count = reader.whole()
  const itemIds: string[] = []
  const scores: number[] = []
  const generators: string[] = []
  for (let place = 0; place < count; place++) {
    generators.push(generatorNames[reader.byte()]!)
    scores.push(reader.float())
    itemIds.push(reader.text())
  }
  return { itemIds, scores, generators }
}

/** The bytes of the n-th list. */
export const encodedListAt = ({ bytes, ends }: EncodedLists, n: number): Uint8Array =>
  bytes.subarray(n === 0 ? 0 : ends[n - 1]!, ends[n])

// Where they lie in a store of records: the directory says which generation counts, every generation has a space of its own.

export const LIST_DIRECTORY_SPACE = 'lists'
export const listSpace = (placement: string, batchId: string): string => `lists.${placement}.${batchId}`

/** What is known of a placement's lists; `others` are generations that are being written, or no longer count and are to be removed. */
export interface ListDirectory {
  readonly current?: ListGeneration
  readonly others: readonly string[]
}

export const listDirectoryBytes = (directory: ListDirectory): Uint8Array => Buffer.from(JSON.stringify(directory))

export const listDirectoryIn = (bytes: Uint8Array | undefined): ListDirectory =>
  bytes === undefined ? { others: [] } : (JSON.parse(Buffer.from(bytes).toString()) as ListDirectory)
