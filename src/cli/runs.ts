// millrace runs: what was run, from the wish to the outcome: what each run was made of, measured, took and made; and what can be done about it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { resolve } from 'node:path'
import { defineCommand } from 'citty'
import { collectRuns } from '../app/collect-runs.ts'
import { lostRuns, runLogFile } from '../app/record-run.ts'
import { cancelOf, runQueueOf } from '../app/run-queue.ts'
import { executeRun, goOnWithRun } from '../app/run-work.ts'
import { type App, openApp } from '../app.ts'
import { type RunKind, type RunState, runKinds, runStates } from '../domain/run.ts'
import { type ComparedRun, compareRuns } from '../domain/run-comparison.ts'
import { MillraceError } from '../lib/errors.ts'
import { jsonLogger } from '../lib/logger.ts'
import { pause } from '../lib/within.ts'
import type { RunStore } from '../ports/run-store.ts'
import { comparisonPage } from '../training/run-page.ts'
import { comparisonRows, describeRun, metricText, runRow, runRowHeader } from '../training/run-text.ts'
import { appArguments } from './app-arguments.ts'
import { countArgument } from './number-argument.ts'
import { reasonArgument } from './run-arguments.ts'
import { printTable } from './table.ts'

const json = { type: 'boolean', description: 'Print JSON', default: false } as const
const id = { type: 'positional', description: 'An id of "millrace runs", or its beginning', required: true } as const
const LIST_MAX = 100_000

const list = defineCommand({
  meta: { name: 'list', description: 'The runs, the last one first' },
  args: {
    kind: { type: 'string', description: `Only these: ${runKinds.join(', ')}` },
    state: { type: 'string', description: `Only these: ${runStates.join(', ')}` },
    limit: { type: 'string', description: 'How many', default: '20' },
    ...appArguments,
    json,
  },
  run: ({ args }) =>
    withRuns(args, async (runs, { clock }) => {
      const found = await runs.list({
        limit: countArgument('limit', args.limit, LIST_MAX)!,
        ...(args.kind !== undefined && { kind: wordArgument('kind', args.kind, runKinds) as RunKind }),
        ...(args.state !== undefined && { states: [wordArgument('state', args.state, runStates) as RunState] }),
      })
      if (args.json) console.log(JSON.stringify(found))
      else if (found.length === 0) console.log('There are no such runs. "millrace train" makes one.')
      else
        printTable(
          runRowHeader,
          found.map((run) => runRow(run, clock.now())),
        )
    }),
})

const show = defineCommand({
  meta: { name: 'show', description: 'One run: what asked for it, what it worked on, measured, took and made' },
  args: { id, ...appArguments, json },
  run: ({ args }) =>
    withRuns(args, async (runs, app) => {
      const run = await runNamed(runs, args.id)
      const metrics = await runs.metrics(run.id)
      if (args.json) return console.log(JSON.stringify({ ...run, metrics, logFile: runLogFile(app, run.id) }))
      printTable(['run', run.id], [...describeRun(run), ['log', runLogFile(app, run.id)]])
      const last = new Map(metrics.map((metric) => [metric.name, metric]))
      if (last.size > 0) console.log('')
      if (last.size > 0)
        printTable(
          ['figure', 'value'],
          [...last.values()].map((metric) => [metric.name, metricText(metric)]),
        )
    }),
})

const compare = defineCommand({
  meta: {
    name: 'compare',
    description: 'What differs between runs: inputs, parameters, figures with intervals, resources',
  },
  args: {
    'ids...': {
      type: 'positional',
      description: 'Ids of "millrace runs", or their beginnings; two or more',
      required: true,
    },
    html: { type: 'string', description: 'Write a page of its own with plots to this file' },
    ...appArguments,
    json,
  },
  run: ({ args }) =>
    withRuns(args, async (runs, app) => {
      const words = args._
      if (words.length < 2) {
        throw new MillraceError('CLI_USAGE', `Found ${words.length} run, expected two or more to compare.`, {
          fix: 'See "millrace runs" for those that there are.',
        })
      }
      const compared: ComparedRun[] = []
      for (const word of words) {
        const run = await runNamed(runs, word)
        compared.push({ run, metrics: await runs.metrics(run.id) })
      }
      const comparison = compareRuns(compared)
      if (args.html !== undefined) {
        writeFileSync(args.html, comparisonPage(app.plan.name, compared, comparison))
        console.error(`The page is ${resolve(args.html)}.`)
      }
      if (args.json) return console.log(JSON.stringify(comparison))
      const [header, ...rows] = comparisonRows(compared, comparison)
      printTable(header!, rows)
    }),
})

const cancel = defineCommand({
  meta: { name: 'cancel', description: 'End a run that waits or is under way' },
  args: {
    id,
    reason: { type: 'string', description: 'Why, for those who ask later' },
    ...appArguments,
    json,
  },
  run: ({ args }) =>
    withRuns(args, async (runs, app) => {
      const why = reasonArgument('reason', args.reason)
      const run = await cancelOf(app, (await runNamed(runs, args.id)).id, { by: userInfo().username, why })
      console.log(args.json ? JSON.stringify(run) : `Run ${run.id} is cancelled.`)
    }),
})

const resume = defineCommand({
  meta: { name: 'resume', description: 'Go on with a run that stopped half-way, here and now, from its checkpoints' },
  args: { id, ...appArguments },
  run: ({ args }) =>
    withRuns(args, async (runs, app) => {
      const run = await runNamed(runs, args.id)
      await goOnWithRun(app, run.id, (line) => console.log(line))
      const { modelVersion } = await runs.find(run.id)
      console.log(`Run ${run.id} succeeded${modelVersion === undefined ? '' : `: model ${modelVersion}`}.`)
    }),
})

const log = defineCommand({
  meta: { name: 'log', description: 'What a run said' },
  args: { id, ...appArguments },
  run: ({ args }) =>
    withRuns(args, async (runs, app) => {
      const path = runLogFile(app, (await runNamed(runs, args.id)).id)
      if (existsSync(path)) process.stdout.write(readFileSync(path))
      else console.error('It has said nothing.')
    }),
})

const work = defineCommand({
  meta: { name: 'work', description: 'Execute what waits in the queue, where no server does, until nothing waits' },
  args: { ...appArguments },
  run: ({ args }) =>
    withRuns(args, async (runs, app) => {
      const logger = jsonLogger({ clock: app.clock, write: (line) => process.stderr.write(line) })
      const queue = await runQueueOf(app, logger)
      let isStopping = false
      const stop = (): void => {
        isStopping = true
        void queue.stop()
      }
      process.once('SIGINT', stop).once('SIGTERM', stop)
      while (!isStopping) {
        await queue.tick()
        const waiting = await runs.list({ states: ['queued', 'running'], limit: 1 })
        if (queue.jobCount === 0 && waiting.length === 0) break
        await pause(WORK_TICK_MS)
      }
      await queue.idle()
      process.off('SIGINT', stop).off('SIGTERM', stop)
    }),
})

const execute = defineCommand({
  meta: { name: 'execute', description: 'What a queue starts for each run, in a process of its own; not for people' },
  args: { id, ...appArguments },
  async run({ args }) {
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      await executeRun(app, args.id)
    } finally {
      await app.close()
    }
  },
})

const gc = defineCommand({
  meta: {
    name: 'gc',
    description: 'Forget runs that have ended, with their logs, where no model and no rule keeps them',
  },
  args: {
    keep: { type: 'string', description: 'The newest so many stay', default: '100' },
    days: { type: 'string', description: 'What ended within so many days stays', default: '90' },
    dryRun: { type: 'boolean', description: 'Only say what would be forgotten', default: false },
    ...appArguments,
    json,
  },
  run: ({ args }) =>
    withRuns(args, async (_, app) => {
      const retention = { newestCount: countArgument('keep', args.keep, LIST_MAX)!, days: daysArgument(args.days) }
      const report = await collectRuns(app, retention, { isDryRun: args.dryRun })
      if (args.json) return console.log(JSON.stringify(report))
      const done = args.dryRun ? 'would be forgotten' : 'is forgotten'
      for (const run of report.removed) console.log(`${run} ${done}`)
      console.log(`${report.kept.length} stay${report.removed.length === 0 ? ': there is nothing to forget' : ''}.`)
    }),
})

export default defineCommand({
  meta: {
    name: 'runs',
    description: 'The runs of training, tuning and evaluation: what each was made of, measured and took',
  },
  subCommands: { list, show, compare, log, cancel, resume, work, gc, execute },
  default: 'list',
})

const WORK_TICK_MS = 200
const DAYS_MAX = 36_500
/** More than anybody keeps. */
const ALL_RUNS = 1_000_000

async function withRuns(
  args: { readonly system?: string | undefined; readonly data?: string | undefined },
  act: (runs: RunStore, app: App) => Promise<void>,
): Promise<void> {
  const app = await openApp({ systemFile: args.system, dataDir: args.data })
  try {
    await lostRuns(app)
    await act((await app.metadata()).runs, app)
  } finally {
    await app.close()
  }
}

/** By its id, or by a beginning that no other one has. */
async function runNamed(runs: RunStore, word: string) {
  const all = await runs.list({ limit: ALL_RUNS })
  const meant = all.filter((run) => run.id === word || run.id.startsWith(word))
  const exact = meant.find((run) => run.id === word) ?? (meant.length === 1 ? meant[0] : undefined)
  if (exact !== undefined) return exact
  if (meant.length === 0) return runs.find(word)
  throw new MillraceError('CLI_USAGE', `${JSON.stringify(word)} is the beginning of ${meant.length} runs.`, {
    fix: `Write more of it: ${meant
      .slice(0, 5)
      .map((run) => run.id)
      .join(', ')}.`,
  })
}

function wordArgument(name: string, text: string, words: readonly string[]): string {
  if (words.includes(text)) return text
  throw new MillraceError('CLI_USAGE', `--${name} is ${JSON.stringify(text)}, expected one of ${words.join(', ')}.`)
}

function daysArgument(text: string): number {
  const days = Number(text)
  if (text.trim() !== '' && days >= 0 && days <= DAYS_MAX) return days
  throw new MillraceError('CLI_USAGE', `--days is ${JSON.stringify(text)}, expected 0 to ${DAYS_MAX}.`)
}
