import { describe, expect, test } from 'vitest'
import { sequencesOf } from '../domain/interaction-sequences.ts'
import { InteractionTableBuilder } from '../domain/interaction-table.ts'
import { seededRng } from '../lib/rng.ts'
import { rankingQuestions, rankingWindows } from './ranking-questions.ts'

/** One user's choices: item, time, weight. */
function asked(
  choices: readonly (readonly [string, number, number?])[],
  given: Partial<Parameters<typeof rankingQuestions>[1]> = {},
) {
  const builder = new InteractionTableBuilder()
  for (const [itemId, timeMs, weight = 1] of choices) builder.add('u', itemId, weight, timeMs)
  const table = builder.build()
  const options = { fromMs: 10, beforeMs: 100, attributionMs: 20, questionsPerUser: 10, lightestWeight: 1 }
  const sequences = sequencesOf(table, 1)
  const questions = rankingQuestions(sequences, { ...options, rng: seededRng(1), ...given })
  return questions.map(({ momentMs, historyEnd, relevantItems, grades }) => ({
    momentMs,
    history: Array.from(sequences.itemIndexes.subarray(0, historyEnd), (item) => table.itemIds[item]),
    relevant: relevantItems.map((item, i) => `${table.itemIds[item]} ${grades[i]}`),
  }))
}

describe('questions to a user', () => {
  test('know what came strictly before, and are answered by what was new within the attribution', () => {
    expect(
      asked([
        ['a', 5],
        ['b', 10],
        ['c', 15],
        ['d', 31],
      ]),
    ).toEqual([
      { momentMs: 10, history: ['a'], relevant: ['b 1', 'c 1'] },
      { momentMs: 15, history: ['a', 'b'], relevant: ['c 1', 'd 1'] },
      { momentMs: 31, history: ['a', 'b', 'c'], relevant: ['d 1'] },
    ])
  })

  test('are one for all that happens at one moment', () => {
    expect(
      asked([
        ['a', 20],
        ['b', 20],
        ['c', 20],
      ]),
    ).toEqual([{ momentMs: 20, history: [], relevant: ['a 1', 'b 1', 'c 1'] }])
  })

  test('are not asked where nothing new was chosen, and not answered from the end of the window on', () => {
    expect(
      asked(
        [
          ['a', 5],
          ['a', 50],
          ['b', 99],
          ['c', 100],
        ],
        { attributionMs: 1000 },
      ),
    ).toEqual([
      { momentMs: 50, history: ['a'], relevant: ['b 1'] },
      { momentMs: 99, history: ['a', 'a'], relevant: ['b 1'] },
    ])
  })

  test('grade by how many times the lightest kind the heaviest choice weighs, whatever else there is', () => {
    const choices = [
      ['a', 20, 1],
      ['b', 20, 4],
      ['c', 20, 17],
      ['d', 20, 1000],
      ['a', 21, 5],
      ['e', 22, 0.05],
    ] as const
    expect(asked(choices)[0]!.relevant).toEqual(['a 2', 'b 2', 'c 3', 'd 3', 'e 1'])
  })

  test('are drawn where there are more moments than asked for, the same by the same seed', () => {
    const choices = Array.from({ length: 50 }, (_, n) => [`i${n}`, 10 + n] as const)
    const moments = (seed: number) =>
      asked(choices, { questionsPerUser: 3, rng: seededRng(seed) }).map(({ momentMs }) => momentMs)
    expect(moments(1)).toHaveLength(3)
    expect(moments(1)).toEqual(moments(1))
    expect(moments(1)).not.toEqual(moments(2))
  })
})

describe('windows', () => {
  test('are the newest, one after the other, and leave half of a short history to learn from', () => {
    expect(rankingWindows({ firstMs: 0, endMs: 100, windowMs: 10, windowCount: 2 })).toEqual([
      { fromMs: 80, beforeMs: 90 },
      { fromMs: 90, beforeMs: 100 },
    ])
    expect(rankingWindows({ firstMs: 0, endMs: 100, windowMs: 80, windowCount: 2 })[0]!.fromMs).toBe(50)
  })

  test('are none where everything happened at one moment', () => {
    expect(rankingWindows({ firstMs: 7, endMs: 8, windowMs: 10, windowCount: 2 })).toEqual([])
  })
})
