// What a running system tells of its runs over HTTP, and lets be done with them.
import type { App } from '../app.ts'
import type { Runs } from '../http/dependencies.ts'
import { batchPlacements, batchRequest } from './batch-run.ts'
import { importanceRequest } from './importance-run.ts'
import { lostRuns, queueRun } from './record-run.ts'
import { cancelOf } from './run-queue.ts'
import { requestOptions } from './training-run.ts'
import { checkTuning } from './tuning.ts'
import { tuningOptions } from './tuning-run.ts'

export function runsOf(app: App): Runs {
  const looked = async () => {
    await lostRuns(app)
    return (await app.metadata()).runs
  }
  return {
    list: async (query) => (await looked()).list(query),
    find: async (id) => {
      const runs = await looked()
      return { run: await runs.find(id), metrics: await runs.metrics(id) }
    },
    queue: async ({ by, command, why, priority, ...wanted }) => {
      const asked = { trigger: 'hand', by, command, why, isDetached: true } as const
      if (wanted.kind === 'tune') {
        const { kind, ...told } = wanted
        checkTuning(app, told)
        return queueRun(app, { kind, priority, request: { ...asked, options: tuningOptions(told) } })
      }
      if (wanted.kind === 'importance') {
        const {
          kind,
          threads: threadCount,
          version,
          leaveOneOut = false,
          permutation = !leaveOneOut,
          testShare,
        } = wanted
        const options = importanceRequest({ threadCount, version, permutation, leaveOneOut, testShare })
        return queueRun(app, { kind, priority, request: { ...asked, options } })
      }
      if (wanted.kind === 'batch') {
        const { kind, placements } = wanted
        batchPlacements(app, placements)
        return queueRun(app, { kind, priority, request: { ...asked, options: batchRequest({ placements }) } })
      }
      const { kind, despiteChecks, threads, evaluate = true, promote = true } = wanted
      const options = requestOptions({ threads, evaluate, promote })
      const request = { ...asked, options, ...(despiteChecks !== undefined && { despiteChecks }) }
      return queueRun(app, { kind, priority, request })
    },
    cancel: (id, asked) => cancelOf(app, id, asked),
  }
}
