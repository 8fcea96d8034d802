// Searches the settings of a generator or of the ranker, and goes on with a search that was cut off.
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { appendTrial, createTrialFile, readTrialFile } from '../adapters/embedded/trial-file.ts'
import type { App } from '../app.ts'
import { meanOf } from '../lib/bootstrap.ts'
import { canonicalJson } from '../lib/canonical-json.ts'
import { MillraceError } from '../lib/errors.ts'
import { suggestName } from '../lib/nearest-name.ts'
import type { UserMetric } from '../training/evaluate.ts'
import type { ParameterRanges } from '../training/parameter-space.ts'
import { rangesIn } from '../training/range-text.ts'
import { bestTrial, type Trial, type TuningMethod, type TuningTask, tune } from '../training/tune.ts'
import { type TuningReport, tuningReport } from '../training/tuning-report.ts'
import { generatorSubject } from './generator-subject.ts'
import { rankerSubject } from './ranker-subject.ts'
import type { TrainingInput } from './training-input.ts'
import type { SearchFacts, TuningSubject } from './tuning-subject.ts'

/** What is searched, and how; what the trials are is decided by it and by the data. */
export interface TuningWish {
  /** A name of `training.candidates`, or `ranker`. */
  readonly target: string
  /** What is made larger; NDCG where it is left out. */
  readonly metric?: UserMetric | undefined
  /** 20 where it is left out. */
  readonly k?: number | undefined
  /** `tpe` where it is left out. */
  readonly method?: TuningMethod | undefined
  /** 30 where neither this nor a time is given. */
  readonly trials?: number | undefined
  readonly minutes?: number | undefined
  /** In the place of the kind's own ranges of these settings: `factors=16..64,rate=0.01..1:log,power=0|0.5|1`. */
  readonly ranges?: string | undefined
}

export interface TuningProgress {
  /** Identifies who searches. */
  readonly runId: string
  /** Whether what others have searched of it is thrown away instead of continued. */
  readonly restart?: boolean | undefined
  readonly threadCount?: number | undefined
  readonly log: (line: string) => void
  /** Told of every trial, those of an earlier search first. */
  readonly onTrial: (trial: Trial) => void | Promise<void>
}

const DEFAULT_TRIAL_COUNT = 30
/** How the ranker is asked for; a generator of this name can be tuned only where the system has none. */
const RANKER = 'ranker'

/** What makes two searches the same: then the trials of one are those of the other. */
interface Search {
  readonly target: string
  readonly kind: string
  readonly options: TuningSubject['options']
  readonly ranges: ParameterRanges
  readonly method: TuningMethod
  readonly metric: UserMetric
  readonly k: number
  readonly seed: number
  readonly facts: SearchFacts
}

/** The first line of a file of trials. */
interface StartedSearch extends Search {
  /** The run that began it. */
  readonly runId: string
}

/** @throws MillraceError UNKNOWN_GENERATOR, TUNING_INPUT_INVALID where the wish can be granted by no data */
export function checkTuning(app: App, { target, ranges, trials, minutes }: TuningWish): void {
  rangesOf(subjectNamed(app, target), ranges)
  if ((trials === undefined || trials >= 1) && (minutes === undefined || minutes > 0)) return
  throw new MillraceError('TUNING_INPUT_INVALID', `${trials ?? minutes} leaves nothing to search with.`, {
    fix: 'Allow at least one trial, and more than 0 minutes.',
  })
}

/**
 * Trials are kept in `tuning/<target>.jsonl` of the data folder as they end; a search of the same plan goes on from there, in whichever run.
 * @throws MillraceError UNKNOWN_GENERATOR, NOTHING_TO_TRAIN_ON, TUNING_INPUT_INVALID, TUNING_OTHER_PLAN, TRAINING_*
 */
export async function tuning(
  app: App,
  { table }: TrainingInput,
  wish: TuningWish,
  progress: TuningProgress,
): Promise<TuningReport> {
  const subject = subjectNamed(app, wish.target)
  const { metric = 'ndcg', k = 20, method = 'tpe', minutes } = wish
  const { seed } = app.plan.training
  const ranges = rangesOf(subject, wish.ranges)
  const path = join(app.dataDir, 'tuning', `${wish.target}.jsonl`)
  const earlier = earlierTrials(path, progress)
  const { threadCount = availableParallelism(), log } = progress
  const context = { seed, threadCount, log, metric, k }
  const { facts, validate, confirm } = subject.cut(table, context, earlier?.search.facts)
  const { kind, options } = subject
  const search: Search = { target: wish.target, kind, options, ranges, method, metric, k, seed, facts }
  if (earlier) {
    checkSameSearch(path, earlier.search, search)
    log(`going on after ${earlier.trials.length} trials of an earlier search`)
    for (const trial of earlier.trials) await progress.onTrial(trial)
  }
  let isFileReady = earlier !== undefined
  const task: TuningTask = {
    parameters: ranges,
    present: Object.fromEntries(Object.keys(ranges).map((name) => [name, options[name]!])),
    evaluate: async (settings, budget) => {
      const values = await validate(settings, budget)
      return values.length === 0 ? 0 : meanOf(values)
    },
  }
  const trials = await tune(task, {
    seed,
    method,
    trialCount: wish.trials ?? (minutes === undefined ? DEFAULT_TRIAL_COUNT : undefined),
    seconds: minutes && 60 * minutes,
    earlier: earlier?.trials ?? [],
    // The app's clock stands still in a run.
    now: () => performance.now(),
    onTrial: async (trial) => {
      if (!isFileReady) createTrialFile(path, { ...search, runId: progress.runId } satisfies StartedSearch)
      isFileReady = true
      appendTrial(path, trial)
      await progress.onTrial(trial)
    },
  })
  const best = bestTrial(trials)!
  return tuningReport({
    ...{ target: wish.target, kind, options: { ...options, ...best.parameters }, trials, metric, k, seed },
    ...(best.number > 0 && { confirmation: { present: await confirm({}), best: await confirm(best.parameters) } }),
  })
}

/** @throws MillraceError UNKNOWN_GENERATOR */
function subjectNamed(app: App, name: string): TuningSubject {
  const { generators, ranker } = app.system
  if (name === RANKER && ranker) return rankerSubject(app, RANKER, ranker)
  const kind = generators[name]
  if (kind) return generatorSubject(name, kind)
  const known = [...Object.keys(generators), ...(ranker ? [RANKER] : [])]
  throw new MillraceError('UNKNOWN_GENERATOR', `Nothing that can be tuned is called ${JSON.stringify(name)}.`, {
    fix: suggestName(name, known),
  })
}

/** The kind's ranges, with some of them replaced; any numeric or other setting can be given one. */
function rangesOf({ name, options, tunable }: TuningSubject, text = ''): ParameterRanges {
  const given = rangesIn(text, tunable)
  const unknown = Object.keys(given).filter((setting) => !(setting in options))
  if (unknown.length === 0) return { ...tunable, ...given }
  throw new MillraceError(
    'TUNING_INPUT_INVALID',
    `${name} has no setting called ${unknown.map((one) => JSON.stringify(one)).join(', ')}.`,
    { fix: suggestName(unknown[0]!, Object.keys(options)) },
  )
}

/** A run that starts over and is tried again goes on with what it has begun itself. */
function earlierTrials(path: string, { restart, runId }: TuningProgress) {
  const found = readTrialFile<StartedSearch, Trial>(path)
  return restart && found?.search.runId !== runId ? undefined : found
}

function checkSameSearch(path: string, earlier: Search, search: Search): void {
  const found: Readonly<Record<string, unknown>> = { ...earlier, ...earlier.facts }
  const { facts, ...asked } = search
  const different = Object.entries({ ...asked, ...facts }).filter(
    ([key, value]) => canonicalJson(found[key] ?? null) !== canonicalJson(value),
  )
  if (different.length === 0) return
  throw new MillraceError('TUNING_OTHER_PLAN', `${path} holds the trials of another search.`, {
    problems: different.map(([key, value]) => ({
      where: key,
      message: `found ${JSON.stringify(found[key])}, expected ${JSON.stringify(value)}.`,
    })),
    fix: 'Throw them away with --restart, or ask for the same search again to continue it.',
  })
}
