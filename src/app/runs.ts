// What a running system tells of its runs over HTTP, and lets be done with them.
import { isAlive } from '../adapters/embedded/process-name.ts'
import type { App } from '../app.ts'
import type { Runs } from '../http/dependencies.ts'
import { markLostRuns } from '../training/lost-runs.ts'
import { queueRun } from './record-run.ts'
import { cancelOf } from './run-queue.ts'
import { requestOptions } from './training-run.ts'

export function runsOf(app: App): Runs {
  const looked = async () => {
    const { runs } = await app.metadata()
    await markLostRuns({ runs, isRunning: isAlive, clock: app.clock })
    return runs
  }
  return {
    list: async (query) => (await looked()).list(query),
    find: async (id) => {
      const runs = await looked()
      return { run: await runs.find(id), metrics: await runs.metrics(id) }
    },
    queue: ({ kind, priority, by, command, why, despiteChecks, threads, evaluate = true, promote = true }) => {
      const asked = { trigger: 'hand', by, command, why, isDetached: true } as const
      const options = requestOptions({ threads, evaluate, promote })
      return queueRun(app, {
        kind,
        priority,
        request: { ...asked, options, ...(despiteChecks !== undefined && { despiteChecks }) },
      })
    },
    cancel: (id, asked) => cancelOf(app, id, asked),
  }
}
