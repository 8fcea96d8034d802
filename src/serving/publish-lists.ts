// Puts the lists of a batch in the place of those before: a generation is written beside the one that counts, then a single commit makes it the one, then the
// old one is removed. It may be killed at any moment and begun again: what was left half done is finished or removed.
import {
  type EncodedLists,
  encodedListAt,
  LIST_DIRECTORY_SPACE,
  type ListDirectory,
  type ListGeneration,
  listDirectoryBytes,
  listDirectoryIn,
  listSpace,
} from '../domain/stored-list.ts'
import type { OnlineStore, OnlineStoreWriter } from '../ports/online-store.ts'

/** Lists of some users. */
export interface ListChunk extends EncodedLists {
  readonly userIds: readonly string[]
}

export interface ListPublication {
  readonly placement: string
  readonly generation: ListGeneration
  readonly chunks: AsyncIterable<ListChunk>
}

const REMOVED_AT_ONCE = 10_000

/**
 * All placements change in one commit.
 * @throws MillraceError ONLINE_STORE_TAKEN while another process publishes; ONLINE_STORE_FULL, ONLINE_STORE_UNUSABLE: then the lists of before count on
 */
export async function publishLists(
  store: OnlineStore,
  publications: readonly ListPublication[],
  nowMs: number,
): Promise<void> {
  const writer = await store.claim()
  try {
    const before = await directoriesOf(store, publications)
    await announce(writer, publications, { before, nowMs })
    for (const publication of publications) await writeGeneration(writer, publication, nowMs)
    const directories = publications.map(({ generation }, n): ListDirectory => {
      const replaced = before[n]!.current?.batchId
      return {
        current: generation,
        others: replaced === undefined || replaced === generation.batchId ? [] : [replaced],
      }
    })
    await putDirectories(writer, publications, { directories, nowMs })
    await removeOthers(writer, publications, { directories, nowMs })
  } finally {
    await writer.release()
  }
}

interface Directories {
  /** One for each publication. */
  readonly directories: readonly ListDirectory[]
  readonly nowMs: number
}

async function directoriesOf(
  store: OnlineStore,
  publications: readonly ListPublication[],
): Promise<readonly ListDirectory[]> {
  const keys = publications.map(({ placement }) => placement)
  const [found] = await store.read([{ space: LIST_DIRECTORY_SPACE, keys }])
  return found!.map(listDirectoryIn)
}

/** Removes what others left half done, and notes what is about to be written: a list that nobody knows of could never be removed. */
async function announce(
  writer: OnlineStoreWriter,
  publications: readonly ListPublication[],
  { before, nowMs }: { readonly before: readonly ListDirectory[]; readonly nowMs: number },
): Promise<void> {
  for (const [n, { placement, generation }] of publications.entries()) {
    for (const batchId of before[n]!.others) {
      if (batchId !== generation.batchId) await removeGeneration(writer, placement, batchId)
    }
  }
  const directories = publications.map(({ generation: { batchId } }, n): ListDirectory => {
    const { current } = before[n]!
    return { ...(current && { current }), others: current?.batchId === batchId ? [] : [batchId] }
  })
  await putDirectories(writer, publications, { directories, nowMs })
}

async function writeGeneration(
  writer: OnlineStoreWriter,
  { placement, generation, chunks }: ListPublication,
  nowMs: number,
): Promise<void> {
  const space = listSpace(placement, generation.batchId)
  for await (const chunk of chunks) {
    const puts = chunk.userIds.map((key, n) => ({ key, bytes: encodedListAt(chunk, n) }))
    await writer.commit([{ space, puts, removes: [] }], nowMs)
  }
}

async function putDirectories(
  writer: OnlineStoreWriter,
  publications: readonly ListPublication[],
  { directories, nowMs }: Directories,
): Promise<void> {
  const puts = publications.map(({ placement: key }, n) => ({ key, bytes: listDirectoryBytes(directories[n]!) }))
  await writer.commit([{ space: LIST_DIRECTORY_SPACE, puts, removes: [] }], nowMs)
}

async function removeOthers(
  writer: OnlineStoreWriter,
  publications: readonly ListPublication[],
  { directories, nowMs }: Directories,
): Promise<void> {
  for (const [n, { placement }] of publications.entries()) {
    for (const batchId of directories[n]!.others) await removeGeneration(writer, placement, batchId)
  }
  const cleared = directories.map((directory) => ({ ...directory, others: [] }))
  await putDirectories(writer, publications, { directories: cleared, nowMs })
}

async function removeGeneration(writer: OnlineStoreWriter, placement: string, batchId: string): Promise<void> {
  const space = listSpace(placement, batchId)
  while ((await writer.clear(space, REMOVED_AT_ONCE)) === REMOVED_AT_ONCE);
}
