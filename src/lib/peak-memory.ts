import { readFileSync } from 'node:fs'

const KB_PER_MB = 1024

/** The most memory that this process has had at once, in MB (2^20 bytes). */
export function peakMemoryMb(): number {
  try {
    // What Linux tells through `resourceUsage` is that of the process which started this one, where that was larger: it outlives the start of a program.
    const [, highWaterKb] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))!
    return Number(highWaterKb) / KB_PER_MB
  } catch {
    return process.resourceUsage().maxRSS / KB_PER_MB
  }
}
