import type { Shortfall } from '../domain/recommendation.ts'

/** How many items were left after each step that takes some away. */
export interface Narrowing {
  readonly askedCount: number
  /** In the answer. */
  readonly foundCount: number
  /** In the catalogue and not deleted. */
  readonly liveCount: number
  /** Of those, allowed by the placement's `only` rules. */
  readonly onlyCount: number
  /** Of those, allowed by the request's filter too. */
  readonly filterCount: number
  /** Of those, taken out because the request excludes them or the user has seen them. */
  readonly excludedCount: number
  /** And taken out by a rule about the user's interactions. */
  readonly notInteractedCount: number
  /** And taken out because the user was shown them often enough. */
  readonly wornCount: number
  /** Times that a rule which is code turned an item away while the list was filled. */
  readonly refusedCount: number
}

/** Undefined for a full answer, else the first step that left fewer items than were asked for. */
export function shortfallOf(narrowing: Narrowing): Shortfall | undefined {
  const { askedCount, foundCount, liveCount, onlyCount, filterCount, excludedCount } = narrowing
  if (foundCount >= askedCount) return undefined
  const because = (reason: Shortfall['reason'], what: string): Shortfall => ({
    askedCount,
    reason,
    message: `Found ${foundCount} of the ${askedCount} items asked for: ${what}.`,
  })
  if (liveCount < askedCount) return because('CATALOGUE_TOO_SMALL', `the catalogue holds ${liveCount}`)
  if (onlyCount < askedCount) {
    return because('RULES_TOO_STRICT', `the placement's rules allow ${onlyCount} of the catalogue's ${liveCount}`)
  }
  if (filterCount < askedCount)
    return because('FILTER_TOO_NARROW', `the filter holds for ${filterCount} of ${onlyCount}`)
  const unseenCount = filterCount - excludedCount
  if (unseenCount < askedCount) {
    return because('EVERYTHING_EXCLUDED', `${excludedCount} of ${filterCount} are excluded or were seen by the user`)
  }
  return because('RULES_TOO_STRICT', strictness(unseenCount, narrowing))
}

function strictness(unseenCount: number, { notInteractedCount, wornCount, refusedCount }: Narrowing): string {
  const left = unseenCount - notInteractedCount - wornCount
  const worn = wornCount === 0 ? ',' : ` without the ${wornCount} that the user was shown often enough,`
  const refused = refusedCount === 0 ? '' : `; a function among them has turned items away ${refusedCount} times`
  return `${left} were left${worn} and the placement's rules allow no more of them in one list${refused}`
}
