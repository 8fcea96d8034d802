import { expect, it } from 'vitest'
import type { SnapshotEntry, SnapshotStatus, SnapshotStore } from './snapshot-store.ts'

const entry = (id: string, seenIn: number, status: SnapshotStatus = 'told'): SnapshotEntry => ({
  id,
  fingerprint: `of ${id} in ${seenIn}`,
  status,
  seenIn,
})

/** What every snapshot store must do. `open` opens the same store each time; a fresh one per test. */
export function testSnapshotStore(fresh: () => Promise<{ open: () => Promise<SnapshotStore> }>): void {
  it('gives entries back in the order asked for, and nothing for an id it never saw', async () => {
    const store = await (await fresh()).open()
    await store.write('items', [entry('a', 1), entry('b', 1)])
    expect(await store.read('items', ['b', 'x', 'a'])).toEqual([entry('b', 1), undefined, entry('a', 1)])
    expect(await store.read('users', ['a'])).toEqual([undefined])
    await store.close()
  })

  it('keeps the later of two entries with one id', async () => {
    const store = await (await fresh()).open()
    await store.write('items', [entry('a', 1), entry('a', 2)])
    await store.write('items', [entry('a', 3)])
    expect(await store.read('items', ['a'])).toEqual([entry('a', 3)])
    await store.close()
  })

  it('pages through what a run did not see, without what is deleted and without other sources', async () => {
    const store = await (await fresh()).open()
    const ids = ['1', '10', '2', 'ä', '😀', 'x'.repeat(256)]
    await store.write('items', [...ids.map((id) => entry(id, 1)), entry('seen', 2), entry('gone', 1, 'deleted')])
    await store.write('items', [entry('going', 1, 'deleting')])
    await store.write('items2', [entry('other', 1)])
    const found: string[] = []
    let afterId: string | undefined
    for (;;) {
      const page = await store.unseen('items', 2, { afterId, limit: 2 })
      if (page.length === 0) break
      found.push(...page.map(({ id }) => id))
      afterId = page.at(-1)!.id
    }
    expect(found.sort()).toEqual([...ids, 'going'].sort())
    expect(await store.count('items', 2)).toEqual({ presentCount: 8, unseenCount: 7 })
    expect(await store.count('nothing', 2)).toEqual({ presentCount: 0, unseenCount: 0 })
    await store.close()
  })

  it('remembers entries after closing and opening again', async () => {
    const { open } = await fresh()
    const first = await open()
    await first.write('items', [entry('a', 1)])
    await first.close()
    const second = await open()
    expect(await second.read('items', ['a'])).toEqual([entry('a', 1)])
    await second.close()
  })
}
