// Goal: every interaction praises the one list that may have led to it. Method: cases by hand, and any histories against a search through all pairs.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ImpressionTableBuilder } from '../domain/impression-table.ts'
import { sequencesOf } from '../domain/interaction-sequences.ts'
import { InteractionTableBuilder } from '../domain/interaction-table.ts'
import { seededRng } from '../lib/rng.ts'
import { gradeOf } from './ranking-questions.ts'
import { ShownQuestions } from './shown-questions.ts'

interface Shown {
  readonly userId: string
  readonly itemIds: readonly string[]
  readonly timeMs: number
}
interface Done {
  readonly userId: string
  readonly itemId: string
  readonly timeMs: number
  readonly weight?: number
}

const everything = { fromMs: Number.NEGATIVE_INFINITY, beforeMs: Number.POSITIVE_INFINITY }

/** By list that was followed by something: its number, and its items with their grades. */
function answeredLists(shown: readonly Shown[], done: readonly Done[], given: object = {}) {
  const impressions = new ImpressionTableBuilder()
  for (const list of shown) impressions.add(list)
  const interactions = new InteractionTableBuilder()
  for (const { userId, itemId, timeMs, weight = 1 } of done) interactions.add(userId, itemId, weight, timeMs)
  const table = interactions.build()
  const sequences = sequencesOf(table, table.userIds.length)
  const options = { attributionMs: 100, beforeMs: 10_000, lightestWeight: 1, ...given }
  const questions = new ShownQuestions(
    impressions.build({ read: async () => new Map() }),
    { ...table, sequences },
    options,
  )
  const lists = questions.in(everything, { questionsPerUser: 1000, rng: seededRng(1) })
  return {
    facts: questions.facts,
    lists: lists.map(({ impression, itemIds, grades }) => [
      impression,
      ...itemIds.map((id, i) => `${id} ${grades[i]}`),
    ]),
  }
}

const view = (itemId: string, timeMs: number, weight = 1, userId = 'u'): Done => ({ userId, itemId, timeMs, weight })
const list = (timeMs: number, ...itemIds: string[]): Shown => ({ userId: 'u', itemIds, timeMs })

describe('an interaction', () => {
  test('praises the newest list that showed the item, also where another list came between', () => {
    const shown = [list(0, 'a', 'b'), list(10, 'b', 'a'), list(20, 'c')]
    expect(answeredLists(shown, [view('a', 30)]).lists).toEqual([[1, 'b 0', 'a 1']])
    expect(answeredLists(shown, [view('a', 9)]).lists).toEqual([[0, 'a 1', 'b 0']])
  })

  test('counts from the moment of the list on, and no longer at the end of the attribution', () => {
    const lists = (timeMs: number) => answeredLists([list(1000, 'a')], [view('a', timeMs)]).lists
    expect(lists(999)).toEqual([])
    expect(lists(1000)).toEqual([[0, 'a 1']])
    expect(lists(1099)).toEqual([[0, 'a 1']])
    expect(lists(1100)).toEqual([])
  })

  test('that may not have come in yet leaves its list without labels, however new the lists are', () => {
    const lists = [list(0, 'a', 'b'), list(90, 'a', 'b')]
    const { facts } = answeredLists(lists, [view('a', 5), view('b', 95)], { knownUntilMs: 100 })
    expect(facts).toEqual({ impressionCount: 2, unfinishedCount: 1, answeredCount: 1 })
  })

  test('does not fall back on an older list where the newest is too old', () => {
    expect(answeredLists([list(0, 'a'), list(50, 'a')], [view('a', 151)]).lists).toEqual([])
    expect(answeredLists([list(0, 'a'), list(50, 'a')], [view('a', 149)]).lists).toEqual([[1, 'a 1']])
  })

  test('of another user, or with an item that was not shown, praises nothing', () => {
    expect(answeredLists([list(0, 'a')], [view('a', 5, 1, 'v'), view('b', 5)]).lists).toEqual([])
  })

  test('of several with one item the heaviest decides, in grades as for plain history', () => {
    const done = [view('a', 5), view('a', 6, 20), view('a', 7, 4), view('b', 8, 4)]
    expect(answeredLists([list(0, 'a', 'b', 'c')], done).lists).toEqual([[0, 'a 3', 'b 2', 'c 0']])
    expect(answeredLists([list(0, 'a', 'b', 'c')], done, { lightestWeight: 4 }).lists).toEqual([
      [0, 'a 2', 'b 1', 'c 0'],
    ])
  })

  test('at a moment at which a list was shown twice goes to the later one of the log', () => {
    expect(answeredLists([list(5, 'a'), list(5, 'a')], [view('a', 5)]).lists).toEqual([[1, 'a 1']])
  })
})

describe('a list', () => {
  test('is not learned from before it is known what became of it, yet takes what was done with it', () => {
    const shown = [list(0, 'a'), list(60, 'a'), list(99, 'b')]
    const { lists, facts } = answeredLists(shown, [view('a', 10), view('a', 80)], { beforeMs: 150 })
    // The second ends at 160: of its interaction the first one has no share.
    expect(lists).toEqual([[0, 'a 1']])
    expect(facts).toEqual({ impressionCount: 3, unfinishedCount: 2, answeredCount: 1 })
  })

  test('whose attribution ends with the data is known', () => {
    expect(answeredLists([list(50, 'a')], [view('a', 60)], { beforeMs: 150 }).facts.unfinishedCount).toBe(0)
    expect(answeredLists([list(51, 'a')], [view('a', 60)], { beforeMs: 150 }).facts.unfinishedCount).toBe(1)
  })

  test('of somebody who never did anything, or of items that nobody knows, is counted and teaches nothing', () => {
    const shown = [{ userId: 'nobody', itemIds: ['a'], timeMs: 0 }, list(0, 'ghost')]
    const { lists, facts } = answeredLists(shown, [view('a', 5)])
    expect(lists).toEqual([])
    expect(facts).toEqual({ impressionCount: 2, unfinishedCount: 0, answeredCount: 0 })
  })

  test('keeps items that nobody knows among its wrong ones', () => {
    expect(answeredLists([list(0, 'ghost', 'a')], [view('a', 5)]).lists).toEqual([[0, 'ghost 0', 'a 1']])
  })

  test('is none at all where the attribution is longer than the history', () => {
    const { lists, facts } = answeredLists([list(0, 'a'), list(9, 'a')], [view('a', 5)], { attributionMs: 20_000 })
    expect(lists).toEqual([])
    expect(facts).toEqual({ impressionCount: 2, unfinishedCount: 2, answeredCount: 0 })
  })
})

/** For each interaction a search through all lists. */
function naiveLists(shown: readonly Shown[], done: readonly Done[], attributionMs: number, beforeMs: number) {
  const grades = shown.map(({ itemIds }) => itemIds.map(() => 0))
  for (const { userId, itemId, timeMs, weight = 1 } of done) {
    if (timeMs >= beforeMs) continue
    let newest = -1
    shown.forEach((one, n) => {
      if (one.userId !== userId || !one.itemIds.includes(itemId) || one.timeMs > timeMs) return
      if (newest < 0 || one.timeMs >= shown[newest]!.timeMs) newest = n
    })
    if (newest < 0 || timeMs - shown[newest]!.timeMs >= attributionMs) continue
    const place = shown[newest]!.itemIds.indexOf(itemId)
    grades[newest]![place] = Math.max(grades[newest]![place]!, gradeOf(weight))
  }
  return shown
    .map(({ itemIds, timeMs }, n) => ({ n, timeMs, list: [n, ...itemIds.map((id, i) => `${id} ${grades[n]![i]}`)] }))
    .filter(({ n, timeMs }) => timeMs + attributionMs <= beforeMs && grades[n]!.some((grade) => grade > 0))
    .sort((a, b) => a.timeMs - b.timeMs || a.n - b.n)
    .map((one) => one.list)
}

test('whatever was shown and done in whatever order, it is as a search through all pairs finds', () => {
  const userId = fc.constantFrom('u', 'v', 'w')
  const item = fc.constantFrom('a', 'b', 'c', 'd', 'e')
  const timeMs = fc.nat(60)
  const shown = fc.array(fc.record({ userId, itemIds: fc.uniqueArray(item, { minLength: 1, maxLength: 4 }), timeMs }), {
    maxLength: 12,
  })
  const weight = fc.constantFrom(1, 4, 5, 17)
  const done = fc.array(fc.record({ userId, itemId: item, timeMs, weight }), { maxLength: 30 })
  fc.assert(
    fc.property(
      shown,
      done,
      fc.integer({ min: 1, max: 70 }),
      fc.nat(80),
      (lists, interactions, attributionMs, beforeMs) => {
        const found = answeredLists(lists, interactions, { attributionMs, beforeMs }).lists
        expect(found).toEqual(naiveLists(lists, interactions, attributionMs, beforeMs))
      },
    ),
    { numRuns: 1000 },
  )
})

test('a busy user is asked about as often as anybody, the same by the same seed, with what they had done before each list', () => {
  const impressions = new ImpressionTableBuilder()
  const interactions = new InteractionTableBuilder()
  for (let n = 0; n < 50; n++) {
    impressions.add({ userId: 'u', itemIds: [`i${n}`], timeMs: n * 10 })
    interactions.add('u', `i${n}`, 1, n * 10)
  }
  const table = interactions.build()
  const questions = new ShownQuestions(
    impressions.build({ read: async () => new Map() }),
    { ...table, sequences: sequencesOf(table, 1) },
    { attributionMs: 5, beforeMs: 1000, lightestWeight: 1 },
  )
  const asked = (seed: number) =>
    questions.in({ fromMs: 100, beforeMs: 400 }, { questionsPerUser: 3, rng: seededRng(seed) })
  expect(asked(1)).toHaveLength(3)
  expect(asked(1)).toEqual(asked(1))
  expect(asked(1).map(({ momentMs }) => momentMs)).not.toEqual(asked(2).map(({ momentMs }) => momentMs))
  for (const { momentMs, historyEnd } of asked(1)) {
    expect(momentMs).toBeGreaterThanOrEqual(100)
    expect(momentMs).toBeLessThan(400)
    // What was done at the moment itself is an answer, not history.
    expect(historyEnd).toBe(momentMs / 10)
  }
})
