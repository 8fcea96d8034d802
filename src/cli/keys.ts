// millrace keys create | list | revoke. The key itself is printed once, alone on standard output, so that a script can take it from there.
import { randomBytes } from 'node:crypto'
import { type CommandDef, defineCommand } from 'citty'
import { type ApiKey, createApiKey, type Scope, scopes } from '../domain/api-key.ts'
import { alignedColumns } from '../lib/aligned-columns.ts'
import type { Clock } from '../lib/clock.ts'
import { MillraceError } from '../lib/errors.ts'
import { suggestName } from '../lib/nearest-name.ts'
import type { KeyStore } from '../ports/key-store.ts'
import { appArguments } from './app-arguments.ts'

export interface KeysContext {
  /** The key store of a project: by default, of the one that the command is run in. */
  readonly open: (place: KeysPlace) => Promise<KeyStore>
  readonly clock: Clock
  /** A line of the result. */
  readonly print: (line: string) => void
  /** A line for people, which is no part of the result. */
  readonly note: (line: string) => void
}

/** What `--system` and `--data` say. */
export interface KeysPlace {
  readonly system?: string | undefined
  readonly data?: string | undefined
}

export function keysCommand(context: KeysContext): CommandDef {
  return defineCommand({
    meta: { description: 'Create, list and revoke API keys' },
    subCommands: { create: createCommand(context), list: listCommand(context), revoke: revokeCommand(context) },
  }) as CommandDef
}

const createCommand = ({ open, clock, print, note }: KeysContext) =>
  defineCommand({
    meta: { description: 'Make a key and show it, this once' },
    args: {
      ...appArguments,
      scope: {
        type: 'string',
        required: true,
        valueHint: scopes.join(','),
        description:
          'What the key may do: read (ask for recommendations), collect (send events), write (send events, users, items), admin (all). Several with commas',
      },
      name: { type: 'string', required: true, description: 'What it is for, such as "web"' },
    },
    run: async ({ args }) => {
      const wanted = { name: nameOf(args.name), scopes: scopesOf(args.scope), createdAtMs: clock.now() }
      await using(
        () => open(args),
        async (keys) => {
          const { key, record } = createApiKey(wanted, randomBytes)
          await keys.add(record)
          print(key)
          note(
            `Key "${record.name}" (${record.id}) may ${record.scopes.join(', ')}. It is not shown again; keep it like a password.`,
          )
        },
      )
    },
  })

const listCommand = ({ open, print }: KeysContext) =>
  defineCommand({
    meta: { description: 'Show every key ever made, without its secret' },
    args: { ...appArguments, json: { type: 'boolean', description: 'One JSON object per line' } },
    run: ({ args }) =>
      using(
        () => open(args),
        async (keys) => {
          for (const line of args.json ? keys.list().map(asJson) : tableOf(keys.list())) print(line)
        },
      ),
  })

const revokeCommand = ({ open, clock, print }: KeysContext) =>
  defineCommand({
    meta: { description: 'Make a key stop working, within a second, for good' },
    args: {
      id: { type: 'positional', required: true, description: 'As "millrace keys list" shows it' },
      ...appArguments,
    },
    run: ({ args }) =>
      using(
        () => open(args),
        async (keys) => {
          if (await keys.revoke(args.id, clock.now())) return print(`Revoked ${args.id}.`)
          throw new MillraceError('KEY_NOT_FOUND', `There is no key with the id "${args.id}".`, {
            fix: 'See "millrace keys list" for the ids.',
          })
        },
      ),
  })

async function using(open: () => Promise<KeyStore>, work: (keys: KeyStore) => Promise<void>): Promise<void> {
  const keys = await open()
  try {
    await work(keys)
  } finally {
    await keys.close()
  }
}

const NAME_LENGTH_MAX = 64

function nameOf(text: string): string {
  const name = text.trim()
  if (name.length > 0 && name.length <= NAME_LENGTH_MAX && !/\p{Cc}/u.test(name)) return name
  throw new MillraceError(
    'CLI_USAGE',
    `--name has ${name.length} characters, expected 1 to ${NAME_LENGTH_MAX} without control characters.`,
  )
}

function scopesOf(text: string): readonly Scope[] {
  return text.split(',').map((part) => {
    const scope = scopes.find((known) => known === part.trim())
    if (scope !== undefined) return scope
    throw new MillraceError('CLI_USAGE', `--scope names "${part}", which is no scope.`, {
      fix: suggestName(part, scopes),
    })
  })
}

const isoTime = (timeMs: number | undefined): string => (timeMs === undefined ? '' : new Date(timeMs).toISOString())

const asJson = ({ id, name, scopes: granted, createdAtMs, revokedAtMs }: ApiKey): string =>
  JSON.stringify({
    id,
    name,
    scopes: granted,
    createdAt: isoTime(createdAtMs),
    ...(revokedAtMs === undefined ? {} : { revokedAt: isoTime(revokedAtMs) }),
  })

function tableOf(keys: readonly ApiKey[]): readonly string[] {
  if (keys.length === 0)
    return ['There are no keys yet. Make one with "millrace keys create --scope read --name NAME".']
  const rows = [
    ['id', 'name', 'scopes', 'created', 'revoked'],
    ...keys.map((key) => [key.id, key.name, key.scopes.join(','), isoTime(key.createdAtMs), isoTime(key.revokedAtMs)]),
  ]
  return alignedColumns(rows)
}
