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
}

/** Undefined for a full answer, else the first step that left fewer items than were asked for. */
export function shortfallOf(narrowing: Narrowing): Shortfall | undefined {
  const { askedCount, foundCount, liveCount, onlyCount, filterCount, excludedCount, notInteractedCount } = narrowing
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
  const left = unseenCount - notInteractedCount
  return because('RULES_TOO_STRICT', `${left} were left, and the placement's rules allow no more of them in one list`)
}
