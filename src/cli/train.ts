// millrace train: measure, train on everything, register the model, put it in charge.
import { defineCommand } from 'citty'
import { evaluateModels } from '../app/evaluate-models.ts'
import { readTrainingInput, trainModel } from '../app/train-model.ts'
import { openApp } from '../app.ts'
import { describeEvaluation } from '../training/evaluation-report.ts'
import { appArguments } from './app-arguments.ts'
import { countArgument } from './number-argument.ts'

export default defineCommand({
  meta: { name: 'train', description: 'Train every candidate generator and put the model in charge' },
  args: {
    ...appArguments,
    evaluate: {
      type: 'boolean',
      description: 'Measure on a time split first; --no-evaluate leaves it out',
      default: true,
    },
    promote: {
      type: 'boolean',
      description: 'Put the model in charge; --no-promote only registers it',
      default: true,
    },
    threads: { type: 'string', description: 'Threads to train with (default: all processors)' },
    json: { type: 'boolean', description: 'Print the manifest as JSON', default: false },
  },
  async run({ args }) {
    const threadCount = countArgument('threads', args.threads)
    const say = args.json ? console.error : console.log
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const input = await readTrainingInput(app)
      const evaluation = args.evaluate ? await evaluateModels(app, input, { threadCount, log: () => {} }) : undefined
      if (evaluation) for (const line of describeEvaluation(evaluation)) say(line)
      const manifest = await trainModel(app, input, { threadCount, evaluation, promote: args.promote, log: say })
      const { version } = manifest
      say(args.promote ? `${version} is in charge.` : `${version} is registered. See "millrace promote --help".`)
      if (args.json) console.log(JSON.stringify(manifest))
    } finally {
      await app.close()
    }
  },
})
