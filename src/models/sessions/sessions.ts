// Cuts what users did into sessions, for the models that learn from what happened together and in which order.
import type { TrainingData } from '../../domain/training-data.ts'
import { MillraceError } from '../../lib/errors.ts'

/** Sessions in the order of their newest interaction, the newest session first. Session s has the items `offsets[s] .. offsets[s + 1]`, oldest first. */
export interface Sessions {
  readonly offsets: Int32Array
  readonly itemIndexes: Int32Array
}

/** A longer one is cut: nobody looks at so much in one go, and a robot's session would be a neighbour of every other. */
const MAX_SESSION_LENGTH = 100
const MINUTE_MS = 60_000

/**
 * A session ends where a user did nothing for longer than the gap; without times a user's whole sequence is one, and later users are newer.
 * Sessions of a single item are left out: they say nothing about another one.
 * @throws TRAINING_INPUT_INVALID where the data has no order
 */
export function sessionsOf(data: TrainingData, kind: string, gapMinutes: number): Sessions {
  const { sequences } = data
  if (!sequences) {
    throw new MillraceError(
      'TRAINING_INPUT_INVALID',
      `${kind} learns from the order of interactions, and this data has none.`,
      {
        fix: 'Train on interactions with times, or use a kind that needs no order, such as item neighbours.',
      },
    )
  }
  const { offsets, itemIndexes, timesMs } = sequences
  const bounds: { readonly start: number; readonly end: number }[] = []
  for (let user = 0; user + 1 < offsets.length; user++) {
    let start = offsets[user]!
    const end = offsets[user + 1]!
    for (let i = start + 1; i <= end; i++) {
      const isOver =
        i === end ||
        i - start === MAX_SESSION_LENGTH ||
        (timesMs && timesMs[i]! - timesMs[i - 1]! > gapMinutes * MINUTE_MS)
      if (!isOver) continue
      if (itemIndexes.subarray(start + 1, i).some((item) => item !== itemIndexes[start])) bounds.push({ start, end: i })
      start = i
    }
  }
  if (timesMs) bounds.sort((a, b) => timesMs[b.end - 1]! - timesMs[a.end - 1]! || b.start - a.start)
  else bounds.reverse()
  const sessionOffsets = new Int32Array(bounds.length + 1)
  bounds.forEach(({ start, end }, session) => {
    sessionOffsets[session + 1] = sessionOffsets[session]! + end - start
  })
  const sessionItems = new Int32Array(sessionOffsets.at(-1)!)
  for (const [session, { start, end }] of bounds.entries()) {
    sessionItems.set(itemIndexes.subarray(start, end), sessionOffsets[session])
  }
  return { offsets: sessionOffsets, itemIndexes: sessionItems }
}
