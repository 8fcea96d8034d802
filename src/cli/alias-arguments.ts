// What promoting and rolling back have in common on the command line.
import { userInfo } from 'node:os'
import type { ModelDecision } from '../domain/registered-model.ts'
import { MillraceError } from '../lib/errors.ts'
import type { AliasOutcome } from '../training/registered-models.ts'
import { appArguments } from './app-arguments.ts'

export const aliasArguments = {
  reason: { type: 'string', description: 'Why, for those who ask later', required: true },
  by: { type: 'string', description: 'Who decides (default: the user that runs the command)' },
  expect: { type: 'string', description: 'Only where this version has the alias now' },
  ...appArguments,
  json: { type: 'boolean', description: 'Print JSON', default: false },
} as const

/** @throws MillraceError CLI_USAGE where the reason is empty */
export function decisionOf(
  command: string,
  { reason, by }: { readonly reason: string; readonly by?: string | undefined },
): ModelDecision {
  const why = reason.trim()
  if (why === '') throw new MillraceError('CLI_USAGE', '--reason is empty, expected the reason.')
  return { by: by ?? userInfo().username, command, why }
}

export function outcomeText({ before, after }: AliasOutcome): string {
  if (before.champion !== after.champion) {
    const replaced = before.champion === undefined ? '' : `, in place of ${before.champion}`
    return `${after.champion} is in charge${replaced}. Running servers follow within a second.`
  }
  if (before.challenger !== after.challenger)
    return `${after.challenger} is the challenger. ${after.champion ?? 'No model'} is in charge.`
  return 'Nothing changed: it is so already.'
}
