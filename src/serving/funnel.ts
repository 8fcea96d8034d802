// From a request to a list, over one model (or none): history, candidates from the placement's generators, their order by the model's ranker, rules, new
// items, and the rungs below. Everything that is not allowed is kept out inside the retrieval, by one bitmap. A new model gets a funnel of its own.

import type { RecommendRequest } from '../domain/recommendation.ts'
import type { ServingModel } from '../models/serving-model.ts'
import type { CandidateGenerator, Candidates, History } from '../ports/candidate-generator.ts'
import { Answer } from './answer.ts'
import { CandidateRanking, type LiveFeatures, type RankedCandidates } from './candidate-ranking.ts'
import { ContentProfile } from './content-profile.ts'
import type { GeneratorFailure } from './generator-failure.ts'
import type { ItemBitmap } from './item-bitmap.ts'
import { ItemBitmaps } from './item-bitmaps.ts'
import { ItemIndexes } from './item-indexes.ts'
import type { LiveState } from './live-state.ts'
import { NewItems, newItemCount } from './new-items.ts'
import type { ParsedFilter } from './parsed-filters.ts'
import type { Placement } from './placement.ts'
import { PopularItems } from './popular-items.ts'
import type { Narrowing } from './shortfall.ts'
import { Visitor } from './visitor.ts'

/** A list that stays short is tried again with this many times the candidates. */
const WIDENING = 4
/** The first of a generator's candidates that are taken for each item of the list. Rules seldom turn away more, and what is not looked at need not be sorted. */
const HEAD_PER_ITEM = 3

export interface Question {
  readonly request: RecommendRequest
  readonly placement: Placement
  readonly filter: ParsedFilter | undefined
  /** The row of the item to find others like. */
  readonly similarRow: number | undefined
  /** Where others for a set of items are asked for, the set's other ones. */
  readonly otherSimilarRows: readonly number[]
  readonly limit: number
  readonly nowMs: number
}

/** Candidates from place `from` to k of the list that is as good as the one of `headOf`. */
interface Portion {
  readonly k: number
  readonly headOf: number
  readonly from: number
}

export interface Outcome {
  /** Good until the next question. */
  readonly answer: Answer
  /** How many of the answer's items, from its front, are there because they are new. */
  readonly newItemCount: number
  /** How many came from the placement's own generators. */
  readonly generatedCount: number
  /** Of the model's items in what the visitor did. */
  readonly historyLength: number
  readonly failures: readonly GeneratorFailure[]
  /** Without the count that only a short list needs: it has to be taken with nothing withheld. */
  readonly narrowing: Omit<Narrowing, 'onlyCount'>
}

const noFailures: readonly GeneratorFailure[] = []

export class Funnel {
  readonly model: ServingModel | undefined
  readonly indexes: ItemIndexes
  readonly #live: LiveState
  readonly #bitmaps: ItemBitmaps
  readonly #answer: Answer
  readonly #visitor: Visitor
  readonly #newItems: NewItems
  readonly #popularItems: PopularItems
  readonly #profile: ContentProfile
  readonly #ranking: CandidateRanking | undefined
  #candidates: Candidates = { itemIndexes: new Int32Array(0), scores: new Float32Array(0) }
  #failures: GeneratorFailure[] = []

  /** Linear in the items; the bitmaps of `placements` are ready when it is. */
  constructor(
    live: LiveState,
    model: ServingModel | undefined,
    {
      placements,
      features,
    }: { readonly placements: Iterable<Placement>; readonly features?: LiveFeatures | undefined },
  ) {
    this.model = model
    this.#ranking = model?.ranker && new CandidateRanking(model, model.ranker, features)
    this.#live = live
    this.indexes = new ItemIndexes(live.catalogue, model?.itemIds ?? [])
    this.#bitmaps = new ItemBitmaps({ catalogue: live.catalogue, indexes: this.indexes })
    this.#answer = new Answer(this.indexes)
    this.#visitor = new Visitor(live, this.indexes)
    this.#newItems = new NewItems(this.indexes)
    this.#popularItems = new PopularItems(live.popularity, this.indexes, this.#bitmaps)
    this.#profile = new ContentProfile(live.catalogue)
    for (const placement of placements) this.#eligible(placement, undefined)
  }

  /** Whether the model's ranker has a say in the placement's lists. */
  isRanked({ placement, similarRow }: Question): boolean {
    return this.#ranking !== undefined && placement.plan.isRanked && similarRow === undefined
  }

  /**
   * The candidates in the order of the ranker, for `ask`. At once undefined where there is nothing to order.
   * @param waitMs how long reading features and scoring may take together
   * @throws anything that ranking meets: the list is made without it then
   */
  rank(question: Question, waitMs: number): Promise<RankedCandidates> | undefined {
    const { request, placement, filter, limit, nowMs } = question
    const ranking = this.#ranking!
    this.#catchUp()
    const allowed = this.#eligible(placement, filter)
    try {
      this.#visitor.read(request, placement, allowed, nowMs)
      const countMax = Math.max(placement.plan.candidateCount, limit)
      const generatorNames = placement.plan.candidates
      const gathered = ranking.gather(this.#visitor.history, allowed.modelWords, { generatorNames, countMax })
      if (gathered.itemIndexes.length === 0) return undefined
      if (ranking.isResting(nowMs))
        throw new Error('ranking has failed several times in a row and is left alone for a while')
      return ranking.order(gathered, { userId: request.userId, nowMs, waitMs })
    } finally {
      allowed.restore()
    }
  }

  /** @param ranked of `rank` for the same question; without it the generators' own order counts */
  ask(question: Question, ranked?: RankedCandidates): Outcome {
    const { placement, filter } = question
    this.#catchUp()
    const allowed = this.#eligible(placement, filter)
    const filterCount = allowed.count
    try {
      return this.#fill(question, allowed, filterCount, ranked)
    } finally {
      allowed.restore()
    }
  }

  /** Items that are in the catalogue now, by the indexes of the model; whoever withholds some restores them in the same step. */
  liveItems(): ItemBitmap {
    this.#catchUp()
    return this.#bitmaps.eligible('[]', [])
  }

  /** Runs something that uses the model's ranker, which stays open until that has ended. Only where the model has one. */
  whileRanking<T>(use: () => Promise<T>): Promise<T> {
    return this.#ranking!.whileOpen(use)
  }

  /** Nothing is asked from now on; what is under way comes to its end. */
  retire(): void {
    this.#ranking?.retire()
  }

  #catchUp(): void {
    this.indexes.catchUp()
    this.#live.popularity.reserve(this.#live.catalogue.rowCount)
  }

  #eligible(placement: Placement, filter: ParsedFilter | undefined): ItemBitmap {
    if (filter === undefined) return this.#bitmaps.eligible(placement.filtersKey, placement.filters)
    return this.#bitmaps.eligible(`${placement.filtersKey} ${filter.id}`, [...placement.filters, filter.tree])
  }

  #fill(question: Question, allowed: ItemBitmap, filterCount: number, ranked: RankedCandidates | undefined): Outcome {
    const { request, placement, similarRow, limit, nowMs } = question
    this.#visitor.read(request, placement, allowed, nowMs)
    const asked = askedRows(question)
    const askedCount = asked.filter((row) => allowed.withhold(this.indexes.indexOf(row))).length
    const answer = this.#answer
    answer.begin(allowed, placement.atMost, limit)
    this.#failures = [...(ranked?.failures ?? [])]

    const newCount = newItemCount(limit, placement.plan.newItemShare)
    if (newCount > 0) this.#newItems.offer(answer, allowed, newCount, () => this.#profileOf(asked))
    const offeredNewCount = answer.count

    if (ranked !== undefined) offerRanked(answer, ranked)
    // What rules have turned away of the ranked candidates is filled by more of the generators'.
    if (!answer.isFull) this.#offerGenerated(question, allowed)
    const generatedCount = answer.count - offeredNewCount
    if (!answer.isFull && similarRow !== undefined && generatedCount === 0) {
      this.#popularItems.fillAlike(answer, allowed, this.#profileOf(asked), limit * WIDENING)
    }
    if (!answer.isFull) this.#popularItems.fill(answer, allowed)
    return {
      answer,
      newItemCount: offeredNewCount,
      generatedCount,
      historyLength: this.#visitor.history.itemIndexes.length,
      failures: this.#failures.length === 0 ? noFailures : this.#failures,
      narrowing: {
        askedCount: limit,
        foundCount: answer.count,
        liveCount: this.#live.catalogue.liveCount,
        filterCount,
        excludedCount: this.#visitor.excludedCount + askedCount,
        notInteractedCount: this.#visitor.notInteractedCount,
      },
    }
  }

  /** The leading generator orders the list, the others fill what it leaves open; once more with more candidates where rules left too few. */
  #offerGenerated(question: Question, allowed: ItemBitmap): void {
    if (this.model === undefined) return
    const { placement, limit } = question
    const k = Math.max(placement.plan.candidateCount, limit)
    let canWiden = false
    for (const name of placement.plan.candidates) {
      if (this.#answer.isFull) return
      canWiden = this.#offerHeadFirst(name, question, allowed, k) === k || canWiden
    }
    if (this.#answer.isFull || !canWiden) return
    for (const name of placement.plan.candidates) {
      this.#offerFrom(name, question, allowed, { k: k * WIDENING, headOf: k * WIDENING, from: 0 })
    }
  }

  /** The same list as offering all k at once gives: what the head leaves open is filled by the rest. */
  #offerHeadFirst(name: string, question: Question, allowed: ItemBitmap, k: number): number {
    const headCount = HEAD_PER_ITEM * question.limit
    if (headCount * 2 > k) return this.#offerFrom(name, question, allowed, { k, headOf: k, from: 0 })
    const count = this.#offerFrom(name, question, allowed, { k: headCount, headOf: k, from: 0 })
    if (this.#answer.isFull || count < headCount) return count
    return this.#offerFrom(name, question, allowed, { k, headOf: k, from: headCount })
  }

  /** How many items the generator proposed; those before `from` were offered already. */
  #offerFrom(name: string, question: Question, allowed: ItemBitmap, { k, headOf, from }: Portion): number {
    const model = this.model!
    const generator = model.generators.get(name)
    if (generator === undefined) {
      this.#failures.push({
        generator: name,
        error: new Error(`the model ${model.version} was trained without "${name}"`),
      })
      return 0
    }
    if (this.#candidates.itemIndexes.length < k) {
      this.#candidates = { itemIndexes: new Int32Array(k), scores: new Float32Array(k) }
    }
    const { itemIndexes, scores } = this.#candidates
    try {
      const count = this.#propose(generator, question, allowed, k, headOf)
      for (let i = from; i < count && !this.#answer.isFull; i++) this.#answer.offer(itemIndexes[i]!, scores[i]!, name)
      return count
    } catch (error) {
      this.#failures.push({ generator: name, error })
      return 0
    }
  }

  #propose(
    generator: CandidateGenerator,
    { similarRow, otherSimilarRows }: Question,
    allowed: ItemBitmap,
    k: number,
    headOf: number,
  ): number {
    if (otherSimilarRows.length > 0) {
      // A set is a history without an order: measured on baskets, what a generator makes of it as a whole is as good as the sum of what is like each item, or better.
      if (generator.similar === undefined) return 0
      const set = this.#historyOf([similarRow!, ...otherSimilarRows])
      return set.itemIndexes.length === 0
        ? 0
        : generator.generate(set, k, allowed.modelWords, this.#candidates, { headOf })
    }
    if (similarRow !== undefined) {
      const index = this.indexes.indexOf(similarRow)
      const isKnown = index < this.indexes.modelItemCount
      return isKnown ? (generator.similar?.(index, k, allowed.modelWords, this.#candidates) ?? 0) : 0
    }
    const { history } = this.#visitor
    if (history.itemIndexes.length === 0 && !generator.supportsEmptyHistory) return 0
    return generator.generate(history, k, allowed.modelWords, this.#candidates, { headOf })
  }

  /** Of those that the model knows, each as heavy as the other. */
  #historyOf(rows: readonly number[]): History {
    const known = rows.map((row) => this.indexes.indexOf(row)).filter((index) => index < this.indexes.modelItemCount)
    return { itemIndexes: Int32Array.from(known), weights: new Float32Array(known.length).fill(1) }
  }

  /** Of the items asked about, else of what the visitor did lately. */
  #profileOf(asked: readonly number[]): ContentProfile {
    this.#profile.clear()
    if (asked.length > 0) for (const row of asked) this.#profile.add(row)
    else this.#visitor.forEachNewestRow((row) => this.#profile.add(row))
    return this.#profile
  }

  /** Items that the placement allows, whatever the request says. */
  onlyCount(placement: Placement): number {
    return this.#eligible(placement, undefined).count
  }
}

/** Rows of the items to find others like. */
const askedRows = ({ similarRow, otherSimilarRows }: Question): readonly number[] =>
  similarRow === undefined ? [] : [similarRow, ...otherSimilarRows]

/** An item that was taken away while the features were read is turned away here, as any that may not be shown. */
function offerRanked(answer: Answer, { itemIndexes, scores, proposers, generatorNames }: RankedCandidates): void {
  for (let place = 0; place < itemIndexes.length && !answer.isFull; place++) {
    answer.offer(itemIndexes[place]!, scores[place]!, generatorNames[proposers[place]!]!)
  }
}
