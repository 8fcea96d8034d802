// Where recommendations are shown: which generators propose, how many, and under which rules.
import { checkRules, type RuleNames } from './check-rules.ts'
import { checkSchedule } from './check-schedule.ts'
import { describe, type Inspection, type NameKind, pathOf } from './inspection.ts'
import type { PlacementPlan } from './plan.ts'

const placementNames: NameKind = {
  noun: 'placement',
  pattern: /^[A-Za-z][\w-]{0,63}$/,
  expected: 'a letter, followed by up to 63 letters, digits, "_" or "-"',
  isRequired: true,
}

/** What a placement may name. */
export interface PlacementNames extends Omit<RuleNames, 'limit'> {
  readonly generators: readonly string[]
  /** Whether the system has a ranker. */
  readonly hasRanker: boolean
}

export function checkPlacements(
  value: unknown,
  inspection: Inspection,
  known: PlacementNames,
): Record<string, PlacementPlan> {
  const where = 'serving.placements'
  const placements: Record<string, PlacementPlan> = {}
  for (const [name, found] of Object.entries(inspection.named(value, where, placementNames))) {
    placements[name] = checkPlacement(found, pathOf(where, name), inspection, known)
  }
  return placements
}

function checkPlacement(value: unknown, where: string, inspection: Inspection, known: PlacementNames): PlacementPlan {
  const fields = inspection.fields(value, where, [
    'pattern',
    'candidates',
    'live',
    'every',
    'candidateCount',
    'ranked',
    'limit',
    'newItemShare',
    'includeSeen',
    'rules',
  ])
  const pattern =
    fields.pattern === undefined ? 'realtime' : inspection.oneOf(fields.pattern, `${where}.pattern`, patterns)
  const limit =
    fields.limit === undefined
      ? 20
      : inspection.number(fields.limit, `${where}.limit`, { low: 1, high: 1_000, isInteger: true })
  const candidates = checkCandidates(fields.candidates, `${where}.candidates`, inspection, known.generators)
  // A single generator means its own order: what is new, or popular, or alike.
  const isRankedUnlessSaid = known.hasRanker && pattern !== 'embedding' && candidates.length > 1
  return {
    pattern,
    candidateCount: checkCandidateCount(fields.candidateCount, limit, where, inspection),
    limit,
    candidates,
    ...checkLive(fields.live, { where, pattern, candidates }, inspection),
    ...checkBatches(fields.every, { where, pattern }, inspection),
    isRanked:
      fields.ranked === undefined
        ? isRankedUnlessSaid
        : checkRanked(fields.ranked, { where: `${where}.ranked`, pattern, hasRanker: known.hasRanker }, inspection),
    newItemShare: checkNewItemShare(fields.newItemShare, pattern, where, inspection),
    includeSeen: checkIncludeSeen(fields.includeSeen, where, inspection),
    rules: checkRules(fields.rules, `${where}.rules`, inspection, { ...known, limit }),
  }
}

const patterns = ['realtime', 'embedding', 'batch', 'hybrid'] as const

/** All users' lists take a while, and nothing in them is newer than that. */
const BATCH_INTERVAL_MIN = {
  ms: 60_000,
  fix: 'What has to be fresher is a matter of the patterns "realtime" and "hybrid".',
}

interface OfPlacement {
  readonly where: string
  readonly pattern: PlacementPlan['pattern']
}

function checkLive(
  value: unknown,
  { where, pattern, candidates }: OfPlacement & { readonly candidates: readonly string[] },
  inspection: Inspection,
): Pick<PlacementPlan, 'liveCandidates'> {
  const at = `${where}.live`
  if (pattern === 'hybrid' && value === undefined) {
    inspection.report(
      at,
      'found none, expected the candidate generators that are asked in every answer: the pattern is "hybrid".',
      'Such as the one that follows the session. The others have their say in the batch.',
    )
  }
  if (value === undefined) return {}
  if (pattern !== 'hybrid') {
    inspection.report(at, `found ${describe(value)}, and the pattern is "${pattern}".`, 'It is for "hybrid" only.')
    return {}
  }
  const liveCandidates = checkCandidates(value, at, inspection, candidates)
  return { liveCandidates }
}

function checkBatches(
  value: unknown,
  { where, pattern }: OfPlacement,
  inspection: Inspection,
): Pick<PlacementPlan, 'batches'> {
  if (value === undefined) return {}
  const at = `${where}.every`
  if (pattern === 'embedding') {
    inspection.report(
      at,
      `found ${describe(value)}, and the pattern is "embedding": lists are made for users, not for items.`,
      'Leave it out.',
    )
    return {}
  }
  return { batches: checkSchedule(value, at, inspection, BATCH_INTERVAL_MIN) }
}

function checkCandidateCount(value: unknown, limit: number, where: string, inspection: Inspection): number {
  if (value === undefined) return Math.max(500, limit)
  const count = inspection.number(value, `${where}.candidateCount`, { low: 1, high: 10_000, isInteger: true })
  if (count < limit) {
    inspection.report(`${where}.candidateCount`, `found ${count}, expected no less than the limit of ${limit}.`)
  }
  return count
}

function checkNewItemShare(
  value: unknown,
  pattern: PlacementPlan['pattern'],
  where: string,
  inspection: Inspection,
): number {
  // "Items like this one" is a promise that a new item, of which little is known, could break.
  if (value === undefined) return pattern === 'embedding' ? 0 : 0.1
  return inspection.number(value, `${where}.newItemShare`, { low: 0, high: 0.5 })
}

function checkRanked(
  value: unknown,
  {
    where,
    pattern,
    hasRanker,
  }: { readonly where: string; readonly pattern: PlacementPlan['pattern']; readonly hasRanker: boolean },
  inspection: Inspection,
): boolean {
  if (typeof value !== 'boolean') inspection.report(where, `found ${describe(value)}, expected true or false.`)
  if (value === true && !hasRanker) {
    inspection.report(
      where,
      'found true, and the system has no ranker.',
      'Add "training.ranker", such as lambdaMart().',
    )
  }
  if (value === true && pattern === 'embedding') {
    inspection.report(
      where,
      'found true, and the ranker has not learned to order items like a given one.',
      'Leave it out.',
    )
  }
  return value === true
}

function checkIncludeSeen(value: unknown, where: string, inspection: Inspection): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false
  inspection.report(`${where}.includeSeen`, `found ${describe(value)}, expected true or false.`)
  return false
}

function checkCandidates(
  value: unknown,
  where: string,
  inspection: Inspection,
  generators: readonly string[],
): readonly string[] {
  if (value === undefined) return generators
  const names = inspection.list(value, where, 'a list of candidate generators')
  if (Array.isArray(value) && names.length === 0) {
    inspection.report(
      where,
      'found an empty list, expected at least one candidate generator.',
      'Leave it out to use them all.',
    )
  }
  return names.map((name, i) => {
    const at = `${where}[${i}]`
    if (names.indexOf(name) < i) inspection.report(at, `names ${describe(name)} a second time.`, 'Remove it.')
    return inspection.reference(name, at, 'candidate generator', generators)
  })
}
