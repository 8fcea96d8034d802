// What differs between runs, and what is the same. Pure.
import type { Run, RunMetric } from './run.ts'

export interface ComparedRun {
  readonly run: Run
  readonly metrics: readonly RunMetric[]
}

/** One thing that runs may differ in, with its value in each of them, in their order; undefined where one has none. */
export interface ComparedValue<T> {
  readonly name: string
  readonly values: readonly (T | undefined)[]
}

export interface RunComparison {
  readonly ids: readonly string[]
  /** Inputs and parameters whose values are not all the same, as text, by their path: `candidates.cf.options.factors`. */
  readonly differing: readonly ComparedValue<string>[]
  /** The last step of every figure. */
  readonly metrics: readonly ComparedValue<RunMetric>[]
  /** Seconds and megabytes. */
  readonly resources: readonly ComparedValue<number>[]
}

export function compareRuns(compared: readonly ComparedRun[]): RunComparison {
  const flat = compared.map(({ run }) => new Map(leavesOf(statedOf(run), '')))
  const lastSteps = compared.map(({ metrics }) => new Map(metrics.map((metric) => [metric.name, metric])))
  const took = compared.map(({ run }) => new Map(Object.entries(run.resources ?? {}) as [string, number][]))
  return {
    ids: compared.map(({ run }) => run.id),
    differing: inAll(flat).filter(({ values }) => values.some((value) => value !== values[0])),
    metrics: inAll(lastSteps),
    resources: inAll(took),
  }
}

/** What was stated before a run began: it alone can be why the outcomes differ. */
function statedOf({ kind, request, inputs }: Run): object {
  // The moment is no reason of its own: what it changes shows in the log's offset.
  const { parameters, tables = [], asOfMs: _, ...rest } = inputs ?? {}
  const versions = Object.fromEntries(tables.map(({ table, version }) => [table, version]))
  return { kind, command: request.options, ...rest, tables: versions, ...(parameters as object | undefined) }
}

/** Every value at the end of a path, as text. A list counts as one value. */
function leavesOf(value: unknown, path: string): [string, string][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return [[path, typeof value === 'string' ? value : JSON.stringify(value)]]
  }
  return Object.entries(value).flatMap(([key, part]) => leavesOf(part, path === '' ? key : `${path}.${key}`))
}

/** By name, in the order in which the names are first met. */
function inAll<T>(maps: readonly ReadonlyMap<string, T>[]): readonly ComparedValue<T>[] {
  const names = new Set(maps.flatMap((map) => [...map.keys()]))
  return [...names].map((name) => ({ name, values: maps.map((map) => map.get(name)) }))
}
