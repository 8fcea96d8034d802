// What commands that are recorded as runs have in common.
import { userInfo } from 'node:os'
import type { RunWish } from '../app/record-run.ts'
import type { RunKind, RunRequest } from '../domain/run.ts'
import { MillraceError } from '../lib/errors.ts'

export const runArguments = {
  reason: { type: 'string', description: 'Why, for those who ask later' },
  priority: {
    type: 'string',
    description: 'Of those that wait, the greater goes first; may be negative',
    default: '0',
  },
} as const

const PRIORITY_MAX = 1000

/** What a person asked for at the terminal. */
export function wishOf(
  kind: RunKind,
  asked: {
    readonly command: string
    readonly options: RunRequest['options']
    readonly reason?: string | undefined
    readonly priority?: string | undefined
    readonly detach?: boolean
    readonly despiteChecks?: string | undefined
  },
): RunWish {
  const { command, options, despiteChecks, detach = false } = asked
  const why = reasonArgument('reason', asked.reason)
  return {
    kind,
    priority: priorityArgument(asked.priority ?? '0'),
    request: {
      trigger: 'hand',
      by: userInfo().username,
      command,
      ...(why !== undefined && { why }),
      ...(despiteChecks !== undefined && { despiteChecks }),
      isDetached: detach,
      options,
    },
  }
}

/** A text that says something; undefined where the option was not given. @throws MillraceError CLI_USAGE */
export function reasonArgument(name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const reason = text.trim()
  if (reason !== '') return reason
  throw new MillraceError('CLI_USAGE', `--${name} is empty, expected the reason.`)
}

function priorityArgument(text: string): number {
  const priority = Number(text)
  if (text.trim() !== '' && Number.isInteger(priority) && Math.abs(priority) <= PRIORITY_MAX) return priority
  throw new MillraceError(
    'CLI_USAGE',
    `--priority is ${JSON.stringify(text)}, expected a whole number from -${PRIORITY_MAX} to ${PRIORITY_MAX}.`,
  )
}
