// What lay behind an answer: who proposed which candidates, and why an item is not in it. It asks the same generators for the same visitor, over the state as it is now.
import assert from 'node:assert/strict'
import type { Plan } from '../config/plan.ts'
import type { Obstacle, Proposal } from '../domain/explained-answer.ts'
import { parseFilter } from '../domain/filter-parser.ts'
import type { RecommendRequest } from '../domain/recommendation.ts'
import type { ServingModel, ServingRanker } from '../models/serving-model.ts'
import { askedItems, proposeAlike } from './alike.ts'
import { CandidateRanking } from './candidate-ranking.ts'
import { ItemBitmaps } from './item-bitmaps.ts'
import { ItemIndexes } from './item-indexes.ts'
import type { LiveState } from './live-state.ts'
import { type Placement, placementsOf } from './placement.ts'
import { describeRule } from './rules/describe-rule.ts'
import { Visitor } from './visitor.ts'

export interface InspectedCandidates {
  /** In the order in which they went to the ranker; without one, in that of the generators. */
  readonly itemIds: readonly string[]
  /** By item: those that proposed it, in the order of the model's generators. */
  readonly proposals: ReadonlyMap<string, readonly Proposal[]>
}

export interface InspectionSubject {
  readonly plan: Plan
  readonly live: LiveState
  readonly model: ServingModel | undefined
  readonly request: RecommendRequest
  /** When it was asked. */
  readonly nowMs: number
}

/** Nothing where there is no model. Linear in the items. */
export function inspectCandidates(subject: InspectionSubject): InspectedCandidates {
  const { model, request } = subject
  if (model === undefined) return { itemIds: [], proposals: new Map() }
  const { placement, indexes, bitmaps } = partsOf(subject)
  const ofRequest = request.filter === undefined ? [] : [parseFilter(request.filter, subject.plan.data.entities.item)]
  const allowed = bitmaps.eligible('inspected', [...placement.filters, ...ofRequest], placement.blockedIds)
  const visitor = new Visitor(subject.live, indexes)
  visitor.read(request, placement, allowed, { nowMs: subject.nowMs })
  const asked = askedItems(request).flatMap((itemId) => subject.live.catalogue.rowOf(itemId) ?? [])
  for (const row of asked) allowed.withhold(indexes.indexOf(row))
  const k = Math.max(placement.plan.candidateCount, request.limit ?? placement.plan.limit)
  const found = new Map<number, Proposal[]>()
  const take = (generator: string, items: ArrayLike<number>, scores: ArrayLike<number>, count: number): void => {
    for (let n = 0; n < count; n++) {
      const proposals = found.get(items[n]!) ?? []
      proposals.push({ generator, rank: n + 1, score: scores[n]! })
      found.set(items[n]!, proposals)
    }
  }
  const isRanked = model.ranker !== undefined && placement.plan.isRanked && asked.length === 0
  // A ranker has learned from all of its generators, whatever the placement names.
  const names = isRanked ? model.ranker.generatorNames : placement.plan.candidates
  const length = isRanked ? model.ranker.perGenerator : k
  const out = { itemIndexes: new Int32Array(length), scores: new Float32Array(length) }
  const { history } = visitor
  for (const name of names) {
    const generator = model.generators.get(name)
    if (generator === undefined) continue
    if (asked.length > 0) {
      const known = asked.map((row) => indexes.indexOf(row)).filter((index) => index < indexes.modelItemCount)
      const count = proposeAlike(generator, known, asked.length > 1, { k: length, allowed: allowed.modelWords, out })
      take(name, out.itemIndexes, out.scores, count)
    } else if (history.itemIndexes.length > 0 || generator.supportsEmptyHistory) {
      const count = generator.generate(history, length, allowed.modelWords, out)
      take(name, out.itemIndexes, out.scores, count)
    }
  }
  const order = isRanked
    ? new CandidateRanking(model, withoutClosing(model.ranker), undefined).gather(history, allowed.modelWords, {
        generatorNames: placement.plan.candidates,
        countMax: k,
      }).itemIndexes
    : [...found.keys()]
  allowed.restore()
  return {
    itemIds: Array.from(order, (item) => model.itemIds[item]!),
    proposals: new Map([...found].map(([item, proposals]) => [model.itemIds[item]!, proposals])),
  }
}

/** Undefined where nothing kept it out: then its score did. */
export function obstacleOf(subject: InspectionSubject, itemId: string): Obstacle | undefined {
  const { live, request, model, plan } = subject
  const { catalogue } = live
  const shown = JSON.stringify(itemId)
  const row = catalogue.rowOf(itemId)
  if (row === undefined) return { reason: 'UNKNOWN', message: `No item was known as ${shown} at that moment.` }
  if (!catalogue.isLive(row)) return { reason: 'DELETED', message: `${shown} had been deleted.` }
  if (askedItems(request).includes(itemId)) return { reason: 'ASKED_ABOUT', message: 'Items like it were asked for.' }
  if (request.exclude?.includes(itemId)) return { reason: 'EXCLUDED', message: 'The request excludes it.' }
  if (request.alreadyShown?.includes(itemId)) {
    return { reason: 'SHOWN_BEFORE', message: 'It was shown on a page before.' }
  }
  const { placement, indexes, bitmaps } = partsOf(subject)
  const index = indexes.indexOf(row)
  const ruledOut = (n: number): Obstacle => {
    const description = describeRule(placement.plan.rules[n]!)
    return { reason: 'RULE', rule: n, message: `Rule ${n + 1} keeps it out: ${description}.` }
  }
  for (const { filter, position } of placement.only) {
    if (!bitmaps.eligible(`filter ${JSON.stringify(filter)}`, [filter]).has(index)) return ruledOut(position)
  }
  for (const [n, rule] of placement.plan.rules.entries()) {
    if (rule.kind === 'blocked' && rule.items.includes(itemId)) return ruledOut(n)
  }
  if (request.filter !== undefined) {
    const holds = bitmaps.eligible('request', [parseFilter(request.filter, plan.data.entities.item)]).has(index)
    if (!holds) return { reason: 'FILTER', message: `The request's filter does not hold for it: ${request.filter}.` }
  }
  return visitorsObstacle(subject, placement, indexes, index) ?? newerThanModel(model, indexes, index)
}

function visitorsObstacle(
  { live, request, nowMs }: InspectionSubject,
  placement: Placement,
  indexes: ItemIndexes,
  index: number,
): Obstacle | undefined {
  const isKeptOut = (rules: Placement['notInteracted']): boolean => {
    const all = new ItemBitmaps({ catalogue: live.catalogue, indexes }).eligible('all', [])
    const { exclude, alreadyShown, ...rest } = request
    new Visitor(live, indexes).read(rest, { ...placement, notInteracted: rules }, all, { nowMs })
    return !all.has(index)
  }
  const isSeenAllowed = request.includeSeen ?? placement.plan.includeSeen
  if (!isSeenAllowed) {
    return isKeptOut([]) ? { reason: 'SEEN', message: 'The user had interacted with it.' } : undefined
  }
  for (const [n, rule] of placement.plan.rules.entries()) {
    if (rule.kind !== 'notInteracted') continue
    const interactionCode = live.interactionCodes.get(rule.interaction)!
    if (!isKeptOut([{ interactionCode, withinMs: rule.withinMs, position: n }])) continue
    return {
      reason: 'RULE',
      rule: n,
      message: `Rule ${n + 1} keeps it out: ${describeRule(rule)}.`,
    }
  }
  return undefined
}

const newerThanModel = (
  model: ServingModel | undefined,
  { modelItemCount }: ItemIndexes,
  index: number,
): Obstacle | undefined =>
  model === undefined || index < modelItemCount
    ? undefined
    : {
        reason: 'NEWER_THAN_MODEL',
        message: `It is newer than model ${model.version}, and got none of the places for new items.`,
      }

/** What is made anew for every inspection. */
interface InspectionParts {
  readonly placement: Placement
  readonly indexes: ItemIndexes
  readonly bitmaps: ItemBitmaps
}

function partsOf({ plan, live, model, request }: InspectionSubject): InspectionParts {
  const placement = placementsOf(plan, live).get(request.placement)
  assert(placement !== undefined, `no placement is called ${JSON.stringify(request.placement)}`)
  const indexes = new ItemIndexes(live.catalogue, model?.itemIds ?? [])
  return { placement, indexes, bitmaps: new ItemBitmaps({ catalogue: live.catalogue, indexes }) }
}

/** It belongs to the service that answers. */
const withoutClosing = (ranker: ServingRanker): ServingRanker => ({
  ...ranker,
  ranker: {
    featureNames: ranker.ranker.featureNames,
    score: (rows, count, out) => ranker.ranker.score(rows, count, out),
  },
})
