// A made shop to train rankers on, in tests.
import type { ExamplePlan } from '../config/plan.ts'
import { definitionOf } from '../domain/feature-corpus.contract.ts'
import type { FeatureSource } from '../domain/feature-source.ts'
import { type InteractionTable, InteractionTableBuilder } from '../domain/interaction-table.ts'
import { seededRng } from '../lib/rng.ts'

export const DAY_MS = 86_400_000
export const START_MS = Date.UTC(2026, 0, 1)
export const examplePlan: ExamplePlan = {
  from: 'history',
  windowCount: 3,
  windowMs: 4 * DAY_MS,
  attributionMs: DAY_MS,
  questionsPerUser: 2,
  perGenerator: 30,
  wrongPerQuestion: 30,
}

/** Three tastes of twenty items each, to which new items and new users come all the time; visits of four items. */
export function shop({ days = 30, visitsPerDay = 20, seed = 1 } = {}): InteractionTable {
  const rng = seededRng(`shop ${seed}`)
  const builder = new InteractionTableBuilder()
  for (let day = 0; day < days; day++) {
    for (let visit = 0; visit < visitsPerDay; visit++) {
      const user = rng.integer(40 + day)
      for (let step = 0; step < 4; step++) {
        const item = (user % 3) * 100 + Math.floor((20 + day) * rng.next() ** 2)
        const timeMs = START_MS + day * DAY_MS + visit * 3_600_000 + step * 60_000
        builder.add(`u${user}`, `i${item}`, rng.next() < 0.2 ? 10 : 1, timeMs)
      }
    }
  }
  return builder.build()
}

/** As if the table had been made then. */
export function madeBefore(table: InteractionTable, beforeMs: number): InteractionTable {
  const builder = new InteractionTableBuilder()
  table.eventTimesMs.forEach((timeMs, i) => {
    if (timeMs >= beforeMs) return
    builder.add(table.userIds[table.userIndexes[i]!]!, table.itemIds[table.itemIndexes[i]!]!, table.weights[i]!, timeMs)
  })
  return builder.build()
}

/** How often an item was chosen before the moment, plus `lookAheadMs`: above 0 it sees the future. */
export function choices(table: InteractionTable, lookAheadMs = 0): FeatureSource {
  const definition = definitionOf('choices', { family: 'count', by: 'item', of: 'any', windowMs: 90 * DAY_MS })
  return {
    definitions: [definition],
    async read(momentMs, _, itemIds) {
      const counts = new Map<string, number>()
      table.itemIndexes.forEach((item, i) => {
        if (table.eventTimesMs[i]! >= momentMs + lookAheadMs) return
        counts.set(table.itemIds[item]!, (counts.get(table.itemIds[item]!) ?? 0) + 1)
      })
      return itemIds.map((itemId) => [
        { status: 'present' as const, value: counts.get(itemId) ?? 0, newestEventTimeMs: undefined },
      ])
    },
  }
}
