import fc from 'fast-check'
import { expect, test } from 'vitest'
import { InteractionTableBuilder, interactionsBetween, itemsByUserOf, trainingDataOf } from './interaction-table.ts'
import { splitByTime } from './time-split.ts'

const interactions = fc.array(
  fc.record({
    user: fc.nat(6),
    item: fc.nat(6),
    weight: fc.integer({ min: 1, max: 8 }),
    timeMs: fc.nat(50),
  }),
  { maxLength: 60 },
)

function tableOf(rows: readonly { user: number; item: number; weight: number; timeMs: number }[]) {
  const builder = new InteractionTableBuilder()
  for (const row of rows) builder.add(`u${row.user}`, `i${row.item}`, row.weight, row.timeMs)
  return builder.build()
}

test('the matrix holds, per user and item, the sum of weights and the newest time', () => {
  fc.assert(
    fc.property(interactions, (rows) => {
      const table = tableOf(rows)
      const { itemsByUser, newestTimesMs } = trainingDataOf(table, 100)
      const seen = new Map<string, { weight: number; timeMs: number }>()
      for (const row of rows) {
        const key = `u${row.user} i${row.item}`
        const before = seen.get(key) ?? { weight: 0, timeMs: 0 }
        seen.set(key, { weight: before.weight + row.weight, timeMs: Math.max(before.timeMs, row.timeMs) })
      }
      let entryCount = 0
      for (let user = 0; user < itemsByUser.rowCount; user++) {
        for (let entry = itemsByUser.offsets[user]!; entry < itemsByUser.offsets[user + 1]!; entry++) {
          const key = `${table.userIds[user]} ${table.itemIds[itemsByUser.columns[entry]!]}`
          expect({ weight: itemsByUser.values[entry], timeMs: newestTimesMs![entry] }).toEqual(seen.get(key))
          entryCount++
        }
      }
      expect(entryCount).toBe(seen.size)
    }),
  )
})

test('a time split loses nothing, doubles nothing, and nothing in the train part is newer than the test part', () => {
  fc.assert(
    fc.property(interactions, fc.double({ min: 0.05, max: 0.95, noNaN: true }), (rows, testShare) => {
      const table = tableOf(rows)
      const split = splitByTime(table, testShare)
      if (!split) return
      expect(split.train.weights.length + split.test.weights.length).toBe(rows.length)
      expect(Math.max(...split.train.eventTimesMs)).toBeLessThan(split.splitAtMs)
      expect(Math.min(...split.test.eventTimesMs)).toBe(split.splitAtMs)
      expect(split.test.weights.length).toBeGreaterThan(0)
      expect(split.train.weights.length).toBeGreaterThan(0)
    }),
  )
})

test('a table of one moment cannot be split', () => {
  expect(splitByTime(tableOf([1, 2, 3].map((item) => ({ user: 1, item, weight: 1, timeMs: 5 }))), 0.5)).toBeUndefined()
  expect(splitByTime(tableOf([]), 0.5)).toBeUndefined()
})

test('what happened after the cut cannot change the training matrix', () => {
  fc.assert(
    fc.property(interactions, interactions, fc.nat(50), (past, future, cutMs) => {
      const before = past.filter((row) => row.timeMs < cutMs)
      const after = future.map((row) => ({ ...row, timeMs: row.timeMs + cutMs }))
      const matrixOf = (rows: typeof past) => {
        const matrix = itemsByUserOf(interactionsBetween(tableOf(rows), 0, cutMs))
        return [...matrix.columns, ...matrix.values]
      }
      expect(matrixOf([...before, ...after])).toEqual(matrixOf(before))
    }),
  )
})
