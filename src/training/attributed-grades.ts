// What users did with what they were shown: each interaction goes to the newest impression of its item, and says how good a choice the item was there.
import type { ImpressionTable } from '../domain/impression-table.ts'
import type { InteractionSequences } from '../domain/interaction-sequences.ts'
import { groupByBucket } from '../lib/counting-sort.ts'
import { gradeOf } from './ranking-questions.ts'

export interface AttributionOptions {
  /** How long after an impression an interaction still counts as its answer; the moment itself belongs to it, the end does not. */
  readonly attributionMs: number
  /** Neither an impression nor an interaction of then or later is looked at. */
  readonly beforeMs: number
  /** Of the lightest kind of interaction, above 0. */
  readonly lightestWeight: number
}

/** The same users and items under the indexes of the impressions and of the interactions. */
export interface ImpressionAlignment {
  /** By user of the impressions; -1 for one without interactions. */
  readonly userIndexes: Int32Array
  /** By item of the impressions; -1 for one that nobody knows. */
  readonly itemIndexes: Int32Array
}

/**
 * An interaction goes to one impression only, so that a list shown twice is not praised twice: to the newest that shows its item to its user at the moment of the
 * interaction or before; of several at one moment to the one that came last. Where that one is older than the window, nobody is praised.
 *
 * @returns by shown item, in the order of `impressions.itemIndexes`: 0 where nothing was done with it, else the grade of the heaviest interaction
 */
export function attributedGrades(
  impressions: ImpressionTable,
  { offsets: entryOffsets, itemIndexes: entryItems, timesMs: entryTimesMs, weights }: InteractionSequences,
  alignment: ImpressionAlignment,
  { attributionMs, beforeMs, lightestWeight }: AttributionOptions,
): Uint8Array {
  const { userIds, userIndexes, timesMs, offsets, itemIndexes } = impressions
  const grades = new Uint8Array(itemIndexes.length)
  const shownTo = groupByBucket(userIndexes, userIds.length)
  for (let user = 0; user < userIds.length; user++) {
    const tableUser = alignment.userIndexes[user]!
    if (tableUser < 0 || entryTimesMs === undefined) continue
    const own = shownTo.order.subarray(shownTo.offsets[user]!, shownTo.offsets[user + 1]!)
    const byTime = own.slice().sort((a, b) => timesMs[a]! - timesMs[b]! || a - b)
    /** By item of the interactions, the newest place in `itemIndexes` that showed it, and when that was. */
    const newest = new Map<number, { readonly place: number; readonly timeMs: number }>()
    let next = 0
    for (let entry = entryOffsets[tableUser]!; entry < entryOffsets[tableUser + 1]!; entry++) {
      const doneMs = entryTimesMs[entry]!
      if (doneMs >= beforeMs) break
      while (next < byTime.length && timesMs[byTime[next]!]! <= doneMs) {
        const impression = byTime[next++]!
        for (let place = offsets[impression]!; place < offsets[impression + 1]!; place++) {
          const item = alignment.itemIndexes[itemIndexes[place]!]!
          if (item >= 0) newest.set(item, { place, timeMs: timesMs[impression]! })
        }
      }
      const shown = newest.get(entryItems[entry]!)
      if (shown === undefined || doneMs >= shown.timeMs + attributionMs) continue
      grades[shown.place] = Math.max(grades[shown.place]!, gradeOf(weights[entry]! / lightestWeight))
    }
  }
  return grades
}
