// millrace skew: are features served as they are computed for training? What differs, by how much, why, and who answers for it.
import { defineCommand } from 'citty'
import { skewOf } from '../app/measure-skew.ts'
import { openApp } from '../app.ts'
import { featureText } from '../domain/feature-value.ts'
import { type FeatureSkew, type SkewExample, type SkewReport, unexplainedCount } from '../domain/skew-report.ts'
import { appArguments } from './app-arguments.ts'
import { momentArgument } from './number-argument.ts'
import { printTable } from './table.ts'

export default defineCommand({
  meta: {
    name: 'skew',
    description:
      'Compare features as served with features recomputed offline; exits with 1 where a difference is unexplained',
  },
  args: {
    from: {
      type: 'string',
      description: 'Served from this moment on, such as 2026-03-01T12:00Z (default: a day before --to)',
    },
    to: { type: 'string', description: 'Served before this moment (default: ten seconds ago)' },
    ...appArguments,
    json: { type: 'boolean', description: 'Print JSON', default: false },
  },
  async run({ args }) {
    const range = { fromMs: momentArgument('from', args.from), toMs: momentArgument('to', args.to) }
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const report = await skewOf(app, range)
      if (args.json) console.log(JSON.stringify(report))
      else print(report, app.plan.data.skew.sampleShare)
      if (unexplainedCount(report) > 0) process.exitCode = 1
    } finally {
      await app.close()
    }
  },
})

function print(report: SkewReport, sampleShare: number): void {
  const { features, fromMs, toMs, rowCount, otherVersionCount, firstOffset, lagMs } = report
  const range = `between ${isoText(fromMs)} and ${isoText(toMs)}`
  if (rowCount === 0) {
    console.log(`No features were kept as served ${range}. ${whyNone(sampleShare)}`)
    return
  }
  printTable(
    ['feature', 'compared', 'equal', 'mismatch', 'missing', 'extra', 'by lag', 'unexplained', 'median', 'max', 'owner'],
    features.map(columnsOf),
  )
  for (const { name, examples } of features) for (const example of examples) console.log(exampleText(name, example))
  console.log(
    `${rowCount.toLocaleString('en-US')} rows ${range}.${lagMs === undefined ? '' : ` Lag: ${lagMs.median} ms in the median, ${lagMs.max} ms at most.`}`,
  )
  if (otherVersionCount > 0)
    console.log(
      `${otherVersionCount.toLocaleString('en-US')} readings are of definitions that the system file no longer has.`,
    )
  if (firstOffset > 0)
    console.log(
      `The log begins at event ${firstOffset}: what was removed before is missing from what was recomputed, and may explain differences.`,
    )
}

const whyNone = (sampleShare: number): string =>
  sampleShare === 0
    ? 'data.skew.sampleShare is 0.'
    : `A running server keeps ${sampleShare * 100} % of the keys it is asked about; see data.skew.sampleShare.`

function columnsOf({
  name,
  owner,
  comparedCount,
  equalCount,
  differenceCounts,
  causeCounts,
  size,
}: FeatureSkew): string[] {
  const { mismatch, missingOnline, extraOnline } = differenceCounts
  const { lag, unexplained, unjudged } = causeCounts
  const counts = [comparedCount, equalCount, mismatch, missingOnline, extraOnline, lag].map(String)
  const sizes =
    size === undefined ? ['–', '–'] : [size.median, size.max].map((one) => String(Number(one.toPrecision(4))))
  return [
    name,
    ...counts,
    unjudged === 0 ? String(unexplained) : `${unexplained} (and ${unjudged} unjudged)`,
    ...sizes,
    owner,
  ]
}

function exampleText(feature: string, { momentMs, userId, itemId, served, recomputed, cause }: SkewExample): string {
  const key = [userId === undefined ? [] : [`user ${userId}`], itemId === undefined ? [] : [`item ${itemId}`]]
    .flat()
    .join(', ')
  return `  ${feature} of ${key} at ${isoText(momentMs)}: served ${shownText(served)}, recomputed ${shownText(recomputed)} (${cause})`
}

function shownText({ status, value }: SkewExample['served']): string {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value)
  const reading = isMap
    ? new Map(Object.entries(value as Record<string, number>))
    : (value as string | number | undefined)
  return featureText({ status, value: reading })
}

const isoText = (timeMs: number): string => new Date(timeMs).toISOString()
