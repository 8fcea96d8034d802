// The law of every online store.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { OnlineStore, SpaceChange } from './online-store.ts'

export interface OnlineStoreUnderTest {
  /** Opens the same store each time it is called, as another process would. */
  open(): Promise<OnlineStore>
  remove(): Promise<void>
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values)
const plain = (read: readonly (readonly (Uint8Array | undefined)[])[]) =>
  read.map((records) => records.map((record) => record && [...record]))
const change = (space: string, puts: Record<string, number[]>, removes: string[] = []): SpaceChange => ({
  space,
  puts: Object.entries(puts).map(([key, values]) => ({ key, bytes: bytes(...values) })),
  removes,
})

export function testOnlineStore(create: () => Promise<OnlineStoreUnderTest>): void {
  async function withStore(check: (store: OnlineStore, again: () => Promise<OnlineStore>) => Promise<void>) {
    const underTest = await create()
    const opened: OnlineStore[] = []
    const again = async () => {
      const store = await underTest.open()
      opened.push(store)
      return store
    }
    try {
      await check(await again(), again)
    } finally {
      for (const store of opened) await store.close()
      await underTest.remove()
    }
  }

  it('begins empty', () =>
    withStore(async (store) => {
      expect(plain(await store.read([{ space: 'a', keys: ['x'] }]))).toEqual([[undefined]])
      expect(await store.read([])).toEqual([])
    }))

  it('gives records back in the order of requests and keys, and keeps spaces apart', () =>
    withStore(async (store) => {
      const writer = await store.claim()
      await writer.commit([change('a', { x: [1], y: [] }), change('ab', { x: [3, 0, 255] })], 0)
      const requests = [
        { space: 'ab', keys: ['y', 'x'] },
        { space: 'a', keys: ['x', 'x', 'y'] },
      ]
      expect(plain(await store.read(requests))).toEqual([
        [undefined, [3, 0, 255]],
        [[1], [1], []],
      ])
    }))

  it('tells apart keys of any text, long ones too', () =>
    withStore(async (store) => {
      const writer = await store.claim()
      const long = 'k'.repeat(1990)
      const keys = ['', '/', 'a/b', 'é', '\u{1f600}', ' ', '%', '__proto__', `${long}1`, `${long}2`, long]
      await writer.commit([{ space: 's', puts: keys.map((key, n) => ({ key, bytes: bytes(n) })), removes: [] }], 0)
      expect(plain(await store.read([{ space: 's', keys }]))).toEqual([keys.map((_, n) => [n])])
    }))

  it('replaces and removes, and what is not there is removed without complaint', () =>
    withStore(async (store) => {
      const writer = await store.claim()
      await writer.commit([change('a', { x: [1], y: [2] })], 0)
      await writer.commit([change('a', { x: [3] }, ['y', 'z'])], 0)
      expect(plain(await store.read([{ space: 'a', keys: ['x', 'y', 'z'] }]))).toEqual([[[3], undefined, undefined]])
    }))

  it('shows a commit to everybody who has it open, and after opening again', () =>
    withStore(async (store, again) => {
      const other = await again()
      const writer = await store.claim()
      await writer.commit([change('a', { x: [1] })], 0)
      expect(plain(await other.read([{ space: 'a', keys: ['x'] }]))).toEqual([[[1]]])
      await writer.release()
      await store.close()
      expect(plain(await (await again()).read([{ space: 'a', keys: ['x'] }]))).toEqual([[[1]]])
    }))

  it('never shows half of a commit', () =>
    withStore(async (store, again) => {
      const other = await again()
      const writer = await store.claim()
      const keys = Array.from({ length: 50 }, (_, n) => `k${n}`)
      for (let round = 0; round < 20; round++) {
        const puts = Object.fromEntries(keys.map((key) => [key, [round]]))
        const committed = writer.commit([change('a', puts), change('b', { head: [round] })], 0)
        for (let n = 0; n < 5; n++) {
          const requests = [
            { space: 'a', keys },
            { space: 'b', keys: ['head'] },
          ]
          const seen = new Set(
            plain(await other.read(requests))
              .flat()
              .map((record) => record?.[0]),
          )
          expect(seen.size).toBe(1)
        }
        await committed
      }
    }))

  it('has one writer at a time', () =>
    withStore(async (store, again) => {
      const other = await again()
      const writer = await store.claim()
      await expect(other.claim()).rejects.toMatchObject({ code: 'ONLINE_STORE_TAKEN' })
      await expect(store.claim()).rejects.toMatchObject({ code: 'ONLINE_STORE_TAKEN' })
      await writer.release()
      await writer.release()
      const next = await other.claim()
      await expect(writer.commit([change('a', { x: [1] })], 0)).rejects.toMatchObject({ code: 'ONLINE_STORE_TAKEN' })
      await expect(writer.clear('a', 1)).rejects.toMatchObject({ code: 'ONLINE_STORE_TAKEN' })
      await next.commit([change('a', { x: [2] })], 0)
      expect(plain(await store.read([{ space: 'a', keys: ['x'] }]))).toEqual([[[2]]])
    }))

  it('says whether somebody has the right to write, whoever it is that asks', () =>
    withStore(async (store, again) => {
      const other = await again()
      expect(await store.isClaimed()).toBe(false)
      const writer = await store.claim()
      expect([await store.isClaimed(), await other.isClaimed()]).toEqual([true, true])
      await writer.release()
      expect([await store.isClaimed(), await other.isClaimed()]).toEqual([false, false])
    }))

  it('keeps a record until it expires, one without a moment for ever', () =>
    withStore(async (store) => {
      const writer = await store.claim()
      const farMs = Date.now() + 1e9
      const puts = [
        { key: 'for ever', bytes: bytes(1) },
        { key: 'long', bytes: bytes(2), expiresAtMs: farMs },
      ]
      await writer.commit([{ space: 'a', puts, removes: [] }], farMs - 1)
      for (let n = 0; n < 5; n++) await writer.commit([change('a', { [`other${n}`]: [n] })], farMs - 1)
      expect(plain(await store.read([{ space: 'a', keys: ['for ever', 'long'] }]))).toEqual([[[1], [2]]])
    }))

  it('clears a space a part at a time, and no other', () =>
    withStore(async (store) => {
      const writer = await store.claim()
      await writer.commit([change('a', { x: [1], y: [2], z: [3] }), change('ab', { x: [4] })], 0)
      expect(await writer.clear('a', 2)).toBe(2)
      expect(await writer.clear('a', 2)).toBe(1)
      expect(await writer.clear('a', 2)).toBe(0)
      const requests = [
        { space: 'a', keys: ['x', 'y', 'z'] },
        { space: 'ab', keys: ['x'] },
      ]
      expect(plain(await store.read(requests))).toEqual([[undefined, undefined, undefined], [[4]]])
    }))

  // Goal: what is asked for again and again is never what it was before. Method: random commits; after each, or after several, a reader that has asked
  // before, opened as another process would, reads twice what it may keep, and the arrays that it was given before still hold what they held.
  it('gives whoever asks again what the last commit left, and does not touch what it gave before', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ given: fc.array(changes, { maxLength: 3 }), isRead: fc.boolean() }), { maxLength: 12 }),
        (commits) =>
          withStore(async (store, again) => {
            const writer = await store.claim()
            const other = await again()
            const map = new Map<string, number[]>()
            const requests = spaces.map((space) => ({ space, keys, isRepeated: true }))
            const before: { given: Uint8Array; held: number[] }[] = []
            for (const { given, isRead } of commits) {
              await writer.commit(given, 0)
              for (const { space, puts, removes } of given) {
                for (const put of puts) map.set(`${space}/${put.key}`, [...put.bytes])
                for (const key of removes) map.delete(`${space}/${key}`)
              }
              if (!isRead) continue
              for (const reader of [other, other, store]) {
                const read = await reader.read(requests)
                expect(plain(read)).toEqual(spaces.map((space) => keys.map((key) => map.get(`${space}/${key}`))))
                for (const given of read.flat()) if (given !== undefined) before.push({ given, held: [...given] })
              }
            }
            for (const { given, held } of before) expect([...given]).toEqual(held)
          }),
      ),
      { numRuns: 12 },
    ))

  // Goal: whoever follows the changes never keeps what no longer holds. Method: random commits; a follower, opened as another process would, forgets what is
  // named, reads what it lacks, and has what a map has.
  it('names what was changed since the last look, or says that it may be anything', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ given: fc.array(changes, { maxLength: 3 }), isLookedAt: fc.boolean() }), {
          maxLength: 12,
        }),
        (commits) =>
          withStore(async (store, again) => {
            const writer = await store.claim()
            const follower = await again()
            const map = new Map<string, number[]>()
            const kept = new Map<string, number[] | undefined>()
            let { mark } = await follower.changesSince()
            for (const { given, isLookedAt } of commits) {
              await writer.commit(given, 0)
              for (const { space, puts, removes } of given) {
                for (const put of puts) map.set(`${space}/${put.key}`, [...put.bytes])
                for (const key of removes) map.delete(`${space}/${key}`)
              }
              if (!isLookedAt) continue
              const looked = await follower.changesSince(mark)
              mark = looked.mark
              if (looked.changed === undefined) kept.clear()
              for (const { space, keys } of looked.changed ?? []) for (const key of keys) kept.delete(`${space}/${key}`)
              for (const space of spaces) {
                for (const key of keys) {
                  const name = `${space}/${key}`
                  if (!kept.has(name)) kept.set(name, plain(await follower.read([{ space, keys: [key] }]))[0]![0])
                  expect(kept.get(name)).toEqual(map.get(name))
                }
              }
              expect(await follower.changesSince(mark)).toEqual({ mark, changed: [] })
              expect((await follower.changesSince(mark)).mark).toBe(mark)
            }
          }),
      ),
      { numRuns: 12 },
    ))

  // Goal: the store equals a map. Method: random commits, everything read after each.
  it('equals a map, for any commits', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.array(changes, { maxLength: 3 }), { maxLength: 12 }), (commits) =>
        withStore(async (store) => {
          const writer = await store.claim()
          const map = new Map<string, number[]>()
          for (const given of commits) {
            await writer.commit(given, 0)
            for (const { space, puts, removes } of given) {
              for (const put of puts) map.set(`${space}/${put.key}`, [...put.bytes])
              for (const key of removes) map.delete(`${space}/${key}`)
            }
            const read = plain(await store.read(spaces.map((space) => ({ space, keys }))))
            expect(read).toEqual(spaces.map((space) => keys.map((key) => map.get(`${space}/${key}`))))
          }
        }),
      ),
      { numRuns: 12 },
    ))
}

const spaces = ['a', 'b']
const keys = ['', 'x', 'y', 'ü']
const changes = fc.record({
  space: fc.constantFrom(...spaces),
  puts: fc.array(fc.record({ key: fc.constantFrom(...keys), bytes: fc.uint8Array({ maxLength: 9 }) }), {
    maxLength: 4,
  }),
  removes: fc.array(fc.constantFrom(...keys), { maxLength: 2 }),
})
