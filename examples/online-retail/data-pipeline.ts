// The part of the demo about the data: features of a customer now and at an earlier date, what the checks say, and the versions of the tables.
import { type App, type CheckResult, checkData, describeCheck, type OfflineTables, openFeatures } from 'millrace'
import type { FeatureValues, MillraceClient } from 'millrace/client'
import type { Say } from './shop.ts'

/** Computes the features of everything that was imported. */
export async function computeFeatures(app: App, say: Say) {
  say('\n2. Compute the features, and bring the offline tables up to date')
  const startedAt = performance.now()
  await openFeatures(app)
  const { nextOffset } = await app.log.bounds()
  const seconds = (performance.now() - startedAt) / 1000
  const eventsPerSecond = Math.round(nextOffset / seconds)
  say(
    `   ${app.plan.data.features.length} features of ${nextOffset.toLocaleString('en-US')} events in ${seconds.toFixed(1)} s, ` +
      `${eventsPerSecond.toLocaleString('en-US')} events/s`,
  )
  return { backfill: { eventCount: nextOffset, seconds: Number(seconds.toFixed(1)), eventsPerSecond } }
}

/** Brings the offline tables up to date, has the new versions judged, and shows which there are. */
export async function showTables(tables: OfflineTables, say: Say) {
  const { audits } = await tables.sync({ isAuditAgain: true })
  const shown = []
  for (const { table, newestVersion, published, rowCount, fileCount, newestDay } of await tables.list()) {
    say(
      `   ${table}: version ${newestVersion}, ${rowCount.toLocaleString('en-US')} rows in ${fileCount} files, newest day ${newestDay}; ` +
        `published: ${published === undefined ? 'none' : `version ${published.version}`}`,
    )
    const reasons = audits.find((audit) => audit.table === table)?.hold?.reasons ?? []
    for (const reason of reasons) say(`      held back: ${reason}`)
    shown.push({ table, newestVersion, publishedVersion: published?.version, rowCount, fileCount, newestDay })
  }
  return shown
}

/** The newest versions of the table of what customers did. */
export async function showHistory(tables: OfflineTables, say: Say) {
  const history = await tables.history('interactions', 4)
  for (const { version, timestampMs, operation, addedRowCount, state } of history) {
    say(
      `   version ${version}, ${minuteText(timestampMs)}: ${operation ?? 'other'}, ` +
        `${(addedRowCount ?? 0).toLocaleString('en-US')} rows added, ${state}`,
    )
  }
  return history.map(({ version, operation, addedRowCount, state }) => ({ version, operation, addedRowCount, state }))
}

/** What is known of a customer in numbers: now, and as it was known then. */
export async function compareFeatures(
  client: Pick<MillraceClient, 'featureValues'>,
  { userId, at }: { readonly userId: string; readonly at: string },
  say: Say,
) {
  const now = await client.featureValues({ userId })
  const then = await client.featureValues({ userId, at })
  say(`   ${'feature'.padEnd(20)} ${minuteText(Date.parse(now.asOf)).padEnd(22)} ${minuteText(Date.parse(then.asOf))}`)
  for (const [f, feature] of now.features.entries())
    say(`   ${feature.name.padEnd(20)} ${valueText(feature).padEnd(22)} ${valueText(then.features[f]!)}`)
  return { now, then }
}

/** The newest whole day against the days before it. */
export async function reportChecks(app: App, say: Say) {
  const { date, results, decision } = await checkData(app)
  for (const result of results) if (isTold(result)) say(`   ${describeCheck(result)}`)
  const counts = Object.fromEntries(
    [...Map.groupBy(results, ({ verdict }) => verdict)].map(([verdict, found]) => [verdict, found.length]),
  )
  say(`   ${date}: ${results.length} checks, ${JSON.stringify(counts)}. Decision: ${decision.decision}.`)
  return { date, counts, decision: decision.decision }
}

/** What needs a look, and of the rest what compares this day with the days before. */
const isTold = ({ check, verdict }: CheckResult): boolean =>
  verdict === 'warn' || verdict === 'fail' || (verdict === 'pass' && comparing.includes(check))
const comparing: readonly string[] = ['volume', 'mean', 'drift', 'nullRateShift', 'eventFreshness']

const minuteText = (timeMs: number): string => `${new Date(timeMs).toISOString().slice(0, 16)}Z`

function valueText({ status, value }: FeatureValues['features'][number]): string {
  if (value === undefined) return status
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : value.toFixed(2)
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
