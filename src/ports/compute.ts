// Where runs are executed: processes on this machine, or whatever else an adapter starts. A job is one execution of the command line, apart from everything that serves.

/** What a job may take. Where a limit is left out, there is none. */
export interface JobLimits {
  /** Of the whole process: its heap, and what lies outside of it. */
  readonly memoryMb?: number | undefined
  readonly wallSeconds?: number | undefined
  /** 0 for like everything else, up to 19 for only where nothing else wants the processor. */
  readonly niceness?: number | undefined
}

export interface JobSpec {
  /** What follows `millrace` on the command line. */
  readonly args: readonly string[]
  readonly workingDir: string
  /** Where everything that it prints is appended. */
  readonly logFile: string
  readonly limits: JobLimits
}

/** What a job has taken until now. */
export interface JobUsage {
  readonly cpuSeconds: number
  readonly peakMemoryMb: number
}

/** How a job ended. `killed`: by somebody who is not this compute, such as the system where memory ran out. `interrupted`: `cancel` was called. */
export type JobEnd = (
  | { readonly how: 'exited'; readonly exitCode: number }
  | { readonly how: 'killed'; readonly signal: string }
  | { readonly how: 'interrupted' }
  | { readonly how: 'overMemory'; readonly limitMb: number }
  | { readonly how: 'overTime'; readonly limitSeconds: number }
) & { readonly usage: JobUsage }

export interface Job {
  /** What the system calls it, for people: such as "process 123". */
  readonly place: string
  /** Never rejects. */
  readonly ended: Promise<JobEnd>
  /** Asks it to end, and ends it where it does not within the adapter's patience. Resolves with `ended`; one that has ended stays as it is. */
  cancel(): Promise<void>
}

/** A job never outlives the process that started it, however that one ends: whoever starts it again must not meet it. */
export interface Compute {
  /**
   * @param onUsage told about once a second
   * @throws MillraceError COMPUTE_UNAVAILABLE where it cannot be started
   */
  start(spec: JobSpec, onUsage?: (usage: JobUsage) => void): Promise<Job>
  /** Cancels what runs, and waits for it. */
  close(): Promise<void>
}
