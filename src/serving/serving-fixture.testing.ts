// A small shop and generators with plain laws, for the tests of this folder.
import assert from 'node:assert/strict'
import type { AttributeType, PlacementPlan, Plan } from '../config/plan.ts'
import { defaultCheckSettings } from '../domain/check-settings.ts'
import type { Attributes, LogEvent } from '../domain/event.ts'
import type { FeatureReading } from '../domain/feature.ts'
import { someGateSettings } from '../domain/gate-settings.testing.ts'
import type { RecommendRequest, RecommendResponse } from '../domain/recommendation.ts'
import type { ServingModel } from '../models/serving-model.ts'
import type { CandidateGenerator } from '../ports/candidate-generator.ts'
import type { StoredEvent } from '../ports/event-log.ts'
import type { LiveFeatures } from './candidate-ranking.ts'
import { LiveState } from './live-state.ts'
import type { TraceQuestion } from './question.ts'
import {
  type AnswerObservation,
  RecommendationService,
  type RecommendationServiceOptions,
} from './recommendation-service.ts'

export const NOW_MS = Date.UTC(2024, 5, 1)
export const DAY_MS = 86_400_000

const attributeTypes: Readonly<Record<string, AttributeType>> = {
  category: 'category',
  brand: 'category',
  title: 'text',
  tags: 'tags',
  price: 'number',
  stock: 'integer',
  isOnSale: 'boolean',
  publishedAt: 'timestamp',
}

export const itemAttributes = Object.fromEntries(
  Object.entries(attributeTypes).map(([name, type]) => [name, { type, isOptional: true }]),
)

export function planWith(placements: Readonly<Record<string, Partial<PlacementPlan>>>): Plan {
  const placement: PlacementPlan = {
    pattern: 'realtime',
    candidateCount: 20,
    limit: 10,
    candidates: ['leading', 'second'],
    isRanked: false,
    newItemShare: 0,
    includeSeen: false,
    rules: [],
  }
  return {
    name: 'shop',
    hash: '0'.repeat(64),
    data: {
      owner: 'a@shop.example',
      entities: { user: {}, item: itemAttributes },
      interactions: { view: { weight: 1 }, cart: { weight: 4 }, purchase: { weight: 10 } },
      sources: {},
      features: [],
      checks: defaultCheckSettings,
      retention: {},
      skew: { sampleShare: 0, maxBytes: 1_000_000 },
      futureToleranceMs: 0,
    },
    training: { owner: 'b@shop.example', seed: 1, candidates: {}, gates: someGateSettings, card: {} },
    serving: {
      owner: 'c@shop.example',
      placements: Object.fromEntries(
        Object.entries(placements).map(([name, given]) => [name, { ...placement, ...given }]),
      ),
      budgetMs: 100,
    },
    monitoring: { owner: 'd@shop.example' },
  }
}

/** Proposes items in the order of a score of each, which the newest item of the history may change. */
export function scoredGenerator(
  itemCount: number,
  score: (itemIndex: number, newestIndex: number | undefined) => number,
  supportsEmptyHistory = true,
): CandidateGenerator {
  const best = (
    newest: number | undefined,
    k: number,
    allowed: Uint32Array | undefined,
    out: { itemIndexes: Int32Array; scores: Float32Array },
  ) => {
    const ranked = Array.from({ length: itemCount }, (_, index) => ({ index, score: score(index, newest) }))
      .filter(
        ({ index, score }) =>
          score > 0 && (allowed === undefined || (allowed[index >> 5]! & (1 << (index & 31))) !== 0),
      )
      .sort((a, b) => b.score - a.score || a.index - b.index)
      .slice(0, k)
    ranked.forEach(({ index, score }, place) => {
      out.itemIndexes[place] = index
      out.scores[place] = score
    })
    return ranked.length
  }
  return {
    supportsEmptyHistory,
    generate: (history, k, allowed, out) => best(history.itemIndexes.at(-1), k, allowed, out),
    similar: (itemIndex, k, allowed, out) => best(itemIndex, k, allowed, out),
  }
}

/** Items `i0` to `i{itemCount - 1}`. `leading` likes items after the newest of the history, `second` the first half of the items. */
export function modelOf(
  itemCount: number,
  generators: Readonly<Record<string, CandidateGenerator>> = {},
): ServingModel {
  return {
    version: `model-of-${itemCount}`,
    itemIds: Array.from({ length: itemCount }, (_, index) => `i${index}`),
    generators: new Map(
      Object.entries({
        leading: scoredGenerator(
          itemCount,
          (index, newest) => (newest === undefined ? 0 : itemCount - ((index - newest + itemCount) % itemCount)),
          false,
        ),
        second: scoredGenerator(itemCount, (index) => (index < itemCount / 2 ? itemCount - index : 0)),
        ...generators,
      }),
    ),
  }
}

/** Features, by item and then by name. */
export type ReadFeatures = (
  names: readonly string[],
  userId: string | undefined,
  itemIds: readonly string[],
) => Promise<readonly (readonly FeatureReading[])[]>

/** Columns that are read anew by every request. */
export const featuresReadBy = (read: ReadFeatures): LiveFeatures => ({
  columnsOf: ({ names, itemIds, numberOf }) => ({
    async fill(userId, items, out) {
      const rows = await read(
        names,
        userId,
        Array.from(items, (item) => itemIds[item]!),
      )
      for (let n = 0; n < items.length; n++) {
        for (let f = 0; f < names.length; f++) out[f]![n] = numberOf(f, rows[n]![f]!.value)
      }
    },
    warm: async () => {},
    close: () => {},
  }),
})

/** A service over a plan, with a log in memory. */
export class Shop {
  readonly live: LiveState
  readonly service: RecommendationService
  readonly observations: AnswerObservation[] = []
  #offset = 0
  #requestCount = 0

  /** What the service takes for now. */
  nowMs = NOW_MS

  constructor(
    plan: Plan,
    features?: LiveFeatures,
    beside: Pick<RecommendationServiceOptions, 'ruleFunctions' | 'rng' | 'storedLists' | 'bestRung'> = {},
  ) {
    this.live = new LiveState(plan)
    this.service = new RecommendationService({
      plan,
      live: this.live,
      clock: { now: () => this.nowMs },
      features,
      newRequestId: () => `r${++this.#requestCount}`,
      onAnswer: (observation) => this.observations.push(observation),
      ...beside,
    })
  }

  /** Of a model without a ranker: it answers at once. */
  recommend(request: RecommendRequest, trace?: TraceQuestion): RecommendResponse {
    const response = this.service.recommend(request, trace)
    assert(!(response instanceof Promise), 'the answer has to be waited for')
    return response
  }

  log(...events: readonly LogEvent[]): readonly StoredEvent[] {
    const stored = events.map((event) => ({ offset: this.#offset++, availableTimeMs: NOW_MS, event }))
    this.live.apply(stored)
    return stored
  }
}

export function item(entityId: string, attributes: Attributes = {}, eventTimeMs = 1_000): LogEvent {
  return { kind: 'entity', id: `put-${entityId}`, entity: 'item', entityId, change: 'put', attributes, eventTimeMs }
}

export function itemPatch(entityId: string, attributes: Attributes, eventTimeMs = 2_000): LogEvent {
  return { kind: 'entity', id: `patch-${entityId}`, entity: 'item', entityId, change: 'patch', attributes, eventTimeMs }
}

export function deletion(entity: 'user' | 'item', entityId: string, eventTimeMs = 3_000): LogEvent {
  return { kind: 'entity', id: `delete-${entityId}`, entity, entityId, change: 'delete', attributes: {}, eventTimeMs }
}

export function shown(userId: string, itemIds: readonly string[], eventTimeMs = NOW_MS - 1_000): LogEvent {
  return { kind: 'impression', id: `${userId}-shown-${eventTimeMs}-${itemIds.join()}`, userId, itemIds, eventTimeMs }
}

export function did(userId: string, itemId: string, interaction = 'view', eventTimeMs = NOW_MS - DAY_MS): LogEvent {
  return {
    kind: 'interaction',
    id: `${userId}-${itemId}-${interaction}-${eventTimeMs}`,
    interaction,
    userId,
    itemId,
    eventTimeMs,
  }
}
