// What a supervisor and its processes say to each other, over the channel that Node.js keeps between a process and its child.
import type { ProcessMetrics } from '../http/dependencies.ts'
import type { ErrorCode } from '../lib/error-catalogue.ts'

export type ToProcess =
  /** With the connection itself. */
  | { readonly kind: 'connection' }
  /** To be answered with its own metrics. */
  | { readonly kind: 'tellMetrics'; readonly question: number }
  /** The answer to `askOthers`. */
  | { readonly kind: 'others'; readonly question: number; readonly metrics: readonly ProcessMetrics[] }
  /** To finish what is running, flush, and end. Connections may still come for the time of draining. */
  | { readonly kind: 'stop' }

export type FromProcess =
  /** It may be given connections. */
  | { readonly kind: 'ready'; readonly residentBytes: number }
  /** It cannot start; it ends by itself after this. */
  | {
      readonly kind: 'failed'
      readonly code: ErrorCode | undefined
      readonly message: string
      readonly fix: string | undefined
    }
  /** The connection that was sent last is in its hands. */
  | { readonly kind: 'taken'; readonly openCount: number }
  /** Every second: its thread is not stuck. */
  | { readonly kind: 'alive'; readonly openCount: number; readonly residentBytes: number }
  /** Somebody has told it to end: it wants no more connections. */
  | { readonly kind: 'leaving' }
  | { readonly kind: 'metrics'; readonly question: number; readonly text: string }
  /** For the metrics of all other processes. */
  | { readonly kind: 'askOthers'; readonly question: number }

/** The role of a process, by the name that the supervisor gave it. */
export type ProcessName = 'pipeline' | `worker-${number}`
