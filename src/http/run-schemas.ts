// What is told of runs over the wire, and how one is asked for. Moments are ISO 8601.
import { Type } from 'typebox'
import { runKinds, runStates } from '../domain/run.ts'
import { userMetrics } from '../training/evaluate.ts'
import { tuningMethods } from '../training/tune.ts'

const strict = { additionalProperties: false } as const
const ID_LENGTH_MAX = 64
const REASON_LENGTH_MAX = 1000
const PRIORITY_MAX = 1000
const THREADS_MAX = 1024
const VERSION_LENGTH_MAX = 256
const TRIALS_MAX = 100_000
/** A week. */
const MINUTES_MAX = 10_080
const LIST_LENGTH_MAX = 1000
const RANGES_LENGTH_MAX = 4000
const PLACEMENTS_MAX = 100

const Moment = Type.String({ description: 'ISO 8601.' })
const Reason = Type.String({
  maxLength: REASON_LENGTH_MAX,
  pattern: '\\S',
  description: 'Why, for those who ask later.',
})
const words = (known: readonly string[], description: string) =>
  Type.Union(
    known.map((word) => Type.Literal(word)),
    { description },
  )
const Options = Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()]))

export const RunParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: ID_LENGTH_MAX }) }, strict)

export const RunsQuery = Type.Object(
  {
    kind: Type.Optional(words(runKinds, 'Only these.')),
    state: Type.Optional(words(runStates, 'Only these.')),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, description: '100 where it is left out.' })),
  },
  strict,
)

const runFields = {
  id: Type.String(),
  kind: Type.String({ description: 'train, tune, evaluate, importance or batch.' }),
  state: Type.String({
    description: 'queued, running, succeeded, failed, cancelled, or lost: its process is gone without a word.',
  }),
  priority: Type.Number({ description: 'The greater goes first.' }),
  trigger: Type.String({ description: 'hand, schedule, or signal of the data: which of them asked for it.' }),
  by: Type.String({ description: 'A person, the name of a key, or what asked in their place.' }),
  command: Type.String(),
  why: Type.Optional(Type.String()),
  despiteChecks: Type.Optional(Type.String({ description: 'Why it trains on data that checks hold back.' })),
  isDetached: Type.Boolean({ description: 'Whether it has, or waits for, a process of its own.' }),
  options: Options,
  attempt: Type.Integer({ description: '0 while it waits for the first time.' }),
  queuedAt: Moment,
  notBefore: Moment,
  startedAt: Type.Optional(Moment),
  endedAt: Type.Optional(Moment),
  pid: Type.Optional(Type.Integer({ description: 'Of the process that it is in, or was.' })),
  inputs: Type.Optional(
    Type.Object(
      {
        planHash: Type.String(),
        commit: Type.Optional(Type.String()),
        isDirty: Type.Optional(Type.Boolean({ description: 'Whether files differed from the commit.' })),
        millraceVersion: Type.String(),
        seed: Type.Integer(),
        nextOffset: Type.Integer({ description: 'Everything in the log before it was looked at.' }),
        asOf: Moment,
        tables: Type.Array(
          Type.Object({
            table: Type.String(),
            version: Type.Integer(),
            checkedThrough: Type.Optional(Type.String({ description: 'The newest day that was found good.' })),
          }),
        ),
        rankerFile: Type.Optional(Type.String({ description: 'SHA-256 of a ranker that was trained elsewhere.' })),
        parameters: Type.Unknown({ description: 'The whole training section of the system.' }),
      },
      { description: 'What it works on; the same inputs give the same model.' },
    ),
  ),
  resources: Type.Optional(
    Type.Object({ cpuSeconds: Type.Number(), wallSeconds: Type.Number(), peakMemoryMb: Type.Number() }),
  ),
  failure: Type.Optional(
    Type.Object({ code: Type.String(), message: Type.String(), fix: Type.Optional(Type.String()) }),
  ),
  outcome: Type.Optional(Type.String({ description: 'Why it was cancelled, or not run at all.' })),
  modelVersion: Type.Optional(Type.String()),
  artifacts: Type.Optional(
    Type.Array(Type.Object({ path: Type.String(), bytes: Type.Integer(), sha256: Type.String() })),
  ),
}

export const RunAnswer = Type.Object(runFields, { title: 'Run' })
export const RunsAnswer = Type.Object(
  { runs: Type.Array(RunAnswer, { description: 'The last queued first.' }) },
  { title: 'RunsAnswer' },
)

export const RunWithMetricsAnswer = Type.Object(
  {
    ...runFields,
    metrics: Type.Array(
      Type.Object({
        name: Type.String(),
        step: Type.Integer(),
        value: Type.Number(),
        interval: Type.Optional(Type.Array(Type.Number(), { minItems: 2, maxItems: 2, description: '95 % interval.' })),
        at: Moment,
      }),
      { description: 'By name, then by step.' },
    ),
  },
  { title: 'RunWithMetrics' },
)

const trainingFields = {
  evaluate: Type.Optional(Type.Boolean({ description: 'Whether to measure on a split first; true where left out.' })),
  promote: Type.Optional(Type.Boolean({ description: 'Whether to put the model in charge; true where left out.' })),
  despiteChecks: Type.Optional(Reason),
}

const tuningFields = {
  target: Type.Optional(Type.String({ description: 'A name of training.candidates, or "ranker". A tuning needs it.' })),
  trials: Type.Optional(
    Type.Integer({ minimum: 1, maximum: TRIALS_MAX, description: '30 where neither this nor minutes is given.' }),
  ),
  minutes: Type.Optional(
    Type.Number({ exclusiveMinimum: 0, maximum: MINUTES_MAX, description: 'How long to search.' }),
  ),
  metric: Type.Optional(words(Object.keys(userMetrics), 'What is made larger; ndcg where it is left out.')),
  k: Type.Optional(Type.Integer({ minimum: 1, maximum: LIST_LENGTH_MAX, description: '20 where it is left out.' })),
  method: Type.Optional(words(tuningMethods, 'How to search; tpe where it is left out.')),
  ranges: Type.Optional(
    Type.String({
      maxLength: RANGES_LENGTH_MAX,
      description: 'In place of the kind’s own: factors=16..64,rate=0.01..1:log,power=0|0.5|1.',
    }),
  ),
  restart: Type.Optional(Type.Boolean({ description: 'Whether an earlier search is thrown away, not continued.' })),
}

const importanceFields = {
  version: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: VERSION_LENGTH_MAX,
      description: 'A model; the one in charge where left out.',
    }),
  ),
  permutation: Type.Optional(
    Type.Boolean({
      description:
        'Mix each feature up, on moments later than the model learned from; with testShare that of a ranker trained anew. True where left out, unless leaveOneOut is true.',
    }),
  ),
  leaveOneOut: Type.Optional(
    Type.Boolean({
      description: 'Train without each feature; a training per feature, and one more.',
    }),
  ),
  testShare: Type.Optional(
    Type.Number({
      exclusiveMinimum: 0,
      exclusiveMaximum: 1,
      description: 'Train on what came before the newest such share.',
    }),
  ),
}

const batchFields = {
  placements: Type.Optional(
    Type.Array(Type.String(), {
      minItems: 1,
      maxItems: PLACEMENTS_MAX,
      description:
        'Placements to make lists for; those of the patterns batch and hybrid, and with "every", where left out.',
    }),
  ),
}

/** Fields that only one kind of run has. */
export const fieldsOfKind: Readonly<Record<'train' | 'tune' | 'importance' | 'batch', readonly string[]>> = {
  batch: Object.keys(batchFields),
  train: Object.keys(trainingFields),
  tune: Object.keys(tuningFields),
  importance: Object.keys(importanceFields),
}

export const QueueRunBody = Type.Object(
  {
    kind: Type.Union([Type.Literal('train'), Type.Literal('tune'), Type.Literal('importance'), Type.Literal('batch')], {
      description:
        'importance: what the ranker of a model loses without each feature. batch: lists of every user, made ahead of time.',
    }),
    reason: Reason,
    priority: Type.Optional(Type.Integer({ minimum: -PRIORITY_MAX, maximum: PRIORITY_MAX })),
    threads: Type.Optional(
      Type.Integer({ minimum: 1, maximum: THREADS_MAX, description: 'All processors but one where it is left out.' }),
    ),
    ...trainingFields,
    ...tuningFields,
    ...importanceFields,
    ...batchFields,
  },
  {
    ...strict,
    title: 'QueueRunRequest',
    description:
      'evaluate, promote and despiteChecks are for a training, target and what follows it for a tuning, version and what follows it for the measuring of importance, placements for a batch.',
  },
)

export const CancelRunBody = Type.Object({ reason: Reason }, { ...strict, title: 'CancelRunRequest' })
