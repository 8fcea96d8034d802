// Training rows of a ranker, from questions with their candidates and from lists that were shown.
import assert from 'node:assert'
import type { Rng } from '../lib/rng.ts'
import type { RankingColumn, RankingRows } from '../ports/ranker.ts'

/** Something to learn from: rows, and how good a choice each of them was. */
export interface ExampleQuestion {
  readonly userIndex: number
  readonly momentMs: number
  ask(): Promise<ExampleRows>
}

export interface ExampleRows {
  /** Rows x columns, row-major; looked at before the next question is asked. */
  readonly rows: Float32Array
  /** By row: a grade from 0, 0 being wrong. */
  readonly grades: ArrayLike<number>
  /** Whether the rows are a list in the order in which it was shown. */
  readonly areShown: boolean
}

/** Rows that grow, question by question. */
export class RankingExamples {
  readonly columnNames: readonly string[]
  #values = new Float32Array(1024)
  readonly #labels: number[] = []
  readonly #querySizes: number[] = []
  readonly #positions: number[] = []
  /** By answered question: who asked. */
  readonly #userIndexes: number[] = []
  #length = 0
  #questionCount = 0

  constructor(columnNames: readonly string[]) {
    this.columnNames = columnNames
  }

  get rowCount(): number {
    return this.#labels.length
  }

  /** Of those that were asked; the others had no right answer among their candidates and teach nothing. */
  get answeredCount(): number {
    return this.#querySizes.length
  }

  get questionCount(): number {
    return this.#questionCount
  }

  /**
   * Asks every question, and keeps those with a right answer among the rows: all right ones, and of the others at most `wrongPerQuestion`, drawn.
   * @param questions by moment
   */
  async add(
    questions: readonly ExampleQuestion[],
    { wrongPerQuestion, rng }: { readonly wrongPerQuestion: number; readonly rng: Rng },
  ): Promise<void> {
    for (const question of questions) {
      this.#questionCount++
      const { rows, grades, areShown } = await question.ask()
      let wrongLeft = 0
      for (let i = 0; i < grades.length; i++) if (grades[i] === 0) wrongLeft++
      if (wrongLeft === grades.length) continue
      let open = Math.min(wrongPerQuestion, wrongLeft)
      const sizeBefore = this.#labels.length
      for (let i = 0; i < grades.length; i++) {
        const grade = grades[i]!
        if (grade === 0) {
          const isDrawn = rng.next() * wrongLeft-- < open
          if (!isDrawn) continue
          open--
        }
        this.#push(rows, i, grade)
        this.#positions.push(areShown ? i + 1 : 0)
      }
      this.#querySizes.push(this.#labels.length - sizeBefore)
      this.#userIndexes.push(question.userIndex)
    }
  }

  #push(rows: Float32Array, row: number, grade: number): void {
    const width = this.columnNames.length
    if (this.#values.length < this.#length + width) {
      const grown = new Float32Array(this.#values.length * 2 + width)
      grown.set(this.#values)
      this.#values = grown
    }
    this.#values.set(rows.subarray(row * width, (row + 1) * width), this.#length)
    this.#length += width
    this.#labels.push(grade)
  }

  /** One set after the other. @param sets at least one, all with the same columns */
  static joined(sets: readonly RankingExamples[]): RankingExamples {
    const all = new RankingExamples(sets[0]!.columnNames)
    all.#length = sets.reduce((sum, set) => sum + set.#length, 0)
    all.#values = new Float32Array(all.#length)
    let at = 0
    for (const set of sets) {
      all.#values.set(set.#values.subarray(0, set.#length), at)
      at += set.#length
      for (const label of set.#labels) all.#labels.push(label)
      for (const position of set.#positions) all.#positions.push(position)
      for (const size of set.#querySizes) all.#querySizes.push(size)
      for (const user of set.#userIndexes) all.#userIndexes.push(user)
      all.#questionCount += set.#questionCount
    }
    return all
  }

  /** The answered questions of some users. */
  ofUsers(isKept: (userIndex: number) => boolean): RankingExamples {
    const part = new RankingExamples(this.columnNames)
    const width = this.columnNames.length
    part.#values = new Float32Array(this.#length)
    let row = 0
    for (const [query, size] of this.#querySizes.entries()) {
      const user = this.#userIndexes[query]!
      if (isKept(user)) {
        part.#values.set(this.#values.subarray(row * width, (row + size) * width), part.#length)
        part.#length += size * width
        for (let i = row; i < row + size; i++) {
          part.#labels.push(this.#labels[i]!)
          part.#positions.push(this.#positions[i]!)
        }
        part.#querySizes.push(size)
        part.#userIndexes.push(user)
        part.#questionCount++
      }
      row += size
    }
    return part
  }

  /** @param chosen columns by name, in the order that they shall have */
  build(chosen: readonly Pick<RankingColumn, 'name' | 'kind'>[]): RankingRows {
    const width = this.columnNames.length
    const rowCount = this.#labels.length
    const columns = chosen.map((column) => {
      const at = this.columnNames.indexOf(column.name)
      assert(at >= 0, `there is no column ${column.name}`)
      const values = new Float32Array(rowCount)
      for (let row = 0; row < rowCount; row++) values[row] = this.#values[row * width + at]!
      return { ...column, values }
    })
    return {
      columns,
      labels: Float32Array.from(this.#labels),
      querySizes: Int32Array.from(this.#querySizes),
      ...(this.#positions.some((position) => position > 0) && { positions: Int32Array.from(this.#positions) }),
    }
  }
}
