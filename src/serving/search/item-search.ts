// Answers searches: the words of the query where items have them, and what is written alike where they do not. Placements and their rules have no part in it.
import type { Plan } from '../../config/plan.ts'
import type { Shortfall } from '../../domain/recommendation.ts'
import type { DuplicatesResponse, FoundItem, SearchedWord, SearchRequest, SearchResponse } from '../../domain/search.ts'
import { MillraceError, type Problem } from '../../lib/errors.ts'
import { searchWords, stemOf } from '../../lib/search-words.ts'
import { Best } from '../best.ts'
import type { ItemBitmap } from '../item-bitmap.ts'
import { ItemBitmaps } from '../item-bitmaps.ts'
import { ItemIndexes } from '../item-indexes.ts'
import type { LiveState } from '../live-state.ts'
import { allowedRung, type BestRung } from '../load-shedding.ts'
import { ParsedFilters } from '../parsed-filters.ts'
import { MAX_EXCLUDE_COUNT, MAX_LIMIT, throwProblems } from '../request-check.ts'
import { shortfallOf } from '../shortfall.ts'
import { type QueryWord, queryWords } from './query-words.ts'
import { SearchIndex } from './search-index.ts'
import { WordScores } from './word-scores.ts'

/** Characters of a query. */
export const MAX_QUERY_LENGTH = 512
const DEFAULT_LIMIT = 20
/** Items with words of the query that are looked at further, for each item of the answer, and at least. */
const CANDIDATES_PER_ITEM = 4
const CANDIDATE_COUNT_MIN = 200
/** Items that have every word of the query; where there are as many for each item of the answer, what is only alike would not get into it. */
const ENOUGH_PER_ITEM = 2
/** What a cosine of 1 counts, where having every word of the query counts about 1. */
const ALIKE_WEIGHT = 0.5
/** Items that are only alike are in the answer from this cosine on. */
const ALIKE_MIN = 0.4
/**
 * What being like all that the user looked at last counts. On Online Retail, with one or two words of what a customer bought later as the query, the mean reciprocal place
 * of that item is 0.317 with 0, 0.327 with 0.1, 0.333 with 0.3, 0.332 with 1.
 */
const TASTE_WEIGHT = 0.3
const TASTE_HISTORY_LENGTH = 20
const SHOWN_READINGS_MAX = 5

export interface ItemSearchOptions {
  readonly plan: Pick<Plan, 'data'>
  readonly live: LiveState
  readonly newRequestId: () => string
  /** Where it allows no rung, searches are turned away, too: they have none below. */
  readonly bestRung?: BestRung | undefined
  /** Told why searches do without vectors. */
  readonly onFailure: (error: unknown) => void
}

export class ItemSearch {
  readonly index: SearchIndex
  readonly #live: LiveState
  readonly #newRequestId: () => string
  readonly #bestRung: BestRung | undefined
  readonly #filters: ParsedFilters
  /** Of no model: an item's index is its row. */
  readonly #indexes: ItemIndexes
  readonly #bitmaps: ItemBitmaps
  readonly #scores = new WordScores()
  readonly #best = new Best()

  /** Costs nothing until something is asked; the first question waits until all items were read. */
  constructor({ plan, live, newRequestId, bestRung, onFailure }: ItemSearchOptions) {
    this.#live = live
    this.#newRequestId = newRequestId
    this.#bestRung = bestRung
    this.index = new SearchIndex(live.catalogue, onFailure)
    this.#filters = new ParsedFilters(plan.data.entities.item)
    this.#indexes = new ItemIndexes(live.catalogue, [])
    this.#bitmaps = new ItemBitmaps({ catalogue: live.catalogue, indexes: this.#indexes })
  }

  /**
   * Items that fit, best first; among equals the more popular first. What the log has told of the catalogue before the call is found.
   * @throws MillraceError REQUEST_INVALID with every problem, SERVER_OVERLOADED, or FILTER_... for a filter
   */
  async search(request: SearchRequest): Promise<SearchResponse> {
    allowedRung(this.#bestRung)
    checkSearch(request)
    const filter = request.filter === undefined ? undefined : this.#filters.get(request.filter)
    await this.index.current()
    this.#indexes.catchUp()
    this.#live.popularity.reserve(this.#live.catalogue.rowCount)
    const allowed =
      filter === undefined
        ? this.#bitmaps.eligible('all', [])
        : this.#bitmaps.eligible(`filter ${filter.id}`, [filter.tree])
    const filterCount = allowed.count
    try {
      const excludedCount = this.#exclude(request, allowed)
      const limit = request.limit ?? DEFAULT_LIMIT
      const words = queryWords(request.query, this.index.words)
      const items = this.#found(request, words, allowed, limit)
      const shortfall = this.#shortfall({ limit, foundCount: items.length, filterCount, excludedCount })
      return {
        requestId: this.#newRequestId(),
        items,
        words: words.map(describeWord),
        ...(shortfall && { shortfall }),
      }
    } finally {
      allowed.restore()
    }
  }

  /** Items whose texts say the same as those of the given one. @throws MillraceError UNKNOWN_ITEM */
  async duplicatesOf(itemId: string): Promise<DuplicatesResponse> {
    await this.index.current()
    const { catalogue } = this.#live
    const row = catalogue.rowOf(itemId)
    if (row === undefined || !catalogue.isLive(row)) {
      const shown = JSON.stringify(itemId.slice(0, 80))
      throw new MillraceError('UNKNOWN_ITEM', `No item has the id ${shown}, or it was deleted.`)
    }
    return this.#duplicates(row, this.index.nearCopies.of(row))
  }

  /** Every group of items that say the same, by the first of each. */
  async allDuplicates(): Promise<readonly DuplicatesResponse[]> {
    await this.index.current()
    return this.index.nearCopies.groups().map(([first, ...copies]) => this.#duplicates(first, copies))
  }

  #duplicates(row: number, copies: ReturnType<SearchIndex['nearCopies']['of']>): DuplicatesResponse {
    const { catalogue } = this.#live
    const attributesOf = (of: number) => catalogue.attributesOf(catalogue.idOf(of))!
    const own = attributesOf(row)
    return {
      itemId: catalogue.idOf(row),
      duplicates: copies.map(({ row: other, by }) => {
        const others = attributesOf(other)
        const differing = [...catalogue.columns]
          .filter(([, { holdsText }]) => !holdsText)
          .map(([name]) => name)
          .filter((name) => JSON.stringify(own[name]) !== JSON.stringify(others[name]))
        return { itemId: catalogue.idOf(other), by, differing }
      }),
    }
  }

  #exclude({ exclude = [] }: SearchRequest, allowed: ItemBitmap): number {
    let count = 0
    for (const itemId of exclude) {
      const row = this.#live.catalogue.rowOf(itemId)
      if (row !== undefined && allowed.withhold(row)) count++
    }
    return count
  }

  #found(
    request: SearchRequest,
    words: readonly QueryWord[],
    allowed: ItemBitmap,
    limit: number,
  ): readonly FoundItem[] {
    const scores = this.#scores
    scores.score(words, this.index.words, this.#live.catalogue.rowCount)
    const everyWord = 2 ** words.length - 1
    let completeCount = 0
    const count = Math.max(CANDIDATE_COUNT_MIN, CANDIDATES_PER_ITEM * limit)
    this.#best.reset(count)
    for (const row of scores.rows) {
      if (!allowed.has(row)) continue
      if (scores.foundIn(row) === everyWord) completeCount++
      this.#best.offer(row, scores.scoreOf(row))
    }
    const rows: number[] = []
    this.#best.drain((row) => rows.push(row))
    const { vectors } = this.index
    const vector = vectors?.vectorOf(request.query)
    const alike = (row: number): number => (vector === undefined ? 0 : Math.max(0, vectors!.similarity(vector, row)))
    if (vector !== undefined && completeCount < ENOUGH_PER_ITEM * limit) {
      rows.push(...this.#alike(vectors!.similarities(vector), allowed, limit))
    }
    const taste = this.#tasteOf(request.userId)
    const wordsScore = this.#wordsScoreOf(words)
    const scored = Array.from(new Set(rows), (row) => ({
      row,
      score: wordsScore(row) + ALIKE_WEIGHT * alike(row) + TASTE_WEIGHT * taste(row),
    }))
    const { popularity } = this.#live
    scored.sort((a, b) => b.score - a.score || popularity.countOf(b.row) - popularity.countOf(a.row) || a.row - b.row)
    const stems = new Set(words.flatMap(({ readings }) => readings.flatMap((reading) => reading.stems)))
    return scored.slice(0, limit).map(({ row, score }) => ({
      itemId: this.#live.catalogue.idOf(row),
      score,
      matched: this.#matchedWords(row, stems),
    }))
  }

  /** About 1 for an item with every word of the query. One that lacks some falls behind, however often it has the others. */
  #wordsScoreOf(words: readonly QueryWord[]): (row: number) => number {
    const all = words.reduce((sum, { telling }) => sum + telling, 0)
    return (row) => {
      const found = this.#scores.foundIn(row)
      const had = words.reduce((sum, { telling }, w) => sum + ((found & (1 << w)) === 0 ? 0 : telling), 0)
      return (this.#scores.scoreOf(row) / all) * (0.5 + (0.5 * had) / all)
    }
  }

  /** Rows that are most like the query, whatever words they have. */
  #alike(similarities: Float32Array, allowed: ItemBitmap, limit: number): readonly number[] {
    this.#best.reset(limit)
    const { rowCount } = this.#live.catalogue
    for (let row = 0; row < rowCount; row++) {
      if (similarities[row]! >= ALIKE_MIN && allowed.has(row)) this.#best.offer(row, similarities[row]!)
    }
    const rows: number[] = []
    this.#best.drain((row) => rows.push(row))
    return rows
  }

  /** How far an item is like what the user did last, in [0, 1]. */
  #tasteOf(userId: string | undefined): (row: number) => number {
    const { vectors } = this.index
    const history = userId === undefined ? undefined : this.#live.histories.historyOf(userId)
    if (vectors === undefined || history === undefined) return () => 0
    const newest = history.rows.subarray(Math.max(history.start, history.end - TASTE_HISTORY_LENGTH), history.end)
    const mean = vectors.meanOf(newest)
    return mean === undefined ? () => 0 : (row) => Math.max(0, vectors.similarity(mean, row))
  }

  #matchedWords(row: number, stems: ReadonlySet<string>): readonly string[] {
    const words = searchWords(this.index.texts.of(row), MATCHED_WORD_COUNT_MAX)
    return [...new Set(words.filter((word) => stems.has(stemOf(word))))]
  }

  #shortfall({
    limit,
    foundCount,
    filterCount,
    excludedCount,
  }: {
    readonly limit: number
    readonly foundCount: number
    readonly filterCount: number
    readonly excludedCount: number
  }): Shortfall | undefined {
    // Where more were allowed, it is the words that no more of them fit.
    if (foundCount >= limit || foundCount < filterCount - excludedCount) return undefined
    const { liveCount } = this.#live.catalogue
    return shortfallOf({
      askedCount: limit,
      foundCount,
      liveCount,
      onlyCount: liveCount,
      filterCount,
      excludedCount,
      notInteractedCount: 0,
      wornCount: 0,
      refusedCount: 0,
    })
  }
}

/** As far as texts are read. */
const MATCHED_WORD_COUNT_MAX = 1_000

function describeWord({ written, readings }: QueryWord): SearchedWord {
  const likeliest = readings.toSorted((a, b) => b.weight - a.weight || b.postings.length - a.postings.length)
  return {
    word: written,
    readAs: likeliest.slice(0, SHOWN_READINGS_MAX).map(({ stems, by }) => ({ word: stems.join(' '), by })),
  }
}

/** @throws MillraceError REQUEST_INVALID */
function checkSearch({ query, limit, exclude, userId }: SearchRequest): void {
  const problems: Problem[] = []
  if (query.length > MAX_QUERY_LENGTH) {
    problems.push({
      where: '/query',
      message: `found ${query.length} characters, expected at most ${MAX_QUERY_LENGTH}.`,
    })
  } else if (searchWords(query, 1).length === 0) {
    problems.push({
      where: '/query',
      message: `found ${JSON.stringify(query.slice(0, 80))}, expected a word: letters or digits of any script.`,
    })
  }
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT)) {
    problems.push({ where: '/limit', message: `found ${limit}, expected a whole number from 1 to ${MAX_LIMIT}.` })
  }
  if ((exclude?.length ?? 0) > MAX_EXCLUDE_COUNT) {
    problems.push({
      where: '/exclude',
      message: `found ${exclude!.length} items, expected at most ${MAX_EXCLUDE_COUNT}.`,
    })
  }
  if (userId === '') {
    problems.push({
      where: '/userId',
      message: 'found an empty text, expected an id.',
      fix: 'Leave it out for nobody.',
    })
  }
  throwProblems(problems)
}
