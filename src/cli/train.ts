// millrace train: measure, train on everything, register the model, and put it in charge where the gates let it through.
import { defineCommand } from 'citty'
import { trainModel } from '../app/train-model.ts'
import { trainWithGates } from '../app/train-with-gates.ts'
import { readTrainingInput } from '../app/training-input.ts'
import { openApp } from '../app.ts'
import { describeEvaluation } from '../training/evaluation-report.ts'
import { describeGates } from '../training/gates/judge.ts'
import { overrideArgument } from './alias-arguments.ts'
import { appArguments } from './app-arguments.ts'
import { countArgument } from './number-argument.ts'

export default defineCommand({
  meta: {
    name: 'train',
    description:
      'Train every model, and put it in charge where the gates let it through; exit status 3 where they do not',
  },
  args: {
    ...appArguments,
    evaluate: {
      type: 'boolean',
      description:
        'Measure on a time split first; without it no gate can judge: --no-evaluate only registers the model',
      default: true,
    },
    promote: {
      type: 'boolean',
      description: 'Put the model in charge; --no-promote registers it with the report of its gates',
      default: true,
    },
    override: { type: 'string', description: 'Put it in charge without gates, for this reason; needs --no-evaluate' },
    threads: { type: 'string', description: 'Threads to train with (default: all processors)' },
    json: { type: 'boolean', description: 'Print the manifest and the report of the gates as JSON', default: false },
  },
  async run({ args }) {
    const threadCount = countArgument('threads', args.threads)
    const override = overrideArgument(args)
    const say = args.json ? console.error : console.log
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const input = await readTrainingInput(app)
      if (!args.evaluate) {
        const manifest = await trainModel(app, input, { threadCount, log: say, override })
        say(
          override === undefined
            ? `${manifest.version} is registered. No gates have judged it; see "millrace promote --help".`
            : `${manifest.version} is in charge. No gates have judged it.`,
        )
        if (args.json) console.log(JSON.stringify({ manifest }))
        return
      }
      const { manifest, report, isPromoted } = await trainWithGates(app, input, {
        threadCount,
        promote: args.promote,
        log: say,
        onEvaluation: ({ report: evaluation }) => describeEvaluation(evaluation).forEach((line) => void say(line)),
        onReport: (gates) => {
          say('')
          for (const line of describeGates(gates)) say(line)
          if (args.json && !gates.passed) console.log(JSON.stringify({ gates }))
        },
      })
      say(isPromoted ? `${manifest.version} is in charge.` : `${manifest.version} is registered.`)
      if (args.json && report.passed) console.log(JSON.stringify({ manifest, gates: report }))
    } finally {
      await app.close()
    }
  },
})
