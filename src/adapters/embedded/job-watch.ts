// The thread of a job's guard; see job-guard.ts. Each line that it writes is one `WatchLine`.
import { Socket } from 'node:net'
import { workerData } from 'node:worker_threads'
import { peakMemoryMb } from '../../lib/peak-memory.ts'

/** What a job's guard tells the process that started it. */
export interface WatchLine {
  readonly cpuSeconds: number
  readonly peakMemoryMb: number
  /** Set in the last line, where the process is about to be ended for it. */
  readonly isOverMemory?: boolean
}

/** Often enough that memory which grows by 1 GB/s is found 50 MB late. */
const LOOK_EVERY_MS = 50
const TELL_EVERY_MS = 1000
const BYTES_PER_MB = 2 ** 20

const { pipe, memoryMb } = workerData as { readonly pipe: number; readonly memoryMb: number | undefined }
const starter = new Socket({ fd: pipe, readable: true, writable: true })
const end = (): void => {
  process.kill(process.pid, 'SIGKILL')
}
// The other end is open as long as the process lives that started this one, and nobody else has it.
starter.on('close', end).on('error', end).resume()

let toldMs = Number.NEGATIVE_INFINITY
setInterval(() => {
  const rssMb = process.memoryUsage.rss() / BYTES_PER_MB
  const isOverMemory = memoryMb !== undefined && rssMb > memoryMb
  const nowMs = performance.now()
  if (!isOverMemory && nowMs - toldMs < TELL_EVERY_MS) return
  toldMs = nowMs
  const line = JSON.stringify({ ...usage(), ...(isOverMemory && { isOverMemory }) } satisfies WatchLine)
  starter.write(`${line}\n`, isOverMemory ? end : undefined)
}, LOOK_EVERY_MS)

function usage(): WatchLine {
  const { userCPUTime, systemCPUTime } = process.resourceUsage()
  return { cpuSeconds: (userCPUTime + systemCPUTime) / 1e6, peakMemoryMb: peakMemoryMb() }
}
