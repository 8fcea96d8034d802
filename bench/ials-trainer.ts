// Our side of the `ials` benchmark, in a process of its own as a training run would be. Same protocol as ials-peer.py: see `Training` in
// ials.bench.ts. Prints one JSON line per iteration with the training time so far, without what the benchmark itself takes.
import { writeFileSync } from 'node:fs'
import { trainIals } from '../src/kernels/ials.ts'
import type { Training } from './ials.bench.ts'
import { readMatrix } from './ials-data.ts'

const training = JSON.parse(process.argv[2]!) as Training
const itemsByUser = readMatrix(training.matrixFile)
const startedAt = performance.now()
let ownMs = 0
await trainIals(itemsByUser, {
  factors: training.factors,
  iterations: training.iterations,
  threadCount: training.threadCount,
  seed: training.seed,
  regularization: training.settings.regularization!,
  regularizationExponent: training.settings.regularizationExponent!,
  unobservedWeight: training.settings.unobservedWeight!,
  initStdDev: 0.3,
  onIteration: ({ iteration, width, userVectors, itemVectors }) => {
    const calledAt = performance.now()
    console.log(JSON.stringify({ iteration, trainSeconds: (calledAt - startedAt - ownMs) / 1000 }))
    if (training.vectorsDir) {
      const dense = (vectors: Float32Array): Float32Array => withoutPadding(vectors, width, training.factors)
      writeFileSync(`${training.vectorsDir}/users-${iteration}.f32`, dense(userVectors))
      writeFileSync(`${training.vectorsDir}/items-${iteration}.f32`, dense(itemVectors))
    }
    ownMs += performance.now() - calledAt
  },
})

function withoutPadding(vectors: Float32Array, width: number, factors: number): Float32Array {
  return Float32Array.from({ length: (vectors.length / width) * factors }, (_, i) => {
    return vectors[Math.floor(i / factors) * width + (i % factors)]!
  })
}
