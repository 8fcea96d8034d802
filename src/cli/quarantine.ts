// millrace quarantine: the rows that were not accepted, why, and another chance for them.
import { defineCommand } from 'citty'
import { type App, openApp } from '../app.ts'
import { replayQuarantine } from '../data/replay.ts'
import { type RejectionReason, rejectionReasons } from '../domain/rejection.ts'
import { MillraceError } from '../lib/errors.ts'
import { suggestName } from '../lib/nearest-name.ts'
import type { QuarantinedRow } from '../ports/quarantine.ts'
import { appArguments } from './app-arguments.ts'
import { printTable } from './table.ts'

const filterArguments = {
  reason: { type: 'string', description: 'Only rows with this reason, such as UNKNOWN_INTERACTION' },
  source: { type: 'string', description: 'Only rows of this source, or "http"' },
} as const
const jsonArgument = { json: { type: 'boolean', description: 'Print JSON', default: false } } as const

const list = defineCommand({
  meta: { name: 'list', description: 'The rows, oldest first' },
  args: {
    ...filterArguments,
    limit: { type: 'string', description: 'How many rows at most', default: '20' },
    after: { type: 'string', description: 'Begin behind the row with this id', default: '0' },
    ...jsonArgument,
    ...appArguments,
  },
  run: ({ args }) =>
    withApp(args, async ({ quarantine }) => {
      const limit = wholeNumber('limit', args.limit)
      const afterId = wholeNumber('after', args.after)
      const rows = await quarantine.list({ limit, afterId, ...filterOf(args) })
      if (args.json) {
        for (const row of rows) console.log(JSON.stringify(row))
        return
      }
      if (rows.length === 0) return console.log('No rows are in quarantine.')
      printTable(['id', 'reason', 'source', 'where', 'what'], rows.map(asCells))
      if (rows.length === limit) console.log(`\nThere may be more: --after ${rows.at(-1)!.id}`)
    }),
})

const WHAT_LENGTH = 80

function asCells({ id, reason, source, where, message }: QuarantinedRow): string[] {
  const what = message.length <= WHAT_LENGTH ? message : `${message.slice(0, WHAT_LENGTH)}…`
  return [String(id), reason, source, where, what]
}

const explain = defineCommand({
  meta: { name: 'explain', description: 'Everything about one row, and what to do about it' },
  args: {
    id: { type: 'positional', required: true, description: 'As "millrace quarantine list" shows it' },
    ...jsonArgument,
    ...appArguments,
  },
  run: ({ args }) =>
    withApp(args, async ({ quarantine }) => {
      const id = wholeNumber('id', args.id)
      const [row] = await quarantine.list({ afterId: id - 1, limit: 1 })
      if (row?.id !== id) {
        throw new MillraceError('QUARANTINE_ROW_UNKNOWN', `No row with the id ${id} is in quarantine.`, {
          fix: 'See "millrace quarantine list" for the ids; a row leaves when a replay accepts it.',
        })
      }
      const { meaning, fix, canReplay } = rejectionReasons[row.reason as RejectionReason]
      if (args.json) return console.log(JSON.stringify({ ...row, meaning, fix, canReplay }))
      console.log(`${row.reason}: ${meaning}\n`)
      console.log(`found     ${row.message}`)
      console.log(`where     ${row.where} (source ${row.source})`)
      console.log(`rejected  ${new Date(row.rejectedAtMs).toISOString()}`)
      console.log(`row       ${row.payload}\n`)
      console.log(fix)
      if (canReplay) console.log(`Then: millrace quarantine replay --reason ${row.reason}`)
    }),
})

const replay = defineCommand({
  meta: { name: 'replay', description: 'Judge the rows again, after a change of the system file' },
  args: { ...filterArguments, ...jsonArgument, ...appArguments },
  run: ({ args }) =>
    withApp(args, async (app) => {
      const account = await replayQuarantine(app, filterOf(args))
      if (args.json) return console.log(JSON.stringify(account))
      printTable(
        ['accepted', 'known already', 'still rejected', 'cannot be replayed'],
        [
          [account.acceptedCount, account.duplicateCount, account.stillRejectedCount, account.notReplayableCount].map(
            String,
          ),
        ],
      )
      if (account.notReplayableCount > 0) {
        console.log('\nRows that could not be read have to be mended in their file, which can then be imported again.')
      }
    }),
})

const counts = defineCommand({
  meta: { name: 'counts', description: 'How many rows, by source and reason' },
  args: { ...jsonArgument, ...appArguments },
  run: ({ args }) =>
    withApp(args, async ({ quarantine }) => {
      const found = await quarantine.counts()
      if (args.json) return console.log(JSON.stringify(found))
      if (found.length === 0) return console.log('No rows are in quarantine.')
      printTable(
        ['source', 'reason', 'rows'],
        found.map(({ source, reason, count }) => [source, reason, count.toLocaleString('en-US')]),
      )
    }),
})

export default defineCommand({
  meta: { name: 'quarantine', description: 'List, explain and replay the rows that were not accepted' },
  subCommands: { list, explain, replay, counts },
  default: 'counts',
})

async function withApp(
  args: { readonly system?: string | undefined; readonly data?: string | undefined },
  work: (app: App) => Promise<void>,
): Promise<void> {
  const app = await openApp({ systemFile: args.system, dataDir: args.data })
  try {
    await work(app)
  } finally {
    await app.close()
  }
}

function filterOf({ reason, source }: { readonly reason?: string | undefined; readonly source?: string | undefined }) {
  const reasons = Object.keys(rejectionReasons)
  if (reason !== undefined && !reasons.includes(reason)) {
    throw new MillraceError('CLI_USAGE', `--reason is "${reason}", which is no reason.`, {
      fix: suggestName(reason, reasons),
    })
  }
  return { ...(reason !== undefined && { reason }), ...(source !== undefined && { source }) }
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number >= 0 && text.trim() !== '') return number
  throw new MillraceError('CLI_USAGE', `${name} is ${JSON.stringify(text)}, expected a whole number of at least 0.`)
}
