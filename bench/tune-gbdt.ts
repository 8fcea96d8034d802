// Finds settings for Yandex LETOR, for one side of the `gbdt` benchmark: `node bench/tune-gbdt.ts SIDE`, SIDE ours or peer.
//
// The same random settings for both sides are judged on folds cut from Yandex LETOR's train part, whole queries each: all of them on one division
// into folds, the best sixth of them on three more, by NDCG@10. The test part has no say. Prints the settings of the second round, the best first.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { meanOf } from '../src/lib/bootstrap.ts'
import { type Rng, seededRng } from '../src/lib/rng.ts'
import { letorYandex } from './gbdt-data.ts'
import { divide, type Fold } from './gbdt-folds.ts'
import { lightgbmPackages, queryNdcgs, readScores, runSide, type TreesRunSettings } from './gbdt-sides.ts'
import { pythonWith } from './peers.ts'

const candidateCount = 48
const keptCount = 8
const laterDivisions = 3

function drawSettings(rng: Rng): TreesRunSettings {
  const oneOf = <T>(values: readonly T[]): T => values[rng.integer(values.length)]!
  return {
    objective: 'lambdaMart',
    trees: oneOf([100, 200, 300, 400]),
    leaves: oneOf([7, 15, 31]),
    bins: 255,
    learningRate: oneOf([0.02, 0.03, 0.05, 0.1]),
    minRowsPerLeaf: oneOf([10, 20, 40, 80]),
    rowFraction: oneOf([0.5, 0.7, 0.9]),
    featureFraction: oneOf([0.3, 0.5, 0.7, 0.9]),
    splitFeatureFraction: oneOf([0.15, 0.3, 0.5, 1]),
    smoothing: oneOf([0, 20, 50, 150]),
    l2: oneOf([0, 1, 10]),
    truncation: oneOf([10, 20, 30, 60]),
    isNormalized: oneOf([false, true]),
  }
}

const side = process.argv[2]
if (side !== 'ours' && side !== 'peer') throw new Error(`Found ${JSON.stringify(side)}, expected "ours" or "peer".`)
const yandex = letorYandex()
if ('skipped' in yandex) throw new Error(yandex.skipped)
const peer = side === 'peer' ? pythonWith(lightgbmPackages, console.error) : { python: '' }
if ('skipped' in peer) throw new Error(peer.skipped)
const scratchDir = mkdtempSync(join(tmpdir(), 'millrace-tune-gbdt-'))
const judge = (settings: TreesRunSettings, folds: readonly Fold[], seed: number): number => {
  const scoresFile = join(scratchDir, 'scores.f64')
  const ndcgs = folds.flatMap(({ trainFile, testFile, test }) => {
    runSide(side, peer.python, { action: 'train', trainFile, testFile, threadCount: 1, seed, settings, scoresFile })
    return queryNdcgs(readScores(scoresFile), test)
  })
  return meanOf(ndcgs)
}
try {
  const rng = seededRng('gbdt settings')
  const firstFolds = divide(yandex.train, 0, scratchDir)
  const judged = Array.from({ length: candidateCount }, (_, candidate) => {
    const settings = drawSettings(rng)
    const ndcg = judge(settings, firstFolds, 0)
    console.error(`${candidate}: ${ndcg.toFixed(4)} ${JSON.stringify(settings)}`)
    return { settings, ndcg }
  })
  const kept = judged.sort((a, b) => b.ndcg - a.ndcg).slice(0, keptCount)
  const divisions = Array.from({ length: laterDivisions }, (_, i) => divide(yandex.train, i + 1, scratchDir))
  // The first division chose them, so it has no part in the second round.
  const finals = kept.map(({ settings }) => ({
    settings,
    ndcg: meanOf(divisions.map((folds, i) => judge(settings, folds, i + 1))),
  }))
  for (const { settings, ndcg } of finals.sort((a, b) => b.ndcg - a.ndcg)) {
    console.log(`${ndcg.toFixed(4)} ${JSON.stringify(settings)}`)
  }
} finally {
  rmSync(scratchDir, { recursive: true })
}
