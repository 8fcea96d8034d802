// millrace batch [PLACEMENT...]: lists for every user, made ahead of time. Each is a recorded run.
import { defineCommand } from 'citty'
import { batchPlacements, batchRequest, batchRun } from '../app/batch-run.ts'
import { lostRuns, queueRun, recordRun } from '../app/record-run.ts'
import { openApp } from '../app.ts'
import { appArguments } from './app-arguments.ts'
import { runArguments, wishOf } from './run-arguments.ts'

export default defineCommand({
  meta: { name: 'batch', description: 'Make the lists of every user ahead of time' },
  args: {
    'placement...': {
      type: 'positional',
      description:
        'Placements to make lists for (default: those of the patterns "batch" and "hybrid", and with "every")',
      required: false,
    },
    ...appArguments,
    out: {
      type: 'string',
      description: 'Write the lists to this Parquet file (default: offline/lists/ of the data folder)',
    },
    detach: {
      type: 'boolean',
      description: 'Queue it for a process of its own: "millrace dev" or "millrace runs work" starts it',
      default: false,
    },
    ...runArguments,
    json: { type: 'boolean', description: 'Print what came of it as JSON', default: false },
  },
  async run({ args }) {
    const say = args.json ? console.error : console.log
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const placements = args._
      // Before it waits in a queue.
      batchPlacements(app, placements)
      const options = batchRequest({ placements, out: args.out })
      const wish = wishOf('batch', { ...args, command: 'millrace batch', options })
      if (args.detach) {
        const run = await queueRun(app, wish)
        say(`Run ${run.id} is queued. See "millrace runs show ${run.id}".`)
        if (args.json) console.log(JSON.stringify(run))
        return
      }
      for (const { id } of await lostRuns(app)) {
        say(`Run ${id} was lost half-way. "millrace runs resume ${id}" goes on with it.`)
      }
      const report = await recordRun(app, wish, (recorder) => batchRun(recorder, say))
      if (args.json) console.log(JSON.stringify(report))
    } finally {
      await app.close()
    }
  },
})
