// Questions with all their candidates, asked once and kept, so that many rankers can be judged on them. What the funnel's evaluation says of a ranked list, this says, too.
import { columnPicker } from '../models/ranking/column-picker.ts'
import type { Ranker } from '../ports/ranker.ts'
import type { UserMetricValues } from './evaluate.ts'
import { bestFirst } from './evaluate-funnel.ts'
import type { QuestionRows } from './question-rows.ts'
import type { RankingQuestion } from './ranking-questions.ts'
import { UserMeans } from './user-means.ts'

interface HeldOutQuestion {
  readonly userIndex: number
  readonly relevant: ReadonlySet<number>
  readonly itemIndexes: Int32Array
  /** Candidates x the ranker's features, row-major; empty where no order of the candidates is better than another. */
  readonly rows: Float32Array
}

export class HeldOutQuestions {
  readonly #questions: HeldOutQuestion[] = []

  /**
   * @param questions by moment
   * @param featureNames what the rankers read, in their order; only that is kept: 4 bytes a feature and candidate
   */
  static async ask(
    questions: readonly RankingQuestion[],
    rows: Pick<QuestionRows, 'ask' | 'columnNames'>,
    featureNames: readonly string[],
  ): Promise<HeldOutQuestions> {
    const all = new HeldOutQuestions()
    const width = rows.columnNames.length
    const picked = columnPicker(rows.columnNames, featureNames)
    for (const question of questions) {
      const asked = await rows.ask(question)
      const relevant = new Set(question.relevantItems)
      const isAnswered = asked.itemIndexes.some((item) => relevant.has(item))
      all.#questions.push({
        userIndex: question.userIndex,
        relevant,
        itemIndexes: asked.itemIndexes.slice(),
        rows: isAnswered ? picked(asked.rows, width, asked.itemIndexes.length).slice() : new Float32Array(0),
      })
    }
    return all
  }

  /** Of those with a right answer among their candidates; whatever ranks them, the others score 0. */
  get answeredCount(): number {
    return this.#questions.filter(({ rows }) => rows.length > 0).length
  }

  /**
   * One value per user, the mean over the user's questions.
   * @param isAsked by the user's index; default: everybody
   */
  async judge(
    ranker: Ranker,
    { k, isAsked = () => true }: { readonly k: number; readonly isAsked?: (userIndex: number) => boolean },
  ): Promise<UserMetricValues> {
    const means = new UserMeans(k)
    for (const question of this.#questions) {
      if (!isAsked(question.userIndex)) continue
      means.add(question.userIndex, await shownBy(ranker, question, k), question.relevant)
    }
    return means.values()
  }
}

async function shownBy(ranker: Ranker, { itemIndexes, rows }: HeldOutQuestion, k: number): Promise<readonly number[]> {
  if (rows.length === 0) return []
  const scores = new Float64Array(itemIndexes.length)
  await ranker.score(rows, itemIndexes.length, scores)
  const places = bestFirst(Array.from(itemIndexes.keys()), (place) => scores[place]!, k)
  return places.map((place) => itemIndexes[place]!)
}
