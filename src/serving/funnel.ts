// From a request to a list, over one model (or none): history, candidates from the placement's generators, their order by the model's ranker, rules, new
// items, and the rungs below. Everything that is not allowed is kept out inside the retrieval, by one bitmap. A new model gets a funnel of its own.

import { REDUCED_SHARE } from '../domain/recommendation.ts'
import type { RuleTrace } from '../domain/rule-trace.ts'
import type { StoredList } from '../domain/stored-list.ts'
import type { ServingModel } from '../models/serving-model.ts'
import { Answer } from './answer.ts'
import { type Asked, AskedGenerators, HEAD_PER_ITEM, WIDENING, whole } from './asked-generators.ts'
import { begunTrace } from './begun-trace.ts'
import { CandidateRanking, type LiveFeatures, type RankedCandidates } from './candidate-ranking.ts'
import { ContentProfile } from './content-profile.ts'
import type { GeneratorFailure } from './generator-failure.ts'
import type { AtMost } from './group-counts.ts'
import { bitCount, type ItemBitmap } from './item-bitmap.ts'
import { ItemBitmaps } from './item-bitmaps.ts'
import { ItemGroups } from './item-groups.ts'
import { ItemIndexes } from './item-indexes.ts'
import type { LiveState } from './live-state.ts'
import { NewItems, shareOfPlaces } from './new-items.ts'
import type { ParsedFilter } from './parsed-filters.ts'
import type { Placement } from './placement.ts'
import { PopularItems } from './popular-items.ts'
import { askedNow, askedRows, type Question } from './question.ts'
import { Arrangement } from './rules/arrangement.ts'
import { FunctionRules, type RuleFailure } from './rules/function-rules.ts'
import type { ArrangingRules, Minimum } from './rules/placement-rules.ts'
import type { RuleTracer } from './rules/rule-tracer.ts'
import { WornItems } from './rules/worn-items.ts'
import type { Narrowing } from './shortfall.ts'
import { type LiveProposals, mergedWithLive, type OrderedCandidates, storedCandidates } from './stored-candidates.ts'
import { Visitor } from './visitor.ts'

const STORED_PER_ITEM = 3
const STORED_COUNT_MAX = 1_000

/** Items that a batch keeps for a list of this length: what is seen, sold out or blocked by then, and what rules turn away, leaves room. */
export const storedCount = (limit: number): number => Math.min(STORED_COUNT_MAX, limit * STORED_PER_ITEM)

/** What the two ways of filling a list have to say of it. */
interface Made
  extends Pick<Outcome, 'newItemCount' | 'generatedCount' | 'ruleFailures' | 'propensities' | 'invalidCount'> {
  readonly wornCount: number
}

export interface Outcome {
  /** Good until the next question. */
  readonly answer: Answer
  /** How many of the answer's items, from its front, are there because they are new, and are still to be spread over the list. */
  readonly newItemCount: number
  /** How many came from the placement's own generators. */
  readonly generatedCount: number
  /** Of the model's items in what the visitor did. */
  readonly historyLength: number
  readonly failures: readonly GeneratorFailure[]
  /** Rules that are code and had no say. */
  readonly ruleFailures: readonly RuleFailure[]
  /** By item how likely it was to be at its place; undefined where nothing was left to chance. */
  readonly propensities: readonly number[] | undefined
  /** Proposals that break the generators' law. */
  readonly invalidCount: number
  /** Items that the finished list must not have held. */
  readonly withdrawnCount: number
  /** Where it was asked for. */
  readonly trace: RuleTrace | undefined
  /** Without the count that only a short list needs: it has to be taken with nothing withheld. */
  readonly narrowing: Omit<Narrowing, 'onlyCount'>
}

const noRuleFailures: readonly RuleFailure[] = []

export class Funnel {
  readonly model: ServingModel | undefined
  readonly indexes: ItemIndexes
  readonly #live: LiveState
  readonly #bitmaps: ItemBitmaps
  readonly #answer: Answer
  /** What a placement's rules choose from. */
  readonly #pool: Answer
  readonly #arrangement: Arrangement
  readonly #functions: FunctionRules
  readonly #wornItems: WornItems
  readonly #itemGroups = new WeakMap<Placement, ItemGroups>()
  readonly #visitor: Visitor
  readonly #generators: AskedGenerators
  readonly #newItems: NewItems
  readonly #popularItems: PopularItems
  readonly #profile: ContentProfile
  readonly #ranking: CandidateRanking | undefined

  /** Linear in the items; the bitmaps of `placements` are ready when it is. */
  constructor(
    live: LiveState,
    model: ServingModel | undefined,
    {
      placements,
      features,
    }: {
      readonly placements: Iterable<Placement>
      readonly features?: LiveFeatures | undefined
    },
  ) {
    this.model = model
    this.#ranking = model?.ranker && new CandidateRanking(model, model.ranker, features)
    this.#live = live
    this.indexes = new ItemIndexes(live.catalogue, model?.itemIds ?? [])
    this.#bitmaps = new ItemBitmaps({ catalogue: live.catalogue, indexes: this.indexes })
    this.#answer = new Answer(this.indexes)
    this.#pool = new Answer(this.indexes)
    this.#arrangement = new Arrangement(this.#bitmaps)
    this.#functions = new FunctionRules(live.catalogue, this.indexes)
    this.#wornItems = new WornItems(live, this.indexes)
    this.#visitor = new Visitor(live, this.indexes)
    this.#generators = new AskedGenerators(model, this.indexes, this.#visitor)
    this.#newItems = new NewItems(this.indexes)
    this.#popularItems = new PopularItems(live.popularity, this.indexes, this.#bitmaps)
    this.#profile = new ContentProfile(live.catalogue)
    for (const placement of placements) {
      this.#eligible(placement, undefined)
      if (placement.arranging) this.#groupsFor(placement)
    }
  }

  /** Whether the model's ranker has a say in the placement's lists. */
  isRanked({ placement, similarRow, bestRung }: Question): boolean {
    const { isRanked, pattern } = placement.plan
    if (bestRung !== 'full' && bestRung !== 'reduced') return false
    return this.#ranking !== undefined && isRanked && pattern !== 'batch' && similarRow === undefined
  }

  /**
   * The candidates in the order of the ranker, for `ask`. At once undefined where there is nothing to order.
   * @param waitMs how long reading features and scoring may take together
   * @throws anything that ranking meets: the list is made without it then
   */
  rank(question: Question, waitMs: number): Promise<RankedCandidates> | undefined {
    const { request, placement, filter, limit, nowMs, bestRung } = question
    const ranking = this.#ranking!
    this.#catchUp()
    const allowed = this.#eligible(placement, filter)
    try {
      this.#visitor.read(request, placement, allowed, { nowMs })
      if (placement.arranging) this.#wornItems.withhold(question, allowed, placement.arranging)
      const { candidateCount } = placement.plan
      const reducedCount = Math.min(candidateCount, Math.max(candidateCount * REDUCED_SHARE, limit * HEAD_PER_ITEM))
      const countMax = Math.max(bestRung === 'reduced' ? Math.ceil(reducedCount) : candidateCount, limit)
      const generatorNames = placement.plan.candidates
      const gathered = ranking.gather(this.#visitor.history, allowed.modelWords, {
        generatorNames,
        countMax,
        steady: allowed,
      })
      if (gathered.itemIndexes.length === 0) return undefined
      if (ranking.isResting(nowMs))
        throw new Error('ranking has failed several times in a row and is left alone for a while')
      return ranking.order(gathered, { userId: request.userId, nowMs, waitMs })
    } finally {
      allowed.restore()
    }
  }

  /** What may be shown now of a list that a batch made, for `ask`; for a hybrid placement with what its live generators propose now, where there is time for them. */
  stored(question: Question, list: StoredList): OrderedCandidates {
    const { request, placement, filter, nowMs } = question
    this.#catchUp()
    const allowed = this.#eligible(placement, filter)
    try {
      this.#visitor.read(request, placement, allowed, { nowMs })
      if (placement.arranging) this.#wornItems.withhold(question, allowed, placement.arranging)
      const stored = storedCandidates(list, allowed, { catalogue: this.#live.catalogue, indexes: this.indexes })
      if (placement.plan.pattern !== 'hybrid' || question.bestRung === 'stored') return stored
      this.#generators.begin()
      const live = (placement.plan.liveCandidates ?? []).map((name) => this.#proposals(name, question, allowed))
      return { ...mergedWithLive(stored, live), failures: this.#generators.failures }
    } finally {
      allowed.restore()
    }
  }

  /** Of one of the live generators, as many as the placement's lists hold. */
  #proposals(generator: string, question: Question, allowed: ItemBitmap): LiveProposals {
    if (this.model === undefined) return { generator, itemIndexes: new Int32Array(0) }
    const k = storedCount(Math.max(question.placement.plan.limit, question.limit))
    const asked: Asked = { answer: this.#answer, question, words: allowed.modelWords, steady: allowed }
    const count = this.#generators.offerFrom(generator, asked, { k, headOf: k, from: k })
    return { generator, itemIndexes: this.#generators.itemIndexes.slice(0, count) }
  }

  /** @param ranked of `rank` or `stored` for the same question; without it the generators' own order counts */
  ask(question: Question, ranked?: OrderedCandidates): Outcome {
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
    const { filtersKey, filters, blockedIds } = placement
    if (filter === undefined) return this.#bitmaps.eligible(filtersKey, filters, blockedIds)
    return this.#bitmaps.eligible(`${filtersKey} ${filter.id}`, [...filters, filter.tree], blockedIds)
  }

  /** The groups that the placement's rules look at: those of `atMost`, in their order, and those of `spread`. */
  #groupsFor(placement: Placement): ItemGroups {
    let itemGroups = this.#itemGroups.get(placement)
    if (itemGroups === undefined) {
      const columns = [
        ...placement.atMost.map(({ groupOf }) => groupOf),
        ...(placement.arranging?.spread?.groupsOf ?? []),
      ]
      const differ = columns.filter((column, at) => at < placement.atMost.length || columns.indexOf(column) === at)
      itemGroups = new ItemGroups({ catalogue: this.#live.catalogue, indexes: this.indexes }, differ)
      this.#itemGroups.set(placement, itemGroups)
    }
    return itemGroups.catchUp()
  }

  #fill(question: Question, allowed: ItemBitmap, filterCount: number, ranked: OrderedCandidates | undefined): Outcome {
    const { request, placement, limit, nowMs } = question
    const trace =
      question.trace &&
      begunTrace(placement, question.trace, {
        catalogue: this.#live.catalogue,
        indexes: this.indexes,
        bitmaps: this.#bitmaps,
      })
    this.#visitor.read(request, placement, allowed, { nowMs, trace })
    const askedCount = askedRows(question).filter((row) => allowed.withhold(this.indexes.indexOf(row))).length
    const answer = this.#answer
    this.#generators.begin(ranked?.failures)
    const made = placement.arranging
      ? this.#arrange(question, allowed, ranked, placement.arranging, trace)
      : this.#fillInOrder(question, allowed, ranked, trace)
    const withdrawnCount = answer.withdrawInvalid()
    const isWhole = withdrawnCount === 0
    if (!isWhole) this.#offerPopular(answer, question, allowed, answer.count)
    return {
      answer,
      // What counts places of the list does not fit it any more where some were withdrawn.
      newItemCount: isWhole ? made.newItemCount : 0,
      propensities: isWhole ? made.propensities : undefined,
      generatedCount: made.generatedCount,
      ruleFailures: made.ruleFailures,
      invalidCount: made.invalidCount,
      withdrawnCount,
      historyLength: this.#visitor.history.itemIndexes.length,
      failures: this.#generators.failures,
      trace: trace?.trace((index) => placeIn(answer, index)),
      narrowing: {
        askedCount: limit,
        foundCount: answer.count,
        liveCount: this.#live.catalogue.liveCount,
        filterCount,
        excludedCount: this.#visitor.excludedCount + askedCount,
        notInteractedCount: this.#visitor.notInteractedCount,
        wornCount: made.wornCount,
        refusedCount: answer.refusedCount,
      },
    }
  }

  /** Candidates one after another, as they are ordered. */
  #fillInOrder(
    question: Question,
    allowed: ItemBitmap,
    ranked: OrderedCandidates | undefined,
    trace: RuleTracer | undefined,
  ): Made {
    const { placement, limit } = question
    const answer = this.#answer
    answer.begin(allowed, placement.atMost, limit, trace && { onBlocked: tellOf(trace) })
    const newCount = shareOfPlaces(limit, placement.plan.newItemShare)
    if (newCount > 0) this.#newItems.offer(answer, allowed, newCount, () => this.#profileOf(askedRows(question)))
    const offeredNewCount = answer.count

    if (ranked !== undefined) offerRanked(answer, ranked)
    // What rules have turned away of the ranked candidates is filled by more of the generators'.
    if (!answer.isClosed) this.#generators.offerAll(answer, question, allowed)
    const generatedCount = answer.count - offeredNewCount
    if (!answer.isClosed) this.#offerPopular(answer, question, allowed, generatedCount)
    return {
      newItemCount: offeredNewCount,
      generatedCount,
      ruleFailures: noRuleFailures,
      propensities: undefined,
      invalidCount: answer.invalidCount,
      wornCount: 0,
    }
  }

  /** Candidates under the placement's rules, and what fills up behind them. */
  #arrange(
    question: Question,
    allowed: ItemBitmap,
    ranked: OrderedCandidates | undefined,
    rules: ArrangingRules,
    trace: RuleTracer | undefined,
  ): Made {
    const { request, placement, limit, nowMs } = question
    const answer = this.#answer
    const functions = this.#functions
    const worn = this.#wornItems.withhold(question, allowed, rules, trace)
    this.#gatherCandidates(question, allowed, ranked)
    functions.begin(rules.functions, request, { limit, nowMs, trace })
    const itemGroups = this.#groupsFor(placement)
    answer.begin(allowed, placement.atMost, limit, {
      gate: functions.gate,
      itemGroups,
      ...(trace && { onBlocked: tellOf(trace) }),
    })
    this.#arrangement.begin(
      {
        rules,
        candidates: this.#pool,
        answer,
        allowed,
        itemGroups,
        newItemCount: shareOfPlaces(limit, placement.plan.newItemShare),
        candidateCount: Math.max(placement.plan.candidateCount, limit),
        nowMs,
        functions,
        rng: question.rng,
        indexOf: (itemId) => this.indexes.indexOfId(itemId),
        trace,
      },
      {
        offerNew: (list, count) =>
          this.#newItems.offer(list, allowed, count, () => this.#profileOf(askedRows(question))),
        offerWith: (list, minimum) => this.#offerWith(list, minimum, question, allowed),
      },
    )
    this.#fillUp(question, allowed)
    if (!answer.isClosed && worn.fromCount < allowed.withheldCount) {
      // Rather once more than not at all.
      allowed.restore(worn.fromCount)
      this.#fillUp(question, allowed)
    }
    const propensities = this.#arrangement.finish()
    const generatedCount = countFrom(answer, placement.plan.candidates)
    return {
      newItemCount: 0,
      generatedCount,
      ruleFailures: functions.failures,
      propensities,
      invalidCount: this.#pool.invalidCount + answer.invalidCount,
      wornCount: worn.outCount,
    }
  }

  /** What rules choose from: so many as the placement asks for, where they are ranked or proposed, and a few for each place anyway. */
  #gatherCandidates(question: Question, allowed: ItemBitmap, ranked: OrderedCandidates | undefined): void {
    const { placement, limit } = question
    const pool = this.#pool
    const countMax = Math.max(placement.plan.candidateCount, limit)
    pool.begin(allowed, [], countMax)
    const enoughCount = Math.min(countMax, limit * HEAD_PER_ITEM)
    if (ranked !== undefined && ranked.itemIndexes.length >= enoughCount) {
      pool.load(ranked)
      return
    }
    if (ranked !== undefined) offerRanked(pool, ranked)
    if (ranked === undefined || pool.count < enoughCount) {
      for (const name of askedNow(question)) {
        if (this.model === undefined || pool.isClosed) break
        this.#generators.offerFrom(
          name,
          { answer: pool, question, words: allowed.modelWords, steady: allowed },
          whole(countMax),
        )
      }
    }
    if (pool.count >= enoughCount) return
    const generatedCount = pool.count
    pool.aimAt(enoughCount)
    this.#offerPopular(pool, question, allowed, generatedCount)
  }

  #fillUp(question: Question, allowed: ItemBitmap): void {
    const answer = this.#answer
    const { count } = answer
    if (!answer.isClosed) this.#generators.offerAll(answer, question, allowed)
    if (!answer.isClosed) this.#offerPopular(answer, question, allowed, answer.count - count)
  }

  /** The last rungs. @param generatedCount items that came from generators */
  #offerPopular(answer: Answer, question: Question, allowed: ItemBitmap, generatedCount: number): void {
    const { similarRow, limit } = question
    if (similarRow !== undefined && generatedCount === 0) {
      this.#popularItems.fillAlike(answer, allowed, this.#profileOf(askedRows(question)), limit * WIDENING)
    }
    if (!answer.isClosed) this.#popularItems.fill(answer, allowed)
  }

  /** What generators propose among the items that pass a filter, then the most popular of these. */
  #offerWith(answer: Answer, { key, filter }: Minimum, question: Question, allowed: ItemBitmap): void {
    const passing = this.#bitmaps.eligible(key, [filter]).words
    const words = allowed.words.slice()
    for (let w = 0; w < words.length; w++) words[w]! &= passing[w] ?? 0
    const modelWords = words.subarray(0, allowed.modelWords!.length)
    const { candidateCount } = question.placement.plan
    for (const name of askedNow(question)) {
      if (this.model === undefined || answer.isClosed) break
      this.#generators.offerFrom(name, { answer, question, words: modelWords }, whole(candidateCount))
    }
    if (!answer.isClosed) this.#popularItems.fill(answer, { words, count: bitCount(words) })
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

const tellOf = (trace: RuleTracer) => (index: number, rule: AtMost) => trace.removed(rule.position, index)

/** How many items came from these generators. Most come from the one that the item before came from: a name is looked up where it changes. */
function countFrom(answer: Answer, generatorNames: readonly string[]): number {
  let count = 0
  let last: string | undefined
  let isMeant = false
  for (let place = 0; place < answer.count; place++) {
    const generator = answer.generatorAt(place)
    if (generator !== last) isMeant = generatorNames.includes(generator)
    last = generator
    if (isMeant) count++
  }
  return count
}

/** From 1. */
const placeIn = (answer: Answer, index: number): number => answer.placeOf(index) + 1

/** An item that was taken away while the features were read is turned away here, as any that may not be shown. */
function offerRanked(answer: Answer, { itemIndexes, scores, proposers, generatorNames }: OrderedCandidates): void {
  for (let place = 0; place < itemIndexes.length && !answer.isClosed; place++) {
    answer.offer(itemIndexes[place]!, scores[place]!, generatorNames[proposers[place]!]!)
  }
}
