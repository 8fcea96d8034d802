// millrace checks: is the data as it should be? What was measured, against what, and who answers for it.
import { defineCommand } from 'citty'
import { checkData } from '../app/check-data.ts'
import { openApp } from '../app.ts'
import { describeCheck } from '../domain/check.ts'
import { isoTimeMs } from '../domain/iso-time.ts'
import { MillraceError } from '../lib/errors.ts'
import { appArguments } from './app-arguments.ts'

const json = { type: 'boolean', description: 'Print JSON', default: false } as const

const run = defineCommand({
  meta: { name: 'run', description: 'Check a day of data; exits with 1 where a check holds or stops' },
  args: {
    date: { type: 'string', description: 'The day, such as 2026-03-01, UTC (default: yesterday)' },
    all: { type: 'boolean', description: 'Show what passed, too', default: false },
    ...appArguments,
    json,
  },
  async run({ args }) {
    if (args.date !== undefined && !isDate(args.date)) {
      throw new MillraceError('CLI_USAGE', `--date is ${JSON.stringify(args.date)}, expected a day such as 2026-03-01.`)
    }
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      if (args.date !== undefined && Date.parse(args.date) > app.clock.now()) {
        throw new MillraceError('CLI_USAGE', `--date is ${args.date}, which has not begun: there is nothing to check.`)
      }
      const { date, results, decision } = await checkData(app, args.date === undefined ? {} : { date: args.date })
      if (args.json) console.log(JSON.stringify({ date, decision: decision.decision, results }))
      else {
        const shown = args.all ? results : results.filter(({ verdict }) => verdict === 'fail' || verdict === 'warn')
        for (const result of shown) console.log(`${describeCheck(result)} [${result.owner}]`)
        const count = (verdict: string): number => results.filter((result) => result.verdict === verdict).length
        console.log(
          `${date}: ${results.length} checks, ${count('pass')} passed, ${count('warn')} warn, ${count('fail')} failed, ` +
            `${count('notEnoughHistory')} have too little history. Decision: ${decision.decision}.`,
        )
      }
      if (decision.decision !== 'publish') process.exitCode = 1
    } finally {
      await app.close()
    }
  },
})

const list = defineCommand({
  meta: { name: 'list', description: 'What checks found before, newest first' },
  args: {
    table: { type: 'string', description: 'Of this table only' },
    check: { type: 'string', description: 'Of this check only, such as "mean"' },
    limit: { type: 'string', description: 'How many', default: '50' },
    ...appArguments,
    json,
  },
  async run({ args }) {
    const limit = Number(args.limit)
    if (!(Number.isInteger(limit) && limit >= 1 && limit <= 10_000)) {
      throw new MillraceError('CLI_USAGE', `--limit is ${JSON.stringify(args.limit)}, expected 1 to 10000.`)
    }
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const { checkResults } = await app.metadata()
      const results = await checkResults.list({
        limit,
        ...(args.table !== undefined && { table: args.table }),
        ...(args.check !== undefined && { check: args.check }),
      })
      if (args.json) console.log(JSON.stringify(results))
      else if (results.length === 0) console.log('Nothing was checked yet. Run "millrace checks run".')
      else {
        for (const result of results)
          console.log(`${new Date(result.checkedAtMs).toISOString()} ${describeCheck(result)}`)
      }
    } finally {
      await app.close()
    }
  },
})

export default defineCommand({
  meta: { name: 'checks', description: 'Check the data, and see what checks found' },
  subCommands: { run, list },
  default: 'run',
})

const isDate = (text: string): boolean => /^\d{4}-\d\d-\d\d$/.test(text) && isoTimeMs(text) !== undefined
