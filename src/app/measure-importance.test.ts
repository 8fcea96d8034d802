// Goal: what a ranker loses without a feature is measured on questions of which it has learned nothing. Method: a made shop, trained in the middle of its
// history; the figures are held against those of the funnel's evaluation, which asks the same questions.
import { evaluateFunnel, itemNeighbours, openApp, readTrainingInput, trainModel } from 'millrace'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openRankedShop, type RankedShop, rankedSystem } from '../../test/ranked-shop.testing.ts'
import { openTestApp } from '../../test/system.testing.ts'
import type { Manifest } from '../models/bundle.ts'
import { describeMeasuredImportance } from '../training/measured-importance.ts'
import { measureImportance } from './measure-importance.ts'

const log = (): void => {}
let shop: RankedShop
let manifest: Manifest
beforeAll(async () => {
  shop = await openRankedShop()
  await shop.visits(250)
  shop.wait(0.01)
  manifest = await trainModel(shop.app, await readTrainingInput(shop.app), { log, override: 'a test' })
})
afterAll(() => shop.app.close())

test('a model that has learned everything there is can only be measured anew, and the error says how', async () => {
  await expect(measureImportance(shop.app, { permutation: true, log })).rejects.toMatchObject({
    code: 'NOTHING_TO_TRAIN_ON',
    message: expect.stringContaining(manifest.version),
    fix: expect.stringContaining('--test-share'),
  })
  const { gain, permutation } = await measureImportance(shop.app, { log })
  expect(permutation).toBeUndefined()
  expect(gain.reduce((sum, { gainShare }) => sum + gainShare, 0)).toBeCloseTo(1, 9)
})

test('a ranker trained anew is asked what the evaluation of the funnel asks, and each feature is left out once', async () => {
  const lines: string[] = []
  const options = { testShare: 0.2, log: (line: string) => void lines.push(line) }
  const measured = await measureImportance(shop.app, { ...options, permutation: true, leaveOneOut: true })
  const funnel = (await evaluateFunnel(shop.app, await readTrainingInput(shop.app), { testShare: 0.2, log }))!
  const { permutation, leftOut } = measured
  for (const { ranker, fromMs, ndcg, questionCount, userCount } of [permutation!, leftOut!]) {
    expect(ranker).toBe('trainedAnew')
    expect(fromMs).toBe(funnel.splitAtMs)
    expect([questionCount, userCount]).toEqual([funnel.report.questionCount, funnel.report.userCount])
    expect(ndcg.mean).toBeCloseTo(funnel.report.ranked.ndcg.mean, 12)
  }
  const names = [...manifest.ranker!.featureNames].sort()
  for (const { losses } of [permutation!, leftOut!]) {
    expect(losses.map(({ featureName }) => featureName).sort()).toEqual(names)
    for (const { loss, adjustedPValue } of losses) {
      expect(loss.interval[0]).toBeLessThanOrEqual(loss.mean)
      expect(loss.interval[1]).toBeGreaterThanOrEqual(loss.mean)
      expect(adjustedPValue).toBeGreaterThanOrEqual(loss.pValue)
    }
  }
  expect(lines.filter((line) => line.startsWith('training with'))).toHaveLength(names.length + 1)
  expect(describeMeasuredImportance(measured).join('\n')).toMatch(
    /trained anew with the settings of .*NDCG@20 0\.\d{4}/,
  )
})

test('the registered ranker is mixed up on what came after it learned, and a feature that no tree asks for loses nothing', async () => {
  await shop.visits(50)
  const { gain, permutation, leftOut } = await measureImportance(shop.app, { permutation: true, log })
  expect(leftOut).toBeUndefined()
  expect(permutation).toMatchObject({ ranker: 'registered', fromMs: manifest.lineage.asOfMs })
  // Of 50 visits with three moments each; where all was chosen before there is nothing to ask.
  expect(permutation!.questionCount).toBeGreaterThan(10)
  expect(permutation!.questionCount).toBeLessThanOrEqual(150)
  const lossOf = new Map(permutation!.losses.map(({ featureName, loss }) => [featureName, loss]))
  const unasked = gain.filter(({ splitCount }) => splitCount === 0)
  // But for the rounding of the mean over deals.
  for (const { featureName } of unasked) expect(lossOf.get(featureName)!.mean).toBeCloseTo(0, 12)
  expect(Math.max(...permutation!.losses.map(({ loss }) => loss.mean))).toBeGreaterThan(0)
  const few = await measureImportance(shop.app, { permutation: true, questionCountMax: 5, log })
  expect(few.permutation!.questionCount).toBe(5)
})

test('what cannot be measured is refused by name: another version, another system file, no ranker', async () => {
  await expect(measureImportance(shop.app, { version: 'nope', log })).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' })
  const { dataDir, clock } = shop.app
  const changed = await openApp({ system: rankedSystem(1, '14 days'), dataDir, clock })
  for (const wanted of [{ permutation: true }, { leaveOneOut: true }]) {
    await expect(measureImportance(changed, { ...wanted, log })).rejects.toMatchObject({ code: 'MODEL_MISMATCH' })
  }
  await changed.close()
  const plain = await openTestApp({ near: itemNeighbours() })
  try {
    const event = { interaction: 'view', userId: 'u', itemId: 'i', eventTime: Date.UTC(2026, 0, 1) }
    await plain.ingest.acceptEvents([event], { source: 'http', where: 'test' })
    await trainModel(plain, await readTrainingInput(plain), { log, override: 'a test' })
    await expect(measureImportance(plain, { permutation: true, log })).rejects.toMatchObject({
      code: 'MODEL_WITHOUT_TREES',
    })
  } finally {
    await plain.close()
  }
})
