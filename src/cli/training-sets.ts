// millrace training-sets: rows for a model to learn from, with each feature as it was known at the row's moment.
import { defineCommand } from 'citty'
import { releaseAbandonedSets } from '../app/abandoned-training-sets.ts'
import { type LabelFile, type LabelsWanted, makeTrainingSet, remakeTrainingSet } from '../app/make-training-set.ts'
import { type App, openApp } from '../app.ts'
import type { TrainingSet } from '../domain/training-set.ts'
import { MillraceError } from '../lib/errors.ts'
import { suggestName } from '../lib/nearest-name.ts'
import { appArguments } from './app-arguments.ts'
import { printTable } from './table.ts'
import { timeArgument } from './time-argument.ts'

const json = { type: 'boolean', description: 'Print JSON', default: false } as const

const set = {
  type: 'positional',
  description: 'Its hash, or the beginning of it, in "millrace training-sets list"',
  required: true,
} as const

const make = defineCommand({
  meta: {
    name: 'make',
    description: 'Join the features to interactions, as of when they happened, into a Parquet file',
  },
  args: {
    of: { type: 'string', description: 'The interaction that rows are made of, such as purchase' },
    from: { type: 'string', description: 'From this moment or day on (default: the beginning)' },
    to: { type: 'string', description: 'Before this moment or day (default: now)' },
    labels: {
      type: 'string',
      description: 'Instead: a CSV, TSV or Parquet file with the columns userId, itemId, moment',
    },
    ...appArguments,
    json,
  },
  async run({ args }) {
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      if (app.plan.data.features.length === 0) {
        console.log('The system file defines no features. See "features" in the guide.')
        return
      }
      const startedAtMs = app.clock.now()
      const { contentHash, path, manifest, holds } = await makeTrainingSet(app, labelsWanted(app, args))
      if (args.json) {
        console.log(JSON.stringify({ contentHash, path, ...manifest }))
        return
      }
      for (const { table, sinceVersion, reasons } of holds) {
        console.log(
          `${table}: version ${sinceVersion} and later are held back, and no part of it. ${reasons.join(' ')}`,
        )
      }
      const seconds = (app.clock.now() - startedAtMs) / 1000
      console.log(
        `${grouped(manifest.rowCount)} rows with ${manifest.features.length} features, ${megabytes(manifest.bytes)} MB: ${seconds.toFixed(1)} s.`,
      )
      printTable(
        ['training set', contentHash.slice(0, SHOWN_DIGITS)],
        [
          ['file', path],
          ['sha256', manifest.sha256],
          ...Object.entries(manifest.tableVersions).map(([table, version]) => [`version of ${table}`, version]),
        ],
      )
    } finally {
      await app.close()
    }
  },
})

const list = defineCommand({
  meta: { name: 'list', description: 'The training sets that were made, newest first' },
  args: { ...appArguments, json },
  async run({ args }) {
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      await releaseAbandonedSets(app)
      const sets = await (await app.metadata()).trainingSets.list(LISTED_COUNT)
      if (args.json) console.log(JSON.stringify(sets))
      else if (sets.length === 0) console.log('No training set was made yet. See "millrace training-sets make --help".')
      else {
        printTable(
          ['training set', 'made', 'table versions', 'state'],
          sets.map((one) => [
            one.contentHash.slice(0, SHOWN_DIGITS),
            new Date(one.createdAtMs).toISOString(),
            one.tables.map(({ table, version }) => `${table} ${version}`).join(', '),
            stateText(one),
          ]),
        )
      }
    } finally {
      await app.close()
    }
  },
})

const remake = defineCommand({
  meta: {
    name: 'remake',
    description: 'Make a set again from the table versions that it was made of, and compare the bytes',
  },
  args: {
    set,
    labels: { type: 'string', description: 'Where its rows came from a file: that file' },
    ...appArguments,
    json,
  },
  async run({ args }) {
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const file = args.labels === undefined ? undefined : { path: args.labels, format: formatOf(args.labels) }
      const made = await remakeTrainingSet(app, await setCalled(app, args.set), file)
      const { contentHash, path, manifest, isSame } = made
      if (isSame === false) process.exitCode = 1
      if (args.json) return console.log(JSON.stringify({ contentHash, path, isSame: isSame ?? null, ...manifest }))
      const size = `${grouped(manifest.rowCount)} rows, ${megabytes(manifest.bytes)} MB, sha256 ${manifest.sha256}`
      if (isSame === undefined)
        console.log(`Made again: ${size}. There was no manifest that could be read, to compare it with.`)
      else console.log(isSame ? `The same bytes: ${size}.` : `Other bytes than the manifest promises: ${size}.`)
    } finally {
      await app.close()
    }
  },
})

const release = defineCommand({
  meta: { name: 'release', description: 'Let the table versions of a set go, so that a vacuum may take their files' },
  args: { set, ...appArguments },
  async run({ args }) {
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      await releaseAbandonedSets(app)
      const { contentHash, maker, releasedAtMs } = await setCalled(app, args.set)
      await (await app.metadata()).trainingSets.release(contentHash, app.clock.now())
      const more =
        maker === undefined
          ? 'Its file stays; it can be made again until a vacuum.'
          : releasedAtMs === undefined
            ? `Process ${maker.pid} is making it, and keeps it once it is done.`
            : 'It was never finished.'
      console.log(`${contentHash.slice(0, SHOWN_DIGITS)} is released. ${more}`)
    } finally {
      await app.close()
    }
  },
})

export default defineCommand({
  meta: { name: 'training-sets', description: 'Make training sets from the features, list them, and make them again' },
  subCommands: { make, list, remake, release },
  default: 'list',
})

const LISTED_COUNT = 100
/** That are looked through for the beginning of a hash. */
const SEARCHED_COUNT = 10_000
const SHOWN_DIGITS = 16
const formats = ['csv', 'tsv', 'jsonl', 'parquet'] as const

function labelsWanted(
  { plan, clock }: App,
  args: {
    readonly of?: string | undefined
    readonly from?: string | undefined
    readonly to?: string | undefined
    readonly labels?: string | undefined
  },
): LabelsWanted {
  const { of, from, to, labels } = args
  if (labels !== undefined) {
    if (of !== undefined || from !== undefined || to !== undefined) {
      throw new MillraceError(
        'CLI_USAGE',
        '--labels says which rows there are, so --of, --from and --to have no place.',
        {
          fix: 'Leave them out.',
        },
      )
    }
    return { path: labels, format: formatOf(labels) }
  }
  const interactions = Object.keys(plan.data.interactions)
  if (of === undefined || !interactions.includes(of)) {
    const found = of === undefined ? 'Nothing says' : `No interaction is called ${JSON.stringify(of)}, which should say`
    throw new MillraceError('CLI_USAGE', `${found} what rows are made of.`, {
      fix: of === undefined ? `Add "--of ${interactions[0]}", or "--labels FILE".` : suggestName(of, interactions),
    })
  }
  return {
    of,
    fromMs: from === undefined ? 0 : timeArgument('from', from),
    toMs: to === undefined ? clock.now() : timeArgument('to', to),
  }
}

async function setCalled(app: App, name: string): Promise<TrainingSet> {
  const { trainingSets } = await app.metadata()
  const found = (await trainingSets.list(SEARCHED_COUNT)).filter(({ contentHash }) => contentHash.startsWith(name))
  if (found.length === 1) return found[0]!
  throw new MillraceError(
    'TRAINING_SET_UNKNOWN',
    found.length === 0
      ? `No training set begins with ${JSON.stringify(name)}.`
      : `${found.length} training sets begin with ${JSON.stringify(name)}.`,
    { fix: found.length === 0 ? 'See "millrace training-sets list".' : 'Give more digits.' },
  )
}

function formatOf(path: string): LabelFile['format'] {
  const ending = path.toLowerCase().replace(/\.gz$/, '').split('.').at(-1)
  const format = formats.find((known) => known === ending)
  if (format !== undefined) return format
  throw new MillraceError('CLI_USAGE', `--labels: the name of ${path} does not tell its format.`, {
    fix: `Name a file that ends in ${formats.join(', ')}.`,
  })
}

function stateText({ maker, releasedAtMs }: TrainingSet): string {
  if (maker === undefined) return releasedAtMs === undefined ? 'kept' : 'released'
  return releasedAtMs === undefined ? `being made by process ${maker.pid}` : 'never finished, released'
}

const grouped = (count: number): string => count.toLocaleString('en-US')

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1)
