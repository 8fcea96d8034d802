// How promoting and rolling back move the aliases, and what the audit log says of any moment. Pure: the registry makes the change, in one transaction.
import { MillraceError } from '../lib/errors.ts'
import { type AliasMove, type ModelAlias, type ModelAliases, modelAliases } from './registered-model.ts'

/**
 * The aliases after a promotion. The champion before becomes `previous`, and a challenger that takes over is no challenger any more. The version that has the alias
 * already gives the same aliases.
 * @throws MillraceError MODEL_IS_CHAMPION where the champion is to be its own challenger
 */
export function promoted(aliases: ModelAliases, version: string, as: 'champion' | 'challenger'): ModelAliases {
  if (aliases[as] === version) return aliases
  if (as === 'champion') {
    const { champion, challenger, previous } = aliases
    return {
      champion: version,
      ...(challenger !== undefined && challenger !== version && { challenger }),
      ...withPrevious(champion ?? previous, version),
    }
  }
  if (aliases.champion !== version) return { ...aliases, challenger: version }
  throw new MillraceError('MODEL_IS_CHAMPION', `${version} is the champion, and cannot be its own challenger.`, {
    fix: 'Name another version. "millrace models" lists them.',
  })
}

/** After the first champion there is no version to go back to. */
const withPrevious = (previous: string | undefined, champion: string): ModelAliases =>
  previous === undefined || previous === champion ? {} : { previous }

/**
 * The aliases after rolling back: champion and previous change places, so that rolling back twice changes nothing.
 * @throws MillraceError MODEL_NO_PREVIOUS
 */
export function rolledBack(aliases: ModelAliases): ModelAliases {
  const { champion, previous } = aliases
  if (previous === undefined) {
    throw new MillraceError(
      'MODEL_NO_PREVIOUS',
      champion === undefined
        ? 'No model is in charge, so there is none to go back to.'
        : `${champion} is in charge, and no model was in charge before it.`,
      { fix: 'Put the one you want in charge with "millrace promote VERSION --reason TEXT".' },
    )
  }
  const { challenger } = aliases
  return {
    champion: previous,
    // The previous model may be on trial: in charge, it is not.
    ...(challenger !== undefined && challenger !== previous && { challenger }),
    ...(champion !== undefined && { previous: champion }),
  }
}

/** The aliases whose version differs, in the order of `modelAliases`. */
export function movedAliases(from: ModelAliases, to: ModelAliases): readonly ModelAlias[] {
  return modelAliases.filter((alias) => from[alias] !== to[alias])
}

/** What the aliases named once all of these moves were made. @param moves in any order, complete from the first one on */
export function aliasesAfter(moves: readonly AliasMove[]): ModelAliases {
  const aliases: Partial<Record<ModelAlias, string>> = {}
  for (const { alias, to } of [...moves].sort((a, b) => a.number - b.number)) {
    if (to === undefined) delete aliases[alias]
    else aliases[alias] = to
  }
  return aliases
}

/** The versions that were in charge at some moment since then, the one at its beginning included. @param moves complete, in any order */
export function inChargeSince(moves: readonly AliasMove[], sinceMs: number): ReadonlySet<string> {
  const ofChampion = moves.filter(({ alias }) => alias === 'champion').sort((a, b) => a.number - b.number)
  const versions = new Set<string>()
  for (const [i, { to }] of ofChampion.entries()) {
    const endedAtMs = ofChampion[i + 1]?.atMs ?? Number.POSITIVE_INFINITY
    if (to !== undefined && endedAtMs >= sinceMs) versions.add(to)
  }
  return versions
}
