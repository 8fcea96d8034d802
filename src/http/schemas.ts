// Every shape that goes over the wire, once: from here come validation, serialisation, the OpenAPI document and the TypeScript types.

import { Type } from 'typebox'
import { SHOWN_COUNT_MAX } from '../domain/event.ts'
import type { Rung } from '../domain/recommendation.ts'

/** Limits of a single value, so that no request can make the server hold much. */
const ID_LENGTH_MAX = 256
const FILTER_LENGTH_MAX = 4096
const RECENT_COUNT_MAX = 1000
const EXCLUDE_COUNT_MAX = 100_000
/** Items that others are looked for with. */
const SET_COUNT_MAX = 100
/** Items in one answer. */
export const LIMIT_MAX = 1000

const strict = { additionalProperties: false } as const

export const Id = Type.String({
  minLength: 1,
  maxLength: ID_LENGTH_MAX,
  description: 'At most 256 bytes, no control characters.',
})
const Limit = Type.Integer({
  minimum: 1,
  maximum: LIMIT_MAX,
  description: "How many items; the placement's own limit where it is left out.",
})
export const Filter = Type.String({
  maxLength: FILTER_LENGTH_MAX,
  description: "Such as `category = 'shoes' and price < 20`.",
})
export const Exclude = Type.Array(Id, {
  maxItems: EXCLUDE_COUNT_MAX,
  description: 'Items that must not be in the answer.',
})
export const Recent = Type.Array(
  Type.Object({ itemId: Id, interaction: Type.Optional(Type.String({ maxLength: ID_LENGTH_MAX })) }, strict),
  {
    maxItems: RECENT_COUNT_MAX,
    description: 'What the visitor did just now, oldest first, where it is not in the log.',
  },
)
const EventTime = Type.Union([Type.String(), Type.Number()], {
  description:
    'When it happened: ISO 8601, UTC where no zone is given, or milliseconds since 1970. Now, where it is left out.',
})

const ProblemDetail = Type.Object(
  {
    where: Type.String({ description: 'JSON pointer into the body, or the name of the parameter.' }),
    message: Type.String({ description: 'What was found and what was expected.' }),
    fix: Type.Optional(Type.String()),
  },
  { title: 'ProblemDetail', description: 'One thing that is wrong with a request.' },
)

export const Problem = Type.Object(
  {
    type: Type.String({ description: 'Address of the documentation of this kind of problem.' }),
    title: Type.String({ description: 'What this kind of problem means.' }),
    status: Type.Integer(),
    code: Type.String({ description: 'Stable; programs decide by this.' }),
    detail: Type.String({ description: 'What happened this time.' }),
    fix: Type.Optional(Type.String({ description: 'What to do about it.' })),
    problems: Type.Array(ProblemDetail, {
      description: 'Everything that is wrong, where a check found several things.',
    }),
    requestId: Type.String({ description: 'To be found in the log of the server.' }),
  },
  { title: 'Problem', description: 'RFC 9457 problem details.' },
)

const After = Type.String({
  minLength: 1,
  maxLength: ID_LENGTH_MAX,
  description: 'The requestId of the page before: what it and the pages before it showed does not come again.',
})

export const RecommendBody = Type.Object(
  {
    placement: Type.String({
      minLength: 1,
      maxLength: ID_LENGTH_MAX,
      description: 'One of the placements of the system file.',
    }),
    userId: Type.Optional(Id),
    recent: Type.Optional(Recent),
    itemId: Type.Optional(Id),
    itemIds: Type.Optional(
      Type.Array(Id, {
        minItems: 1,
        maxItems: SET_COUNT_MAX,
        description: 'Instead of itemId: a basket or wish list to find others for, each item once.',
      }),
    ),
    filter: Type.Optional(Filter),
    exclude: Type.Optional(Exclude),
    limit: Type.Optional(Limit),
    includeSeen: Type.Optional(
      Type.Boolean({ description: 'Whether items that the user has interacted with may be in the answer.' }),
    ),
    after: Type.Optional(After),
  },
  { ...strict, title: 'RecommendRequest' },
)

const RecommendedItem = Type.Object(
  {
    itemId: Type.String(),
    score: Type.Number({ description: 'Comparable within one generator only.' }),
    generator: Type.String({ description: 'The candidate generator that proposed the item first.' }),
  },
  { title: 'RecommendedItem' },
)

/** Best first. */
const rungs: readonly Rung[] = ['full', 'reduced', 'unranked', 'stored', 'popular']

export const RungSchema = Type.Union(
  rungs.map((rung) => Type.Literal(rung)),
  { description: 'The rung of the fallback ladder that the answer stands on.' },
)

export const ShortfallSchema = Type.Object(
  { askedCount: Type.Integer(), reason: Type.String(), message: Type.String() },
  { title: 'Shortfall', description: 'Why there are fewer items than were asked for.' },
)

export const RecommendAnswer = Type.Object(
  {
    requestId: Type.String(),
    placement: Type.String(),
    modelVersion: Type.String(),
    rung: RungSchema,
    items: Type.Array(RecommendedItem, { description: 'Best first.' }),
    stored: Type.Optional(
      Type.Object(
        { batchId: Type.String(), madeAt: Type.String({ description: 'ISO 8601.' }), ageSeconds: Type.Number() },
        {
          title: 'StoredOrigin',
          description: 'Where a list that a batch made ahead of time has a part in the answer.',
        },
      ),
    ),
    shortfall: Type.Optional(ShortfallSchema),
  },
  { title: 'RecommendAnswer' },
)

export const SimilarQuery = Type.Object(
  {
    placement: Type.Optional(
      Type.String({ description: 'A placement of the pattern "embedding"; the first one where it is left out.' }),
    ),
    userId: Type.Optional(Id),
    filter: Type.Optional(Filter),
    limit: Type.Optional(Limit),
    after: Type.Optional(After),
  },
  { ...strict, title: 'SimilarQuery' },
)

// Handed to the intake unchecked: it judges each event by itself, so that one bad event does not cost the batch.
export const EventsBody = (eventCountMax: number) =>
  Type.Object({ events: Type.Array(Type.Unknown(), { minItems: 1, maxItems: eventCountMax }) }, strict)

/** What an event must look like to be accepted; shown in the OpenAPI document. */
const Interaction = Type.Object(
  {
    kind: Type.Optional(Type.Literal('interaction')),
    id: Type.Optional(
      Type.String({
        description:
          'Unique for ever; the same id again is dropped as a duplicate. Made from the content where it is left out.',
      }),
    ),
    interaction: Type.String({ description: 'One of the interactions of the system file.' }),
    userId: Id,
    itemId: Id,
    eventTime: Type.Optional(EventTime),
    weight: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
    values: Type.Optional(
      Type.Record(Type.String(), Type.Number({ minimum: -1e9, maximum: 1e9 }), {
        description: 'What else was measured, by the names that the interaction declares.',
      }),
    ),
  },
  { title: 'Event', description: 'A user did something with an item.' },
)
const Impression = Type.Object(
  {
    kind: Type.Literal('impression'),
    id: Type.Optional(
      Type.String({ description: 'The requestId of the answer that was shown, where it came from here.' }),
    ),
    userId: Id,
    itemIds: Type.Array(Id, {
      minItems: 1,
      maxItems: SHOWN_COUNT_MAX,
      uniqueItems: true,
      description: 'In the order shown.',
    }),
    eventTime: Type.Optional(EventTime),
    placement: Type.Optional(Id),
    modelVersion: Type.Optional(Id),
    rung: Type.Optional(Id),
    scores: Type.Optional(Type.Array(Type.Number(), { description: 'One an item: what they were ordered by.' })),
    propensities: Type.Optional(
      Type.Array(Type.Number({ exclusiveMinimum: 0, maximum: 1 }), {
        description: 'One an item: how likely it was to be shown at its place.',
      }),
    ),
    served: Type.Optional(
      Type.String({
        description:
          "What the ranker saw: items x the ranker's columns of modelVersion, as float32, little-endian, in base64.",
      }),
    ),
  },
  { title: 'Impression', description: 'A list of items was shown to a user.' },
)
const Event = Type.Union([Interaction, Impression])
export const EventsDocument = (eventCountMax: number) =>
  Type.Object(
    { events: Type.Array(Event, { minItems: 1, maxItems: eventCountMax }) },
    { ...strict, title: 'EventBatch' },
  )

export const IntakeAnswer = Type.Object(
  {
    acceptedCount: Type.Integer({ description: 'Stored durably, and new.' }),
    duplicateCount: Type.Integer({ description: 'Known already by id; not stored again.' }),
    rejected: Type.Array(
      Type.Object(
        {
          position: Type.Integer({ description: '0-based, in the given batch.' }),
          reason: Type.String({ description: 'Stable code.' }),
          message: Type.String(),
        },
        { title: 'Rejection' },
      ),
      { description: 'Kept in quarantine with the reason; mend the cause and replay them.' },
    ),
  },
  { title: 'IntakeAnswer' },
)

const Attributes = Type.Record(
  Type.String(),
  Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null(), Type.Array(Type.String())]),
  { title: 'Attributes', description: 'By the names of the system file.' },
)

export const EntityParams = Type.Object({ id: Id }, { title: 'EntityParams' })

/** Attributes are judged by the intake, like events. */
export const EntityBody = Type.Object(
  {
    attributes: Type.Record(Type.String(), Type.Unknown()),
    eventTime: Type.Optional(EventTime),
  },
  strict,
)
export const EntityDocument = Type.Object(
  { attributes: Attributes, eventTime: Type.Optional(EventTime) },
  { ...strict, title: 'EntityChange' },
)

export const EntitiesBody = (listName: string, entityCountMax: number) =>
  Type.Object({ [listName]: Type.Array(Type.Unknown(), { minItems: 1, maxItems: entityCountMax }) }, strict)
export const EntitiesDocument = (listName: string, entityCountMax: number) =>
  Type.Object(
    {
      [listName]: Type.Array(
        Type.Object({ id: Id, attributes: Attributes, eventTime: Type.Optional(EventTime) }, { title: 'EntityWithId' }),
        { minItems: 1, maxItems: entityCountMax },
      ),
    },
    { ...strict, title: `Bulk${listName[0]!.toUpperCase()}${listName.slice(1)}` },
  )

const Feature = Type.Object(
  {
    name: Type.String(),
    version: Type.String({ description: 'Another one for every other formula.' }),
    owner: Type.String(),
    description: Type.String(),
    family: Type.String(),
    by: Type.String({ description: '"user", "item", or "pair" where it takes both.' }),
  },
  { title: 'Feature' },
)
export const FeaturesAnswer = Type.Object(
  { features: Type.Array(Feature, { description: 'By name.' }) },
  { title: 'FeaturesAnswer' },
)

export const FeatureValuesQuery = Type.Object(
  {
    userId: Type.Optional(Id),
    itemId: Type.Optional(Id),
    features: Type.Optional(
      Type.String({
        maxLength: 4096,
        description: 'Names, separated by commas; all that fit the given ids where left out.',
      }),
    ),
    at: Type.Optional(
      Type.String({
        maxLength: 64,
        description:
          'An earlier moment, ISO 8601, UTC where it names no zone; now where it is left out. Takes a second or more.',
      }),
    ),
    asKnownNow: Type.Optional(
      Type.Boolean({
        description:
          'Only with at, the moment: whether what came late counts from when it happened, not from when it was known.',
      }),
    ),
  },
  strict,
)
export const FeatureValuesAnswer = Type.Object(
  {
    asOf: Type.String({ description: 'The moment that the values are of, ISO 8601.' }),
    firstOffset: Type.Optional(
      Type.Integer({
        description:
          'Of an earlier moment: where the event log begins. Above 0 retention has removed what came before, which these values lack.',
      }),
    ),
    features: Type.Array(
      Type.Object(
        {
          name: Type.String(),
          status: Type.String({ description: 'present, missing, stale, or default.' }),
          value: Type.Optional(Type.Unknown({ description: 'Left out where the status is missing or stale.' })),
          newestEventTime: Type.Optional(Type.String({ description: 'Of the events behind the value.' })),
        },
        { title: 'FeatureValue' },
      ),
    ),
  },
  { title: 'FeatureValuesAnswer' },
)

const TableHold = Type.Object(
  {
    sinceVersion: Type.Integer({ description: 'This version and every later one stay back.' }),
    since: Type.String({ description: 'ISO 8601.' }),
    by: Type.Optional(Type.String({ description: 'The person who holds it; left out where the checks do.' })),
    reasons: Type.Array(Type.String()),
  },
  { title: 'TableHold' },
)
const Table = Type.Object(
  {
    table: Type.String(),
    newestVersion: Type.Integer(),
    publishedVersion: Type.Optional(Type.Integer({ description: 'Left out where readers get nothing yet.' })),
    publishedAt: Type.Optional(Type.String({ description: 'ISO 8601.' })),
    publishedBy: Type.Optional(Type.String({ description: 'The person who decided; left out where the checks did.' })),
    rowCount: Type.Integer({ description: 'Of the newest version, as the rest.' }),
    fileCount: Type.Integer(),
    bytes: Type.Integer(),
    newestDay: Type.Optional(Type.String({ description: 'The newest day of availability, UTC.' })),
    hold: Type.Optional(TableHold),
  },
  { title: 'Table' },
)
export const TableAnswer = Type.Object({ ...Table.properties }, { title: 'TableAnswer' })
export const TablesAnswer = Type.Object({ tables: Type.Array(Table) }, { title: 'TablesAnswer' })
export const TableParams = Type.Object(
  { table: Type.String({ description: 'A name of GET /v1/data.', maxLength: 256 }) },
  strict,
)
export const TableHistoryQuery = Type.Object(
  { limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: '100 where it is left out.' })) },
  strict,
)
export const TableHistoryAnswer = Type.Object(
  {
    versions: Type.Array(
      Type.Object(
        {
          version: Type.Integer(),
          time: Type.String({ description: 'ISO 8601.' }),
          operation: Type.Optional(Type.String()),
          addedRowCount: Type.Optional(Type.Integer()),
          addedFileCount: Type.Integer(),
          removedFileCount: Type.Integer(),
          state: Type.String({ description: 'older, published, held, or new where it was not judged yet.' }),
        },
        { title: 'TableVersion' },
      ),
      { description: 'Newest first.' },
    ),
  },
  { title: 'TableHistoryAnswer' },
)
export const TableRowsQuery = Type.Object(
  {
    version: Type.Optional(Type.Integer({ minimum: 0, description: 'The published one where it is left out.' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: '20 where it is left out.' })),
  },
  strict,
)
export const TableRowsAnswer = Type.Object(
  {
    version: Type.Integer(),
    rows: Type.Array(Type.Record(Type.String(), Type.Unknown()), { description: 'Newest first.' }),
  },
  { title: 'TableRowsAnswer' },
)

export const HealthAnswer = Type.Object(
  {
    status: Type.String(),
    reasons: Type.Array(Type.String(), { description: 'Why it is not ready.' }),
    shortcomings: Type.Optional(
      Type.Array(Type.String(), { description: 'What is amiss, though answers can do without it.' }),
    ),
  },
  { title: 'Health' },
)
