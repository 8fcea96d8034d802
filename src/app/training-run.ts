// The work of a run of training: is the data good enough, how good would the model be, then the model.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { App } from '../app.ts'
import type { GateReport } from '../domain/gate-report.ts'
import { offlineTableNames } from '../domain/offline-table.ts'
import type { RunArtifact, RunMetric, RunRequest } from '../domain/run.ts'
import { MillraceError } from '../lib/errors.ts'
import type { Manifest } from '../models/bundle.ts'
import { describeFunnel, type FunnelReport } from '../training/evaluate-funnel.ts'
import { describeEvaluation, type EvaluationReport } from '../training/evaluation-report.ts'
import { describeGates } from '../training/gates/judge.ts'
import { describeHeldOutSlices, toldSlices } from '../training/held-out-slices.ts'
import { checkedRankerFile } from './checked-ranker.ts'
import type { RunRecorder } from './record-run.ts'
import { threadCountOf } from './run-threads.ts'
import { trainModel } from './train-model.ts'
import { trainWithGates } from './train-with-gates.ts'
import { readTrainingInput } from './training-input.ts'

/** What a run of training may be told, as it is kept in its request. */
export interface TrainingRunOptions {
  /** All processors where it is left out; of a queued run all but one. */
  readonly threads?: number | undefined
  /** Whether to measure on a split by time first, and to let the gates judge. */
  readonly evaluate: boolean
  /** Whether the model becomes the champion where the gates let it through. */
  readonly promote: boolean
  /** Why it becomes the champion without gates; for a run that does not evaluate. */
  readonly override?: string | undefined
}

export const requestOptions = ({
  threads,
  evaluate,
  promote,
  override,
}: TrainingRunOptions): RunRequest['options'] => ({
  ...(threads !== undefined && { threads }),
  evaluate,
  promote,
  ...(override !== undefined && { override }),
})

/** What came of it. */
export interface TrainingOutcome {
  readonly manifest: Manifest
  /** Left out where nothing was measured, so that no gate could judge. */
  readonly gates?: GateReport
  readonly isPromoted: boolean
}

/**
 * @param say told each line of the run's log as well
 * @throws MillraceError RUN_HELD, NOTHING_TO_TRAIN_ON, TRAINING_*, MODEL_FILE_INVALID, ONNX_RUNTIME_MISSING, RUN_INPUT_CHANGED, MODEL_REFUSED where the gates refuse it, DISK_FULL, METADATA_*, MODEL_ALIAS_MOVED
 */
export async function trainingRun(
  recorder: RunRecorder,
  say: (line: string) => void = () => {},
  onReport: (gates: GateReport) => void = () => {},
): Promise<TrainingOutcome> {
  const { run, app, checkpoints } = recorder
  const { evaluate, promote, override } = run.request.options as unknown as TrainingRunOptions
  const threadCount = threadCountOf(app, run.request)
  const log = (line: string): void => {
    recorder.log(line)
    say(line)
  }
  await assertNotHeld(app, run.request)
  // Before the evaluation, which can take long.
  await checkedRankerFile(app)
  const input = await readTrainingInput(app)
  const made = (manifest: Manifest): Promise<void> =>
    recorder.made({ modelVersion: manifest.version, artifacts: artifactsOf(manifest) })
  if (!evaluate) {
    const manifest = await trainModel(app, input, { threadCount, checkpoints, override, log })
    await made(manifest)
    return { manifest, isPromoted: override !== undefined }
  }
  const { manifest, report, isPromoted } = await trainWithGates(app, input, {
    threadCount,
    promote,
    checkpoints,
    log,
    onEvaluation: async ({ report: evaluation, slices }, funnel) => {
      for (const line of [...describeEvaluation(evaluation), '', ...describeHeldOutSlices(slices)]) log(line)
      await recorder.addMetrics(metricsOf(evaluation))
      if (funnel) {
        for (const line of ['', ...describeFunnel(funnel)]) log(line)
        await recorder.addMetrics(funnelMetricsOf(funnel.report))
      }
      await writeFile(
        join(recorder.folder, 'evaluation.json'),
        JSON.stringify({ ...evaluation, slices: toldSlices(slices), funnel: funnel?.report }),
      )
    },
    onModel: made,
    onReport: (gates) => {
      for (const line of ['', ...describeGates(gates)]) log(line)
      onReport(gates)
    },
  })
  return { manifest, gates: report, isPromoted }
}

/** The ranked list's, and what its candidates could have given at most. */
export function funnelMetricsOf({ k, ranked, candidateRecall }: FunnelReport): readonly Omit<RunMetric, 'atMs'>[] {
  return [
    { name: `NDCG@${k} (ranked)`, step: 0, value: ranked.ndcg.mean, interval: ranked.ndcg.interval },
    { name: `Recall@${k} (ranked)`, step: 0, value: ranked.recall },
    { name: 'Recall (candidates)', step: 0, value: candidateRecall.mean, interval: candidateRecall.interval },
  ]
}

/** @throws MillraceError RUN_HELD */
async function assertNotHeld(app: App, { despiteChecks }: RunRequest): Promise<void> {
  if (despiteChecks !== undefined) return
  const { tablePublications } = await app.metadata()
  const holds = await Promise.all(offlineTableNames.map((table) => tablePublications.openHold(table)))
  const problems = holds.flatMap((hold) =>
    hold === undefined ? [] : hold.reasons.map((message) => ({ where: hold.table, message })),
  )
  const held = holds.flatMap((hold) => (hold === undefined ? [] : [hold.table]))
  if (held.length === 0) return
  throw new MillraceError('RUN_HELD', `New data is held back in ${held.join(' and ')}, so it is not trained on.`, {
    problems,
    fix: 'Mend the data or release it ("millrace data publish --help"), or train on it as it is with --despite-checks REASON.',
  })
}

/** The figures of every model that was measured, by name: "NDCG@20 (cf)". */
export function metricsOf({ k, models }: EvaluationReport): readonly Omit<RunMetric, 'atMs'>[] {
  return models.flatMap(({ name: model, metrics: { ndcg, recall, reciprocalRank, averagePrecision } }) =>
    Object.entries({ NDCG: ndcg, Recall: recall, MRR: reciprocalRank, MAP: averagePrecision }).map(
      ([name, { mean, interval }]) => ({ name: `${name}@${k} (${model})`, step: 0, value: mean, interval }),
    ),
  )
}

const artifactsOf = ({ version, files }: Manifest): readonly RunArtifact[] =>
  Object.entries(files).map(([path, { bytes, sha256 }]) => ({ path: `models/${version}/${path}`, bytes, sha256 }))
