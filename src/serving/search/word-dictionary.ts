// The words that items are described by, as numbers: found as they are, by how they begin, and with one letter wrong.
import { isOneEdit } from '../../lib/one-edit.ts'
import { SortedLists } from '../../lib/sorted-lists.ts'

/** Words since the last sorting that are looked through one by one. */
const UNSORTED_COUNT_MAX = 1024
/** Pairs of letters that one edit can change: of two neighbours that changed places, three. */
const PAIRS_OF_AN_EDIT = 3

export class WordDictionary {
  readonly #words: string[] = []
  readonly #numbers = new Map<string, number>()
  /** Numbers by the order of their words; those added last are not in it. */
  #sorted = new Int32Array(0)
  /** By pair of neighbouring letters, the word's ends being letters too: the list of the words that have it. */
  readonly #listOfPair = new Map<number, number>()
  readonly #wordsOfPair = new SortedLists()
  /** By word: how many pairs it shares with the one looked for; zeros in between. */
  #sharedCounts = new Uint8Array(0)

  get count(): number {
    return this.#words.length
  }

  wordAt(number: number): string {
    return this.#words[number]!
  }

  /** Undefined for a word that no item ever had. */
  numberOf(word: string): number | undefined {
    return this.#numbers.get(word)
  }

  /** The word's number; a new one where it is new. */
  numberFor(word: string): number {
    let number = this.#numbers.get(word)
    if (number !== undefined) return number
    number = this.#words.length
    this.#words.push(word)
    this.#numbers.set(word, number)
    for (const pair of pairsOf(word)) {
      let list = this.#listOfPair.get(pair)
      if (list === undefined) this.#listOfPair.set(pair, (list = this.#listOfPair.size))
      this.#wordsOfPair.add(list, number)
    }
    return number
  }

  /** Calls back with every longer word that begins so. */
  forEachLonger(prefix: string, visit: (number: number) => void): void {
    this.#sortNewer()
    let low = 0
    let high = this.#sorted.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#words[this.#sorted[middle]!]! < prefix) low = middle + 1
      else high = middle
    }
    const visitLonger = (number: number): void => {
      if (this.#words[number]!.length > prefix.length) visit(number)
    }
    for (; low < this.#sorted.length && this.#words[this.#sorted[low]!]!.startsWith(prefix); low++) {
      visitLonger(this.#sorted[low]!)
    }
    for (let number = this.#sorted.length; number < this.#words.length; number++) {
      if (this.#words[number]!.startsWith(prefix)) visitLonger(number)
    }
  }

  /**
   * The words that one edit turns the given one into: a letter more, less or another, or two neighbours that changed places. Cost: the words that share pairs of
   * letters with it, not all words.
   */
  withOneEdit(word: string): readonly number[] {
    const pairs = pairsOf(word)
    const least = Math.max(1, pairs.size - PAIRS_OF_AN_EDIT)
    if (this.#sharedCounts.length < this.count) this.#sharedCounts = new Uint8Array(Math.ceil(this.count * 1.5))
    const shared = this.#sharedCounts
    const lists = [...pairs].flatMap((pair) => {
      const list = this.#listOfPair.get(pair)
      return list === undefined ? [] : [this.#wordsOfPair.entriesOf(list)]
    })
    const found: number[] = []
    for (const numbers of lists) {
      for (let i = 0; i < numbers.length; i++) {
        const number = numbers[i]!
        if (++shared[number]! === least && isOneEdit(word, this.#words[number]!)) found.push(number)
      }
    }
    for (const numbers of lists) for (let i = 0; i < numbers.length; i++) shared[numbers[i]!] = 0
    return found.sort((a, b) => a - b)
  }

  /** Typed arrays only: not the texts. */
  get byteLength(): number {
    return this.#sorted.byteLength + this.#wordsOfPair.byteLength + this.#sharedCounts.byteLength
  }

  #sortNewer(): void {
    const newerCount = this.#words.length - this.#sorted.length
    if (newerCount <= UNSORTED_COUNT_MAX) return
    const before = (a: number, b: number): boolean => this.#words[a]! < this.#words[b]!
    const newer = Int32Array.from({ length: newerCount }, (_, n) => this.#sorted.length + n)
    newer.sort((a, b) => (before(a, b) ? -1 : 1))
    const merged = new Int32Array(this.#words.length)
    let older = 0
    let newest = 0
    for (let at = 0; at < merged.length; at++) {
      const isOlder =
        newest === newer.length || (older < this.#sorted.length && before(this.#sorted[older]!, newer[newest]!))
      merged[at] = isOlder ? this.#sorted[older++]! : newer[newest++]!
    }
    this.#sorted = merged
  }
}

/** In the place of a letter before the first and behind the last. */
const END = 0

function pairsOf(word: string): ReadonlySet<number> {
  const pairs = new Set<number>()
  let before = END
  for (let i = 0; i <= word.length; i++) {
    const letter = i < word.length ? word.charCodeAt(i) : END
    pairs.add(before * 0x10000 + letter)
    before = letter
  }
  return pairs
}
