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
  {
    reason,
    by,
    override,
  }: { readonly reason: string; readonly by?: string | undefined; readonly override?: string | undefined },
): ModelDecision {
  const why = reason.trim()
  if (why === '') throw new MillraceError('CLI_USAGE', '--reason is empty, expected the reason.')
  return { by: by ?? userInfo().username, command, why, ...(override !== undefined && { override }) }
}

/** @throws MillraceError CLI_USAGE where it is empty, or a training is to be judged all the same */
export function overrideArgument(args: {
  readonly override?: string | undefined
  readonly evaluate?: boolean
}): string | undefined {
  const override = args.override?.trim()
  if (override === '') throw new MillraceError('CLI_USAGE', '--override is empty, expected the reason.')
  if (override !== undefined && args.evaluate === true) {
    throw new MillraceError(
      'CLI_USAGE',
      '--override puts a model in charge without gates, and gates are to judge it.',
      {
        fix: 'Leave --override out, or add --no-evaluate. A model that the gates refused is put in charge by "millrace promote VERSION --override REASON".',
      },
    )
  }
  return override
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
