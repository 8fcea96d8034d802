// Which questions a ranker learns from: a user at a moment of their history, and what they chose soon after it. Everything in here is pure, and looks at times only.
import type { InteractionSequences } from '../domain/interaction-sequences.ts'
import type { Rng } from '../lib/rng.ts'

export interface RankingQuestion {
  readonly userIndex: number
  /** Answers may know what happened before it. */
  readonly momentMs: number
  /** The user's history is the entries of their sequence before this one. */
  readonly historyEnd: number
  /** What the user chose from that moment on and had not chosen before, ascending. */
  readonly relevantItems: readonly number[]
  /** Of each relevant item: 1 for the lightest kind of interaction, and one more for each time that its weight is four times that, up to 3. */
  readonly grades: readonly number[]
}

export interface QuestionOptions {
  readonly fromMs: number
  /** Neither a moment nor what was chosen after it lies here or later. */
  readonly beforeMs: number
  /** How long after the moment a choice still counts as an answer to it. */
  readonly attributionMs: number
  /** Moments taken of each user at most; of more, as many are drawn. */
  readonly questionsPerUser: number
  /** Of the lightest kind of interaction, above 0. */
  readonly lightestWeight: number
  readonly rng: Rng
}

const HIGHEST_GRADE = 3

/** @returns by moment, then by user */
export function rankingQuestions(sequences: InteractionSequences, options: QuestionOptions): RankingQuestion[] {
  const { offsets, timesMs } = sequences
  if (timesMs === undefined) return []
  const questions: RankingQuestion[] = []
  for (let user = 0; user + 1 < offsets.length; user++) {
    const moments = momentsOf(sequences, user, options)
    for (const entry of drawn(moments, options.questionsPerUser, options.rng.fork(`user ${user}`))) {
      const question = questionAt(sequences, user, entry, options)
      if (question.relevantItems.length > 0) questions.push(question)
    }
  }
  return questions.sort((a, b) => a.momentMs - b.momentMs || a.userIndex - b.userIndex)
}

/** The first entry of each of the user's moments in the window: what happens at one moment is one answer. */
function momentsOf({ offsets, timesMs }: InteractionSequences, user: number, options: QuestionOptions): number[] {
  const moments: number[] = []
  for (let entry = offsets[user]!; entry < offsets[user + 1]!; entry++) {
    const timeMs = timesMs![entry]!
    if (timeMs < options.fromMs || timeMs >= options.beforeMs) continue
    if (entry === offsets[user] || timesMs![entry - 1]! < timeMs) moments.push(entry)
  }
  return moments
}

function questionAt(
  { offsets, timesMs, itemIndexes, weights }: InteractionSequences,
  userIndex: number,
  entry: number,
  { attributionMs, beforeMs, lightestWeight }: QuestionOptions,
): RankingQuestion {
  const momentMs = timesMs![entry]!
  const known = new Set(itemIndexes.subarray(offsets[userIndex]!, entry))
  const weightByItem = new Map<number, number>()
  const endMs = Math.min(momentMs + attributionMs, beforeMs)
  for (let e = entry; e < offsets[userIndex + 1]! && timesMs![e]! < endMs; e++) {
    const item = itemIndexes[e]!
    if (!known.has(item)) weightByItem.set(item, Math.max(weightByItem.get(item) ?? 0, weights[e]!))
  }
  const relevantItems = [...weightByItem.keys()].sort((a, b) => a - b)
  const grades = relevantItems.map((item) => gradeOf(weightByItem.get(item)! / lightestWeight))
  return { userIndex, momentMs, historyEnd: entry, relevantItems, grades }
}

/** @param timesLightest how many times the lightest kind the interaction weighs */
export const gradeOf = (timesLightest: number): number =>
  Math.max(1, Math.min(HIGHEST_GRADE, 1 + Math.floor(Math.log2(timesLightest) / 2)))

/** As many of them, all equally likely, in their order; all of them where there are no more. */
export function drawn<T>(all: readonly T[], count: number, rng: Rng): readonly T[] {
  if (all.length <= count) return all
  let open = count
  return all.filter((_, i) => {
    const isDrawn = rng.next() * (all.length - i) < open
    if (isDrawn) open--
    return isDrawn
  })
}

/** A stretch of time whose questions are answered by models that know only what came before it. */
export interface RankingWindow {
  readonly fromMs: number
  readonly beforeMs: number
}

/**
 * The newest stretches before a moment, oldest first. Where the history is shorter than twice all of them, they are shortened, so that half of it is left to learn
 * candidates from.
 */
export function rankingWindows(options: {
  readonly firstMs: number
  readonly endMs: number
  readonly windowMs: number
  readonly windowCount: number
}): RankingWindow[] {
  const { firstMs, endMs, windowCount } = options
  const windowMs = Math.min(options.windowMs, Math.floor((endMs - firstMs) / (2 * windowCount)))
  if (windowMs <= 0) return []
  return Array.from({ length: windowCount }, (_, w) => ({
    fromMs: endMs - (windowCount - w) * windowMs,
    beforeMs: endMs - (windowCount - w - 1) * windowMs,
  }))
}
