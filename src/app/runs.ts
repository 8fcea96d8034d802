// What a running system tells of its runs over HTTP, and lets be done with them.
import type { App } from '../app.ts'
import type { RunRequest } from '../domain/run.ts'
import type { Runs, WantedRun } from '../http/dependencies.ts'
import { importanceRequest } from './importance-run.ts'
import { lostRuns, queueRun } from './record-run.ts'
import { cancelOf } from './run-queue.ts'
import { requestOptions } from './training-run.ts'

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
    queue: ({ kind, priority, by, command, why, despiteChecks, ...asked }) =>
      queueRun(app, {
        kind,
        priority,
        request: {
          trigger: 'hand',
          by,
          command,
          why,
          isDetached: true,
          options: optionsOf(kind, asked),
          ...(despiteChecks !== undefined && { despiteChecks }),
        },
      }),
    cancel: (id, asked) => cancelOf(app, id, asked),
  }
}

type Asked = Omit<WantedRun, 'kind' | 'priority' | 'by' | 'command' | 'why' | 'despiteChecks'>

function optionsOf(kind: WantedRun['kind'], asked: Asked): RunRequest['options'] {
  const { threads, evaluate = true, promote = true, version, leaveOneOut = false, testShare } = asked
  if (kind === 'train') return requestOptions({ threads, evaluate, promote })
  const { permutation = !leaveOneOut } = asked
  return importanceRequest({ threadCount: threads, version, permutation, leaveOneOut, testShare })
}
