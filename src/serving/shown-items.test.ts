import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LiveState } from './live-state.ts'
import { deletion, item, NOW_MS, planWith, shown } from './serving-fixture.testing.ts'
import { FORGOTTEN, ShownItems } from './shown-items.ts'

/** The latest first; one that was shown twice comes twice. */
function found(items: ShownItems, userId: string): [row: number, eventTimeMs: number][] {
  const { pairs, next, count } = items.of(userId) ?? { pairs: new Int32Array(0), next: 0, count: 0 }
  const all: [number, number][] = []
  for (let n = 1; n <= count; n++) {
    const place = (next - n + count) % count
    if (pairs[place * 2] !== FORGOTTEN) all.push([pairs[place * 2]!, (pairs[place * 2 + 1]! >>> 0) * 1000])
  }
  return all
}

describe('what users were shown', () => {
  test('holds the newest of each user, as a list of everything would', () => {
    const list = fc.record({
      user: fc.constantFrom('a', 'b'),
      rows: fc.array(fc.nat(50), { minLength: 1, maxLength: 30 }),
      second: fc.integer({ min: 2 ** 31, max: 2 ** 31 + 500 }),
    })
    fc.assert(
      fc.property(fc.array(list, { maxLength: 12 }), fc.integer({ min: 1, max: 70 }), (lists, perUser) => {
        const items = new ShownItems(perUser, 1e9)
        for (const { user, rows, second } of lists) items.add(user, rows, second * 1000)
        for (const user of ['a', 'b']) {
          const all = lists
            .filter((one) => one.user === user)
            .flatMap(({ rows, second }) => rows.map((row) => [row, second * 1000]))
          expect(found(items, user)).toEqual(all.reverse().slice(0, perUser))
        }
      }),
    )
  })

  test('lets go of users who were shown nothing during the window, and adds nothing older', () => {
    const items = new ShownItems(10, 1000)
    items.add('a', [1], 5000)
    items.add('b', [2], 5500)
    expect(items.userCount).toBe(2)
    items.add('b', [3], 6000)
    expect(items.userCount).toBe(1)
    items.add('c', [4], 5000)
    expect(items.userCount).toBe(1)
    expect(found(items, 'b')).toEqual([
      [3, 6000],
      [2, 5000],
    ])
  })

  test('of more users than there is room for, those are forgotten who were shown nothing for longest', () => {
    // Each ring has room for 32 at first.
    const items = new ShownItems(100, 1e9, 96)
    for (const user of ['a', 'b', 'c', 'a', 'd']) items.add(user, [1], 1000)
    expect(['a', 'b', 'c', 'd'].filter((user) => found(items, user).length > 0)).toEqual(['a', 'c', 'd'])
    items.add(
      'd',
      Array.from({ length: 40 }, (_, row) => row),
      2000,
    )
    expect(['a', 'c', 'd'].filter((user) => found(items, user).length > 0)).toEqual(['a', 'd'])
  })

  test('nothing is kept where nobody wants to know', () => {
    const items = new ShownItems(0, 1e9)
    items.add('a', [1], 1000)
    expect(items.userCount).toBe(0)
  })
})

describe('the live state', () => {
  const rotate = { kind: 'rotate', shownCount: 3, withinMs: 1e9, to: 'end' } as const
  const stored = (events: readonly ReturnType<typeof item>[], from = 0) =>
    events.map((event, n) => ({ offset: from + n, availableTimeMs: NOW_MS, event }))

  test('follows what was shown where a placement rotates, passes over unknown items, and forgets deleted users', () => {
    const live = new LiveState(planWith({ home: { rules: [rotate] } }))
    live.apply(stored([item('i0'), item('i1'), shown('u', ['i1', 'unheard-of', 'i0'], NOW_MS)]))
    expect(found(live.shown, 'u')).toEqual([
      [0, NOW_MS],
      [1, NOW_MS],
    ])
    live.apply(stored([deletion('user', 'u', NOW_MS + 1), shown('u', ['i0'], NOW_MS + 1)], 3))
    expect(found(live.shown, 'u')).toEqual([])
    live.apply(stored([shown('u', ['i1'], NOW_MS + 2000)], 5))
    expect(found(live.shown, 'u')).toEqual([[1, NOW_MS + 2000]])
  })

  test('keeps nothing of what was shown where none does', () => {
    const live = new LiveState(planWith({ home: {} }))
    live.apply(stored([item('i0'), shown('u', ['i0'], NOW_MS)]))
    expect(live.shown.userCount).toBe(0)
  })
})
