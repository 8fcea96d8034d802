// millrace backfill: brings every feature up to date with the log, new definitions from its beginning, and shows how far it is.
import { defineCommand } from 'citty'
import { openFeatures } from '../app/open-features.ts'
import { openApp } from '../app.ts'
import { appArguments } from './app-arguments.ts'

export default defineCommand({
  meta: { name: 'backfill', description: 'Bring every feature up to date with the event log' },
  args: appArguments,
  async run({ args }) {
    const app = await openApp({ systemFile: args.system, dataDir: args.data })
    try {
      const { features } = app.plan.data
      if (features.length === 0) {
        console.log('The system file defines no features. See "features" in the guide.')
        return
      }
      const startedAtMs = app.clock.now()
      let readCount = 0
      await openFeatures(app, (progress) => {
        readCount = progress.readCount
        if (process.stderr.isTTY) process.stderr.write(`\r${progressText(progress)}`)
      })
      if (process.stderr.isTTY) process.stderr.write('\r\u001b[K')
      const seconds = (app.clock.now() - startedAtMs) / 1000
      const rate =
        readCount > 0 && seconds > 0 ? `, ${Math.round(readCount / seconds).toLocaleString('en-US')} events/s` : ''
      console.log(
        readCount === 0
          ? 'Nothing to do: the features are up to date, or a running server keeps them so.'
          : `${features.length} features are up to date with ${readCount.toLocaleString('en-US')} events: ${seconds.toFixed(1)} s${rate}.`,
      )
    } finally {
      await app.close()
    }
  },
})

const progressText = ({ readCount, eventCount }: { readonly readCount: number; readonly eventCount: number }): string =>
  `${readCount.toLocaleString('en-US')} of ${eventCount.toLocaleString('en-US')} events (${Math.floor((100 * readCount) / Math.max(1, eventCount))} %)`
