// Answers requests. It decides what is asked, which model answers, and what is said of the answer; how the list comes about is the funnel's.
import type { Plan } from '../config/plan.ts'
import type {
  RankRequest,
  RankResponse,
  RecommendedItem,
  RecommendRequest,
  RecommendResponse,
  Rung,
  Shortfall,
} from '../domain/recommendation.ts'
import type { Clock } from '../lib/clock.ts'
import { MillraceError } from '../lib/errors.ts'
import { suggestName } from '../lib/nearest-name.ts'
import type { ServingModel } from '../models/serving-model.ts'
import type { LiveFeatures, RankedCandidates, StepMs } from './candidate-ranking.ts'
import { Funnel, type Outcome, type Question } from './funnel.ts'
import type { GeneratorFailure } from './generator-failure.ts'
import { ListRanking } from './list-ranking.ts'
import type { LiveState } from './live-state.ts'
import { ParsedFilters } from './parsed-filters.ts'
import { type Placement, placementsOf } from './placement.ts'
import { checkRequest } from './request-check.ts'
import { shortfallOf } from './shortfall.ts'

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
  /** Called before each answer leaves; must not throw. */
  readonly onAnswer?: (observation: AnswerObservation) => void
  /** Told why the ranker had no say in a list that it was asked to put in order. */
  readonly onListFailure?: ((error: unknown) => void) | undefined
}

/** What came of asking the ranker: nothing where it was not to have a say. */
interface Ranking {
  readonly ranked?: RankedCandidates
  readonly rankingFailure?: unknown
}

/** In the place of a model's version where there is none. */
export const NO_MODEL = 'none'

export class RecommendationService {
  readonly #options: RecommendationServiceOptions
  readonly #placements: ReadonlyMap<string, Placement>
  readonly #filters: ParsedFilters
  #funnel: Funnel
  readonly #lists: ListRanking

  /** Answers at once, from popularity; `useModel` gives it a model. */
  constructor(options: RecommendationServiceOptions) {
    this.#options = options
    this.#placements = placementsOf(options.plan, options.live)
    this.#filters = new ParsedFilters(options.plan.data.entities.item)
    this.#funnel = this.#funnelOf(undefined)
    const { live, newRequestId, features, plan, onListFailure } = options
    const { budgetMs } = plan.serving
    this.#lists = new ListRanking({ live, newRequestId, features, budgetMs, onFailure: onListFailure })
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
    this.#lists.forget()
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
    if (!funnel.isRanked(question)) return this.#response(question, funnel, {})
    try {
      const ranking = funnel.rank(question, this.#options.plan.serving.budgetMs)
      return (
        ranking?.then(
          (ranked) => this.#response(question, funnel, { ranked }),
          (error: unknown) =>
            this.#response(question, funnel, { rankingFailure: error ?? new Error('ranking failed') }),
        ) ?? this.#response(question, funnel, {})
      )
    } catch (rankingFailure) {
      return this.#response(question, funnel, { rankingFailure })
    }
  }

  /** A list of somebody else's in order for a user. @throws MillraceError REQUEST_INVALID */
  rank(request: RankRequest): Promise<RankResponse> {
    return this.#lists.rank(request, this.#funnel)
  }

  #question(request: RecommendRequest): Question {
    const { live, clock } = this.#options
    const placement = this.#placement(request.placement)
    checkRequest(request, placement, live.interactionCodes)
    const [similarRow, ...otherSimilarRows] = this.#similarRows(request)
    return {
      request,
      placement,
      filter: request.filter === undefined ? undefined : this.#filters.get(request.filter),
      similarRow,
      otherSimilarRows,
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

  #similarRows({ itemId, itemIds }: RecommendRequest): readonly number[] {
    if (itemIds !== undefined) return itemIds.map((id, n) => this.#similarRow(id, `/itemIds/${n}`))
    return itemId === undefined ? [] : [this.#similarRow(itemId, '/itemId')]
  }

  #similarRow(itemId: string, where: string): number {
    const { catalogue } = this.#options.live
    const row = catalogue.rowOf(itemId)
    const shown = JSON.stringify(itemId.slice(0, 80))
    if (row === undefined) {
      throw new MillraceError('UNKNOWN_ITEM', `${where}: no item has the id ${shown}.`, {
        fix: 'Send the item, or an interaction with it, first.',
      })
    }
    if (!catalogue.isLive(row)) throw new MillraceError('UNKNOWN_ITEM', `${where}: the item ${shown} was deleted.`)
    return row
  }

  #response(question: Question, funnel: Funnel, { ranked, rankingFailure }: Ranking): RecommendResponse {
    const { placement } = question
    const outcome = funnel.ask(question, ranked)
    const shortfall = this.#shortfall(placement, funnel, outcome)
    const response: RecommendResponse = {
      requestId: this.#options.newRequestId(),
      placement: placement.name,
      modelVersion: funnel.model?.version ?? NO_MODEL,
      rung: rungOf(funnel, outcome, placement.plan.isRanked && ranked === undefined),
      items: this.#items(funnel, outcome),
      ...(shortfall === undefined ? {} : { shortfall }),
    }
    this.#options.onAnswer?.({
      response,
      userId: question.request.userId,
      nowMs: question.nowMs,
      servedRows: () => ranked && this.#servedRows(funnel, response, ranked),
      stepMs: ranked?.stepMs,
      historyLength: outcome.historyLength,
      failures: outcome.failures,
      ...(rankingFailure !== undefined && { rankingFailure }),
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
function rungOf(funnel: Funnel, { failures, generatedCount, answer }: Outcome, lacksRanking: boolean): Rung {
  const isPopular = funnel.model === undefined || failures.length > 0 || (generatedCount === 0 && answer.count > 0)
  if (isPopular) return 'popular'
  return lacksRanking ? 'unranked' : 'full'
}
