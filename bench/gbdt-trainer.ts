// Our side of the `gbdt` benchmark, in a process of its own as a training run would be. Same protocol as gbdt-peer.py: see `TreesRun` in
// gbdt-sides.ts.
import { writeFileSync } from 'node:fs'
import { scoreRows } from '../src/kernels/tree-scores.ts'
import { boostedTreesSettings } from '../src/models/boosted-trees/settings.ts'
import { trainBoostedTrees } from '../src/models/boosted-trees/train.ts'
import { readRows } from './gbdt-data.ts'
import type { TreesRun } from './gbdt-sides.ts'

const run = JSON.parse(process.argv[2]!) as TreesRun
const rows = readRows(run.trainFile)
const { trees } = run.settings
const settings = boostedTreesSettings(run.settings)
const startedAt = performance.now()
let firstTreeAt = 0
const trained = await trainBoostedTrees({
  settings,
  rows,
  seed: run.seed,
  threadCount: run.threadCount,
  onTree: ({ treeCount }) => {
    if (treeCount === 1) firstTreeAt = performance.now()
  },
})
const endedAt = performance.now()
// All trees take about as long: from the first to the last there is one less.
const trainSeconds = ((endedAt - firstTreeAt) / 1000) * (trees / (trees - 1))
console.log(JSON.stringify({ totalSeconds: (endedAt - startedAt) / 1000, trainSeconds }))
if (run.scoresFile) {
  const scores = scoreRows(
    trained.trees,
    readRows(run.testFile).columns.map(({ values }) => values),
  )
  writeFileSync(run.scoresFile, new Uint8Array(scores.buffer))
}
