// Answers requests. It decides what is asked, which model answers, and what is said of the answer; how the list comes about is the funnel's.
import type { Plan } from '../config/plan.ts'
import { isoTime } from '../domain/iso-time.ts'
import type {
  RecommendedItem,
  RecommendRequest,
  RecommendResponse,
  Rung,
  Shortfall,
  StoredOrigin,
} from '../domain/recommendation.ts'
import type { ListGeneration } from '../domain/stored-list.ts'
import type { Clock } from '../lib/clock.ts'
import { MillraceError } from '../lib/errors.ts'
import { suggestName } from '../lib/nearest-name.ts'
import type { ServingModel } from '../models/serving-model.ts'
import type { LiveFeatures, RankedCandidates, StepMs } from './candidate-ranking.ts'
import { Funnel, type Outcome, type Question } from './funnel.ts'
import type { GeneratorFailure } from './generator-failure.ts'
import type { LiveState } from './live-state.ts'
import { ParsedFilters } from './parsed-filters.ts'
import { type Placement, placementsOf } from './placement.ts'
import { checkRequest } from './request-check.ts'
import { shortfallOf } from './shortfall.ts'
import type { OrderedCandidates } from './stored-candidates.ts'
import type { FoundList, StoredLists } from './stored-lists.ts'

/** What happened behind an answer, for metrics. */
export interface AnswerObservation {
  readonly response: RecommendResponse
  /** Undefined for an anonymous visitor. */
  readonly userId: string | undefined
  /** When it was asked for. */
  readonly nowMs: number
  /** What the ranker saw: the answer's items x its columns, row-major, missing values for an item that it did not order; undefined where it had no say. */
  servedRows(): Float32Array | undefined
  /** Undefined where the ranker had no say. */
  readonly stepMs?: StepMs | undefined
  /** Interactions with items the model knows that the answer was made from; 0 for a cold visitor. */
  readonly historyLength: number
  /** Generators that threw or that the model lacks; the answer was made without them. */
  readonly failures: readonly GeneratorFailure[]
  /** Why the ranker had no say though the model has one; undefined where it had, and where it was not to. */
  readonly rankingFailure?: unknown
  /** Why a list that a batch may have made was not looked at; undefined where it was, and where none was asked for. */
  readonly lookupFailure?: unknown
  /** Proposals of generators that were turned away because they break the generators' law: not allowed, unknown, or without a finite score. */
  readonly invalidCandidateCount: number
}

export interface RecommendationServiceOptions {
  readonly plan: Plan
  readonly live: LiveState
  readonly clock: Clock
  readonly newRequestId: () => string
  /** What the model's ranker looks at. Left out where the system has no features. */
  readonly features?: LiveFeatures | undefined
  /** Lists made ahead of time. Left out where there are none: placements that want them answer as without. */
  readonly storedLists?: StoredLists | undefined
  /** Called before each answer leaves; must not throw. */
  readonly onAnswer?: (observation: AnswerObservation) => void
}

/** What came of asking the ranker, or for a stored list: nothing where they were not to have a say. */
interface Ranking {
  readonly ranked?: RankedCandidates
  readonly rankingFailure?: unknown
  readonly lookup?: Lookup
  /** What failed where the list was made without a stored one at first; the look-up is the rung below then. */
  readonly failures?: readonly GeneratorFailure[]
}

interface Lookup {
  readonly candidates?: OrderedCandidates
  readonly generation?: ListGeneration
  readonly failure?: unknown
}

/** What a look-up may take where the rest of the answer has used the time up. */
const LOOKUP_MS_MIN = 5

/** In the place of a model's version where there is none. */
export const NO_MODEL = 'none'

export class RecommendationService {
  readonly #options: RecommendationServiceOptions
  readonly #placements: ReadonlyMap<string, Placement>
  readonly #filters: ParsedFilters
  #funnel: Funnel

  /** Answers at once, from popularity; `useModel` gives it a model. */
  constructor(options: RecommendationServiceOptions) {
    this.#options = options
    this.#placements = placementsOf(options.plan, options.live)
    this.#filters = new ParsedFilters(options.plan.data.entities.item)
    this.#funnel = this.#funnelOf(undefined)
  }

  /** Undefined before the first model. */
  get model(): ServingModel | undefined {
    return this.#funnel.model
  }

  /** Every request after this is answered by that model; undefined: by none. Takes some 0.7 s for a million items, then exchanges a pointer. */
  useModel(model: ServingModel | undefined): void {
    const replaced = this.#funnel
    if (model !== undefined && replaced.model === model) return
    this.#funnel = this.#funnelOf(model)
    replaced.retire()
  }

  #funnelOf(model: ServingModel | undefined): Funnel {
    const { live, features } = this.#options
    return new Funnel(live, model, { placements: this.#placements.values(), features })
  }

  /**
   * A list of items. Works without a model, without a history and while the ranker or generators fail; the rung and each item's generator tell how.
   * @returns at once where nothing has to be waited for; where the ranker has a say, when its features were read
   * @throws MillraceError REQUEST_INVALID, UNKNOWN_PLACEMENT, UNKNOWN_ITEM, or FILTER_... for a filter
   */
  recommend(request: RecommendRequest): RecommendResponse | Promise<RecommendResponse> {
    const question = this.#question(request)
    // The model that candidates came from is the one that answers, even where another is in charge by then.
    const funnel = this.#funnel
    const { pattern } = question.placement.plan
    const isStored = pattern === 'batch' || pattern === 'hybrid'
    if (!isStored || !this.#mayLookUp(question)) return this.#fromModel(question, funnel, {})
    return this.#lookUp(question, funnel).then((lookup) =>
      lookup.candidates === undefined
        ? this.#fromModel(question, funnel, { lookup })
        : this.#response(question, funnel, { lookup }),
    )
  }

  /** What generators and the ranker make now. */
  #fromModel(
    question: Question,
    funnel: Funnel,
    asked: Pick<Ranking, 'lookup'>,
  ): RecommendResponse | Promise<RecommendResponse> {
    if (!funnel.isRanked(question)) return this.#response(question, funnel, asked)
    try {
      const ranking = funnel.rank(question, this.#options.plan.serving.budgetMs)
      return (
        ranking?.then(
          (ranked) => this.#response(question, funnel, { ...asked, ranked }),
          (error: unknown) =>
            this.#response(question, funnel, { ...asked, rankingFailure: error ?? new Error('ranking failed') }),
        ) ?? this.#response(question, funnel, asked)
      )
    } catch (rankingFailure) {
      return this.#response(question, funnel, { ...asked, rankingFailure })
    }
  }

  /** Batches make lists for users, not for items and visitors without a name. */
  #mayLookUp({ request, similarRow }: Question): boolean {
    return this.#options.storedLists !== undefined && request.userId !== undefined && similarRow === undefined
  }

  async #lookUp(question: Question, funnel: Funnel): Promise<Lookup> {
    const { plan, clock, live, storedLists } = this.#options
    const { placement, nowMs } = question
    const userId = question.request.userId!
    const waitMs = Math.max(LOOKUP_MS_MIN, plan.serving.budgetMs - (clock.now() - nowMs))
    let found: FoundList | undefined
    try {
      found = await storedLists!.find(placement.name, userId, { nowMs, waitMs })
    } catch (error) {
      return { failure: error ?? new Error('looking up failed') }
    }
    if (found === undefined) return {}
    const { list, generation } = found
    // It was made of what the user has had deleted since.
    if (live.histories.deletedMsOf(userId) >= generation.madeAtMs) return {}
    const candidates = funnel.stored(question, list)
    return candidates.itemIndexes.length === 0 ? {} : { candidates, generation }
  }

  #question(request: RecommendRequest): Question {
    const { live, clock } = this.#options
    const placement = this.#placement(request.placement)
    checkRequest(request, placement, live.interactionCodes)
    return {
      request,
      placement,
      filter: request.filter === undefined ? undefined : this.#filters.get(request.filter),
      similarRow: request.itemId === undefined ? undefined : this.#similarRow(request.itemId),
      limit: request.limit ?? placement.plan.limit,
      nowMs: clock.now(),
    }
  }

  #placement(name: string): Placement {
    const placement = this.#placements.get(name)
    if (placement) return placement
    throw new MillraceError(
      'UNKNOWN_PLACEMENT',
      `No placement is called ${JSON.stringify(String(name).slice(0, 80))}.`,
      {
        fix: suggestName(String(name), [...this.#placements.keys()]),
      },
    )
  }

  #similarRow(itemId: string): number {
    const { catalogue } = this.#options.live
    const row = catalogue.rowOf(itemId)
    const shown = JSON.stringify(itemId.slice(0, 80))
    if (row === undefined) {
      throw new MillraceError('UNKNOWN_ITEM', `/itemId: no item has the id ${shown}.`, {
        fix: 'Send the item, or an interaction with it, first.',
      })
    }
    if (!catalogue.isLive(row)) throw new MillraceError('UNKNOWN_ITEM', `/itemId: the item ${shown} was deleted.`)
    return row
  }

  #response(question: Question, funnel: Funnel, ranking: Ranking): RecommendResponse | Promise<RecommendResponse> {
    const { ranked, rankingFailure, lookup } = ranking
    const { placement } = question
    const outcome = funnel.ask(question, ranked ?? lookup?.candidates)
    const rung = rungOf(question, funnel, outcome, ranking)
    // Before the popular list, the one that was made in better times.
    if (rung === 'popular' && lookup === undefined && this.#mayLookUp(question)) {
      const { failures } = outcome
      return this.#lookUp(question, funnel).then((found) =>
        this.#response(
          question,
          funnel,
          found.candidates ? { rankingFailure, lookup: found, failures } : { ...ranking, lookup: found },
        ),
      )
    }
    const generation = lookup?.candidates && lookup.generation
    const shortfall = this.#shortfall(placement, funnel, outcome)
    const response: RecommendResponse = {
      requestId: this.#options.newRequestId(),
      placement: placement.name,
      modelVersion: (rung === 'stored' ? generation?.modelVersion : funnel.model?.version) ?? NO_MODEL,
      rung,
      items: this.#items(funnel, outcome),
      ...(generation && { stored: originOf(generation, question.nowMs) }),
      ...(shortfall === undefined ? {} : { shortfall }),
    }
    this.#options.onAnswer?.({
      response,
      userId: question.request.userId,
      nowMs: question.nowMs,
      servedRows: () => ranked && this.#servedRows(funnel, response, ranked),
      stepMs: ranked?.stepMs,
      historyLength: outcome.historyLength,
      failures: outcome.failures.length > 0 ? outcome.failures : (ranking.failures ?? []),
      ...(rankingFailure !== undefined && { rankingFailure }),
      ...(lookup?.failure !== undefined && { lookupFailure: lookup.failure }),
      invalidCandidateCount: outcome.answer.invalidCount,
    })
    return response
  }

  #shortfall(placement: Placement, funnel: Funnel, { narrowing }: Outcome): Shortfall | undefined {
    if (narrowing.foundCount >= narrowing.askedCount) return undefined
    return shortfallOf({ ...narrowing, onlyCount: funnel.onlyCount(placement) })
  }

  #servedRows(funnel: Funnel, { items }: RecommendResponse, ranked: RankedCandidates): Float32Array {
    const { catalogue } = this.#options.live
    const width = ranked.columns.length
    const served = new Float32Array(items.length * width).fill(Number.NaN)
    for (const [n, { itemId }] of items.entries()) {
      const found = ranked.itemIndexes.indexOf(funnel.indexes.indexOf(catalogue.rowOf(itemId)!))
      if (found < 0) continue
      const place = ranked.places[found]!
      for (let column = 0; column < width; column++) served[n * width + column] = ranked.columns[column]![place]!
    }
    return served
  }

  /** The new items, which come first in the answer, are spread evenly over the list. */
  #items(funnel: Funnel, { answer, newItemCount }: Outcome): readonly RecommendedItem[] {
    const count = answer.count
    const items: RecommendedItem[] = new Array(count)
    let nextNew = 0
    let nextOther = newItemCount
    for (let place = 0; place < count; place++) {
      // Of the first n places, round(n * new / all) are for new items.
      const isNew = Math.floor(((place + 1) * newItemCount) / count + 0.5) > nextNew
      const from = isNew ? nextNew++ : nextOther++
      const row = funnel.indexes.rowOf(answer.indexAt(from))
      items[place] = {
        itemId: this.#options.live.catalogue.idOf(row),
        score: answer.scoreAt(from),
        generator: answer.generatorAt(from),
      }
    }
    return items
  }
}

/** Full where every part that was asked answered, and the generators had a part in the list. */
function rungOf(
  { placement }: Question,
  funnel: Funnel,
  { failures, generatedCount, answer }: Outcome,
  { ranked, lookup, failures: before }: Ranking,
): Rung {
  const { pattern, isRanked } = placement.plan
  const isBare =
    before !== undefined ||
    funnel.model === undefined ||
    failures.length > 0 ||
    (generatedCount === 0 && answer.count > 0)
  if (isBare || pattern === 'batch') return lookup?.candidates && generatedCount > 0 ? 'stored' : 'popular'
  // The order of a stored list is the ranker's, if it was to have a say.
  return isRanked && ranked === undefined && lookup?.candidates === undefined ? 'unranked' : 'full'
}

const originOf = ({ batchId, madeAtMs }: ListGeneration, nowMs: number): StoredOrigin => ({
  batchId,
  madeAt: isoTime(madeAtMs),
  ageSeconds: Math.max(0, (nowMs - madeAtMs) / 1000),
})
