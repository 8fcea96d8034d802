// The other side of `learn-terms.ts`.
import { parentPort, workerData } from 'node:worker_threads'
import type { TermsJob } from './learn-terms.ts'
import { learnTerms } from './text-embedding.ts'

const job = workerData as TermsJob
const learned = learnTerms(job.texts, job)
parentPort!.postMessage(learned, [
  learned.termHashes.buffer as ArrayBuffer,
  learned.termWeights.buffer as ArrayBuffer,
  learned.termVectors.buffer as ArrayBuffer,
])
