// Learns from texts beside whatever this thread has to do meanwhile.
import { Worker } from 'node:worker_threads'
import { type LearnedTerms, type LearnOptions, learnTerms } from './text-embedding.ts'

/** So few texts take less time than a thread takes to start. */
const TEXTS_WITHOUT_THREAD = 500

export interface TermsJob extends LearnOptions {
  readonly texts: readonly string[]
}

/** As `learnTerms`, in a thread of its own. @throws whatever befalls that thread */
export function learnTermsApart(job: TermsJob): Promise<LearnedTerms> {
  if (job.texts.length <= TEXTS_WITHOUT_THREAD) return Promise.resolve(learnTerms(job.texts, job))
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const worker = new Worker(new URL(`./learn-terms-thread.${extension}`, import.meta.url), { workerData: job })
  return new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', (code) => reject(new Error(`the thread that learns from texts ended with code ${code}`)))
  })
}
