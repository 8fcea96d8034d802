// millrace status: how the system stands: what it holds, how far everything has come, and who answers for what is late.
import { defineCommand } from 'citty'
import { sourcesOf } from '../app/run-sources.ts'
import { systemStatus } from '../app/system-status.ts'
import { openApp } from '../app.ts'
import type { ChecksSummary, FeaturesStatus, SystemStatus, TableSummary } from '../domain/system-status.ts'
import { durationText } from '../lib/duration.ts'
import { silentLogger } from '../lib/logger.ts'
import { appArguments } from './app-arguments.ts'
import { printTable } from './table.ts'

export default defineCommand({
  meta: { name: 'status', description: 'How the system stands: log, features, tables, sources, checks' },
  args: { ...appArguments, json: { type: 'boolean', description: 'Print JSON', default: false } },
  async run({ args }) {
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const sources = await sourcesOf(app, silentLogger)
      const status = await systemStatus(app, { sources })
      await sources?.stop()
      if (args.json) {
        console.log(JSON.stringify(status))
        return
      }
      const { log, quarantinedCount, features, checks } = status
      printTable(
        [app.plan.name, `plan ${app.plan.hash.slice(0, 12)}`],
        [
          ['events', `${log.eventCount.toLocaleString('en-US')} (${log.megabytes} MB)`],
          ['quarantined', quarantinedCount.toLocaleString('en-US')],
          ['model', modelText(status)],
          ...(features === undefined ? [] : [['features', featuresText(features)]]),
          ...status.tables.map((table) => [`table ${table.name}`, tableText(table)]),
          ['checks', checks === undefined ? 'none yet: run "millrace checks run"' : checksText(checks)],
        ],
      )
      if (status.sources.length === 0) return
      console.log('')
      printTable(
        ['source', 'state', 'last success', 'rows', 'next run', 'owner', 'last failure'],
        status.sources.map((source) => [
          source.name,
          source.freshness,
          source.lastSuccess ?? 'never',
          source.rowCount.toLocaleString('en-US'),
          source.nextRun ?? 'at once',
          source.owner,
          source.failure === undefined ? '–' : `${source.failure.code}: ${source.failure.message}`,
        ]),
      )
      for (const { name, freshness, freshnessMs, owner } of status.sources) {
        if (freshness === 'late')
          console.log(`${name} is late: its target is ${durationText(freshnessMs)}. ${owner} answers for it.`)
      }
    } finally {
      await app.close()
    }
  },
})

function modelText({ model, modelProblem }: SystemStatus): string {
  if (model === undefined) return 'none in charge yet: run "millrace train"'
  return modelProblem === undefined ? model : `${model}, which cannot answer. ${modelProblem}`
}

function featuresText({ count, isKept, lagEventCount, backfilling }: FeaturesStatus): string {
  const advice = isKept ? ', kept by a running process' : '. Run "millrace backfill"'
  if (backfilling.length > 0) return `${count}, to be backfilled: ${backfilling.join(', ')}${advice}`
  if (lagEventCount > 0) return `${count}, ${lagEventCount.toLocaleString('en-US')} events behind${advice}`
  return `${count}, up to date${isKept ? advice : ''}`
}

function tableText({ publishedVersion, publishedAt, hold }: TableSummary): string {
  const published =
    publishedVersion === undefined
      ? 'nothing is published'
      : `version ${publishedVersion} is published (${publishedAt})`
  if (hold === undefined) return published
  return `${published}; version ${hold.sinceVersion} and later are held back: ${hold.reasons.join(' ')}`
}

function checksText({ checkedAt, counts }: ChecksSummary): string {
  const { pass, warn, fail, notEnoughHistory } = counts
  return `${pass} passed, ${warn} warn, ${fail} failed, ${notEnoughHistory} have too little history (${checkedAt})`
}
