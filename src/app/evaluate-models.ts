// Measures the models of the system file on newer interactions than they learned from, beside popularity and item neighbours.
import { availableParallelism } from 'node:os'
import type { App } from '../app.ts'
import type { PlacementPlan, Plan } from '../config/plan.ts'
import type { HeldOutPair } from '../data/read-held-out.ts'
import { givenSplit } from '../domain/given-split.ts'
import { type InteractionTable, itemsByUserOf, trainingDataOf } from '../domain/interaction-table.ts'
import { splitAt, splitByTime, type TimeSplit } from '../domain/time-split.ts'
import type { TrainingData } from '../domain/training-data.ts'
import { canonicalJson } from '../lib/canonical-json.ts'
import { type Csr, csrFromTriplets } from '../lib/csr.ts'
import { MillraceError } from '../lib/errors.ts'
import { itemNeighbours } from '../models/item-neighbours/item-neighbours.ts'
import { popularity } from '../models/popularity/popularity.ts'
import type { CandidateGenerator, GeneratorKind } from '../ports/candidate-generator.ts'
import type { Checkpoints } from '../ports/checkpoints.ts'
import { type ContributionReport, contributionOf } from '../training/contribution.ts'
import { type HeldOut, type RankedLists, rankForUsers } from '../training/evaluate.ts'
import {
  type EvaluatedModel,
  type EvaluationReport,
  evaluationReport,
  type RankedModel,
} from '../training/evaluation-report.ts'
import { filledGenerator } from '../training/filled-generator.ts'
import type { HeldOutSlices } from '../training/held-out-slices.ts'
import { trainGenerators } from '../training/train.ts'
import { heldOutSlices } from './held-out-slices.ts'
import type { TrainingInput } from './training-input.ts'

export interface EvaluateOptions {
  /** Length of the lists; 20 where it is left out. */
  readonly k?: number | undefined
  /** Share of the newest interactions to ask about; 0.2 where it is left out. */
  readonly testShare?: number | undefined
  /** The moment to split at, instead of a share. */
  readonly splitAtMs?: number | undefined
  /** What was held out by somebody else, instead of a split by time: then everything in the log is learned from. */
  readonly heldOut?: readonly HeldOutPair[] | undefined
  readonly threadCount?: number | undefined
  /** What was trained already, where the run was killed before. */
  readonly checkpoints?: Checkpoints | undefined
  readonly log: (line: string) => void
}

const BASELINES: Readonly<Record<string, GeneratorKind>> = {
  popularity: popularity(),
  'item neighbours': itemNeighbours(),
}

/** An evaluation with what it rests on. */
export interface HeldOutEvaluation {
  readonly report: EvaluationReport
  readonly heldOut: HeldOut
  /** By the names of the report, in its order: the one that serves comes first. */
  readonly models: readonly RankedModel[]
  /** Popularity comes first. */
  readonly baselines: readonly string[]
  /** Of the model that serves. */
  readonly slices: HeldOutSlices
}

/** @throws MillraceError NOTHING_TO_TRAIN_ON where no moment leaves something on both sides */
export async function evaluateModels(
  app: App,
  input: TrainingInput,
  options: EvaluateOptions,
): Promise<EvaluationReport> {
  return (await evaluated(app, input, options)).report
}

/** As `evaluateModels`, with the lists, which gates compare, and for whom they work worse. */
export async function evaluateOnHeldOut(
  app: App,
  input: TrainingInput,
  options: EvaluateOptions,
): Promise<HeldOutEvaluation> {
  const evaluation = await evaluated(app, input, options)
  const { heldOut, models } = evaluation
  return { ...evaluation, slices: await heldOutSlices(app, input, { heldOut, lists: models[0]!.lists }) }
}

type Evaluated = Omit<HeldOutEvaluation, 'slices'>

async function evaluated(app: App, input: TrainingInput, options: EvaluateOptions): Promise<Evaluated> {
  const { k = 20 } = options
  const split = splitOf(input.table, options)
  const evaluation = split && (await evaluateSplit(app, split, { ...options, k }))
  if (evaluation) return evaluation
  throw new MillraceError(
    'NOTHING_TO_TRAIN_ON',
    `The ${input.table.weights.length} interactions cannot be split: one side would have nothing to learn from, or nothing new to ask about.`,
    {
      fix: 'Import more history, split at another moment ("millrace evaluate --split-at"), or do not measure ("millrace train --no-evaluate").',
    },
  )
}

interface Split extends Pick<TimeSplit, 'train' | 'test'> {
  /** Undefined for a split that was given. */
  readonly splitAtMs?: number
}

function splitOf(table: InteractionTable, options: EvaluateOptions): Split | undefined {
  return options.heldOut ? givenSplit(table, options.heldOut) : timeSplitOf(table, options)
}

/** Undefined where one side would be empty. */
export function timeSplitOf(
  table: InteractionTable,
  { splitAtMs, testShare = 0.2 }: Pick<EvaluateOptions, 'splitAtMs' | 'testShare'>,
): TimeSplit | undefined {
  return splitAtMs === undefined ? splitByTime(table, testShare) : splitAt(table, splitAtMs)
}

async function evaluateSplit(
  app: App,
  split: Split,
  options: EvaluateOptions & { readonly k: number },
): Promise<Evaluated | undefined> {
  const { generators: kinds } = app.system
  const data = trainingDataOf(split.train, split.splitAtMs ?? app.clock.now())
  const models = await trainedModels(app, kinds, data, options)
  const baselines = await baselineModels(app, models, data, options)
  const heldOut = heldOutOf(data, split.test)
  const served: EvaluatedModel = {
    name: `placement ${servedPlacement(app.plan)[0]}`,
    kind: 'placement',
    generator: servedGenerator(app.plan, new Map(models.map(({ name, generator }) => [name, generator]))),
  }
  // A baseline may be one of the models, under its own name.
  const listsOf = new Map<CandidateGenerator, RankedLists>()
  const ranked = [served, ...models, ...baselines].map(({ name, kind, generator }) => {
    const lists = listsOf.get(generator) ?? rankForUsers(generator, heldOut, options.k)
    listsOf.set(generator, lists)
    return { name, kind, lists }
  })
  const report = evaluationReport(ranked, heldOut, {
    k: options.k,
    seed: app.plan.training.seed,
    splitAtMs: split.splitAtMs,
    baseline: baselines[0]!.name,
  })
  if (report === undefined) return undefined
  const contribution = servedContribution(app, models, heldOut, options.k)
  return {
    report: { ...report, ...(contribution && { contribution }) },
    heldOut,
    models: ranked,
    baselines: baselines.map(({ name }) => name),
  }
}

/** What each generator of the placement adds to its list; with one there is nothing to tell apart. */
function servedContribution(
  app: App,
  models: readonly EvaluatedModel[],
  heldOut: HeldOut,
  k: number,
): ContributionReport | undefined {
  const [, { candidates, candidateCount }] = servedPlacement(app.plan)
  if (candidates.length < 2) return undefined
  const generators = candidates.map((name) => {
    const { generator } = models.find((model) => model.name === name)!
    return { name, lists: rankForUsers(generator, heldOut, Math.max(k, candidateCount)) }
  })
  return contributionOf(generators, heldOut.testItemsByUser, { k, seed: app.plan.training.seed })
}

/** What the models learned from, and what they are asked about. */
export function heldOutOf(data: TrainingData, test: InteractionTable): HeldOut {
  return {
    trainItemsByUser: data.itemsByUser,
    trainSequences: data.sequences,
    testItemsByUser: newItemsByUser(test, data.itemsByUser),
  }
}

async function trainedModels(
  app: App,
  kinds: Readonly<Record<string, GeneratorKind>>,
  data: ReturnType<typeof trainingDataOf>,
  options: EvaluateOptions,
): Promise<readonly EvaluatedModel[]> {
  const trained = await trainGenerators(data, kinds, {
    seed: app.plan.training.seed,
    threadCount: options.threadCount ?? availableParallelism(),
    log: options.log,
    checkpoints: options.checkpoints,
  })
  return Object.entries(kinds).map(([name, kind]) => ({
    name,
    kind: kind.kind,
    generator: kind.open(trained[name]!.artifacts, { itemCount: data.itemIds.length }),
  }))
}

/**
 * Popularity first, then item neighbours. A system may have a generator of the same name with other settings, which must stay what it is; one
 * with the same settings, under whatever name, is not trained again.
 */
async function baselineModels(
  app: App,
  models: readonly EvaluatedModel[],
  data: ReturnType<typeof trainingDataOf>,
  options: EvaluateOptions,
): Promise<readonly EvaluatedModel[]> {
  const { generators: kinds } = app.system
  const baselines: EvaluatedModel[] = []
  for (const [name, kind] of Object.entries(BASELINES)) {
    const same = models.find((model) => isSameKind(kinds[model.name]!, kind))
    const [baseline] = same ? [same] : await trainedModels(app, { [name]: kind }, data, options)
    baselines.push({ ...baseline!, name: name in kinds ? `${name} (baseline)` : name })
  }
  return baselines
}

const isSameKind = (a: GeneratorKind, b: GeneratorKind): boolean =>
  a.kind === b.kind && canonicalJson(a.options) === canonicalJson(b.options)

/** The first realtime placement, or else the first one with lists for users, or else the first: what a model is judged by. */
export function servedPlacement({ serving }: Plan): readonly [string, PlacementPlan] {
  const placements = Object.entries(serving.placements)
  return (
    placements.find(([, { pattern }]) => pattern === 'realtime') ??
    placements.find(([, { pattern }]) => pattern !== 'embedding') ??
    placements[0]!
  )
}

/** What a visitor gets: the generators of that placement, in its order; those that a model lacks are left out. */
export function servedGenerator(plan: Plan, byName: ReadonlyMap<string, CandidateGenerator>): CandidateGenerator {
  const [, { candidates }] = servedPlacement(plan)
  return filledGenerator(candidates.flatMap((name) => byName.get(name) ?? []))
}

/** What each user chose in the test part and had not chosen before: only that can be recommended. */
export function newItemsByUser(test: InteractionTable, trainItemsByUser: Csr): Csr {
  const all = itemsByUserOf(test)
  const rows: number[] = []
  const columns: number[] = []
  for (let user = 0; user < all.rowCount; user++) {
    const known = new Set(
      trainItemsByUser.columns.subarray(trainItemsByUser.offsets[user]!, trainItemsByUser.offsets[user + 1]!),
    )
    for (let i = all.offsets[user]!; i < all.offsets[user + 1]!; i++) {
      if (known.has(all.columns[i]!)) continue
      rows.push(user)
      columns.push(all.columns[i]!)
    }
  }
  return csrFromTriplets({ rows, columns, values: columns.map(() => 1) }, all)
}
