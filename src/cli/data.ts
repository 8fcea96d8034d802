// millrace data: the offline tables that training reads, their versions, and which one is published.
import { userInfo } from 'node:os'
import { defineCommand } from 'citty'
import { openTables } from '../app/open-tables.ts'
import { openApp } from '../app.ts'
import {
  KEEP_DAYS_DEFAULT,
  KEEP_DAYS_MIN,
  type OfflineTables,
  type TablesReport,
} from '../data/tables/offline-tables.ts'
import { type TableRow, tableRowOf } from '../data/tables/table-row.ts'
import { MillraceError } from '../lib/errors.ts'
import { appArguments } from './app-arguments.ts'
import { countArgument } from './number-argument.ts'
import { printTable } from './table.ts'

const json = { type: 'boolean', description: 'Print JSON', default: false } as const
const table = { type: 'positional', description: 'A name of "millrace data list"', required: true } as const
const maybeTable = { ...table, description: `${table.description} (default: every table)`, required: false } as const
const LIMIT_MAX = 100_000

const list = defineCommand({
  meta: { name: 'list', description: 'The tables: versions, rows, files, and what is held back' },
  args: { ...appArguments, json },
  run: ({ args }) =>
    withTables(args, async (tables) => {
      const all = await tables.list()
      if (args.json) return console.log(JSON.stringify(all))
      printTable(
        ['table', 'newest', 'published', 'rows', 'files', 'size', 'newest day'],
        all.map((one) => [
          one.table,
          String(one.newestVersion),
          one.published === undefined ? '–' : String(one.published.version),
          countText(one.rowCount),
          countText(one.fileCount),
          sizeText(one.bytes),
          one.newestDay ?? '–',
        ]),
      )
      for (const { table: name, hold } of all) {
        if (!hold) continue
        console.log(`${name}: version ${hold.sinceVersion} and later are held back by ${hold.by ?? 'the checks'}.`)
        for (const reason of hold.reasons) console.log(`  ${reason}`)
      }
    }),
})

const history = defineCommand({
  meta: { name: 'history', description: 'What happened to a table, newest first' },
  args: { table, limit: { type: 'string', description: 'How many versions', default: '20' }, ...appArguments, json },
  run: ({ args }) =>
    withTables(args, async (tables) => {
      const entries = await tables.history(args.table, countArgument('limit', args.limit, LIMIT_MAX)!)
      if (args.json) return console.log(JSON.stringify(entries))
      printTable(
        ['version', 'time', 'operation', 'rows added', 'files', 'state'],
        entries.map(({ version, timestampMs, operation, addedRowCount, addedFileCount, removedFileCount, state }) => [
          String(version),
          new Date(timestampMs).toISOString(),
          operation ?? '–',
          addedRowCount === undefined ? '–' : countText(addedRowCount),
          `+${addedFileCount} −${removedFileCount}`,
          state,
        ]),
      )
    }),
})

const show = defineCommand({
  meta: { name: 'show', description: 'The newest rows of a table, in one of its versions' },
  args: {
    table,
    version: { type: 'string', description: 'Its number in "millrace data history" (default: the published one)' },
    limit: { type: 'string', description: 'How many rows', default: '20' },
    ...appArguments,
    json,
  },
  run: ({ args }) =>
    withTables(args, async (tables) => {
      const found = await tables.rows(args.table, {
        version: versionArgument(args.version),
        limit: countArgument('limit', args.limit, LIMIT_MAX)!,
      })
      const rows = found.rows.map(tableRowOf)
      if (args.json) return console.log(JSON.stringify({ version: found.version, rows }))
      if (rows.length === 0) return console.log(`Version ${found.version} of ${args.table} has no rows.`)
      const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
      printTable(
        columns,
        rows.map((row) => columns.map((column) => cellText(row, column))),
      )
    }),
})

const sync = defineCommand({
  meta: { name: 'sync', description: 'Bring the tables up to the event log, check what is new, and publish it' },
  args: { ...appArguments, json },
  run: ({ args }) =>
    withTables(args, async (tables) => {
      // Somebody who asks wants to know how it stands now, not when the checks looked last.
      const report = await tables.sync({
        isAuditAgain: true,
        onProgress: ({ nextOffset, lagEventCount }) => {
          if (!args.json && lagEventCount > 0)
            console.log(`${countText(nextOffset)} events, ${countText(lagEventCount)} to go`)
        },
      })
      if (args.json) console.log(JSON.stringify(report))
      else printReport(report)
      if (report.audits.some(({ hold }) => hold !== undefined)) process.exitCode = 1
    }),
})

const publish = defineCommand({
  meta: {
    name: 'publish',
    description: 'Put a version in charge by hand: release a held one, or go back to an older one',
  },
  args: {
    table,
    version: { type: 'string', description: 'Its number in "millrace data history" (default: the newest)' },
    why: { type: 'string', description: 'The reason, for those who ask later', required: true },
    by: { type: 'string', description: 'Who decides (default: the user that runs the command)' },
    ...appArguments,
    json,
  },
  run: ({ args }) =>
    withTables(args, async (tables) => {
      const why = args.why.trim()
      if (why === '') throw new MillraceError('CLI_USAGE', '--why is empty, expected the reason.')
      const before = (await tables.describe(args.table)).published?.version
      const version = versionArgument(args.version)
      const done = await tables.publish(args.table, { version, by: args.by ?? userInfo().username, why })
      if (args.json) return console.log(JSON.stringify(done))
      console.log(
        `${args.table}: version ${done.version} is published${before === undefined ? '' : `, ${before} was`}.`,
      )
      if (before !== undefined && done.version < before) {
        console.log('Later versions stay back until one of them is published by hand.')
      }
    }),
})

const compact = defineCommand({
  meta: { name: 'compact', description: 'Make the small files of each day one; rows stay as they are' },
  args: { table: maybeTable, ...appArguments, json },
  run: ({ args }) =>
    withTables(args, async (tables) => {
      const done = await tables.compact(args.table)
      if (args.json) return console.log(JSON.stringify(done))
      if (done.length === 0) return console.log('No day has more than one small file.')
      for (const one of done) {
        console.log(`${one.table} ${one.date}: ${one.fileCountBefore} files are one, ${countText(one.rowCount)} rows`)
      }
    }),
})

const vacuum = defineCommand({
  meta: { name: 'vacuum', description: 'Remove files that no version needs which may still be read' },
  args: {
    table: maybeTable,
    keepDays: {
      type: 'string',
      description: 'Versions of so many days stay readable',
      default: String(KEEP_DAYS_DEFAULT),
    },
    dryRun: { type: 'boolean', description: 'Only say what would be removed', default: false },
    ...appArguments,
    json,
  },
  run: ({ args }) =>
    withTables(args, async (tables) => {
      const keepDays = Number(args.keepDays)
      if (!(keepDays >= KEEP_DAYS_MIN && keepDays <= 36_500)) {
        const found = JSON.stringify(args.keepDays)
        throw new MillraceError('CLI_USAGE', `--keep-days is ${found}, expected ${KEEP_DAYS_MIN} to 36500.`, {
          fix: 'Files of the last day are never removed: a commit may be on its way.',
        })
      }
      const cleaned = await tables.vacuum(args.table, { keepDays, isDryRun: args.dryRun })
      if (args.json) return console.log(JSON.stringify(cleaned))
      for (const { table: name, removedPaths, removedBytes } of cleaned) {
        const count = countText(removedPaths.length)
        console.log(`${name}: ${count} files, ${sizeText(removedBytes)}${args.dryRun ? ' would be' : ''} removed`)
        if (args.dryRun) for (const path of removedPaths) console.log(`  ${path}`)
      }
    }),
})

export default defineCommand({
  meta: { name: 'data', description: 'The offline tables: versions, rows, and which one is published' },
  subCommands: { list, history, show, sync, publish, compact, vacuum },
  default: 'list',
})

async function withTables(
  args: { readonly system?: string | undefined; readonly data?: string | undefined },
  work: (tables: OfflineTables) => Promise<void>,
): Promise<void> {
  const app = await openApp({ systemFile: args.system, dataDir: args.data })
  try {
    await work(await openTables(app))
  } finally {
    await app.close()
  }
}

function versionArgument(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const version = Number(text)
  if (text.trim() !== '' && Number.isSafeInteger(version) && version >= 0) return version
  throw new MillraceError('CLI_USAGE', `--version is ${JSON.stringify(text)}, expected a whole number, 0 or more.`)
}

function printReport({ commits, audits, compactions }: TablesReport): void {
  for (const { table: name, version, rowCount } of commits) {
    console.log(`${name}: version ${version} has ${countText(rowCount)} new rows`)
  }
  if (commits.length === 0) console.log('The tables have everything that is in the log.')
  for (const one of compactions) console.log(`${one.table} ${one.date}: ${one.fileCountBefore} files are one`)
  for (const { table: name, publishedVersion, hold, newestVersion } of audits) {
    if (!hold) console.log(`${name}: version ${publishedVersion} is published`)
    else {
      const published = publishedVersion === undefined ? 'nothing' : `version ${publishedVersion}`
      console.log(`${name}: versions ${hold.sinceVersion} to ${newestVersion} are held back, ${published} is published`)
      for (const reason of hold.reasons) console.log(`  ${reason}`)
    }
  }
}

function cellText(row: TableRow, column: string): string {
  const value = row[column]
  if (value === undefined || value === null) return '–'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

const countText = (count: number): string => count.toLocaleString('en-US')
const sizeText = (bytes: number): string => `${(bytes / 1e6).toLocaleString('en-US', { maximumFractionDigits: 1 })} MB`
