import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { TrainingData } from '../../domain/training-data.ts'
import { csrFromTriplets } from '../../lib/csr.ts'
import { sessionNeighbours } from './session-neighbours.ts'
import type { SessionNeighboursSettings } from './session-neighbours-generator.ts'

const context = { seed: 1, threadCount: 1, log: () => {} }
const itemCount = 12

/** Every session is a user; the last is the newest. */
function dataOf(sessions: readonly (readonly number[])[]): TrainingData {
  const offsets = new Int32Array(sessions.length + 1)
  sessions.forEach((session, s) => {
    offsets[s + 1] = offsets[s]! + session.length
  })
  const itemIndexes = Int32Array.from(sessions.flat())
  return {
    userIds: sessions.map((_, s) => `user ${s}`),
    itemIds: Array.from({ length: itemCount }, (_, item) => `item ${item}`),
    itemsByUser: csrFromTriplets(
      { rows: [], columns: [], values: [] },
      { rowCount: sessions.length, columnCount: itemCount },
    ),
    sequences: { offsets, itemIndexes, weights: new Float32Array(itemIndexes.length).fill(1), timesMs: undefined },
    newestTimesMs: undefined,
    asOfMs: 0,
  }
}

const plain: Partial<SessionNeighboursSettings> = {
  historyDecay: 0.5,
  sessionDecay: 0.5,
  lengthPower: 0,
  rarityPower: 0,
}

async function generatorOf(sessions: readonly (readonly number[])[], settings: Partial<SessionNeighboursSettings>) {
  const kind = sessionNeighbours(settings)
  return kind.open(await kind.train(dataOf(sessions), context), { itemCount })
}

async function answer(
  sessions: readonly (readonly number[])[],
  history: readonly number[],
  settings: Partial<SessionNeighboursSettings> = plain,
  allowed?: Uint32Array,
) {
  const generator = await generatorOf(sessions, settings)
  const out = { itemIndexes: new Int32Array(itemCount), scores: new Float32Array(itemCount) }
  const asked = { itemIndexes: Int32Array.from(history), weights: new Float32Array(history.length).fill(1) }
  const count = generator.generate(asked, itemCount, allowed, out)
  return Array.from({ length: count }, (_, i) => [out.itemIndexes[i]!, out.scores[i]!] as const)
}

test('an item gets a half of the vote for every step away from where a session meets the history', async () => {
  expect(await answer([[0, 1, 2, 3]], [1])).toEqual([
    [1, 1],
    [0, 0.5],
    [2, 0.5],
    [3, 0.25],
  ])
})

test('a session is the more similar the more it shares, and what it shares counts less by its age', async () => {
  // With item 2 a step ago: the first session shares both, 1 + 1/2; the second only the older one, and a vote counts by its age once more.
  const answers = await answer(
    [
      [2, 3, 4],
      [2, 5],
    ],
    [2, 3],
  )
  expect(new Map(answers).get(4)).toBe(1.5 * 0.5)
  expect(new Map(answers).get(5)).toBe(0.5 * 0.5 * 0.5)
})

test('only the newest sessions of an item are looked at, and of those only the most similar vote, ties to the newer', async () => {
  const sessions = [
    [0, 1],
    [0, 2],
    [0, 3],
  ]
  const itemsFor = async (settings: Partial<SessionNeighboursSettings>) =>
    (await answer(sessions, [0], { ...plain, ...settings })).map(([item]) => item).sort()
  expect(await itemsFor({})).toEqual([0, 1, 2, 3])
  expect(await itemsFor({ sessionsPerItem: 2 })).toEqual([0, 2, 3])
  expect(await itemsFor({ neighbours: 1 })).toEqual([0, 3])
})

test('only allowed items are proposed', async () => {
  expect(await answer([[0, 1, 2, 3]], [1], plain, Uint32Array.of(0b1100))).toEqual([
    [2, 0.5],
    [3, 0.25],
  ])
})

test('similar items are those of sessions with the item, without itself', async () => {
  const generator = await generatorOf([[0, 1, 2, 3]], plain)
  const out = { itemIndexes: new Int32Array(5), scores: new Float32Array(5) }
  expect(generator.similar!(1, 5, undefined, out)).toBe(3)
  expect([...out.itemIndexes.subarray(0, 3)]).toEqual([0, 2, 3])
})

test('without sessions there is nothing to propose, and nothing breaks', async () => {
  expect(await answer([], [1])).toEqual([])
  expect(await answer([[0, 1]], [])).toEqual([])
})

test('settings outside their ranges are told, all at once', async () => {
  await expect(generatorOf([[0, 1]], { neighbours: 0, historyDecay: 2 })).rejects.toMatchObject({
    code: 'TRAINING_INPUT_INVALID',
    problems: [{ where: 'session-neighbours.neighbours' }, { where: 'session-neighbours.historyDecay' }],
  })
})

test('answers equal the definition, written down item by item, and one question leaves nothing behind for the next', async () => {
  const item = fc.integer({ min: 0, max: itemCount - 1 })
  const session = fc.array(item, { minLength: 1, maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(session, { maxLength: 15 }),
      fc.array(session, { minLength: 2, maxLength: 2 }),
      fc.record({
        sessionsPerItem: fc.integer({ min: 1, max: 6 }),
        neighbours: fc.integer({ min: 1, max: 8 }),
        historyItems: fc.integer({ min: 1, max: 4 }),
        historyDecay: fc.constantFrom(0.3, 0.7, 1),
        sessionDecay: fc.constantFrom(0.3, 0.7, 1),
        lengthPower: fc.constantFrom(0, 0.5),
        rarityPower: fc.constantFrom(0, 1),
      }),
      async (sessions, histories, settings) => {
        const generator = await generatorOf(sessions, settings)
        for (const history of histories) {
          const expected = voteByDefinition(sessions, history, settings)
          const out = { itemIndexes: new Int32Array(itemCount), scores: new Float32Array(itemCount) }
          const asked = { itemIndexes: Int32Array.from(history), weights: new Float32Array(history.length).fill(1) }
          const count = generator.generate(asked, itemCount, undefined, out)
          expect(count).toBe(expected.size)
          for (let i = 0; i < count; i++) expect(out.scores[i]).toBeCloseTo(expected.get(out.itemIndexes[i]!)!, 5)
          expect([...out.scores.subarray(0, count)]).toEqual([...out.scores.subarray(0, count)].sort((a, b) => b - a))
        }
      },
    ),
    { numRuns: 300 },
  )
})

/** The docstrings of the generator in plain sums; similarities are rounded as it rounds them, so that ties fall alike. */
function voteByDefinition(
  all: readonly (readonly number[])[],
  history: readonly number[],
  settings: Omit<SessionNeighboursSettings, 'gapMinutes'>,
): Map<number, number> {
  const sessions = all.filter((session) => new Set(session).size > 1).reverse()
  const newestItems = [...new Set([...history].reverse())].slice(0, settings.historyItems)
  const decayOf = (item: number) =>
    Math.fround(settings.historyDecay ** (history.length - 1 - history.lastIndexOf(item)))
  const holders = (item: number) => sessions.flatMap((session, s) => (session.includes(item) ? [s] : []))
  const rarityOf = (item: number) =>
    Math.fround(Math.max(1e-3, Math.log(sessions.length / holders(item).length)) ** settings.rarityPower)
  const similarities = new Map<number, number>()
  for (const item of newestItems) {
    for (const s of holders(item).slice(0, settings.sessionsPerItem)) {
      similarities.set(s, Math.fround((similarities.get(s) ?? 0) + decayOf(item) * rarityOf(item)))
    }
  }
  const scored = [...similarities].map(([s, similarity]) => {
    return { s, score: Math.fround(similarity * Math.fround(sessions[s]!.length ** -settings.lengthPower)) }
  })
  const neighbours = scored.sort((a, b) => b.score - a.score || a.s - b.s).slice(0, settings.neighbours)
  const votes = new Map<number, number>()
  for (const { s, score } of neighbours) {
    const session = sessions[s]!
    const meeting = newestItems.find(
      (item) => session.includes(item) && holders(item).slice(0, settings.sessionsPerItem).includes(s),
    )!
    session.forEach((item, place) => {
      const distance = Math.abs(place - session.lastIndexOf(meeting))
      votes.set(item, (votes.get(item) ?? 0) + score * decayOf(meeting) * settings.sessionDecay ** distance)
    })
  }
  return votes
}
