// Settings of a ranker, compared: the examples are made once, and for each setting only the ranker is trained anew. Learning, comparing and confirming are three
// stretches of time, one after the other, and whoever asks has cut off the test part behind them.
import { sequencesOf } from '../domain/interaction-sequences.ts'
import type { InteractionTable } from '../domain/interaction-table.ts'
import { MillraceError } from '../lib/errors.ts'
import { seededRng } from '../lib/rng.ts'
import { unitHash } from '../lib/unit-hash.ts'
import type { RankerKind } from '../ports/ranker.ts'
import type { UserMetricValues } from './evaluate.ts'
import { HeldOutQuestions } from './held-out-questions.ts'
import { encoderFor } from './question-rows.ts'
import type { RankingExamples } from './ranking-examples.ts'
import { type RankingWindow, rankingQuestions, rankingWindows } from './ranking-questions.ts'
import {
  columnsOf,
  type ExampleInput,
  examplesOf,
  factsOf,
  learningRows,
  nothingToRank,
  questionRowsAsOf,
  spanOf,
  usefulColumns,
} from './train-ranker.ts'

export interface TrialWindows {
  /** As many as a training has, oldest first. */
  readonly learning: readonly RankingWindow[]
  /** Later than all of them. */
  readonly validation: RankingWindow
  /** Later still. */
  readonly confirmation: RankingWindow
}

/** The newest windows of a table. @returns undefined where all is of one moment */
export function trialWindows(
  table: InteractionTable,
  { windowMs, windowCount }: { readonly windowMs: number; readonly windowCount: number },
): TrialWindows | undefined {
  const windows = rankingWindows({ ...spanOf(table), windowMs, windowCount: windowCount + 2 })
  if (windows.length === 0) return undefined
  return { learning: windows.slice(0, -2), validation: windows.at(-2)!, confirmation: windows.at(-1)! }
}

export interface RankerTrials {
  /**
   * How well a ranker that learned with these settings orders what it was not trained on, by user.
   * @param share of the users who are learned from and asked about, the same ones every time
   */
  validate(kind: RankerKind, share: number): Promise<UserMetricValues>
  /** The same on newer questions, about everybody. */
  confirm(kind: RankerKind): Promise<UserMetricValues>
}

/**
 * Makes the examples, which takes a training of the generators for each window; a trial then takes a training of the ranker.
 * @param input its table ends before the test part
 * @throws MillraceError NOTHING_TO_TRAIN_ON; TUNING_INPUT_INVALID where every setting would score the same; TRAINING_*
 */
export async function rankerTrials(
  { plan, ...given }: ExampleInput,
  { learning, validation, confirmation }: TrialWindows,
  k: number,
): Promise<RankerTrials> {
  // What was shown is left to the training: a list's answers may lie in the window that the settings are compared by.
  const input: ExampleInput = { ...given, plan: { ...plan, from: 'history' } }
  const { table, features, context } = input
  const sequences = sequencesOf(table, table.userIds.length)
  const learned = encoderFor(features)
  const sets: RankingExamples[] = []
  for (const window of learning) sets.push(await examplesOf(window, { sequences, encoder: learned }, input))
  const facts = factsOf(learning, sets, undefined)
  if (facts.answeredCount === 0) throw nothingToRank(facts)
  const { chosen } = usefulColumns(columnsOf(sets[0]!.columnNames, learned))
  const rows = learningRows(sets, chosen)
  const featureNames = rows.rows.columns.map(({ name }) => name)
  // Texts that nobody had heard of when the ranker learned are missing to it, as they are when it serves.
  const encoder = encoderFor(features, learned.dictionaries)
  const heldOut = async (window: RankingWindow): Promise<HeldOutQuestions> => {
    const asked = await questionRowsAsOf(window.fromMs, sequences, encoder, input)
    const questions = rankingQuestions(sequences, {
      ...window,
      ...input.plan,
      lightestWeight: input.lightestWeight,
      rng: seededRng(`trial questions ${context.seed} ${window.fromMs}`),
    })
    return HeldOutQuestions.ask(questions, asked, featureNames)
  }
  // One after the other: features are read forward in time.
  const compared = await heldOut(validation)
  if (compared.answeredCount === 0) throw nothingToCompareBy()
  const newer = await heldOut(confirmation)

  const trained = async (kind: RankerKind, { rows, validation }: ReturnType<typeof learningRows>) => {
    const { artifacts } = await kind.train(rows, validation, { ...context, log: () => {} })
    return kind.open(artifacts, featureNames)
  }
  return {
    async validate(kind, share) {
      if (share >= 1) return compared.judge(await trained(kind, rows), { k })
      const isChosen = table.userIds.map((userId) => unitHash(userId) < share)
      const isAsked = (userIndex: number): boolean => isChosen[userIndex]!
      const parts = sets.map((set) => set.ofUsers(isAsked))
      // Where nobody of so few users has anything to teach, no setting is better than another.
      if (parts.every(({ answeredCount }) => answeredCount === 0)) return nobody()
      return compared.judge(await trained(kind, learningRows(parts, chosen)), { k, isAsked })
    },
    confirm: async (kind) => newer.judge(await trained(kind, rows), { k }),
  }
}

function nobody(): UserMetricValues {
  const none = new Float64Array(0)
  const values = { recall: none, precision: none, ndcg: none, reciprocalRank: none, averagePrecision: none }
  return { userIndexes: new Int32Array(0), values }
}

function nothingToCompareBy(): MillraceError {
  return new MillraceError(
    'TUNING_INPUT_INVALID',
    'In the validation window no candidate is what anybody chose next: every setting would score 0.',
    { fix: 'Import more history, or take more candidates or longer windows in "training.examples".' },
  )
}
