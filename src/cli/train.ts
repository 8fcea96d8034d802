// millrace train: measure, train on everything, register the model, put it in charge.
import { defineCommand } from 'citty'
import { lostRuns, queueRun, recordRun } from '../app/record-run.ts'
import { requestOptions, trainingRun } from '../app/training-run.ts'
import { openApp } from '../app.ts'
import { appArguments } from './app-arguments.ts'
import { countArgument } from './number-argument.ts'
import { reasonArgument, runArguments, wishOf } from './run-arguments.ts'

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
    despiteChecks: { type: 'string', description: 'Train though checks hold the data back, and why' },
    detach: {
      type: 'boolean',
      description: 'Queue it for a process of its own: "millrace dev" or "millrace runs work" starts it',
      default: false,
    },
    ...runArguments,
    json: { type: 'boolean', description: 'Print the manifest as JSON', default: false },
  },
  async run({ args }) {
    const threadCount = countArgument('threads', args.threads)
    const say = args.json ? console.error : console.log
    const wish = wishOf('train', {
      ...args,
      command: 'millrace train',
      despiteChecks: reasonArgument('despite-checks', args.despiteChecks),
      options: requestOptions({ threads: threadCount, evaluate: args.evaluate, promote: args.promote }),
    })
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      if (args.detach) {
        const run = await queueRun(app, wish)
        say(`Run ${run.id} is queued. See "millrace runs show ${run.id}".`)
        if (args.json) console.log(JSON.stringify(run))
        return
      }
      for (const { id } of await lostRuns(app)) {
        say(`Run ${id} was lost half-way. "millrace runs resume ${id}" goes on with it.`)
      }
      const manifest = await recordRun(app, wish, (recorder) => trainingRun(recorder, say))
      const { version } = manifest
      say(args.promote ? `${version} is in charge.` : `${version} is registered. See "millrace promote --help".`)
      if (args.json) console.log(JSON.stringify(manifest))
    } finally {
      await app.close()
    }
  },
})
