// Loaded by a job before its program (`--import`): a thread that watches over the process from inside, whatever the program's own thread is busy with. It ends the
// process where it takes more memory than allowed, or where whoever started it is gone, and tells what it takes.
import { isMainThread, Worker } from 'node:worker_threads'

/** The pipe to the process that started this one, as a number of `stdio`. */
const GUARD_PIPE = 3

// Threads of the program are given the same flags, and load this file too. A second guard would hold the same pipe, and take the end of its thread for the end of
// whoever started the job.
if (isMainThread) {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const watcher = new Worker(new URL(`./job-watch.${extension}`, import.meta.url), {
    workerData: { pipe: GUARD_PIPE, memoryMb: Number(process.env.MILLRACE_JOB_MEMORY_MB) || undefined },
    // Those of the program are not for it.
    execArgv: [],
  })
  // It ends with the program.
  watcher.unref()
}
