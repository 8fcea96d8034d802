import { expect, test } from 'vitest'
import { type BatchLimits, inBatches } from './batches.ts'

/** Hands numbers over in batches that take `msPerOne` each; resolves to the batches of the last of several rounds. */
async function batchesOf(
  msPerOne: number,
  countMax: number,
  batchMs: number,
  backlog?: BatchLimits['backlog'],
): Promise<readonly (readonly number[])[]> {
  let nowMs = 0
  let batches: (readonly number[])[] = []
  const takeUp = inBatches<number>({ countMax, batchMs, ...(backlog && { backlog }), nowMs: () => nowMs }, (batch) => {
    batches.push(batch)
    nowMs += msPerOne * batch.length
  })
  for (let round = 0; round < 20; round++) {
    batches = []
    for (let n = 0; n < 10; n++) takeUp(n)
    while (batches.flat().length < 10) await new Promise((resolve) => setImmediate(resolve))
  }
  return batches
}

test('what comes together is handled together, in order, and at most so many at once', async () => {
  expect(await batchesOf(0, 4, 1)).toEqual([
    [0, 1, 2, 3],
    [4, 5, 6, 7],
    [8, 9],
  ])
})

test('where each takes long fewer are handled at once, at least one', async () => {
  expect((await batchesOf(0.4, 16, 1)).map((batch) => batch.length)).toEqual([2, 2, 2, 2, 2])
  expect((await batchesOf(5, 16, 1)).map((batch) => batch.length)).toEqual(new Array(10).fill(1))
})

test('where much is waiting more are handled at once, until it is worked off', async () => {
  const backlog = { fromMs: 4, batchMs: 2.5 }
  expect((await batchesOf(0.5, 16, 1, backlog)).map((batch) => batch.length)).toEqual([5, 2, 2, 1])
  expect((await batchesOf(0.25, 16, 1, backlog)).map((batch) => batch.length)).toEqual([4, 4, 2])
})

test('while something arrives with every turn a batch is put off, but not for ever', async () => {
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  let arrivalCount = 0
  const batches: (readonly number[])[] = []
  const takeUp = inBatches<number>(
    { countMax: 4, batchMs: 1, nowMs: () => 0, arrivalCount: () => arrivalCount },
    (batch) => batches.push(batch),
  )
  takeUp(1)
  for (let n = 0; n < 5; n++) {
    arrivalCount++
    await turn()
  }
  expect(batches).toEqual([])
  await turn()
  expect(batches).toEqual([[1]])
  takeUp(2)
  for (let n = 0; n < 100; n++) {
    arrivalCount++
    await turn()
  }
  expect(batches).toEqual([[1], [2]])
})
