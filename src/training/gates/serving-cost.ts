// What answers cost, measured on this machine with the model opened as a server opens it.
import type { GateResult } from '../../domain/gate-report.ts'

/** Of one placement, over users, each with the fastest of several answers. */
export interface AnswerTimes {
  readonly placement: string
  readonly requestCount: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface ServingCost {
  readonly answers: readonly AnswerTimes[]
  /** Of a process that does nothing but answer from the model; undefined where none could be started. */
  readonly residentBytes: number | undefined
}

export function latencyGate(cost: ServingCost | undefined, boundMs: number): GateResult {
  const slowest = cost?.answers.toSorted((a, b) => b.p99Ms - a.p99Ms)[0]
  if (!slowest)
    return { gate: 'latency', verdict: 'notJudged', measured: [], bound: boundMs, reason: 'nobody to answer to' }
  const { placement, requestCount, p50Ms, p99Ms } = slowest
  const isSlow = p99Ms > boundMs
  return {
    gate: 'latency',
    verdict: isSlow ? 'failed' : 'passed',
    measured: [
      { name: `p99 of placement ${placement}, ms`, value: p99Ms, count: requestCount },
      { name: `p50 of placement ${placement}, ms`, value: p50Ms, count: requestCount },
    ],
    bound: boundMs,
    reason: `placement ${placement}: p50 ${p50Ms.toFixed(2)} ms, p99 ${p99Ms.toFixed(2)} ms over the answers to ${requestCount} users on this machine, ${isSlow ? 'above' : 'within'} ${boundMs} ms`,
  }
}

const MEGABYTE = 1e6

export function memoryGate(cost: ServingCost | undefined, boundMb: number): GateResult {
  const bytes = cost?.residentBytes
  if (bytes === undefined) {
    const reason = 'only a process of its own can tell, and it needs a system file to start from'
    return { gate: 'memory', verdict: 'notJudged', measured: [], bound: boundMb, reason }
  }
  const megabytes = bytes / MEGABYTE
  const isLarge = megabytes > boundMb
  return {
    gate: 'memory',
    verdict: isLarge ? 'failed' : 'passed',
    measured: [{ name: 'resident memory, MB', value: megabytes }],
    bound: boundMb,
    reason: `a process that answers from the model holds ${megabytes.toFixed(0)} MB, ${isLarge ? 'above' : 'within'} ${boundMb} MB`,
  }
}
