// Runs in words, for a terminal.

import type { Run, RunMetric, RunResources } from '../domain/run.ts'
import type { ComparedRun, RunComparison } from '../domain/run-comparison.ts'

export const runRowHeader = ['run', 'kind', 'state', 'began', 'took', 'asked for by', 'model', 'why'] as const

export function runRow(run: Run, nowMs: number): readonly string[] {
  const { id, kind, state, attempt, startedAtMs, endedAtMs, request, modelVersion } = run
  return [
    id,
    kind,
    attempt > 1 ? `${state} (attempt ${attempt})` : state,
    startedAtMs === undefined ? '–' : isoOf(startedAtMs),
    startedAtMs === undefined ? '–' : secondsText(((endedAtMs ?? nowMs) - startedAtMs) / 1000),
    `${request.by} (${request.trigger})`,
    modelVersion ?? '–',
    endText(run) ?? request.why ?? '–',
  ]
}

/** Rows of a name and a value. */
export function describeRun(run: Run): readonly (readonly string[])[] {
  const { request, inputs, resources, failure, artifacts = [] } = run
  return [
    ['kind', run.kind],
    ['state', run.attempt > 1 ? `${run.state}, attempt ${run.attempt}` : run.state],
    ...(failure ? [['failure', [failure.code, failure.message, failure.fix].filter(Boolean).join(' ')]] : []),
    ...(run.outcome === undefined ? [] : [['outcome', run.outcome]]),
    ['asked for by', `${request.by}, ${request.command} (${request.trigger})`],
    ...(request.why === undefined ? [] : [['why', request.why]]),
    ...(request.despiteChecks === undefined ? [] : [['despite checks', request.despiteChecks]]),
    ['options', optionsText(request.options)],
    ['priority', String(run.priority)],
    ['queued', isoOf(run.queuedAtMs)],
    ...(run.state === 'queued' ? [['not before', isoOf(run.notBeforeMs)]] : []),
    ...(run.startedAtMs === undefined ? [] : [['began', isoOf(run.startedAtMs)]]),
    ...(run.endedAtMs === undefined ? [] : [['ended', isoOf(run.endedAtMs)]]),
    ...(run.process && run.state === 'running' ? [['process', String(run.process.pid)]] : []),
    ...(inputs
      ? [
          ['plan', inputs.planHash],
          ['commit', commitText(inputs)],
          ['Millrace', inputs.millraceVersion],
          ['seed', String(inputs.seed)],
          ['log', `before ${inputs.nextOffset}`],
          ['as of', isoOf(inputs.asOfMs)],
          ...inputs.tables.map(({ table, version }) => [`table ${table}`, `version ${version}`]),
          ...(inputs.rankerFile === undefined ? [] : [['ranker file', `SHA-256 ${inputs.rankerFile}`]]),
          ['parameters', JSON.stringify(inputs.parameters)],
        ]
      : []),
    ...(resources ? [['took', resourcesText(resources)]] : []),
    ...(run.modelVersion === undefined ? [] : [['model', run.modelVersion]]),
    ...artifacts.map(({ path, bytes, sha256 }) => ['made', `${path}, ${bytes} bytes, SHA-256 ${sha256.slice(0, 12)}…`]),
  ]
}

/** A header, and a row for everything that differs, was measured or was taken. */
export function comparisonRows(
  compared: readonly ComparedRun[],
  comparison: RunComparison,
): readonly (readonly string[])[] {
  const metricValue = (metric: RunMetric | undefined): string => (metric ? metricText(metric) : '–')
  return [
    ['', ...comparison.ids],
    ['state', ...compared.map(({ run }) => run.state)],
    ['began', ...compared.map(({ run }) => (run.startedAtMs === undefined ? '–' : isoOf(run.startedAtMs)))],
    ['model', ...compared.map(({ run }) => run.modelVersion ?? '–')],
    ...comparison.differing.map(({ name, values }) => [name, ...values.map((value) => shortened(value ?? '–'))]),
    ...comparison.metrics.map(({ name, values }) => [name, ...values.map(metricValue)]),
    ...comparison.resources.map(({ name, values }) => [name, ...values.map((value) => value?.toFixed(1) ?? '–')]),
  ]
}

export function metricText({ value, interval, step }: RunMetric): string {
  const range = interval === undefined ? '' : ` (95 %: ${figureText(interval[0])} … ${figureText(interval[1])})`
  return `${figureText(value)}${range}${step > 0 ? ` at step ${step}` : ''}`
}

/** A hash is told apart by its beginning. */
const shortened = (text: string): string => (/^[0-9a-f]{40,}$/.test(text) ? `${text.slice(0, 12)}…` : text)

const figureText = (value: number): string => (Math.abs(value) >= 1000 ? value.toFixed(0) : value.toFixed(4))

/** How it ended, where that is worth a word. */
const endText = ({ failure, outcome, state }: Run): string | undefined =>
  outcome ?? (failure === undefined || state === 'succeeded' ? undefined : `${failure.code}: ${failure.message}`)

const commitText = ({ commit, isDirty }: { readonly commit?: string; readonly isDirty?: boolean }): string =>
  commit === undefined ? 'outside a repository' : isDirty ? `${commit}, with changes` : commit

const resourcesText = ({ wallSeconds, cpuSeconds, peakMemoryMb }: RunResources): string =>
  `${secondsText(wallSeconds)}, ${secondsText(cpuSeconds)} of processor time, ${Math.round(peakMemoryMb)} MB at most`

const optionsText = (options: Run['request']['options']): string =>
  Object.entries(options)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ') || 'none'

const secondsText = (seconds: number): string =>
  seconds < 120 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds / 60)} min`

const isoOf = (timeMs: number): string => new Date(timeMs).toISOString()
