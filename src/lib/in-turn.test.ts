import { expect, test } from 'vitest'
import { inTurn } from './in-turn.ts'

test('no question begins before the one before it has its answer, failed or not', async () => {
  const told: string[] = []
  const ask = inTurn(async (name: string) => {
    told.push(`${name} begins`)
    await new Promise((resolve) => setImmediate(resolve))
    told.push(`${name} ends`)
    if (name === 'b') throw new Error('b fails')
    return name
  })
  const answers = await Promise.allSettled(['a', 'b', 'c'].map(ask))
  expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(told).toEqual(['a', 'b', 'c'].flatMap((name) => [`${name} begins`, `${name} ends`]))
})
