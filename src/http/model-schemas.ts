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
  },
  {
    title: 'AliasMove',
    description: 'What alias moved from which version to which, when, who or what decided, and why.',
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
