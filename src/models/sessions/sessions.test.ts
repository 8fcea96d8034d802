import { expect, test } from 'vitest'
import { InteractionTableBuilder, trainingDataOf } from '../../domain/interaction-table.ts'
import { sessionsOf } from './sessions.ts'

const minuteMs = 60_000

function sessions(interactions: readonly (readonly [user: string, item: string, minute: number])[]) {
  const builder = new InteractionTableBuilder()
  for (const [user, item, minute] of interactions) builder.add(user, item, 1, minute * minuteMs)
  const data = trainingDataOf(builder.build(), 1e12)
  const { offsets, itemIndexes } = sessionsOf(data, 'a kind', 30)
  return Array.from({ length: offsets.length - 1 }, (_, s) =>
    Array.from(itemIndexes.subarray(offsets[s], offsets[s + 1]), (item) => data.itemIds[item]).join(' '),
  )
}

test('a session ends after a gap that is longer than what was asked for; the newest session comes first', () => {
  const found = sessions([
    ['ann', 'hat', 0],
    ['ann', 'cap', 30],
    ['ann', 'tie', 61],
    ['ann', 'hat', 70],
    ['bob', 'cap', 40],
    ['bob', 'tie', 41],
  ])
  expect(found).toEqual(['tie hat', 'cap tie', 'hat cap'])
})

test('a session of one item, however often, says nothing and is left out', () => {
  expect(
    sessions([
      ['ann', 'hat', 0],
      ['ann', 'hat', 1],
      ['bob', 'cap', 0],
    ]),
  ).toEqual([])
})

test('a session without an end is cut after a hundred items', () => {
  const robot = Array.from({ length: 250 }, (_, i) => ['robot', `item ${i}`, i] as const)
  expect(sessions(robot).map((session) => session.split(' item').length)).toEqual([50, 100, 100])
})

test('without times a whole sequence is a session, and later users are newer', () => {
  const sequences = {
    offsets: Int32Array.of(0, 2, 4),
    itemIndexes: Int32Array.of(0, 1, 1, 2),
    weights: new Float32Array(4).fill(1),
    timesMs: undefined,
  }
  const { trainingData } = orderOnly(sequences)
  expect([...sessionsOf(trainingData, 'a kind', 30).itemIndexes]).toEqual([1, 2, 0, 1])
})

test('data without an order is refused', () => {
  const { trainingData } = orderOnly(undefined)
  expect(() => sessionsOf(trainingData, 'a kind', 30)).toThrow(
    expect.objectContaining({ code: 'TRAINING_INPUT_INVALID', message: expect.stringContaining('a kind') }),
  )
})

function orderOnly(sequences: Parameters<typeof sessionsOf>[0]['sequences']) {
  const empty = new InteractionTableBuilder().build()
  const { sequences: _, ...rest } = trainingDataOf(empty, 0)
  return { trainingData: sequences ? { ...rest, sequences } : rest }
}
