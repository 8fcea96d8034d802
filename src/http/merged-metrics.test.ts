import { expect, test } from 'vitest'
import { mergedMetrics } from './merged-metrics.ts'
import { supervisorMetrics } from './supervisor-metrics.ts'

test('samples of one name stand together under one description, each with its process', () => {
  const text = (count: number) =>
    `# HELP a What it is.\n# TYPE a counter\na{b="{x} 1"} ${count}\n\n# HELP c Sea.\n# TYPE c gauge\nc 0.5\n`
  const histogram = '# HELP d Times.\n# TYPE d histogram\nd_bucket{le="1"} 2\nd_count 2\n'
  expect(
    mergedMetrics([
      { process: 'worker-1', text: text(1) },
      { process: 'worker-2', text: `${histogram}${text(2)}` },
    ]),
  ).toBe(
    [
      '# HELP a What it is.',
      '# TYPE a counter',
      'a{process="worker-1",b="{x} 1"} 1',
      'a{process="worker-2",b="{x} 1"} 2',
      '# HELP c Sea.',
      '# TYPE c gauge',
      'c{process="worker-1"} 0.5',
      'c{process="worker-2"} 0.5',
      '# HELP d Times.',
      '# TYPE d histogram',
      'd_bucket{process="worker-2",le="1"} 2',
      'd_count{process="worker-2"} 2',
      '',
    ].join('\n'),
  )
})

test('what a supervisor counts names each process', () => {
  const processes = [
    { name: 'pipeline', isReady: true, restartCount: 2, connectionCount: 0 },
    { name: 'worker-1', isReady: false, restartCount: 0, connectionCount: 3 },
  ]
  const text = supervisorMetrics({ processes, waitingConnectionCount: 4, droppedConnectionCount: 5 })
  expect(text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([
    'millrace_process_ready{of="pipeline"} 1',
    'millrace_process_ready{of="worker-1"} 0',
    'millrace_process_restarts_total{of="pipeline"} 2',
    'millrace_process_restarts_total{of="worker-1"} 0',
    'millrace_process_connections{of="pipeline"} 0',
    'millrace_process_connections{of="worker-1"} 3',
    'millrace_connections_waiting 4',
    'millrace_connections_dropped_total 5',
  ])
})
