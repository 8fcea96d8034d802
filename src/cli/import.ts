// millrace import: files into the event log, with a final account of every row.
import { defineCommand } from 'citty'
import { openApp } from '../app.ts'
import { filesToImport } from '../data/files-to-import.ts'
import { type FileAccount, importFile } from '../data/import.ts'
import { appArguments } from './app-arguments.ts'
import { duration, progressReporter } from './import-progress.ts'
import { printTable } from './table.ts'

export default defineCommand({
  meta: { name: 'import', description: 'Read files of interactions, impressions, users and items into the event log' },
  args: {
    'what...': {
      type: 'positional',
      required: false,
      description: 'Sources of the system file by name, or paths of files; every file source where nothing is named',
    },
    ...appArguments,
    holds: {
      type: 'string',
      description: 'What a file named by its path holds: interactions (default), impressions, user or item',
    },
    format: { type: 'string', description: 'csv, tsv, jsonl or parquet; by the name of the file where left out' },
    columns: { type: 'string', description: 'Which column holds what: userId=CustomerID,itemId=2,...' },
    interaction: { type: 'string', description: 'The interaction of every row, where no column says it' },
    timeFormat: { type: 'string', description: 'How times are written: iso (default), seconds or milliseconds' },
    known: {
      type: 'string',
      description: 'Since when this history was known: when-it-happened, or a day (default: from when it is read)',
    },
    header: { type: 'boolean', description: 'Whether the first line names the columns (default; --no-header)' },
    json: { type: 'boolean', description: 'Print the account as JSON', default: false },
  },
  async run({ args }) {
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    const reporter = progressReporter({
      isTerminal: process.stderr.isTTY === true,
      write: (text) => process.stderr.write(text),
    })
    const accounts: FileAccount[] = []
    try {
      const files = filesToImport(app.plan, {
        wanted: args._,
        folder: app.projectDir,
        description: {
          holds: args.holds,
          format: args.format,
          columns: args.columns,
          interaction: args.interaction,
          timeFormat: args.timeFormat,
          hasHeader: args.header,
          known: args.known,
        },
      })
      for (const file of files) {
        const account = await importFile(file, { ...app, onProgress: reporter.show }).finally(reporter.end)
        accounts.push(account)
        if (!args.json) console.log(summaryLine(account))
      }
    } finally {
      // What was imported before a failure is in the log, so it is told.
      if (accounts.length > 0) report(accounts, { asJson: args.json })
      await app.close()
    }
    const failure = accounts.find((account) => account.failure)?.failure
    if (failure) throw failure
  },
})

function summaryLine({ path, readCount, elapsedMs }: FileAccount): string {
  const rowsPerSecond = Math.round(readCount / Math.max(0.001, elapsedMs / 1000))
  return `${path}: ${grouped(readCount)} rows in ${duration(elapsedMs)} (${grouped(rowsPerSecond)}/s)`
}

function report(accounts: readonly FileAccount[], { asJson }: { readonly asJson: boolean }): void {
  const totals = {
    readCount: sum(accounts, 'readCount'),
    acceptedCount: sum(accounts, 'acceptedCount'),
    duplicateCount: sum(accounts, 'duplicateCount'),
    quarantinedCount: sum(accounts, 'quarantinedCount'),
    quarantinedByReason: addedUp(accounts),
  }
  if (asJson) {
    const files = accounts.map(({ failure, ...account }) => ({ ...account, ...(failure && { failure: failure.code }) }))
    console.log(JSON.stringify({ ...totals, files }))
    return
  }
  console.log()
  printTable(
    ['read', 'accepted', 'duplicate', 'quarantined'],
    [[totals.readCount, totals.acceptedCount, totals.duplicateCount, totals.quarantinedCount].map(grouped)],
  )
  if (totals.quarantinedCount === 0) return
  console.log()
  printTable(
    ['quarantined because', 'rows'],
    Object.entries(totals.quarantinedByReason).map(([reason, count]) => [reason, grouped(count)]),
  )
  console.log(
    '\nSee "millrace quarantine list" for the rows, and "millrace quarantine explain ID" for what to do about one.',
  )
}

const grouped = (count: number): string => count.toLocaleString('en-US')

const sum = (
  accounts: readonly FileAccount[],
  field: 'readCount' | 'acceptedCount' | 'duplicateCount' | 'quarantinedCount',
): number => accounts.reduce((total, account) => total + account[field], 0)

function addedUp(accounts: readonly FileAccount[]): Record<string, number> {
  const total: Record<string, number> = {}
  for (const { quarantinedByReason } of accounts) {
    for (const [reason, count] of Object.entries(quarantinedByReason)) total[reason] = (total[reason] ?? 0) + count
  }
  return total
}
