// Searches one generator's settings. The newest part of the history is held back as the test part and never looked at; settings are compared on a
// validation part before it, and the winner once more on a part between the two that no trial has seen.
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { appendTrial, createTrialFile, readTrialFile } from '../adapters/embedded/trial-file.ts'
import type { App } from '../app.ts'
import { type InteractionTable, itemsByUserOf } from '../domain/interaction-table.ts'
import { splitAt, splitByTime, type TimeSplit } from '../domain/time-split.ts'
import { canonicalJson } from '../lib/canonical-json.ts'
import { MillraceError } from '../lib/errors.ts'
import { suggestName } from '../lib/nearest-name.ts'
import type { GeneratorKind } from '../ports/candidate-generator.ts'
import type { UserMetric } from '../training/evaluate.ts'
import type { ParameterRanges } from '../training/parameter-space.ts'
import { bestTrial, type Trial, type TuningMethod, tune } from '../training/tune.ts'
import { type TuningReport, tuningReport } from '../training/tuning-report.ts'
import { newItemsByUser } from './evaluate-models.ts'
import { generatorTask, measureOnSplit } from './generator-task.ts'
import type { TrainingInput } from './training-input.ts'

export interface TuneGeneratorOptions {
  /** What is made larger; NDCG where it is left out. */
  readonly metric?: UserMetric | undefined
  /** 20 where it is left out. */
  readonly k?: number | undefined
  /** `tpe` where it is left out. */
  readonly method?: TuningMethod | undefined
  readonly trialCount?: number | undefined
  readonly seconds?: number | undefined
  /** In the place of the kind's own ranges of these settings. */
  readonly ranges?: ParameterRanges | undefined
  /** Whether an earlier search of this generator is thrown away instead of continued. */
  readonly restart?: boolean | undefined
  readonly threadCount?: number | undefined
  readonly onResume?: (trials: readonly Trial[]) => void
  readonly onTrial?: (trial: Trial) => void
}

/** Shares of what is left: first the test part goes, then the part that confirms, then the validation part. */
const TEST_SHARE = 0.2
const CONFIRMATION_SHARE = 0.1
const VALIDATION_SHARE = 0.2

/** What makes two searches the same: then the trials of one are those of the other. */
interface Search {
  readonly generator: string
  readonly kind: string
  readonly options: GeneratorKind['options']
  readonly ranges: ParameterRanges
  readonly method: TuningMethod
  readonly metric: UserMetric
  readonly k: number
  readonly seed: number
  readonly validationAtMs: number
  readonly confirmationAtMs: number
  readonly testAtMs: number
  /** Before the test part. */
  readonly interactionCount: number
}

/**
 * Trials are kept in `tuning/<name>.jsonl` of the data folder as they end; a search of the same plan goes on from there.
 * @throws MillraceError UNKNOWN_GENERATOR, NOTHING_TO_TRAIN_ON, TUNING_INPUT_INVALID, TUNING_OTHER_PLAN
 */
export async function tuneGenerator(
  app: App,
  input: TrainingInput,
  name: string,
  options: TuneGeneratorOptions,
): Promise<TuningReport> {
  const kind = generatorNamed(app, name)
  const { metric = 'ndcg', k = 20, method = 'tpe' } = options
  const { seed } = app.plan.training
  const ranges = rangesOf(kind, name, options.ranges)
  const path = join(app.dataDir, 'tuning', `${name}.jsonl`)
  const earlier = options.restart ? undefined : readTrialFile<Search, Trial>(path)
  const parts = partsOf(input.table, earlier?.search)
  const search: Search = {
    ...{ generator: name, kind: kind.kind, options: kind.options, ranges, method, metric, k, seed },
    ...{ validationAtMs: parts.validation.splitAtMs, confirmationAtMs: parts.confirmation.splitAtMs },
    ...{ testAtMs: parts.testAtMs, interactionCount: parts.interactionCount },
  }
  if (earlier) {
    checkSameSearch(path, earlier.search, search)
    options.onResume?.(earlier.trials)
  }
  let isFileReady = earlier !== undefined
  const context = { seed, threadCount: options.threadCount ?? availableParallelism(), log: () => {}, metric, k }
  const trials = await tune(generatorTask(kind, ranges, parts.validation, context), {
    seed,
    method,
    trialCount: options.trialCount,
    seconds: options.seconds,
    earlier: earlier?.trials ?? [],
    now: app.clock.now,
    onTrial: (trial) => {
      if (!isFileReady) createTrialFile(path, search)
      isFileReady = true
      appendTrial(path, trial)
      options.onTrial?.(trial)
    },
  })
  const best = kind.with(bestTrial(trials)!.parameters)
  const measured = async (one: GeneratorKind) => (await measureOnSplit(one, parts.confirmation, context)).values[metric]
  return tuningReport({
    ...{ generator: name, kind: kind.kind, options: best.options, trials, metric, k, seed },
    ...(bestTrial(trials)!.number > 0 && {
      confirmation: { present: await measured(kind), best: await measured(best) },
    }),
  })
}

function generatorNamed(app: App, name: string): GeneratorKind {
  const kind = app.system.generators[name]
  if (kind) return kind
  throw new MillraceError('UNKNOWN_GENERATOR', `training.candidates has no generator called ${JSON.stringify(name)}.`, {
    fix: suggestName(name, Object.keys(app.system.generators)),
  })
}

/** The kind's ranges, with some of them replaced; any numeric or other setting can be given one. */
function rangesOf(kind: GeneratorKind, name: string, given: ParameterRanges = {}): ParameterRanges {
  const unknown = Object.keys(given).filter((setting) => !(setting in kind.options))
  if (unknown.length === 0) return { ...kind.tunable, ...given }
  throw new MillraceError(
    'TUNING_INPUT_INVALID',
    `${name} has no setting called ${unknown.map((one) => JSON.stringify(one)).join(', ')}.`,
    {
      fix: suggestName(unknown[0]!, Object.keys(kind.options)),
    },
  )
}

interface Parts {
  readonly validation: TimeSplit
  readonly confirmation: TimeSplit
  readonly testAtMs: number
  readonly interactionCount: number
}

/** @param earlier a search that goes on splits where it did, whatever has been appended since */
function partsOf(table: InteractionTable, earlier: Search | undefined): Parts {
  const split = (from: InteractionTable | undefined, share: number, atMs: number | undefined) =>
    from && (atMs === undefined ? splitByTime(from, share) : splitAt(from, atMs))
  const test = split(table, TEST_SHARE, earlier?.testAtMs)
  const confirmation = split(test?.train, CONFIRMATION_SHARE, earlier?.confirmationAtMs)
  const validation = split(confirmation?.train, VALIDATION_SHARE, earlier?.validationAtMs)
  if (!test || !confirmation || !validation) {
    throw new MillraceError(
      'NOTHING_TO_TRAIN_ON',
      `The ${table.weights.length} interactions are too few, or of too few moments, to cut four parts from: to learn, to compare, to confirm, to test.`,
      { fix: 'Import more history.' },
    )
  }
  const asked = newItemsByUser(validation.test, itemsByUserOf(validation.train))
  if (asked.columns.length === 0) {
    throw new MillraceError(
      'TUNING_INPUT_INVALID',
      'In the validation part nobody chose anything that was new to them: every setting would score 0.',
      {
        fix: 'Import more history.',
      },
    )
  }
  return { validation, confirmation, testAtMs: test.splitAtMs, interactionCount: test.train.weights.length }
}

function checkSameSearch(path: string, earlier: Search, search: Search): void {
  const different = (Object.keys(search) as (keyof Search)[]).filter(
    (key) => canonicalJson(earlier[key] ?? null) !== canonicalJson(search[key]),
  )
  if (different.length === 0) return
  throw new MillraceError('TUNING_OTHER_PLAN', `${path} holds the trials of another search.`, {
    problems: different.map((key) => ({
      where: key,
      message: `found ${JSON.stringify(earlier[key])}, expected ${JSON.stringify(search[key])}.`,
    })),
    fix: 'Throw them away with --restart, or ask for the same search again to continue it.',
  })
}
