// What a benchmark reports, and the parts every benchmark shares: the spread of repeated runs and the machine's name.
import { readFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'

/** One measured figure; with `--json` it is printed as one line. */
export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** Smallest and largest of the repeated runs, where `value` is their median. */
  readonly spread?: readonly [number, number]
  readonly peer?: string
  readonly peerValue?: number
  /** value / peerValue, or the median of the paired ratios where runs alternate. */
  readonly ratio?: number
  /** The bound that the figure must meet, in words with the number, such as "<= 0.15". */
  readonly bar?: string
  readonly ok?: boolean
  /** Whatever a reader needs to judge the figure: settings, sizes, seeds. */
  readonly note?: string
}

export interface BenchOptions {
  /** A few seconds on tiny inputs, to show that the benchmark still runs; its figures mean nothing. */
  readonly smoke: boolean
  /** Progress for people; never part of the figures. */
  readonly log: (line: string) => void
}

/** A benchmark: figures, or one clear line saying why it cannot run here. */
export type Bench = (options: BenchOptions) => Promise<Figure[] | { readonly skipped: string }>

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Nearest-rank percentile, `fraction` in [0, 1]. */
export function percentile(values: ArrayLike<number>, fraction: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(fraction * sorted.length) - 1))]!
}

export function spreadOf(values: readonly number[]): readonly [number, number] {
  return [Math.min(...values), Math.max(...values)]
}

/** Processor, cores, memory and Node, as in "AMD EPYC (family 26, model 2), 2 cores, 24 GiB, Node v24.21.0". */
export function machineName(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor'
  return `${model}${generationOf()}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`
}

// A rented machine's processor is often named by its brand alone, while its generations differ by a factor of several.
function generationOf(): string {
  try {
    const lines = readFileSync('/proc/cpuinfo', 'utf8')
    const family = /^cpu family\s*: (\d+)/m.exec(lines)?.[1]
    const model = /^model\s*: (\d+)/m.exec(lines)?.[1]
    return family === undefined || model === undefined ? '' : ` (family ${family}, model ${model})`
  } catch {
    return '' // not Linux: there the name says it
  }
}
