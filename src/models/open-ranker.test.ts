import { expect, test } from 'vitest'
import { definitionOf } from '../domain/feature-corpus.contract.ts'
import type { BundledRanker } from './bundle.ts'
import { lambdaMart } from './lambda-mart/lambda-mart.ts'
import { lightgbmRanker } from './lightgbm/lightgbm-ranker.ts'
import { openRanker } from './open-ranker.ts'

const views = definitionOf('views', { family: 'count', by: 'item', of: 'any', windowMs: 86_400_000 })

const bundled: BundledRanker = {
  kind: 'lambdaMart',
  options: {},
  featureNames: ['cf.score', 'views'],
  features: [{ name: 'views', version: views.version }],
  generatorNames: ['cf'],
  perGenerator: 10,
  examples: { windowCount: 1, fromMs: 0, beforeMs: 1, questionCount: 1, answeredCount: 1, rowCount: 1 },
  looks: [],
  artifacts: {},
  dictionaries: {},
}

test('a ranker that does not fit the system file is refused with everything that is in the way', async () => {
  const open = (system: Parameters<typeof openRanker>[2]) => openRanker('v', bundled, system)
  await expect(open({ generators: {}, features: [] })).rejects.toThrow(
    expect.objectContaining({
      code: 'MODEL_MISMATCH',
      problems: ['training.ranker', 'training.candidates.cf', 'data.features.views'].map((where) =>
        expect.objectContaining({ where }),
      ),
    }),
  )
  const changed = { ...views, version: 'another' }
  await expect(open({ ranker: lambdaMart(), generators: { cf: {} }, features: [changed] })).rejects.toThrow(
    expect.objectContaining({ problems: [expect.objectContaining({ where: 'data.features.views' })] }),
  )
  // Fitting, it comes as far as its arrays, which are not there.
  await expect(open({ ranker: lambdaMart(), generators: { cf: {} }, features: [views] })).rejects.toThrow(
    expect.objectContaining({ code: 'BUNDLE_CORRUPT' }),
  )
})

test('a ranker that was trained elsewhere is refused where the system file declares other columns, or the same in another order', async () => {
  const imported: BundledRanker = { ...bundled, kind: 'lightgbm' }
  const open = (...features: string[]) =>
    openRanker('v', imported, {
      ranker: lightgbmRanker({ path: 'model.txt', features }),
      generators: { cf: {} },
      features: [views],
    })
  for (const features of [['cf.score'], ['views', 'cf.score'], ['cf.score', 'views', 'cf.rank']]) {
    await expect(open(...features)).rejects.toMatchObject({
      code: 'MODEL_MISMATCH',
      problems: [
        {
          where: 'training.ranker.features',
          message: `the model's columns are cf.score, views, and the system file has ${features.join(', ')}.`,
        },
      ],
    })
  }
  // Fitting, it comes as far as its file, which is not there.
  await expect(open('cf.score', 'views')).rejects.toMatchObject({ code: 'BUNDLE_CORRUPT' })
})
