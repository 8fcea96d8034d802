// millrace tune NAMES: better settings for generators, found without looking at the test part.
import { defineCommand } from 'citty'
import { readTrainingInput } from '../app/training-input.ts'
import { tuneGenerator } from '../app/tune-generator.ts'
import { openApp } from '../app.ts'
import { MillraceError } from '../lib/errors.ts'
import type { UserMetric } from '../training/evaluate.ts'
import { rangesIn } from '../training/range-text.ts'
import type { Trial, TuningMethod } from '../training/tune.ts'
import { describeTuning } from '../training/tuning-report.ts'
import { appArguments } from './app-arguments.ts'
import { countArgument } from './number-argument.ts'

const DEFAULT_TRIAL_COUNT = 30
const metrics = [
  'ndcg',
  'recall',
  'reciprocalRank',
  'averagePrecision',
  'precision',
] as const satisfies readonly UserMetric[]
const methods = ['tpe', 'random', 'halving'] as const satisfies readonly TuningMethod[]

export default defineCommand({
  meta: { name: 'tune', description: 'Search better settings on a validation part of the data' },
  args: {
    generator: {
      type: 'positional',
      description: 'A name of training.candidates, or several, separated by commas',
      required: true,
    },
    ...appArguments,
    trials: {
      type: 'string',
      description: `How many settings to try of each (default: ${DEFAULT_TRIAL_COUNT}, unless --minutes is given)`,
    },
    minutes: { type: 'string', description: 'How long to search, for all of them together' },
    metric: { type: 'string', description: `What is made larger: ${metrics.join(', ')} (default: ndcg)` },
    k: { type: 'string', description: 'Length of the lists (default: 20)' },
    method: { type: 'string', description: `How to search: ${methods.join(', ')} (default: tpe)` },
    ranges: { type: 'string', description: 'Other ranges: factors=16..64,rate=0.01..1:log,power=0|0.5|1' },
    restart: { type: 'boolean', description: 'Throw away an earlier search instead of continuing it', default: false },
    threads: { type: 'string', description: 'Threads to train with (default: all processors)' },
    json: { type: 'boolean', description: 'Print the reports as JSON, one line each', default: false },
  },
  async run({ args }) {
    const names = args.generator.split(',').map((name) => name.trim())
    const minutes = minutesArgument(args.minutes)
    const options = {
      trialCount: countArgument('trials', args.trials) ?? (minutes === undefined ? DEFAULT_TRIAL_COUNT : undefined),
      seconds: minutes && (60 * minutes) / names.length,
      metric: wordArgument('metric', args.metric, metrics),
      method: wordArgument('method', args.method, methods),
      k: countArgument('k', args.k, 1000),
      threadCount: countArgument('threads', args.threads),
      restart: args.restart,
    }
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const input = await readTrainingInput(app)
      for (const name of names) {
        const report = await tuneGenerator(app, input, name, {
          ...options,
          ranges: rangesIn(args.ranges ?? '', app.system.generators[name]?.tunable ?? {}),
          onResume: (trials) => console.error(`${name}: going on after ${trials.length} trials of an earlier run`),
          onTrial: (trial) => console.error(`${name}: ${described(trial)}`),
        })
        if (args.json) console.log(JSON.stringify(report))
        else for (const line of describeTuning(report)) console.log(line)
      }
    } finally {
      await app.close()
    }
  },
})

const described = ({ number, budget, value, seconds, parameters }: Trial): string =>
  `trial ${number + 1}${budget < 1 ? ` (${(budget * 100).toFixed(0)} % of the users)` : ''}  ${value.toFixed(4)}  ${seconds.toFixed(1)} s  ${JSON.stringify(parameters)}`

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
