// What is told of models over the wire, and how they are put in charge. Moments are ISO 8601.
import { Type } from 'typebox'

const strict = { additionalProperties: false } as const
const VERSION_LENGTH_MAX = 256
const REASON_LENGTH_MAX = 1000

const Moment = Type.String({ description: 'ISO 8601.' })
const Version = Type.String({ minLength: 1, maxLength: VERSION_LENGTH_MAX })
const Reason = Type.String({
  maxLength: REASON_LENGTH_MAX,
  pattern: '\\S',
  description: 'Why, for those who ask later.',
})
const Expected = Type.String({
  minLength: 1,
  maxLength: VERSION_LENGTH_MAX,
  description:
    'What the alias names now, as you know it: refused with MODEL_ALIAS_MOVED where it names another version.',
})

export const ModelParams = Type.Object({ version: Version }, strict)

export const ModelAnswer = Type.Object(
  {
    version: Type.String(),
    status: Type.String({ description: 'registered, retired (being deleted), or deleted.' }),
    aliases: Type.Array(Type.String(), { description: 'champion, challenger, previous.' }),
    isAnswering: Type.Boolean({ description: 'Whether this server answers from it.' }),
    trainedAt: Moment,
    registeredAt: Moment,
    retiredAt: Type.Optional(Moment),
    deletedAt: Type.Optional(Moment),
    userCount: Type.Integer(),
    itemCount: Type.Integer(),
    interactionCount: Type.Integer(),
    generators: Type.Array(Type.Object({ name: Type.String(), kind: Type.String() })),
    metrics: Type.Array(
      Type.Object({
        name: Type.String(),
        value: Type.Number(),
        interval: Type.Array(Type.Number(), { minItems: 2, maxItems: 2, description: '95 % interval over users.' }),
      }),
    ),
    lineage: Type.Object({
      planHash: Type.String(),
      commit: Type.Optional(Type.String()),
      millraceVersion: Type.String(),
      seed: Type.Integer(),
      nextOffset: Type.Integer({ description: 'Everything in the log before it was learned from.' }),
      asOf: Moment,
    }),
    bundleBytes: Type.Integer(),
    bundle: Type.Object(
      { state: Type.String(), problem: Type.Optional(Type.String()) },
      { description: 'whole, missing, damaged, or removed; a changed byte in an array is not looked for here.' },
    ),
    usedBy: Type.Array(Type.Integer(), { description: 'Numbers of the running processes that have it loaded.' }),
  },
  { title: 'Model' },
)

export const ModelsQuery = Type.Object(
  { deleted: Type.Optional(Type.Boolean({ description: 'Whether deleted ones are listed too; not by default.' })) },
  strict,
)
export const ModelsAnswer = Type.Object(
  { models: Type.Array(ModelAnswer, { description: 'Newest training first; empty before the first.' }) },
  { title: 'ModelsAnswer' },
)

const Move = Type.Object(
  {
    number: Type.Integer(),
    alias: Type.String(),
    from: Type.Optional(Type.String()),
    to: Type.Optional(Type.String()),
    at: Moment,
    by: Type.String({ description: 'A person, the name of a key, or what decided in their place, such as "train".' }),
    command: Type.String(),
    gateRunId: Type.Optional(Type.String()),
    why: Type.String(),
    override: Type.Optional(Type.String({ description: 'Why the gates were overridden.' })),
  },
  {
    title: 'AliasMove',
    description: 'What alias moved from which version to which, when, who or what decided, and why.',
  },
)

const GateResult = Type.Object({
  gate: Type.String({
    description:
      'sanity, features, leak, popularity, ranking, accuracy, slices, bias, calibration, latency, memory, staleness, data, card.',
  }),
  subject: Type.Optional(Type.String({ description: 'What it looked at, where it looks at several things.' })),
  verdict: Type.String({ description: 'passed, failed, or notJudged.' }),
  measured: Type.Array(
    Type.Object({
      name: Type.String(),
      value: Type.Number(),
      interval: Type.Optional(Type.Array(Type.Number(), { minItems: 2, maxItems: 2, description: '95 %.' })),
      count: Type.Optional(Type.Integer()),
    }),
    { description: 'What decided, first.' },
  ),
  bound: Type.Optional(Type.Number({ description: 'In the unit of the first measure.' })),
  userCount: Type.Optional(Type.Integer()),
  reason: Type.String(),
})

const GateReport = Type.Object({
  id: Type.String(),
  judgedAt: Moment,
  passed: Type.Boolean(),
  champion: Type.Optional(Type.String({ description: 'In charge when it was judged.' })),
  comparison: Type.Optional(
    Type.Object({
      champion: Type.String(),
      on: Type.String({
        description: 'fresh: what came after the champion learned; replayed: what it was measured on.',
      }),
      split: Moment,
      until: Moment,
    }),
  ),
  results: Type.Array(GateResult),
})

export const GatesAnswer = Type.Object(
  { version: Type.String(), report: Type.Optional(GateReport) },
  { title: 'GatesAnswer', description: 'Without a report where no gates have judged the model.' },
)

export const CardAnswer = Type.Object(
  {
    version: Type.String(),
    markdown: Type.String(),
    owner: Type.String(),
    intendedUse: Type.Optional(Type.String()),
    limits: Type.Optional(Type.String()),
    contact: Type.Optional(Type.String()),
    newestInteraction: Type.Optional(Moment),
    tables: Type.Array(Type.Object({ table: Type.String(), version: Type.Integer() })),
    gates: Type.Optional(GateReport),
  },
  {
    title: 'ModelCard',
    description: 'What a person should know of a model; its figures and lineage are those of the model itself.',
  },
)

export const AuditQuery = Type.Object(
  {
    at: Type.Optional(
      Type.String({ description: 'A moment, ISO 8601: what was in charge then, and the moves until then.' }),
    ),
    alias: Type.Optional(Type.Union(['champion', 'challenger', 'previous'].map((alias) => Type.Literal(alias)))),
    version: Type.Optional(Version),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, description: '100 where it is left out.' })),
  },
  strict,
)
export const AuditAnswer = Type.Object(
  {
    inCharge: Type.Optional(Move),
    moves: Type.Array(Move, { description: 'Newest first.' }),
  },
  { title: 'AuditAnswer' },
)

export const PromoteBody = Type.Object(
  {
    version: Version,
    as: Type.Optional(
      Type.Union([Type.Literal('champion'), Type.Literal('challenger')], { description: 'champion where left out.' }),
    ),
    reason: Reason,
    override: Type.Optional(
      Type.String({
        maxLength: REASON_LENGTH_MAX,
        pattern: '\\S',
        description: 'Why it gets the alias although the gates have not let it through.',
      }),
    ),
    expected: Type.Optional(Expected),
  },
  { ...strict, title: 'PromoteRequest' },
)
export const RollbackBody = Type.Object(
  { reason: Reason, expected: Type.Optional(Expected) },
  { ...strict, title: 'RollbackRequest' },
)

const Aliases = Type.Object(
  {
    champion: Type.Optional(Type.String()),
    challenger: Type.Optional(Type.String()),
    previous: Type.Optional(Type.String()),
  },
  { title: 'ModelAliases' },
)
export const AliasesAnswer = Type.Object({ before: Aliases, after: Aliases }, { title: 'AliasesAnswer' })
