// Answers requests. It decides what is asked, which model answers, and what is said of the answer; how the list comes about is the funnel's.
import type { Plan } from '../config/plan.ts'
import type { AnswerOffsets } from '../domain/answer-record.ts'
import { isoTime } from '../domain/iso-time.ts'
import type {
  RankRequest,
  RankResponse,
  RecommendedItem,
  RecommendRequest,
  RecommendResponse,
  Rung,
  Shortfall,
  StoredOrigin,
} from '../domain/recommendation.ts'
import type { RuleFunction } from '../domain/rule-function.ts'
import type { RuleTrace } from '../domain/rule-trace.ts'
import type { ListGeneration } from '../domain/stored-list.ts'
import type { Clock } from '../lib/clock.ts'
import { MillraceError } from '../lib/errors.ts'
import { suggestName } from '../lib/nearest-name.ts'
import { type Rng, seededRng } from '../lib/rng.ts'
import type { ServingModel } from '../models/serving-model.ts'
import { askedItems } from './alike.ts'
import type { LiveFeatures, RankedCandidates, StepMs } from './candidate-ranking.ts'
import { Funnel, type Outcome } from './funnel.ts'
import type { GeneratorFailure } from './generator-failure.ts'
import { ListRanking } from './list-ranking.ts'
import type { LiveState } from './live-state.ts'
import { allowedRung, type BestRung } from './load-shedding.ts'
import { ParsedFilters } from './parsed-filters.ts'
import { type Placement, placementsOf } from './placement.ts'
import type { Question, TraceQuestion } from './question.ts'
import { checkRequest } from './request-check.ts'
import type { RuleFailure } from './rules/function-rules.ts'
import { shortfallOf } from './shortfall.ts'
import type { OrderedCandidates } from './stored-candidates.ts'
import type { FoundList, StoredLists } from './stored-lists.ts'

/** What happened behind an answer, for metrics. */
export interface AnswerObservation {
  readonly response: RecommendResponse
  readonly request: RecommendRequest
  /** Undefined for an anonymous visitor. */
  readonly userId: string | undefined
  /** When it was asked for. */
  readonly nowMs: number
  /** What the ranker saw: the answer's items x its columns, row-major, missing values for an item that it did not order; undefined where it had no say. */
  servedRows(): Float32Array | undefined
  /** Undefined where the ranker had no say. */
  readonly stepMs?: StepMs | undefined
  /** Everything that the ranker put in order; undefined where it had no say. It stays as it is until it is released, by whoever wants that. */
  readonly ranked: RankedCandidates | undefined
  /** What the live state knew of the log at each step. */
  readonly offsets: Omit<AnswerOffsets, 'firstOffset'>
  /** Interactions with items the model knows that the answer was made from; 0 for a cold visitor. */
  readonly historyLength: number
  /** Generators that threw or that the model lacks; the answer was made without them. */
  readonly failures: readonly GeneratorFailure[]
  /** The best rung that the answer was allowed. */
  readonly bestRung: Rung
  /** Why the ranker had no say though the model has one; undefined where it had, and where it was not to. */
  readonly rankingFailure?: unknown
  /** Rules that are code and had no say, because they threw or answered nonsense; the answer was made without them. */
  readonly ruleFailures: readonly RuleFailure[]
  /** By item how likely it was to be at its place, in (0, 1]; undefined where nothing was left to chance. */
  readonly propensities: readonly number[] | undefined
  /** What the rules did, where the question asked for it. */
  readonly trace: RuleTrace | undefined
  /** Why a list that a batch may have made was not looked at; undefined where it was, and where none was asked for. */
  readonly lookupFailure?: unknown
  /** Proposals of generators that were turned away because they break the generators' law: not allowed, unknown, or without a finite score. */
  readonly invalidCandidateCount: number
  /** Items that the finished list must not have held, and that others have taken the place of: a mistake of Millrace's. */
  readonly withdrawnCount: number
}

export interface RecommendationServiceOptions {
  readonly plan: Plan
  readonly live: LiveState
  readonly clock: Clock
  readonly newRequestId: () => string
  /** What the model's ranker looks at. Left out where the system has no features. */
  readonly features?: LiveFeatures | undefined
  /** The code of rules that are functions, by their names in the plan. */
  readonly ruleFunctions?: Readonly<Record<string, RuleFunction>> | undefined
  /** Of items drawn at random. Left out, each answer draws by its request id, so that it can be given again. */
  readonly rng?: Rng
  /** The best rung that answers may stand on now; undefined where requests are to be turned away. Left out, all of them may. */
  readonly bestRung?: BestRung | undefined
  /** Lists made ahead of time. Left out where there are none: placements that want them answer as without. */
  readonly storedLists?: StoredLists | undefined
  /** Called before each answer leaves; must not throw. */
  readonly onAnswer?: (observation: AnswerObservation) => void
  /** Told why the ranker had no say in a list that it was asked to put in order. */
  readonly onListFailure?: ((error: unknown) => void) | undefined
}

/** A question to the model that was in charge when it came. */
interface Asked {
  readonly question: Question
  readonly funnel: Funnel
  readonly start: Pick<AnswerOffsets, 'model' | 'gathered'>
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
  /** What the live state knew when the funnel was made. */
  #modelOffset = 0
  readonly #lists: ListRanking

  /** Answers at once, from popularity; `useModel` gives it a model. */
  constructor(options: RecommendationServiceOptions) {
    this.#options = options
    this.#placements = placementsOf(options.plan, options.live, options.ruleFunctions)
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
    this.#modelOffset = live.nextOffset
    return new Funnel(live, model, { placements: this.#placements.values(), features })
  }

  /**
   * A list of items. Works without a model, without a history and while the ranker or generators fail; the rung and each item's generator tell how.
   * @param trace where the observation is to tell what the rules did
   * @returns at once where nothing has to be waited for; where the ranker has a say, when its features were read
   * @throws MillraceError REQUEST_INVALID, UNKNOWN_PLACEMENT, UNKNOWN_ITEM, SERVER_OVERLOADED, or FILTER_... for a filter
   */
  recommend(request: RecommendRequest, trace?: TraceQuestion): RecommendResponse | Promise<RecommendResponse> {
    const question = this.#question(request, trace)
    const start = { model: this.#modelOffset, gathered: this.#options.live.nextOffset }
    // The model that candidates came from is the one that answers, even where another is in charge by then.
    const funnel = this.#funnel
    const asked: Asked = { question, funnel, start }
    const { pattern } = question.placement.plan
    const isStored = pattern === 'batch' || pattern === 'hybrid' || question.bestRung === 'stored'
    if (!isStored || !this.#mayLookUp(question)) return this.#fromModel(asked, {})
    return this.#lookUp(asked).then((lookup) =>
      lookup.candidates === undefined ? this.#fromModel(asked, { lookup }) : this.#response(asked, { lookup }),
    )
  }

  /** What generators and the ranker make now. */
  #fromModel(asked: Asked, known: Pick<Ranking, 'lookup'>): RecommendResponse | Promise<RecommendResponse> {
    const { question, funnel } = asked
    if (!funnel.isRanked(question)) return this.#response(asked, known)
    try {
      const ranking = funnel.rank(question, this.#options.plan.serving.budgetMs)
      return (
        ranking?.then(
          (ranked) => this.#response(asked, { ...known, ranked }),
          (error: unknown) => this.#response(asked, { ...known, rankingFailure: error ?? new Error('ranking failed') }),
        ) ?? this.#response(asked, known)
      )
    } catch (rankingFailure) {
      return this.#response(asked, { ...known, rankingFailure })
    }
  }

  /** A list of somebody else's in order for a user. @throws MillraceError REQUEST_INVALID, SERVER_OVERLOADED */
  async rank(request: RankRequest): Promise<RankResponse> {
    allowedRung(this.#options.bestRung)
    return this.#lists.rank(request, this.#funnel)
  }

  /** Batches make lists for users, not for items and visitors without a name. */
  #mayLookUp({ request, similarRow }: Question): boolean {
    return this.#options.storedLists !== undefined && request.userId !== undefined && similarRow === undefined
  }

  async #lookUp({ question, funnel }: Asked): Promise<Lookup> {
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
    if (live.histories.deletedTimeMsOf(userId) >= generation.madeAtMs) return {}
    const candidates = funnel.stored(question, list)
    return candidates.itemIndexes.length === 0 ? {} : { candidates, generation }
  }

  #question(request: RecommendRequest, trace: TraceQuestion | undefined): Question {
    const { live, clock, newRequestId, rng } = this.#options
    const bestRung = allowedRung(this.#options.bestRung)
    const placement = this.#placement(request.placement)
    checkRequest(request, placement, live.interactionCodes)
    const requestId = newRequestId()
    const [similarRow, ...otherSimilarRows] = this.#similarRows(request)
    return {
      requestId,
      request,
      placement,
      filter: request.filter === undefined ? undefined : this.#filters.get(request.filter),
      similarRow,
      otherSimilarRows,
      limit: request.limit ?? placement.plan.limit,
      nowMs: clock.now(),
      bestRung,
      rng: () => rng ?? seededRng(requestId),
      trace,
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

  #similarRows(request: RecommendRequest): readonly number[] {
    const placeOf = (n: number): string => (request.itemIds === undefined ? '/itemId' : `/itemIds/${n}`)
    return askedItems(request).map((itemId, n) => this.#similarRow(itemId, placeOf(n)))
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

  #response(asked: Asked, ranking: Ranking): RecommendResponse | Promise<RecommendResponse> {
    const { question, funnel, start } = asked
    const { ranked, rankingFailure, lookup } = ranking
    const { placement } = question
    const outcome = funnel.ask(question, ranked ?? lookup?.candidates)
    const rung = rungOf(question, funnel, outcome, ranking)
    // Before the popular list, the one that was made in better times.
    if (rung === 'popular' && lookup === undefined && this.#mayLookUp(question)) {
      const { failures } = outcome
      return this.#lookUp(asked).then((found) =>
        this.#response(
          asked,
          found.candidates ? { rankingFailure, lookup: found, failures } : { ...ranking, lookup: found },
        ),
      )
    }
    const generation = lookup?.candidates && lookup.generation
    const shortfall = this.#shortfall(placement, funnel, outcome)
    const { items, itemIndexes } = this.#listed(funnel, outcome)
    const response: RecommendResponse = {
      requestId: question.requestId,
      placement: placement.name,
      modelVersion: (rung === 'stored' ? generation?.modelVersion : funnel.model?.version) ?? NO_MODEL,
      rung,
      items,
      ...(generation && { stored: originOf(generation, question.nowMs) }),
      ...(shortfall === undefined ? {} : { shortfall }),
    }
    this.#options.onAnswer?.({
      response,
      request: question.request,
      ranked,
      offsets: { ...start, answered: this.#options.live.nextOffset },
      userId: question.request.userId,
      nowMs: question.nowMs,
      servedRows: once(() => ranked && servedRowsOf(itemIndexes, ranked)),
      stepMs: ranked?.stepMs,
      bestRung: question.bestRung,
      historyLength: outcome.historyLength,
      failures: outcome.failures.length > 0 ? outcome.failures : (ranking.failures ?? []),
      ...(rankingFailure !== undefined && { rankingFailure }),
      ...(lookup?.failure !== undefined && { lookupFailure: lookup.failure }),
      ruleFailures: outcome.ruleFailures,
      propensities: outcome.propensities,
      trace: outcome.trace,
      invalidCandidateCount: outcome.invalidCount,
      withdrawnCount: outcome.withdrawnCount,
    })
    return response
  }

  #shortfall(placement: Placement, funnel: Funnel, { narrowing }: Outcome): Shortfall | undefined {
    if (narrowing.foundCount >= narrowing.askedCount) return undefined
    return shortfallOf({ ...narrowing, onlyCount: funnel.onlyCount(placement) })
  }

  /** The new items, which come first in the answer, are spread evenly over the list. */
  #listed(
    funnel: Funnel,
    { answer, newItemCount }: Outcome,
  ): { readonly items: readonly RecommendedItem[]; readonly itemIndexes: Int32Array } {
    const count = answer.count
    const itemIndexes = new Int32Array(count)
    const items: RecommendedItem[] = new Array(count)
    let nextNew = 0
    let nextOther = newItemCount
    for (let place = 0; place < count; place++) {
      // Of the first n places, round(n * new / all) are for new items.
      const isNew = Math.floor(((place + 1) * newItemCount) / count + 0.5) > nextNew
      const from = isNew ? nextNew++ : nextOther++
      const index = answer.indexAt(from)
      itemIndexes[place] = index
      items[place] = {
        itemId: this.#options.live.catalogue.idOf(funnel.indexes.rowOf(index)),
        score: answer.scoreAt(from),
        generator: answer.generatorAt(from),
      }
    }
    return { items, itemIndexes }
  }
}

/** Of these items: what the ranker saw, items x its columns, missing values for an item that it did not order. */
function servedRowsOf(itemIndexes: Int32Array, ranked: RankedCandidates): Float32Array {
  const width = ranked.columns.length
  const served = new Float32Array(itemIndexes.length * width).fill(Number.NaN)
  for (let n = 0; n < itemIndexes.length; n++) {
    const found = ranked.itemIndexes.indexOf(itemIndexes[n]!)
    if (found < 0) continue
    const place = ranked.places[found]!
    for (let column = 0; column < width; column++) served[n * width + column] = ranked.columns[column]![place]!
  }
  return served
}

/** Full where every part that was asked answered, and the generators had a part in the list. */
function rungOf(
  { placement, bestRung }: Question,
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
  if (isBare || pattern === 'batch' || bestRung === 'stored')
    return lookup?.candidates && generatedCount > 0 ? 'stored' : 'popular'
  // The order of a stored list is the ranker's, if it was to have a say.
  if (ranked !== undefined) return bestRung === 'reduced' ? 'reduced' : 'full'
  return isRanked && lookup?.candidates === undefined ? 'unranked' : 'full'
}

/** Made when somebody asks first: the impression and the record want the same. */
function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}

const originOf = ({ batchId, madeAtMs }: ListGeneration, nowMs: number): StoredOrigin => ({
  batchId,
  madeAt: isoTime(madeAtMs),
  ageSeconds: Math.max(0, (nowMs - madeAtMs) / 1000),
})
