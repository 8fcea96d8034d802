// Whether a run that failed is tried again by itself, and when.
import { type ErrorEntry, errorCatalogue } from '../lib/error-catalogue.ts'
import type { Rng } from '../lib/rng.ts'

const ATTEMPTS_MAX = 3
const FIRST_WAIT_MS = 30_000
/** "Temporary failure" of sysexits.h: what the catalogue says of errors that can pass. */
const TEMPORARY_EXIT_CODE = 75

/** Whether the same run can succeed without anybody having changed something: not where memory, room on the disk or data are lacking. */
export const canPass = (code: string): boolean =>
  (errorCatalogue as Readonly<Record<string, ErrorEntry>>)[code]?.exitCode === TEMPORARY_EXIT_CODE

/**
 * When it is tried again, after 30 seconds, then after twice as long, between half and all of it at random.
 * @param attempt the one that failed, from 1
 * @returns undefined where it is not: the failure does not pass by itself, or it was tried often enough
 */
export function retryAtMs(
  code: string,
  { attempt, nowMs, rng }: { readonly attempt: number; readonly nowMs: number; readonly rng: Rng },
): number | undefined {
  if (!canPass(code) || attempt >= ATTEMPTS_MAX) return undefined
  return Math.round(nowMs + FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.5 + rng.next() / 2))
}
