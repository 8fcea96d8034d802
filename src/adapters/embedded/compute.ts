// Jobs as processes of this machine.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import type { Socket } from 'node:net'
import { constants, setPriority } from 'node:os'
import { fileURLToPath } from 'node:url'
import { MillraceError } from '../../lib/errors.ts'
import type { Compute, Job, JobEnd, JobLimits, JobSpec, JobUsage } from '../../ports/compute.ts'
import { tailOf } from './file-tail.ts'
import type { WatchLine } from './job-watch.ts'

export interface ProcessComputeOptions {
  /** The file that is run, with the job's arguments. Default: this package's command line. */
  readonly program?: string
  /** How long a job may take to end by itself once it is asked to. Default: 10. */
  readonly patienceSeconds?: number
}

/** The sign with which V8 ends a process whose heap is full. */
const HEAP_FULL = /heap out of memory|Array buffer allocation failed/
const HEAP_SIGNALS: readonly string[] = ['SIGABRT', 'SIGTRAP', 'SIGILL']
/** What a shell makes of SIGABRT, where the process answers with a code. */
const ABORTED = 128 + constants.signals.SIGABRT

const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
const guard = new URL(`./job-guard.${extension}`, import.meta.url).href
const commandLine = fileURLToPath(new URL('../../../bin/millrace.js', import.meta.url))

/** Starts each job as a process of its own, which ends with this one. */
export function processCompute({ program = commandLine, patienceSeconds = 10 }: ProcessComputeOptions = {}): Compute {
  const running = new Set<Job>()
  return {
    async start(spec, onUsage = () => {}) {
      const child = await started(program, spec)
      const job = watched(child, spec, { patienceSeconds, onUsage })
      running.add(job)
      void job.ended.then(() => running.delete(job))
      return job
    },
    async close() {
      await Promise.all([...running].map((job) => job.cancel()))
    },
  }
}

async function started(program: string, { args, workingDir, logFile, limits }: JobSpec): Promise<ChildProcess> {
  let log: number | undefined
  try {
    log = openSync(logFile, 'a')
    const child = spawn(process.execPath, [...flagsOf(limits), program, ...args], {
      cwd: workingDir,
      stdio: ['ignore', log, log, 'pipe'],
      env: { ...process.env, MILLRACE_JOB_MEMORY_MB: String(limits.memoryMb ?? '') },
    })
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject))
    // It has one thread by now, and those that it starts take over its niceness.
    if (limits.niceness !== undefined && limits.niceness > 0) setPriority(child.pid!, limits.niceness)
    return child
  } catch (error) {
    throw new MillraceError('COMPUTE_UNAVAILABLE', `A job could not be started: ${(error as Error).message}.`, {
      fix: 'Look for a limit on processes, for memory and for room on the disk, then queue the run again.',
      cause: error,
    })
  } finally {
    if (log !== undefined) closeSync(log)
  }
}

// V8's own limit is the same: where the heap alone is too large it says so itself, if it is faster than the guard.
const flagsOf = ({ memoryMb }: JobLimits): string[] => [
  '--min-semi-space-size=32',
  '--max-semi-space-size=64',
  ...(memoryMb === undefined ? [] : [`--max-old-space-size=${Math.max(1, Math.floor(memoryMb))}`]),
  '--import',
  guard,
]

function watched(
  child: ChildProcess,
  { logFile, limits }: JobSpec,
  options: { readonly patienceSeconds: number; readonly onUsage: (usage: JobUsage) => void },
): Job {
  let usage: JobUsage = { cpuSeconds: 0, peakMemoryMb: 0 }
  /** Why this compute ends it; undefined where it does not. */
  let reason: 'interrupted' | 'overMemory' | 'overTime' | undefined
  const timers = new Set<NodeJS.Timeout>()
  const after = (seconds: number, act: () => void): void => {
    timers.add(setTimeout(act, seconds * 1000))
  }
  const endBecause = (why: typeof reason): void => {
    if (reason !== undefined || child.exitCode !== null || child.signalCode !== null) return
    reason = why
    child.kill('SIGTERM')
    after(options.patienceSeconds, () => child.kill('SIGKILL'))
  }
  if (limits.wallSeconds !== undefined) after(limits.wallSeconds, () => endBecause('overTime'))
  onLine(child.stdio[3] as Socket, (line) => {
    const { isOverMemory, ...told } = JSON.parse(line) as WatchLine
    if (isOverMemory) reason ??= 'overMemory'
    usage = told
    options.onUsage(told)
  })
  const ended = new Promise<JobEnd>((resolve) => {
    // Not `exit`: what the guard wrote last is read by then.
    child.once('close', (exitCode, signal) => {
      for (const timer of timers) clearTimeout(timer)
      resolve({ ...howItEnded({ exitCode, signal, reason, logFile, limits }), usage })
    })
  })
  return {
    place: `process ${child.pid}`,
    ended,
    async cancel() {
      endBecause('interrupted')
      await ended
    },
  }
}

function howItEnded(end: {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly reason: 'interrupted' | 'overMemory' | 'overTime' | undefined
  readonly logFile: string
  readonly limits: JobLimits
}): DistributiveOmit<JobEnd, 'usage'> {
  const { exitCode, signal, reason, logFile, limits } = end
  // What had come to its end before the request reached it has done its work.
  if (exitCode === 0) return { how: 'exited', exitCode }
  const isHeapFull =
    (exitCode === ABORTED || HEAP_SIGNALS.includes(signal ?? '')) && HEAP_FULL.test(tailOf(logFile, 8192))
  if (reason === 'overMemory' || isHeapFull) return { how: 'overMemory', limitMb: limits.memoryMb ?? Number.NaN }
  if (reason === 'overTime') return { how: 'overTime', limitSeconds: limits.wallSeconds! }
  if (reason === 'interrupted') return { how: 'interrupted' }
  return signal === null ? { how: 'exited', exitCode: exitCode! } : { how: 'killed', signal }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never

function onLine(pipe: Socket, take: (line: string) => void): void {
  let rest = ''
  pipe.setEncoding('utf8')
  pipe.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const line of lines) take(line)
  })
  // A job that is killed breaks the pipe; `close` tells the rest.
  pipe.on('error', () => {})
}
