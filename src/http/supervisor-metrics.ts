// What a supervisor counts of its processes, in the text format of Prometheus. It runs no request, so it has no registry either.

export interface SupervisorFigures {
  readonly processes: readonly {
    readonly name: string
    readonly isReady: boolean
    readonly restartCount: number
    readonly connectionCount: number
  }[]
  readonly waitingConnectionCount: number
  readonly droppedConnectionCount: number
}

export function supervisorMetrics(figures: SupervisorFigures): string {
  const { processes } = figures
  const of = (value: (one: SupervisorFigures['processes'][number]) => number): string[] =>
    processes.map((one) => `{of="${one.name}"} ${value(one)}`)
  return [
    family(
      'millrace_process_ready',
      'gauge',
      '1 where a process of the system does its work, 0 while it starts or is gone.',
      of(({ isReady }) => Number(isReady)),
    ),
    family(
      'millrace_process_restarts_total',
      'counter',
      'How often a process was started again because it had ended without being told to.',
      of(({ restartCount }) => restartCount),
    ),
    family(
      'millrace_process_connections',
      'gauge',
      'Open connections of a process.',
      of(({ connectionCount }) => connectionCount),
    ),
    family('millrace_connections_waiting', 'gauge', 'Connections that no worker has taken yet.', [
      ` ${figures.waitingConnectionCount}`,
    ]),
    family(
      'millrace_connections_dropped_total',
      'counter',
      'Connections that were closed because no worker took them within five seconds.',
      [` ${figures.droppedConnectionCount}`],
    ),
  ].join('')
}

const family = (name: string, type: string, help: string, samples: readonly string[]): string =>
  `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${samples.map((sample) => `${name}${sample}\n`).join('')}`
