// Goal: whoever looks a list up sees one generation as a whole or another, whatever happens to the process that exchanges them. Method: publishing breaks off at every
// single commit, and is looked at in between; then another batch publishes, and nothing is left of what counts no more.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { memoryOnlineStore, onlineMemory } from '../adapters/embedded/memory-online-store.ts'
import { encodedListAt, listSpace, readList, writeList } from '../domain/stored-list.ts'
import { ByteWriter } from '../lib/bytes.ts'
import type { OnlineStore } from '../ports/online-store.ts'
import { type ListPublication, publishLists } from './publish-lists.ts'
import { StoredLists } from './stored-lists.ts'

const NOW_MS = 1_000_000
const within = { nowMs: NOW_MS, waitMs: 1000 }
const userIds = ['u1', 'u2', 'u3']
const generatorNames = ['cf', 'trending']

/** Every user's list of a batch names the batch. */
function publication(batchId: string, placement = 'home'): ListPublication {
  const writer = new ByteWriter()
  const ends = new Int32Array(userIds.length)
  for (const [n, userId] of userIds.entries()) {
    const itemIds = [`${batchId}-${userId}`, 'i']
    writeList(
      writer,
      itemIds.map((itemId, place) => ({ itemId, score: -place, generator: 'cf' })),
      generatorNames,
    )
    ends[n] = writer.length
  }
  const all = { bytes: writer.copy(), ends }
  return {
    placement,
    generation: { batchId, modelVersion: 'm', madeAtMs: NOW_MS, generatorNames, listCount: userIds.length },
    // A chunk a user, so that there are commits between them.
    chunks: (async function* () {
      for (const [n, userId] of userIds.entries()) {
        const bytes = encodedListAt(all, n)
        yield { userIds: [userId], bytes, ends: Int32Array.of(bytes.length) }
      }
    })(),
  }
}

/** A store whose writer is gone after so many writes. */
function breakingOff(store: OnlineStore, writeCount: number): OnlineStore {
  let left = writeCount
  const counted = <T>(act: () => Promise<T>): Promise<T> => {
    if (left-- <= 0) throw new Error('killed')
    return act()
  }
  return {
    ...store,
    claim: async () => {
      const writer = await store.claim()
      return {
        commit: (changes, nowMs) => counted(() => writer.commit(changes, nowMs)),
        clear: (space, limit) => counted(() => writer.clear(space, limit)),
        release: () => writer.release(),
      }
    },
  }
}

const seenBy = async (lists: StoredLists, placement = 'home'): Promise<readonly (string | undefined)[]> =>
  Promise.all(userIds.map(async (userId) => (await lists.find(placement, userId, within))?.list.itemIds[0]))

test('a list is the same after its bytes; what other generators proposed is not in it', () => {
  const anItem = fc.record({
    itemId: fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('crème', '日本', '🎁', 'x'.repeat(300))),
    score: fc.double({ noNaN: true }),
    generator: fc.constantFrom(...generatorNames, 'popular'),
  })
  fc.assert(
    fc.property(fc.array(anItem, { maxLength: 40 }), (items) => {
      const writer = new ByteWriter()
      writeList(writer, items, generatorNames)
      const kept = items.filter(({ generator }) => generator !== 'popular')
      expect(readList(writer.copy(), generatorNames)).toEqual({
        itemIds: kept.map(({ itemId }) => itemId),
        scores: kept.map(({ score }) => score),
        generators: kept.map(({ generator }) => generator),
      })
    }),
  )
})

describe('an exchange of lists', () => {
  test('wherever it breaks off, all users have the old lists or all have the new ones, and the next one leaves nothing behind', async () => {
    let brokenCount = 0
    for (let writeCount = 0; ; writeCount++) {
      const memory = onlineMemory()
      const store = memoryOnlineStore(memory)
      const lists = new StoredLists(store)
      await publishLists(store, [publication('old')], NOW_MS)
      expect(await seenBy(lists)).toEqual(userIds.map((userId) => `old-${userId}`))
      const ended = await publishLists(breakingOff(store, writeCount), [publication('new')], NOW_MS).then(
        () => true,
        () => false,
      )
      const seen = await seenBy(lists)
      const generation = seen[0]!.split('-')[0]!
      expect(['old', 'new']).toContain(generation)
      expect(seen).toEqual(userIds.map((userId) => `${generation}-${userId}`))
      // Somebody who has never looked sees the same.
      expect(await seenBy(new StoredLists(store))).toEqual(seen)

      // The same batch goes on, or another one comes.
      const next = writeCount % 2 === 0 ? 'new' : 'third'
      await publishLists(store, [publication(next)], NOW_MS)
      expect(await seenBy(lists)).toEqual(userIds.map((userId) => `${next}-${userId}`))
      for (const gone of ['old', 'new', 'third'].filter((batchId) => batchId !== next)) {
        expect(memory.bySpace.get(listSpace('home', gone))?.size ?? 0, `${gone} after ${writeCount} writes`).toBe(0)
      }
      if (ended) break
      brokenCount++
    }
    // Announced, three chunks, exchanged, removed, noted.
    expect(brokenCount).toBeGreaterThan(5)
  })

  test('several placements change in one commit', async () => {
    const store = memoryOnlineStore()
    const lists = new StoredLists(store)
    const both = (batchId: string) => [publication(batchId, 'home'), publication(batchId, 'mail')]
    await publishLists(store, both('old'), NOW_MS)
    const watching: OnlineStore = {
      ...store,
      claim: async () => {
        const writer = await store.claim()
        return {
          ...writer,
          commit: async (changes, nowMs) => {
            await writer.commit(changes, nowMs)
            const [home] = await seenBy(lists, 'home')
            const [mail] = await seenBy(lists, 'mail')
            expect(home).toBe(mail)
          },
        }
      },
    }
    await publishLists(watching, both('new'), NOW_MS)
    expect(await seenBy(lists, 'mail')).toEqual(userIds.map((userId) => `new-${userId}`))
  })

  test('two at once: the second is refused', async () => {
    const memory = onlineMemory()
    const writer = await memoryOnlineStore(memory).claim()
    const second = publishLists(memoryOnlineStore(memory), [publication('b')], NOW_MS)
    await expect(second).rejects.toMatchObject({ code: 'ONLINE_STORE_TAKEN' })
    await writer.release()
  })
})

test('a generation that is exchanged between two looks is followed, not taken for a missing list', async () => {
  const store = memoryOnlineStore()
  await publishLists(store, [publication('old')], NOW_MS)
  const lists = new StoredLists(store)
  await lists.find('home', 'u1', within)
  await publishLists(store, [publication('new')], NOW_MS)
  expect((await lists.find('home', 'u1', within))?.list.itemIds[0]).toBe('new-u1')
  expect(await lists.find('home', 'stranger', within)).toBeUndefined()
  expect(await lists.find('elsewhere', 'u1', within)).toBeUndefined()
})

test('a store that hangs costs its time five times, then nothing for a second', async () => {
  let askedCount = 0
  const lists = new StoredLists({
    read: () => {
      askedCount++
      return new Promise(() => {})
    },
  })
  const find = (nowMs: number) => lists.find('home', 'u1', { nowMs, waitMs: 1 })
  for (let n = 0; n < 5; n++) await expect(find(NOW_MS)).rejects.toThrow(/longer than 1 ms/)
  await expect(find(NOW_MS + 500)).rejects.toThrow(/left alone/)
  expect(askedCount).toBe(5)
  await expect(find(NOW_MS + 1001)).rejects.toThrow(/longer/)
  expect(askedCount).toBe(6)
})
