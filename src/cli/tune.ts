// millrace tune NAMES: better settings for generators and the ranker, found without looking at the test part. Each search is a recorded run.
import { defineCommand } from 'citty'
import { lostRuns, queueRun, recordRun } from '../app/record-run.ts'
import { checkTuning } from '../app/tuning.ts'
import { type TuningRunOptions, tuningOptions, tuningRun } from '../app/tuning-run.ts'
import { openApp } from '../app.ts'
import { MillraceError } from '../lib/errors.ts'
import { type UserMetric, userMetrics } from '../training/evaluate.ts'
import { tuningMethods } from '../training/tune.ts'
import { appArguments } from './app-arguments.ts'
import { countArgument } from './number-argument.ts'
import { runArguments, wishOf } from './run-arguments.ts'

const metrics = Object.keys(userMetrics) as UserMetric[]
/** As long as the longest answer of the server. */
const LIST_LENGTH_MAX = 1000

export default defineCommand({
  meta: { name: 'tune', description: 'Search better settings on a validation part of the data' },
  args: {
    target: {
      type: 'positional',
      description: 'A name of training.candidates, or "ranker"; or several, separated by commas',
      required: true,
    },
    ...appArguments,
    trials: {
      type: 'string',
      description: 'How many settings to try of each (default: 30, unless --minutes is given)',
    },
    minutes: { type: 'string', description: 'How long to search, for all of them together' },
    metric: { type: 'string', description: `What is made larger: ${metrics.join(', ')} (default: ndcg)` },
    k: { type: 'string', description: 'Length of the lists (default: 20)' },
    method: { type: 'string', description: `How to search: ${tuningMethods.join(', ')} (default: tpe)` },
    ranges: { type: 'string', description: 'Other ranges: factors=16..64,rate=0.01..1:log,power=0|0.5|1' },
    restart: { type: 'boolean', description: 'Throw away an earlier search instead of continuing it', default: false },
    threads: { type: 'string', description: 'Threads to train with (default: all processors)' },
    detach: {
      type: 'boolean',
      description: 'Queue it for a process of its own: "millrace dev" or "millrace runs work" starts it',
      default: false,
    },
    ...runArguments,
    json: { type: 'boolean', description: 'Print the reports as JSON, one line each', default: false },
  },
  async run({ args }) {
    const targets = args.target.split(',').map((name) => name.trim())
    const minutes = minutesArgument(args.minutes)
    const told: Omit<TuningRunOptions, 'target'> = {
      trials: countArgument('trials', args.trials),
      minutes: minutes && minutes / targets.length,
      metric: wordArgument('metric', args.metric, metrics),
      method: wordArgument('method', args.method, tuningMethods),
      k: countArgument('k', args.k, LIST_LENGTH_MAX),
      ranges: args.ranges,
      threads: countArgument('threads', args.threads),
      ...(args.restart && { restart: true }),
    }
    const say = args.json ? console.error : console.log
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      // All of them before the first, which takes its time.
      for (const target of targets) checkTuning(app, { ...told, target })
      for (const { id } of await lostRuns(app)) {
        say(`Run ${id} was lost half-way. "millrace runs resume ${id}" goes on with it.`)
      }
      for (const target of targets) {
        const wish = wishOf('tune', { ...args, command: 'millrace tune', options: tuningOptions({ ...told, target }) })
        if (args.detach) {
          const run = await queueRun(app, wish)
          say(`Run ${run.id} is queued. See "millrace runs show ${run.id}".`)
          if (args.json) console.log(JSON.stringify(run))
        } else {
          const report = await recordRun(app, wish, (recorder) => tuningRun(recorder, say))
          if (args.json) console.log(JSON.stringify(report))
        }
      }
    } finally {
      await app.close()
    }
  },
})

function minutesArgument(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (value > 0 && Number.isFinite(value)) return value
  throw new MillraceError('CLI_USAGE', `--minutes is ${JSON.stringify(text)}, expected a number above 0.`)
}

function wordArgument<const Word extends string>(
  name: string,
  text: string | undefined,
  words: readonly Word[],
): Word | undefined {
  if (text === undefined || words.includes(text as Word)) return text as Word | undefined
  throw new MillraceError('CLI_USAGE', `--${name} is ${JSON.stringify(text)}, expected one of ${words.join(', ')}.`)
}
