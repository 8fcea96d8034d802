// How far an import has come: a bar that moves on a terminal, a line every few seconds elsewhere.
import { basename } from 'node:path'
import type { ImportProgress } from '../data/import.ts'

export interface ProgressOutput {
  readonly isTerminal: boolean
  readonly write: (text: string) => void
}

const BAR_WIDTH = 24
const TERMINAL_EVERY_MS = 100
const LINE_EVERY_MS = 5000

/** Shows progress when enough time has passed since it last did. `end` clears what a terminal shows. */
export function progressReporter({ isTerminal, write }: ProgressOutput) {
  let shownAtMs = 0
  let isShown = false
  return {
    show(progress: ImportProgress): void {
      if (progress.elapsedMs - shownAtMs < (isTerminal ? TERMINAL_EVERY_MS : LINE_EVERY_MS)) return
      shownAtMs = progress.elapsedMs
      isShown = true
      write(isTerminal ? `\r${progressLine(progress)}\u001b[K` : `${progressLine(progress)}\n`)
    },
    end(): void {
      if (isShown && isTerminal) write('\r\u001b[K')
      shownAtMs = 0
      isShown = false
    },
  }
}

/** Such as `clicks.csv  42 %  ██████████··············  118,000 rows/s  1 min 20 s left`. Time left by bytes, as rows are not known ahead. */
export function progressLine({ path, readCount, readBytes, totalBytes, elapsedMs }: ImportProgress): string {
  const share = totalBytes > 0 ? Math.min(1, readBytes / totalBytes) : 1
  const filled = Math.floor(share * BAR_WIDTH)
  const bar = '█'.repeat(filled) + '·'.repeat(BAR_WIDTH - filled)
  const rowsPerSecond = Math.round(readCount / Math.max(0.001, elapsedMs / 1000))
  const leftMs = share > 0 ? (elapsedMs / share) * (1 - share) : 0
  return `${basename(path)}  ${Math.floor(share * 100)} %  ${bar}  ${rowsPerSecond.toLocaleString('en-US')} rows/s  ${duration(leftMs)} left`
}

/** In the two largest units that matter to someone who waits. */
export function duration(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
}
