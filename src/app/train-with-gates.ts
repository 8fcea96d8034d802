// A training as `millrace train` does it: measure, train on everything, register, judge, and put in charge what the gates let through.
import { randomUUID } from 'node:crypto'
import type { App } from '../app.ts'
import { type GateReport, lettingThrough } from '../domain/gate-report.ts'
import { MillraceError } from '../lib/errors.ts'
import type { Manifest } from '../models/bundle.ts'
import { judge } from '../training/gates/judge.ts'
import { refusedByGates } from '../training/registered-models.ts'
import { type EvaluatedFunnel, evaluateFunnel, type UnmeasuredFunnel } from './evaluate-funnel.ts'
import { evaluateOnHeldOut, type HeldOutEvaluation } from './evaluate-models.ts'
import { type Candidate, gatherEvidence } from './gate-evidence.ts'
import { type TrainModelOptions, trainModel } from './train-model.ts'
import type { TrainingInput } from './training-input.ts'

export interface TrainWithGatesOptions extends Pick<TrainModelOptions, 'threadCount' | 'log' | 'checkpoints'> {
  /** Whether the model becomes the champion where the gates let it through; true where it is left out. */
  readonly promote?: boolean | undefined
  /** Told before training goes on. */
  readonly onEvaluation?: (evaluation: HeldOutEvaluation, funnel: EvaluatedFunnel | undefined) => void | Promise<void>
  /** Told before the model is judged. */
  readonly onModel?: (manifest: Manifest) => void | Promise<void>
  readonly onReport?: (report: GateReport) => void
}

export interface GatedTraining {
  readonly manifest: Manifest
  readonly report: GateReport
  /** Whether it is in charge now. */
  readonly isPromoted: boolean
}

/**
 * A model that the gates refuse is registered all the same, and its report kept; the champion stays.
 * @throws MillraceError MODEL_REFUSED where it was to be in charge; NOTHING_TO_TRAIN_ON, and what `trainModel` throws
 */
export async function trainWithGates(
  app: App,
  input: TrainingInput,
  options: TrainWithGatesOptions,
): Promise<GatedTraining> {
  const { threadCount, log, checkpoints, promote = true } = options
  const evaluation = await evaluateOnHeldOut(app, input, { threadCount, checkpoints, log: () => {} })
  const funnel = await measuredFunnel(app, input, { threadCount, log })
  const measured = funnel && 'missing' in funnel ? undefined : funnel
  await options.onEvaluation?.(evaluation, measured)
  const manifest = await trainModel(app, input, { threadCount, log, evaluation, funnel: measured, checkpoints })
  await options.onModel?.(manifest)
  const report = await judgeModel(app, { manifest, input, evaluation, funnel, threadCount })
  options.onReport?.(report)
  if (promote) {
    if (!report.passed) throw refusedByGates(report)
    const { champion: expected } = report
    const decision = { by: 'gates', command: 'millrace train', why: 'Newly trained; the gates let it through.' }
    const models = await app.models()
    await models.promote({ version: manifest.version, ...(expected !== undefined && { expected }), decision })
  }
  return { manifest, report, isPromoted: promote }
}

/** What may be too little before a split can be enough in all: that ends no training. */
async function measuredFunnel(
  app: App,
  input: TrainingInput,
  options: Parameters<typeof evaluateFunnel>[2],
): Promise<EvaluatedFunnel | UnmeasuredFunnel | undefined> {
  if (app.system.ranker === undefined) return undefined
  try {
    const funnel = await evaluateFunnel(app, input, options)
    return funnel ?? { missing: 'nobody chose anything new after a split' }
  } catch (error) {
    if (!(error instanceof MillraceError && error.code === 'NOTHING_TO_TRAIN_ON')) throw error
    return { missing: `before a split there is too little to learn from: ${error.message}` }
  }
}

/** Judges a model that was just trained, and keeps the report. @throws MillraceError METADATA_*, BUNDLE_* */
async function judgeModel(app: App, candidate: Candidate): Promise<GateReport> {
  const { gates } = app.plan.training
  const { evidence, champion, comparison } = await gatherEvidence(app, candidate)
  const results = judge(evidence, gates)
  const report: GateReport = {
    id: randomUUID(),
    version: candidate.manifest.version,
    judgedAtMs: app.clock.now(),
    ...(champion !== undefined && { champion }),
    ...(comparison && { comparison }),
    passed: lettingThrough(results, gates.notJudged),
    results,
  }
  await (await app.metadata()).gateReports.append(report)
  return report
}
