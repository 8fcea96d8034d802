// How well a generator foretells the next item: asked through the call that serves, all items ranked.
import type { TrainingData } from '../src/domain/training-data.ts'
import { csrFromTriplets } from '../src/lib/csr.ts'
import type { CandidateGenerator, GeneratorKind, ItemSet } from '../src/ports/candidate-generator.ts'
import { percentile } from './figure.ts'

export interface NextItemTask {
  readonly train: TrainingData
  readonly questions: readonly NextItemQuestion[]
  /** Whether an item of the prefix can be the next one; where it cannot, it is not proposed. */
  readonly mayRepeat: boolean
}

/** What a user or a session had, oldest first, and what came next, as item indexes. */
export interface NextItemQuestion {
  readonly prefix: Int32Array
  readonly nextItem: number
}

/** Every sequence is a user of its own, the oldest first. */
export function nextItemTask(
  sequences: readonly Int32Array[],
  questions: readonly NextItemQuestion[],
  { mayRepeat }: Pick<NextItemTask, 'mayRepeat'>,
): NextItemTask {
  let itemCount = 0
  for (const sequence of sequences) for (const item of sequence) itemCount = Math.max(itemCount, item + 1)
  for (const { prefix, nextItem } of questions) {
    itemCount = Math.max(itemCount, nextItem + 1, ...prefix.map((item) => item + 1))
  }
  const offsets = new Int32Array(sequences.length + 1)
  for (const [s, sequence] of sequences.entries()) offsets[s + 1] = offsets[s]! + sequence.length
  const itemIndexes = new Int32Array(offsets.at(-1)!)
  const rows = new Int32Array(itemIndexes.length)
  for (const [s, sequence] of sequences.entries()) {
    itemIndexes.set(sequence, offsets[s])
    rows.fill(s, offsets[s], offsets[s + 1])
  }
  const weights = new Float32Array(itemIndexes.length).fill(1)
  const train: TrainingData = {
    userIds: Array.from(sequences, (_, s) => String(s)),
    itemIds: Array.from({ length: itemCount }, (_, item) => String(item)),
    itemsByUser: csrFromTriplets(
      { rows, columns: itemIndexes, values: weights },
      { rowCount: sequences.length, columnCount: itemCount },
    ),
    sequences: { offsets, itemIndexes, weights, timesMs: undefined },
    newestTimesMs: undefined,
    asOfMs: 0,
  }
  return { train, questions, mayRepeat }
}

export interface NextItemQuality {
  /** By question: the place of the next item from 1; 0 where it is not among the first k. */
  readonly places: Int32Array
  readonly trainSeconds: number
  readonly answerMs: { readonly mean: number; readonly p99: number }
  readonly artifactBytes: number
}

/** By question: 1 where the next item is among the first k. */
export const hitsOf = ({ places }: NextItemQuality): Float64Array =>
  Float64Array.from(places, (place) => Number(place > 0))

/** By question: 1 / place. */
export const reciprocalRanksOf = ({ places }: NextItemQuality): Float64Array =>
  Float64Array.from(places, (place) => (place > 0 ? 1 / place : 0))

/** By question, with one relevant item: 1 / log2(1 + place). */
export const ndcgOf = ({ places }: NextItemQuality): Float64Array =>
  Float64Array.from(places, (place) => (place > 0 ? 1 / Math.log2(1 + place) : 0))

export async function assessNextItem(kind: GeneratorKind, task: NextItemTask, k: number): Promise<NextItemQuality> {
  const startedAt = performance.now()
  const artifacts = await kind.train(task.train, { seed: 1, threadCount: 1, log: () => {} })
  const trainSeconds = (performance.now() - startedAt) / 1000
  const asked = ask(kind.open(artifacts, { itemCount: task.train.itemIds.length }), task, k)
  const artifactBytes = Object.values(artifacts).reduce((sum, array) => sum + array.byteLength, 0)
  return { ...asked, trainSeconds, artifactBytes }
}

function ask(generator: CandidateGenerator, { train, questions, mayRepeat }: NextItemTask, k: number) {
  const places = new Int32Array(questions.length)
  const answerMs = new Float64Array(questions.length)
  const out = { itemIndexes: new Int32Array(k), scores: new Float32Array(k) }
  const ones = new Float32Array(Math.max(0, ...questions.map(({ prefix }) => prefix.length))).fill(1)
  const unseen: ItemSet = new Uint32Array(Math.ceil(train.itemIds.length / 32)).fill(0xffffffff)
  questions.forEach(({ prefix, nextItem }, q) => {
    const history = { itemIndexes: prefix, weights: ones.subarray(0, prefix.length) }
    if (!mayRepeat) for (const item of prefix) unseen[item >> 5]! &= ~(1 << (item & 31))
    const askedAt = performance.now()
    const count = generator.generate(history, k, mayRepeat ? undefined : unseen, out)
    answerMs[q] = performance.now() - askedAt
    if (!mayRepeat) for (const item of prefix) unseen[item >> 5]! |= 1 << (item & 31)
    places[q] = out.itemIndexes.subarray(0, count).indexOf(nextItem) + 1
  })
  const mean = answerMs.reduce((sum, ms) => sum + ms, 0) / Math.max(1, questions.length)
  return { places, answerMs: { mean, p99: percentile(answerMs, 0.99) } }
}
