// The work of a run of importance, and what the newest one has found of a model.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { App } from '../app.ts'
import type { RunMetric, RunRequest } from '../domain/run.ts'
import {
  describeMeasuredImportance,
  type MeasuredImportance,
  type MeasuredLosses,
} from '../training/measured-importance.ts'
import { type ImportanceOptions, measureImportance } from './measure-importance.ts'
import { type RunRecorder, runFolder } from './record-run.ts'
import { threadCountOf } from './run-threads.ts'

type Told = Omit<ImportanceOptions, 'log'>

const RESULT_FILE = 'importance.json'

/** Of more runs the older ones are not looked through. */
const KNOWN_RUNS = 1000

/** What a run of importance may be told, as it is kept in its request. */
export const importanceRequest = (told: Told): RunRequest['options'] =>
  Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined))

/** @throws MillraceError as `measureImportance` */
export async function importanceRun(
  recorder: RunRecorder,
  say: (line: string) => void = () => {},
): Promise<MeasuredImportance> {
  const { run, app } = recorder
  const told = run.request.options as Told
  const log = (line: string): void => {
    recorder.log(line)
    say(line)
  }
  const threadCount = told.threadCount ?? threadCountOf(app, run.request)
  const measured = await measureImportance(app, { ...told, threadCount, log })
  for (const line of describeMeasuredImportance(measured)) recorder.log(line)
  await recorder.addMetrics(metricsOf(measured))
  await writeFile(join(recorder.folder, RESULT_FILE), JSON.stringify(measured))
  await recorder.made({ modelVersion: measured.version, artifacts: [] })
  return measured
}

function metricsOf({ permutation, leftOut }: MeasuredImportance): readonly Omit<RunMetric, 'atMs'>[] {
  const of = (how: string, found: MeasuredLosses | undefined) =>
    (found?.losses ?? []).map(({ featureName, loss }) => ({
      name: `loss of NDCG@${found!.k} (${how} ${featureName})`,
      step: 0,
      value: loss.mean,
      interval: loss.interval,
    }))
  return [...of('mixed up', permutation), ...of('without', leftOut)]
}

/** What the newest run that has succeeded found of a version; undefined where there is none. */
export async function measuredImportance(
  app: App,
  version: string,
): Promise<(MeasuredImportance & { readonly runId: string; readonly atMs: number }) | undefined> {
  const { runs } = await app.metadata()
  const found = await runs.list({ kind: 'importance', states: ['succeeded'], limit: KNOWN_RUNS })
  const newest = found.find(({ modelVersion }) => modelVersion === version)
  if (newest === undefined) return undefined
  const text = await readFile(join(runFolder(app, newest.id), RESULT_FILE), 'utf8')
  return { ...(JSON.parse(text) as MeasuredImportance), runId: newest.id, atMs: newest.endedAtMs! }
}
