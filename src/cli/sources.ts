// millrace sources: runs a scheduled source now. How they stand is what "millrace status" shows.
import { defineCommand } from 'citty'
import { sourcesOf } from '../app/run-sources.ts'
import { openApp } from '../app.ts'
import { MillraceError } from '../lib/errors.ts'
import { silentLogger } from '../lib/logger.ts'
import { appArguments } from './app-arguments.ts'

const run = defineCommand({
  meta: { name: 'run', description: 'Read a source with a schedule now' },
  args: {
    name: { type: 'positional', description: 'Its name in the system file', required: true },
    allowDeletes: {
      type: 'boolean',
      description: 'Delete whatever a complete snapshot lacks, however much that is',
      default: false,
    },
    ...appArguments,
  },
  async run({ args }) {
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const sources = await sourcesOf(app, silentLogger)
      if (sources === undefined) {
        throw new MillraceError('SOURCE_UNKNOWN', 'The system file has no source with a schedule.', {
          fix: 'Add postgresSource(), catalogueApi() or folderSource() to data.sources.',
        })
      }
      try {
        const outcome = await sources.runNow(args.name, { allowDeletes: args.allowDeletes })
        const done = outcome?.run
        if (done === undefined) console.log(`${args.name}: stopped before its end.`)
        else if (done.isNotModified) console.log(`${args.name}: nothing has changed since the last run.`)
        else {
          console.log(
            `${args.name}: ${done.readCount} rows read, ${done.acceptedCount} new or changed, ${done.unchangedCount} unchanged, ` +
              `${done.quarantinedCount} quarantined, ${done.deletedCount} deleted; ${(done.durationMs / 1000).toFixed(1)} s.`,
          )
        }
        for (const failure of outcome?.failures ?? []) console.error(`${failure.code}: ${failure.message}`)
      } finally {
        await sources.stop()
      }
    } finally {
      await app.close()
    }
  },
})

export default defineCommand({
  meta: { name: 'sources', description: 'Read a source with a schedule now' },
  subCommands: { run },
})
