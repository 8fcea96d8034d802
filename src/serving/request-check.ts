// What a request may ask for. Everything that is wrong with it is reported at once.
import type { RecommendRequest } from '../domain/recommendation.ts'
import { MillraceError, type Problem } from '../lib/errors.ts'
import { suggestName } from '../lib/nearest-name.ts'
import type { Placement } from './placement.ts'

export const MAX_LIMIT = 1_000
export const MAX_RECENT_COUNT = 1_000
export const MAX_EXCLUDE_COUNT = 100_000
/** Items that others are looked for with. */
export const MAX_SET_COUNT = 100

/** @throws MillraceError REQUEST_INVALID with every problem */
export function checkRequest(
  request: RecommendRequest,
  placement: Placement,
  interactions: ReadonlyMap<string, number>,
): void {
  throwProblems(problemsOf(request, placement, interactions))
}

function problemsOf(
  { limit, userId, recent, exclude, itemId, itemIds }: RecommendRequest,
  placement: Placement,
  interactions: ReadonlyMap<string, number>,
): readonly Problem[] {
  const problems: Problem[] = []
  if (limit !== undefined && !(Number.isInteger(limit) && limit >= 1 && limit <= MAX_LIMIT)) {
    problems.push({ where: '/limit', message: `found ${limit}, expected a whole number from 1 to ${MAX_LIMIT}.` })
  }
  if (userId === '') {
    problems.push({
      where: '/userId',
      message: 'found an empty text, expected an id.',
      fix: 'Leave it out for an anonymous visitor.',
    })
  }
  const isEmbedding = placement.plan.pattern === 'embedding'
  problems.push(...(isEmbedding ? setProblems(itemId, itemIds, placement) : strayProblems(itemId, itemIds, placement)))
  if ((exclude?.length ?? 0) > MAX_EXCLUDE_COUNT) {
    problems.push({
      where: '/exclude',
      message: `found ${exclude!.length} items, expected at most ${MAX_EXCLUDE_COUNT}.`,
    })
  }
  problems.push(...recentProblems(recent, interactions))
  return problems
}

/** Where others like some items are asked for. */
function setProblems(
  itemId: string | undefined,
  itemIds: readonly string[] | undefined,
  { name }: Placement,
): readonly Problem[] {
  if (itemIds === undefined) {
    if (itemId) return []
    const message = `found none, expected the item to find others like: the placement "${name}" has the pattern "embedding".`
    return [{ where: '/itemId', message }]
  }
  if (itemId !== undefined) {
    return [{ where: '/itemIds', message: 'found both itemId and itemIds, expected one of them.' }]
  }
  if (itemIds.length < 1 || itemIds.length > MAX_SET_COUNT) {
    return [{ where: '/itemIds', message: `found ${itemIds.length} items, expected 1 to ${MAX_SET_COUNT}.` }]
  }
  return repeatedProblems(itemIds)
}

/** Every item that a list has twice. */
export function repeatedProblems(itemIds: readonly string[]): readonly Problem[] {
  const seen = new Set<string>()
  return itemIds.flatMap((itemId, n) => {
    if (!seen.has(itemId)) {
      seen.add(itemId)
      return []
    }
    return [
      {
        where: `/itemIds/${n}`,
        message: `found ${JSON.stringify(itemId.slice(0, 80))} again, expected each item once.`,
      },
    ]
  })
}

function strayProblems(
  itemId: string | undefined,
  itemIds: readonly string[] | undefined,
  { name, plan }: Placement,
): readonly Problem[] {
  const takesNone = `but the placement "${name}" has the pattern "${plan.pattern}" and takes no item.`
  const fix = 'Leave it out, or ask a placement of the pattern "embedding".'
  return [
    ...(itemId === undefined
      ? []
      : [{ where: '/itemId', message: `found ${JSON.stringify(itemId.slice(0, 80))}, ${takesNone}`, fix }]),
    ...(itemIds === undefined
      ? []
      : [{ where: '/itemIds', message: `found ${itemIds.length} items, ${takesNone}`, fix }]),
  ]
}

/** What is wrong with what a visitor is said to have done just now. */
export function recentProblems(
  recent: RecommendRequest['recent'] = [],
  interactions: ReadonlyMap<string, number>,
): readonly Problem[] {
  if (recent.length > MAX_RECENT_COUNT) {
    const message = `found ${recent.length} interactions, expected at most ${MAX_RECENT_COUNT}.`
    return [{ where: '/recent', message }]
  }
  return recent.flatMap(({ interaction }, i) => {
    if (interaction === undefined || interactions.has(interaction)) return []
    return [
      {
        where: `/recent/${i}/interaction`,
        message: `no interaction is called ${JSON.stringify(interaction.slice(0, 80))}.`,
        fix: suggestName(interaction, [...interactions.keys()]),
      },
    ]
  })
}

/** @throws MillraceError REQUEST_INVALID, where there is any problem, with all of them */
export function throwProblems(problems: readonly Problem[]): void {
  const first = problems[0]
  if (first === undefined) return
  const more = problems.length > 1 ? ` And ${problems.length - 1} more.` : ''
  throw new MillraceError('REQUEST_INVALID', `${first.where}: ${first.message}${more}`, {
    ...(first.fix === undefined ? {} : { fix: first.fix }),
    problems,
  })
}
