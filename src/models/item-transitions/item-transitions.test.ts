import { expect, test } from 'vitest'
import { InteractionTableBuilder, trainingDataOf } from '../../domain/interaction-table.ts'
import { type ItemTransitionsSettings, itemTransitions } from './item-transitions.ts'

const plain: Partial<ItemTransitionsSettings> = {
  stepDecay: 0.5,
  backward: 0.25,
  popularityPower: 0,
  historyDecay: 0.5,
}
// a 0, b 1, c 2, d 3, e 4
const sessions = ['a b c', 'a b d', 'e a']

async function generatorOf(settings: Partial<ItemTransitionsSettings>) {
  const builder = new InteractionTableBuilder()
  for (const item of ['a', 'b', 'c', 'd', 'e']) builder.addItem(item)
  sessions.forEach((session, s) => {
    for (const [minute, item] of session.split(' ').entries()) builder.add(`user ${s}`, item, 1, minute * 60_000)
  })
  const data = trainingDataOf(builder.build(), 1e12)
  const kind = itemTransitions({ ...plain, ...settings })
  return kind.open(await kind.train(data, { seed: 1, threadCount: 1, log: () => {} }), { itemCount: 5 })
}

async function answer(history: readonly number[], settings: Partial<ItemTransitionsSettings> = {}) {
  const generator = await generatorOf(settings)
  const out = { itemIndexes: new Int32Array(5), scores: new Float32Array(5) }
  const asked = { itemIndexes: Int32Array.from(history), weights: new Float32Array(history.length).fill(1) }
  const count = generator.generate(asked, 5, undefined, out)
  return new Map(Array.from({ length: count }, (_, i) => [out.itemIndexes[i]!, out.scores[i]!]))
}

test('what comes next counts once for every time, what comes later by its distance, what came before by its share', async () => {
  expect(await answer([0])).toEqual(
    new Map([
      [1, 2],
      [2, 0.5],
      [3, 0.5],
      [4, 0.25],
    ]),
  )
})

test('only so many steps are looked ahead, and only the strongest followers are kept', async () => {
  expect([...(await answer([0], { steps: 1, backward: 0 })).keys()]).toEqual([1])
  expect([...(await answer([0], { followers: 2 })).keys()]).toEqual([1, 2])
})

test('a follower that is seen everywhere counts less', async () => {
  expect((await answer([0], { popularityPower: 1 })).get(1)).toBe(2 / 2)
  expect((await answer([1], { popularityPower: 1 })).get(0)).toBeCloseTo(0.5 / 3)
})

test('an older item of the history counts less than the newest', async () => {
  const newest = await answer([4, 1])
  // After b come c and d once each; before it came a twice; a follows e once, a step ago.
  expect(newest.get(2)).toBe(1)
  expect(newest.get(0)).toBe(2 * 0.25 + 0.5 * 1)
})
