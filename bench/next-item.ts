// How well a generator foretells the next item: asked through the call that serves, all items ranked, nothing masked.
import type { CandidateGenerator, GeneratorKind } from '../src/ports/candidate-generator.ts'
import type { NextItemTask } from './diginetica.ts'
import { percentile } from './figure.ts'

export interface NextItemQuality {
  /** By question: 1 where the next item is among the first k. */
  readonly hits: Float64Array
  /** By question: 1 / its place, 0 behind the first k. */
  readonly reciprocalRanks: Float64Array
  readonly trainSeconds: number
  readonly answerMs: { readonly mean: number; readonly p99: number }
  readonly artifactBytes: number
}

export async function assessNextItem(
  kind: GeneratorKind,
  { train, questions }: NextItemTask,
  k: number,
): Promise<NextItemQuality> {
  const startedAt = performance.now()
  const artifacts = await kind.train(train, { seed: 1, threadCount: 1, log: () => {} })
  const trainSeconds = (performance.now() - startedAt) / 1000
  const asked = ask(kind.open(artifacts, { itemCount: train.itemIds.length }), questions, k)
  const artifactBytes = Object.values(artifacts).reduce((sum, array) => sum + array.byteLength, 0)
  return { ...asked, trainSeconds, artifactBytes }
}

function ask(generator: CandidateGenerator, questions: NextItemTask['questions'], k: number) {
  const hits = new Float64Array(questions.length)
  const reciprocalRanks = new Float64Array(questions.length)
  const answerMs = new Float64Array(questions.length)
  const out = { itemIndexes: new Int32Array(k), scores: new Float32Array(k) }
  const ones = new Float32Array(Math.max(0, ...questions.map(({ prefix }) => prefix.length))).fill(1)
  questions.forEach(({ prefix, nextItem }, q) => {
    const askedAt = performance.now()
    const count = generator.generate(
      { itemIndexes: prefix, weights: ones.subarray(0, prefix.length) },
      k,
      undefined,
      out,
    )
    answerMs[q] = performance.now() - askedAt
    const place = out.itemIndexes.subarray(0, count).indexOf(nextItem)
    if (place < 0) return
    hits[q] = 1
    reciprocalRanks[q] = 1 / (place + 1)
  })
  const mean = answerMs.reduce((sum, ms) => sum + ms, 0) / Math.max(1, questions.length)
  return { hits, reciprocalRanks, answerMs: { mean, p99: percentile(answerMs, 0.99) } }
}
