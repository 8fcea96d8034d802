// millrace train: measure, train on everything, register the model, and put it in charge where the gates let it through.
import { defineCommand } from 'citty'
import { queueRun, recordRun } from '../app/record-run.ts'
import { requestOptions, trainingRun } from '../app/training-run.ts'
import { openApp } from '../app.ts'
import type { GateReport } from '../domain/gate-report.ts'
import { overrideArgument } from './alias-arguments.ts'
import { appArguments } from './app-arguments.ts'
import { countArgument } from './number-argument.ts'
import { reasonArgument, runArguments, wishOf } from './run-arguments.ts'

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
    despiteChecks: { type: 'string', description: 'Train though checks hold the data back, and why' },
    detach: {
      type: 'boolean',
      description: 'Queue it for a process of its own: "millrace dev" or "millrace runs work" starts it',
      default: false,
    },
    ...runArguments,
    json: { type: 'boolean', description: 'Print the manifest and the report of the gates as JSON', default: false },
  },
  async run({ args }) {
    const threadCount = countArgument('threads', args.threads)
    const override = overrideArgument(args)
    const say = args.json ? console.error : console.log
    const wish = wishOf('train', {
      ...args,
      command: 'millrace train',
      despiteChecks: reasonArgument('despite-checks', args.despiteChecks),
      options: requestOptions({ threads: threadCount, evaluate: args.evaluate, promote: args.promote, override }),
    })
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      if (args.detach) {
        const run = await queueRun(app, wish)
        say(`Run ${run.id} is queued. See "millrace runs show ${run.id}".`)
        if (args.json) console.log(JSON.stringify(run))
        return
      }
      const refusedReport = (gates: GateReport): void => {
        if (args.json && !gates.passed) console.log(JSON.stringify({ gates }))
      }
      const { manifest, gates, isPromoted } = await recordRun(app, wish, (recorder) =>
        trainingRun(recorder, say, refusedReport),
      )
      const judged = gates === undefined ? ' No gates have judged it.' : ''
      say(
        isPromoted
          ? `${manifest.version} is in charge.${judged}`
          : `${manifest.version} is registered.${judged} See "millrace promote --help".`,
      )
      if (args.json && (gates?.passed ?? true)) console.log(JSON.stringify({ manifest, gates }))
    } finally {
      await app.close()
    }
  },
})
