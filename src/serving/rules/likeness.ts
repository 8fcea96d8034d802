// How much candidates are like the list so far: the largest share of attributes that a candidate has in common with one item of the list. It is worked out for those
// candidates only that somebody asks about, and goes on from where it was the last time.
import { grown } from '../grown.ts'

export class Likeness {
  #groupsOf: readonly ((row: number) => number)[] = []
  /** Candidates x attributes, row-major; known where `#comparedCounts` is not -1. */
  #groups = new Int32Array(0)
  /** By candidate: items of the list that it was compared with. */
  #comparedCounts = new Int32Array(0)
  /** By candidate: attributes in common with the most alike of them. */
  #commonCounts = new Int32Array(0)
  /** Items of the list x attributes, row-major. */
  #listed = new Int32Array(0)
  #listedCount = 0

  begin(groupsOf: readonly ((row: number) => number)[], candidateCount: number): void {
    this.#groupsOf = groupsOf
    this.#groups = grown(this.#groups, candidateCount * groupsOf.length)
    this.#comparedCounts = grown(this.#comparedCounts, candidateCount)
    this.#comparedCounts.fill(-1, 0, candidateCount)
    this.#commonCounts = grown(this.#commonCounts, candidateCount)
    this.#listedCount = 0
  }

  /** An item is in the list now. */
  add(row: number): void {
    const width = this.#groupsOf.length
    this.#listed = grown(this.#listed, (this.#listedCount + 1) * width)
    for (let a = 0; a < width; a++) this.#listed[this.#listedCount * width + a] = this.#groupsOf[a]!(row)
    this.#listedCount++
  }

  /** In [0, 1]. Attributes that an item lacks are in common with nothing. */
  of(candidate: number, row: number): number {
    const width = this.#groupsOf.length
    const groups = this.#groups
    const listed = this.#listed
    const from = candidate * width
    let compared = this.#comparedCounts[candidate]!
    if (compared < 0) {
      for (let a = 0; a < width; a++) groups[from + a] = this.#groupsOf[a]!(row)
      this.#commonCounts[candidate] = 0
      compared = 0
    }
    let most = this.#commonCounts[candidate]!
    for (; compared < this.#listedCount && most < width; compared++) {
      let common = 0
      for (let a = 0; a < width; a++) {
        const group = groups[from + a]!
        if (group >= 0 && group === listed[compared * width + a]) common++
      }
      if (common > most) most = common
    }
    this.#comparedCounts[candidate] = this.#listedCount
    this.#commonCounts[candidate] = most
    return most / width
  }
}
