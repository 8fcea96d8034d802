// millrace capacity: how much memory and how many cores does it take?
import { defineCommand } from 'citty'
import { BITMAP_COUNT, type CapacityCounts, LOAD_SHARE, predictedCapacity, workersFor } from '../app/capacity.ts'
import { type Holdings, holdingsOf, liveStateOf } from '../app/capacity-counts.ts'
import { meantVersion } from '../app/meant-version.ts'
import { type MeasuredCapacity, measureCapacity } from '../app/measure-capacity.ts'
import { measuredGrowth } from '../app/measured-growth.ts'
import { type App, openApp } from '../app.ts'
import { MillraceError } from '../lib/errors.ts'
import { readManifest } from '../models/bundle.ts'
import { appArguments } from './app-arguments.ts'
import { countArgument } from './number-argument.ts'
import { printTable } from './table.ts'

/** By count: its option, without the dashes. */
const options = {
  itemCount: 'items',
  userCount: 'users',
  interactionsPerUser: 'interactions',
  candidateCount: 'candidates',
  featureCount: 'features',
  treeCount: 'trees',
} as const satisfies Readonly<Record<keyof CapacityCounts, string>>

const today = '(default: what there is today)'

export default defineCommand({
  meta: { name: 'capacity', description: 'Predict memory and requests a second from counts, and measure them' },
  args: {
    items: { type: 'string', description: `Items ${today}` },
    users: { type: 'string', description: `Users with a history ${today}` },
    interactions: { type: 'string', description: `Interactions of a user ${today}` },
    candidates: { type: 'string', description: "Candidates that are ranked (default: the largest placement's)" },
    features: { type: 'string', description: `Features that the ranker looks at ${today}` },
    trees: { type: 'string', description: `Trees of the ranker ${today}` },
    rate: { type: 'string', description: 'Requests a second that are to be answered' },
    measure: {
      type: 'boolean',
      description: 'Load the model in charge and answer with it, and hold the prediction against that',
      default: false,
    },
    ...appArguments,
    json: { type: 'boolean', description: 'Print JSON', default: false },
  },
  async run({ args }) {
    const asked = askedCounts(args)
    const rate = countArgument('rate', args.rate)
    if (args.measure && Object.keys(asked).length > 0) {
      throw new MillraceError('CLI_USAGE', '--measure measures what there is today: leave the counts out.')
    }
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const { holdings, measured } = await lookedAt(app, args.measure)
      const counts = { ...holdings.counts, ...asked }
      const predicted = predictedCapacity(counts, holdings.shape)
      const workerCount = rate === undefined ? undefined : workersFor(rate, predicted.requestsPerSecondPerCore)
      if (args.json) {
        const { machine } = measuredGrowth
        console.log(JSON.stringify({ counts, predicted, measured, rate, workerCount, figuresFrom: machine }))
        return
      }
      const n = (value: number): string => Number(value.toPrecision(4)).toLocaleString('en-US')
      const ofUser = n(counts.interactionsPerUser)
      console.log(
        `${app.plan.name}: ${n(counts.itemCount)} items, ${n(counts.userCount)} users with ${ofUser} interactions each, ${n(counts.candidateCount)} candidates, ${n(counts.featureCount)} features, ${n(counts.treeCount)} trees`,
      )
      printTable(
        ['of a serving process', 'predicted', ...(measured ? ['measured', 'ratio'] : [])],
        rowsOf(predicted, measured),
      )
      if (measured?.answers && measured.answers.fullShare < 1) {
        const percent = Math.round(100 * measured.answers.fullShare)
        console.log(
          `Only ${percent} % of the answers were ranked: where features are behind, run "millrace backfill" first.`,
        )
      }
      if (workerCount !== undefined) {
        const gigabytes = (workerCount * predicted.bytes.whole) / 2 ** 30
        console.log(
          `For ${n(rate!)} requests/s: ${workerCount} workers, a core each, and ${n(gigabytes)} GiB for all of them; the supervisor and the process that keeps the data up to date come on top.`,
        )
      }
      for (const line of assumptions(predicted.bytes.model === undefined)) console.log(line)
    } finally {
      await app.close()
    }
  },
})

function askedCounts(args: Readonly<Record<string, unknown>>): Partial<CapacityCounts> {
  const given = Object.entries(options).flatMap(([count, option]) => {
    const value = countArgument(option, args[option] as string | undefined)
    return value === undefined ? [] : [[count, value] as const]
  })
  return Object.fromEntries(given)
}

/** @throws MillraceError MODEL_NOT_FOUND where it is to measure and no model is in charge */
async function lookedAt(
  app: App,
  isMeasured: boolean,
): Promise<{ readonly holdings: Holdings; readonly measured?: MeasuredCapacity }> {
  if (isMeasured) {
    const version = await meantVersion(app, undefined)
    const { measured, live } = await measureCapacity(app, version)
    return { holdings: holdingsOf(app, live, await readManifest(app.modelsDir, version)), measured }
  }
  const { champion } = await (await app.models()).aliases()
  const manifest = champion === undefined ? undefined : await readManifest(app.modelsDir, champion)
  return { holdings: holdingsOf(app, await liveStateOf(app), manifest) }
}

function rowsOf(
  { bytes, requestsPerSecondPerCore }: ReturnType<typeof predictedCapacity>,
  measured: MeasuredCapacity | undefined,
): readonly (readonly string[])[] {
  const row = (name: string, predicted: number | undefined, found?: number, unit = 2 ** 20): readonly string[] => {
    const said = (value: number | undefined): string => (value === undefined ? '' : figure(value / unit))
    const ratio = predicted !== undefined && found ? (predicted / found).toFixed(2) : ''
    return [name, said(predicted), ...(measured ? [said(found), ratio] : [])]
  }
  const found = measured?.bytes
  const model = bytes.model === undefined ? undefined : bytes.model + bytes.bitmaps
  return [
    row('the process itself, MB', bytes.process, found?.process),
    row('catalogue, MB', bytes.catalogue),
    row('popularity, MB', bytes.popularity),
    row('histories, MB', bytes.histories),
    row('the three, MB', bytes.catalogue + bytes.popularity + bytes.histories, found?.live),
    row('model and bitmaps, MB', model, found?.model),
    row('feature columns, MB', bytes.columns, found?.columns),
    row('all of it, MB', bytes.whole, found?.whole),
    row('requests/s of a core', requestsPerSecondPerCore, measured?.answers?.requestsPerSecondPerCore, 1),
  ]
}

const figure = (value: number): string => (value < 10 ? value.toFixed(2) : Math.round(value).toLocaleString('en-US'))

function assumptions(lacksModel: boolean): readonly string[] {
  const { machine } = measuredGrowth
  return [
    ...(lacksModel ? ['What the model takes is not known before the first training, and is not in it.'] : []),
    `Memory follows from the layout of what is kept, with ${BITMAP_COUNT} filters that are asked for again and again; searches are not in it.`,
    `Times are those of "npm run bench -- growth" on ${machine}; other machines differ, and "millrace capacity --measure" says how much. Workers are counted with ${LOAD_SHARE * 100} % of each core in use.`,
  ]
}
