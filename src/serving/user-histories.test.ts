import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type HistoryEntry, UserHistories } from './user-histories.ts'

const entry = (row: number, eventTimeMs: number, interactionCode = 0): HistoryEntry => ({
  row,
  eventTimeMs,
  interactionCode,
  weight: row + 0.5,
})

function read(histories: UserHistories, userId: string): HistoryEntry[] {
  const history = histories.historyOf(userId)
  if (history === undefined) return []
  const { rows, eventTimesMs, interactionCodes, weights, start, end } = history
  return Array.from({ length: end - start }, (_, i) => ({
    row: rows[start + i]!,
    eventTimeMs: eventTimesMs[start + i]!,
    interactionCode: interactionCodes[start + i]!,
    weight: weights[start + i]!,
  }))
}

function older(histories: UserHistories, userId: string): string[] {
  const found: string[] = []
  histories.forEachOlder(userId, (row, code, eventTimeMs) => found.push(`${row} ${code} ${eventTimeMs}`))
  return found.sort()
}

describe('a user’s history', () => {
  test('is nothing for a user nobody knows', () => {
    const histories = new UserHistories()
    expect([histories.historyOf('u'), histories.userCount]).toEqual([undefined, 0])
  })

  // Goal: the blocks say what plain arrays would. Method: random interactions and deletions of some users, compared with sorting and cutting.
  test('holds the newest interactions by event time, and of those before them each item and interaction once', () => {
    const step = fc.record({
      user: fc.constantFrom('u', 'v', 'w'),
      isRemoval: fc.nat(40).map((n) => n === 0),
      row: fc.nat(6),
      eventTimeMs: fc.integer({ min: 1, max: 60 }),
      interactionCode: fc.nat(2),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.integer({ min: 1, max: 20 }), (steps, maxLength) => {
        const histories = new UserHistories(maxLength)
        const all = new Map<string, HistoryEntry[]>()
        const deletedMs = new Map<string, number>()
        for (const { user, isRemoval, row, eventTimeMs, interactionCode } of steps) {
          const kept = all.get(user) ?? []
          if (isRemoval) {
            histories.remove(user, eventTimeMs)
            deletedMs.set(user, Math.max(deletedMs.get(user) ?? 0, eventTimeMs))
            all.set(
              user,
              kept.filter((e) => e.eventTimeMs > eventTimeMs),
            )
            continue
          }
          histories.add(user, entry(row, eventTimeMs, interactionCode))
          if (eventTimeMs > (deletedMs.get(user) ?? 0))
            all.set(user, [...kept, entry(row, eventTimeMs, interactionCode)])
        }
        for (const [user, entries] of all) {
          const times = read(histories, user).map(({ eventTimeMs }) => eventTimeMs)
          expect(times).toEqual([...times].sort((a, b) => a - b))
          const everything = new Set(entries.map((e) => `${e.row} ${e.interactionCode}`))
          const found = new Set([
            ...read(histories, user).map((e) => `${e.row} ${e.interactionCode}`),
            ...older(histories, user).map((key) => key.split(' ').slice(0, 2).join(' ')),
          ])
          expect(found).toEqual(everything)
          if (![...deletedMs.keys()].includes(user)) {
            const newest = [...entries].sort((a, b) => a.eventTimeMs - b.eventTimeMs).slice(-maxLength)
            expect(times).toEqual(newest.map(({ eventTimeMs }) => eventTimeMs))
            if (entries.length <= maxLength) expect(read(histories, user)).toEqual(newest)
          }
        }
      }),
      { numRuns: 1000 },
    )
  })

  test('survives thousands of users that outgrow their blocks', () => {
    const histories = new UserHistories(100)
    const userCount = 3_000
    for (let round = 0; round < 130; round++) {
      for (let u = 0; u < userCount; u += 1 + (u % 3)) histories.add(`u${u}`, entry(u * 1000 + round, round))
    }
    for (let u = 0; u < userCount; u += 1 + (u % 3)) {
      expect(read(histories, `u${u}`).map(({ row }) => row)).toEqual(
        Array.from({ length: 100 }, (_, i) => u * 1000 + 30 + i),
      )
    }
  })

  test('what was long ago is bounded too', () => {
    const histories = new UserHistories(1)
    for (let row = 0; row < 10_010; row++) histories.add('u', entry(row, row))
    expect(older(histories, 'u')).toHaveLength(10_000)
    expect(older(histories, 'u')).not.toContain('0 0 0')
  })
})
