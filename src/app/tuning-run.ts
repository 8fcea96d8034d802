// The work of a run of tuning: trials, each a step of the run's figures, then what they found.
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import type { RunArtifact, RunMetric, RunRequest } from '../domain/run.ts'
import type { UserMetric } from '../training/evaluate.ts'
import { bestTrial, type Trial } from '../training/tune.ts'
import { describeTrial, describeTuning, type TuningReport, userShare } from '../training/tuning-report.ts'
import type { RunRecorder } from './record-run.ts'
import { threadCountOf } from './run-threads.ts'
import { readTrainingInput } from './training-input.ts'
import { type TuningWish, tuning } from './tuning.ts'

/** What a run of tuning may be told, as it is kept in its request. */
export interface TuningRunOptions extends TuningWish {
  /** Whether trials of an earlier search of the same target are thrown away instead of continued. */
  readonly restart?: boolean | undefined
  /** All processors where it is left out; of a queued run all but one. */
  readonly threads?: number | undefined
}

/** In words of a run's request; what was not told is not there. */
export const tuningOptions = (told: TuningRunOptions): RunRequest['options'] =>
  Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined)) as RunRequest['options']

/** @param say told each line of the run's log as well @throws MillraceError what `tuning` throws, DISK_FULL, METADATA_* */
export async function tuningRun(recorder: RunRecorder, say: (line: string) => void = () => {}): Promise<TuningReport> {
  const { run, app } = recorder
  const options = run.request.options as unknown as TuningRunOptions
  const log = (line: string): void => {
    recorder.log(line)
    say(line)
  }
  const trials: Trial[] = []
  const report = await tuning(app, await readTrainingInput(app), options, {
    runId: run.id,
    restart: options.restart,
    threadCount: threadCountOf(app, run.request),
    log,
    onTrial: async (trial) => {
      trials.push(trial)
      log(describeTrial(trial))
      await recorder.addMetrics(trialMetrics(options, trials))
    },
  })
  for (const line of ['', ...describeTuning(report)]) log(line)
  await recorder.addMetrics(confirmationMetrics(options, report))
  await recorder.made({ artifacts: [writtenReport(recorder, report)] })
  return report
}

const titles: Readonly<Record<UserMetric, string>> = {
  ndcg: 'NDCG',
  recall: 'Recall',
  reciprocalRank: 'MRR',
  averagePrecision: 'MAP',
  precision: 'Precision',
}
const titleOf = ({ metric = 'ndcg', k = 20 }: TuningWish): string => `${titles[metric]}@${k}`

/** The newest trial as a step. Only those with the full budget compare. */
function trialMetrics(wish: TuningWish, trials: readonly Trial[]): readonly Omit<RunMetric, 'atMs'>[] {
  const { number: step, budget, value } = trials.at(-1)!
  const title = titleOf(wish)
  if (budget < 1) return [{ name: `${title} (validation, ${userShare(budget)})`, step, value }]
  return [
    { name: `${title} (validation)`, step, value },
    { name: `${title} (validation, best so far)`, step, value: bestTrial(trials)!.value },
  ]
}

function confirmationMetrics(wish: TuningWish, { confirmation }: TuningReport): readonly Omit<RunMetric, 'atMs'>[] {
  if (!confirmation) return []
  const { present, best, gain } = confirmation
  const title = titleOf(wish)
  return [
    { name: `${title} (confirmation, present)`, step: 0, value: present },
    { name: `${title} (confirmation, best)`, step: 0, value: best },
    { name: `${title} (confirmation, gain)`, step: 0, value: gain.mean, interval: gain.interval },
  ]
}

/** Every trial and what came of them, beside the run's log. */
function writtenReport({ app, folder }: RunRecorder, report: TuningReport): RunArtifact {
  const bytes = Buffer.from(JSON.stringify(report))
  const file = join(folder, 'tuning.json')
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, bytes)
  return {
    path: relative(app.dataDir, file).replaceAll(sep, '/'),
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  }
}
