// millrace tune NAME: better settings for one generator, found without looking at the test part.
import { defineCommand } from 'citty'
import { readTrainingInput } from '../app/training-input.ts'
import { tuneGenerator } from '../app/tune-generator.ts'
import { openApp } from '../app.ts'
import { appArguments } from './app-arguments.ts'
import { countArgument } from './number-argument.ts'

const DEFAULT_TRIAL_COUNT = 30

export default defineCommand({
  meta: { name: 'tune', description: 'Search better settings on a validation part of the data' },
  args: {
    generator: { type: 'positional', description: 'A name of training.candidates', required: true },
    ...appArguments,
    trials: { type: 'string', description: `How many settings to try (default: ${DEFAULT_TRIAL_COUNT})` },
    threads: { type: 'string', description: 'Threads to train with (default: all processors)' },
    json: { type: 'boolean', description: 'Print the trials as JSON, best first', default: false },
  },
  async run({ args }) {
    const trialCount = countArgument('trials', args.trials) ?? DEFAULT_TRIAL_COUNT
    const threadCount = countArgument('threads', args.threads)
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const input = await readTrainingInput(app)
      const trials = await tuneGenerator(app, input, args.generator, {
        trialCount,
        threadCount,
        onTrial: ({ options, value }, number) =>
          console.error(`${number + 1}/${trialCount}  NDCG@20 ${value.toFixed(4)}  ${JSON.stringify(options)}`),
      })
      if (args.json) console.log(JSON.stringify(trials))
      else
        console.log(
          `Best on the validation part, NDCG@20 ${trials[0]!.value.toFixed(4)}:\n${args.generator}: ${JSON.stringify(trials[0]!.options)}`,
        )
    } finally {
      await app.close()
    }
  },
})
