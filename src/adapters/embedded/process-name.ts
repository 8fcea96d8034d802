// Which process is meant, in words that a later process cannot take over.
import { readFileSync } from 'node:fs'

export interface ProcessName {
  readonly pid: number
  /** When the kernel started it, in its own unit; empty where the system does not tell. */
  readonly startedAt: string
}

export const thisProcess = (): ProcessName => ({ pid: process.pid, startedAt: startOf(process.pid) })

/** Whether that very process still runs, and not another one that was given its number. */
export function isAlive({ pid, startedAt }: ProcessName): boolean {
  try {
    // Signal 0 asks whether it could be sent.
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  const now = startOf(pid)
  return startedAt === '' || now === '' || now === startedAt
}

/** Field 22 of /proc/PID/stat, on Linux; a zombie, which is dead and has only not been waited for, counts as another process. */
function startOf(pid: number): string {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ')
    return fields[0] === 'Z' ? 'dead' : (fields[19] ?? '')
  } catch {
    return ''
  }
}
