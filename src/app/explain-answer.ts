// Why an answer is as it is: what its record says, and what can only be known by computing it again.
import type { App } from '../app.ts'
import type { AnswerRecord } from '../domain/answer-record.ts'
import type { ExplainedAnswer, ItemVerdict, Obstacle, RuleRemovals } from '../domain/explained-answer.ts'
import { MillraceError } from '../lib/errors.ts'
import {
  type InspectedCandidates,
  type InspectionSubject,
  inspectCandidates,
  obstacleOf,
} from '../serving/answer-inspection.ts'
import { NO_MODEL } from '../serving/recommendation-service.ts'
import { describeRule } from '../serving/rules/describe-rule.ts'
import { type Explanation, rowExplainer } from '../training/explanation.ts'
import { type AnswerLookup, awaitedAnswer } from './answer-pages.ts'
import { rankerTrees } from './ranker-trees.ts'
import { type RepeatedState, repeatAnswers } from './repeat-answers.ts'
import { differencesOf } from './replay-answers.ts'

export interface ExplainAnswerOptions {
  readonly requestId: string
  /** An item to tell why it is not in the list, or where. */
  readonly itemId?: string | undefined
}

/**
 * One pass over the log, and one more where features have to be computed again.
 * @param answers where the record is; the app's store where it is left out, in which one that went out a moment ago is looked for a while
 * @throws MillraceError ANSWER_NOT_FOUND, ANSWERS_NOT_KEPT
 */
export async function explainAnswer(
  app: App,
  { requestId, itemId }: ExplainAnswerOptions,
  answers?: AnswerLookup,
): Promise<ExplainedAnswer> {
  const record = await awaitedAnswer(answers ?? (await app.answers()), requestId)
  let inspected: InspectedCandidates | undefined
  let obstacle: Obstacle | undefined
  let itemIds: readonly string[] = []
  let groups: ((itemId: string, attribute: string) => number) | undefined
  const subjectOf = ({ live, model }: RepeatedState): InspectionSubject => ({
    plan: app.plan,
    live,
    model,
    request: record.request,
    nowMs: record.atMs,
  })
  const [repeated] = await repeatAnswers(app, [record], {
    onGathered: (_, state) => {
      inspected = inspectCandidates(subjectOf(state))
      itemIds = state.model?.itemIds ?? []
    },
    onAnswered: (_, state) => {
      if (itemId !== undefined) obstacle = obstacleOf(subjectOf(state), itemId)
      groups = (id, attribute) => {
        const row = state.live.catalogue.rowOf(id)
        return row === undefined ? -1 : (state.live.catalogue.columns.get(attribute)?.groupOf?.(row) ?? -1)
      }
    },
  })
  const { observation, failure, caveats } = repeated!
  const ranked = record.candidates ?? observation?.ranked
  const order: Order = {
    ids: ranked ? Array.from(ranked.itemIndexes, (item) => itemIds[item]!) : (inspected?.itemIds ?? []),
    scores: ranked?.scores,
    inspected,
  }
  const rules = groups && observation ? removalsOf(app, record, order.ids, groups) : []
  const explanations = await explanationsOf(app, record)
  const { response, request, atMs, latencyMs, bestRung, rankingFailure } = record
  return {
    requestId,
    placement: response.placement,
    ...(request.userId !== undefined && { userId: request.userId }),
    atMs,
    latencyMs,
    modelVersion: response.modelVersion,
    rung: response.rung,
    ...(bestRung !== undefined && { bestRung }),
    ...(rankingFailure !== undefined && { rankingFailure }),
    ...(request.after !== undefined && { after: request.after }),
    ...(inspected && { candidateCount: inspected.itemIds.length }),
    isRecordedWhole: record.candidates !== undefined,
    recomputed: {
      isSame: observation !== undefined && differencesOf(record, observation).length === 0,
      ...(failure !== undefined && { failure: failure instanceof Error ? failure.message : String(failure) }),
      caveats,
    },
    items: response.items.map((item, n) => ({
      ...item,
      place: n + 1,
      ...placesOf(item.itemId, order, ranked !== undefined),
      ...(explanations[n] && { explanation: explanations[n] }),
    })),
    rules,
    ...(itemId !== undefined && {
      asked: verdictOf(itemId, record, {
        order,
        isRanked: ranked !== undefined,
        obstacle,
        rules,
        isComputed: observation !== undefined,
      }),
    }),
  }
}

/** Candidates as they were before rules. */
interface Order {
  readonly ids: readonly string[]
  readonly scores: Float64Array | undefined
  readonly inspected: InspectedCandidates | undefined
}

function placesOf(itemId: string, { ids, inspected }: Order, isRanked: boolean) {
  const candidate = inspected?.itemIds.indexOf(itemId) ?? -1
  const rankedAt = isRanked ? ids.indexOf(itemId) : -1
  return {
    proposals: inspected?.proposals.get(itemId) ?? [],
    ...(candidate >= 0 && { candidatePlace: candidate + 1 }),
    ...(rankedAt >= 0 && { rankedPlace: rankedAt + 1 }),
  }
}

/** Candidates above the last one shown that are not shown: an `atMost` whose group is full turned each away. */
function removalsOf(
  app: App,
  { response, request }: AnswerRecord,
  order: readonly string[],
  groupOf: (itemId: string, attribute: string) => number,
): readonly RuleRemovals[] {
  const shown = new Set(response.items.map(({ itemId }) => itemId))
  const lastShown = order.findLastIndex((id) => shown.has(id))
  const passedOver = order.slice(0, lastShown + 1).filter((id) => !shown.has(id))
  const isFull = (id: string, per: string, count: number): boolean => {
    const group = groupOf(id, per)
    return group >= 0 && response.items.filter(({ itemId }) => groupOf(itemId, per) === group).length >= count
  }
  return app.plan.serving.placements[request.placement]!.rules.map((rule, position) => ({
    position,
    kind: rule.kind,
    description: describeRule(rule),
    removed: rule.kind === 'atMost' ? passedOver.filter((id) => isFull(id, rule.per, rule.count)) : [],
  }))
}

interface Evidence {
  readonly order: Order
  readonly isRanked: boolean
  readonly obstacle: Obstacle | undefined
  readonly rules: readonly RuleRemovals[]
  readonly isComputed: boolean
}

function verdictOf(itemId: string, { response }: AnswerRecord, evidence: Evidence): ItemVerdict {
  const { order, isRanked, obstacle, rules, isComputed } = evidence
  const places = placesOf(itemId, order, isRanked)
  const at = order.ids.indexOf(itemId)
  const score = at >= 0 ? order.scores?.[at] : undefined
  const verdict = (told: Pick<ItemVerdict, 'reason' | 'message' | 'rule'>): ItemVerdict => ({
    itemId,
    ...places,
    ...(score !== undefined && { score }),
    ...told,
  })
  const shownAt = response.items.findIndex((item) => item.itemId === itemId)
  if (shownAt >= 0) return verdict({ reason: 'SHOWN', message: `It is at place ${shownAt + 1}.` })
  if (!isComputed) {
    return verdict({
      reason: 'NOT_REPEATABLE',
      message: 'The answer cannot be computed again, and its record says nothing of this item.',
    })
  }
  if (obstacle !== undefined) return verdict(obstacle)
  const rule = rules.find(({ removed }) => removed.includes(itemId))
  if (rule !== undefined) {
    const message = `Candidate ${at + 1} of ${order.ids.length}; rule ${rule.position + 1} turned it away: ${rule.description}.`
    return verdict({ reason: 'RULE', rule: rule.position, message })
  }
  if (at >= 0) {
    const shown = new Set(response.items.map((item) => item.itemId))
    const last = order.ids.findLastIndex((id) => shown.has(id))
    const scores =
      score === undefined || last < 0
        ? ''
        : `; its score is ${score}, that of the last one shown ${order.scores![last]}`
    return verdict({
      reason: 'TOO_LOW',
      message: `Candidate ${at + 1} of ${order.ids.length}, below the list${scores}.`,
    })
  }
  if (places.proposals.length > 0) {
    const names = places.proposals.map(({ generator, rank }) => `${generator} at ${rank}`).join(', ')
    return verdict({
      reason: 'CUT',
      message: `Proposed by ${names}, and not among the ${order.ids.length} best proposals, which are all that is put in order.`,
    })
  }
  return verdict({ reason: 'NO_CANDIDATE', message: 'No generator proposed it.' })
}

/** One an item. */
async function explanationsOf(
  app: App,
  { served, response }: AnswerRecord,
): Promise<readonly (Explanation | undefined)[]> {
  const { items, modelVersion } = response
  if (served === undefined || modelVersion === NO_MODEL) return []
  try {
    const { trees, featureNames, categories } = await rankerTrees(app, modelVersion)
    const explain = rowExplainer(trees)
    const width = featureNames.length
    return items.map((_, n) => {
      const values = served.subarray(n * width, (n + 1) * width)
      if (values.every(Number.isNaN)) return undefined
      const valueTexts = featureNames.map((name, f) => categories[name]?.[values[f]!])
      return explain({ featureNames, values, valueTexts })
    })
  } catch (error) {
    // Without its trees there are no contributions, and everything else can be told.
    if (error instanceof MillraceError) return []
    throw error
  }
}
