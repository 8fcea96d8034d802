// Splitting by time, the only split that does not let a model see its own future.
import { type InteractionTable, interactionsBetween } from './interaction-table.ts'

export interface TimeSplit {
  readonly train: InteractionTable
  readonly test: InteractionTable
  /** The first moment of the test part. */
  readonly splitAtMs: number
}

/**
 * The newest interactions become the test part. The boundary is a moment, not a count: interactions of the same moment fall on the same side.
 * @param testShare in (0, 1); the test part holds at most this share of the interactions, plus those that share the boundary's moment
 * @returns undefined where no moment leaves interactions on both sides
 */
export function splitByTime(table: InteractionTable, testShare: number): TimeSplit | undefined {
  const times = table.eventTimesMs.slice().sort()
  const splitAtMs = times[Math.floor(times.length * (1 - testShare))]
  if (splitAtMs === undefined || splitAtMs === times[0]) return undefined
  return splitAt(table, splitAtMs)
}

/** Everything before the moment trains, everything from it on tests. @returns undefined where one of them would be empty */
export function splitAt(table: InteractionTable, splitAtMs: number): TimeSplit | undefined {
  const train = interactionsBetween(table, Number.NEGATIVE_INFINITY, splitAtMs)
  const test = interactionsBetween(table, splitAtMs, Number.POSITIVE_INFINITY)
  return train.weights.length === 0 || test.weights.length === 0 ? undefined : { train, test, splitAtMs }
}
