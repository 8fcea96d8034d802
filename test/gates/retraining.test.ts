// Goal: who trains again on the same data is not refused by chance. Method: simulated shops, each with a history of its own; a model is put in charge, and the same recipe is trained
// again with another seed, which gives other factors and other lists. Every second shop has a ranker: there it is the ranked lists that are compared.
//
// By the budget of docs/decisions/0023-gates.md a retraining is refused with a chance of at most 2 %. Then of 200 more than 10 are refused for one choice of seeds in 400 (binomial), and of
// the 2 of `npm test` both for one in 2,500. The seeds are fixed, so a run repeats.
import {
  evaluateFunnel,
  ials,
  lambdaMart,
  MillraceError,
  readTrainingInput,
  trainModel,
  trainWithGates,
} from 'millrace'
import { expect, test } from 'vitest'
import { evaluateOnHeldOut } from '../../src/app/evaluate-models.ts'
import type { RankerKind } from '../../src/ports/ranker.ts'
import { fill, gatedShop } from './gated-shop.testing.ts'

// MILLRACE_RETRAININGS=200 is the full trial, MILLRACE_SEED other shops.
const trialCount = Number(process.env.MILLRACE_RETRAININGS ?? 2)
const firstSeed = Number(process.env.MILLRACE_SEED ?? 20_261_125)
/** Queries and features of the trees are all used: what the seed changes are candidates, and what is learned from them. */
const ranker = lambdaMart({ trees: 30, minRowsPerLeaf: 20 })
const refusedMax = Math.max(1, Math.floor(0.05 * trialCount))

test(`of ${trialCount} retrainings on the same data at most ${refusedMax} are refused`, {
  timeout: 60_000 + trialCount * 10_000,
}, async () => {
  const refusals: string[] = []
  let differentCount = 0
  for (let trial = 0; trial < trialCount; trial++) {
    const { refusal, isDifferent } = await retrained(firstSeed + trial, trial % 2 === 0 ? undefined : ranker)
    if (refusal !== undefined) refusals.push(`seed ${firstSeed + trial}: ${refusal}`)
    if (isDifferent) differentCount++
  }
  // Else the trial would show nothing: the other seed made another model.
  expect(differentCount).toBe(trialCount)
  expect(refusals.length, refusals.join('\n')).toBeLessThanOrEqual(refusedMax)
  if (refusals.length > 0) console.log(refusals.join('\n'))
})

async function retrained(
  seed: number,
  ranker: RankerKind<never> | undefined,
): Promise<{ readonly refusal: string | undefined; readonly isDifferent: boolean }> {
  const shop = gatedShop()
  const taste = ials({ factors: 8, iterations: 3 })
  const options = { threadCount: 1, log: () => {} }
  try {
    const first = await shop.open(taste, { ranker })
    await fill(first, { seed, userCount: 140, viewsPerUser: 10 })
    const input = await readTrainingInput(first)
    const evaluation = await evaluateOnHeldOut(first, input, options)
    const funnel = await evaluateFunnel(first, input, options)
    await trainModel(first, input, { ...options, evaluation, funnel, override: 'the first' })
    await first.close()
    shop.clock.nowMs += 1000
    const second = await shop.open(taste, { ranker, seed: seed + 1 })
    let isDifferent = false
    try {
      await trainWithGates(second, await readTrainingInput(second), {
        ...options,
        onReport: ({ results }) => {
          isDifferent = results.some(({ gate, measured }) => gate === 'accuracy' && measured[0]!.value !== 0)
        },
      })
      return { refusal: undefined, isDifferent }
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'MODEL_REFUSED') throw error
      return { refusal: JSON.stringify(error.problems), isDifferent }
    } finally {
      await second.close()
    }
  } finally {
    shop.remove()
  }
}
