// What is told of the system's parts over the wire. Moments are ISO 8601.
import { Type } from 'typebox'

const Count = Type.Integer({ minimum: 0 })
const Moment = Type.String({ description: 'ISO 8601.' })
const OrNull = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Union([schema, Type.Null()])

const FeaturesState = Type.Object(
  {
    count: Count,
    isKept: Type.Boolean({ description: 'Whether somebody keeps them up to date at present.' }),
    lagEventCount: Type.Integer({ description: 'Events that answers do not know yet.' }),
    lagMs: Type.Number({ description: 'How long the log has had the next of them.' }),
    backfilling: Type.Array(Type.String(), { description: 'Not answered yet, or still by an older definition.' }),
    problem: Type.Optional(Type.String({ description: 'Why they do not follow the log at present.' })),
  },
  { title: 'FeaturesState' },
)

const Source = Type.Object(
  {
    name: Type.String(),
    owner: Type.String(),
    freshness: Type.String({ description: 'fresh, late, or never (not yet read with success).' }),
    freshnessMs: Type.Number({ description: 'The target: how old the last success may be.' }),
    ageMs: Type.Optional(Type.Number({ description: 'Since the last success.' })),
    lastSuccess: Type.Optional(Moment),
    nextRun: Type.Optional(Moment),
    rowCount: Type.Integer({ description: 'Accepted into the log, of all runs.' }),
    failure: Type.Optional(
      Type.Object({ code: Type.String(), message: Type.String() }, { description: 'Since the last success.' }),
    ),
  },
  { title: 'Source' },
)
export const SourcesAnswer = Type.Object({ sources: Type.Array(Source) }, { title: 'SourcesAnswer' })

const Table = Type.Object(
  {
    name: Type.String(),
    publishedVersion: Type.Optional(Count),
    publishedAt: Type.Optional(Moment),
    hold: Type.Optional(
      Type.Object(
        { sinceVersion: Count, since: Moment, reasons: Type.Array(Type.String()) },
        { description: 'What keeps newer versions back.' },
      ),
    ),
  },
  { title: 'TableSummary' },
)

export const StatusAnswer = Type.Object(
  {
    log: Type.Object({ eventCount: Count, megabytes: Type.Number() }),
    quarantinedCount: Count,
    model: Type.Optional(Type.String({ description: 'The version in charge; left out before the first training.' })),
    modelProblem: Type.Optional(Type.String({ description: 'Why it does not answer.' })),
    answeringInstead: Type.Optional(
      Type.String({ description: 'What answers in its place: an older version, or "popular items".' }),
    ),
    features: Type.Optional(FeaturesState),
    sources: Type.Array(Source),
    tables: Type.Array(Table, { description: 'Offline tables; empty before the first sync.' }),
    checks: Type.Optional(
      Type.Object(
        {
          checkedAt: Moment,
          counts: Type.Object({ pass: Count, warn: Count, fail: Count, notEnoughHistory: Count }),
        },
        { title: 'ChecksSummary', description: 'Of the last run; left out before the first.' },
      ),
    ),
  },
  { title: 'StatusAnswer' },
)

export const ChecksQuery = Type.Object(
  {
    table: Type.Optional(Type.String({ maxLength: 256, description: 'Of this table only.' })),
    check: Type.Optional(Type.String({ maxLength: 256, description: 'Of this check only, such as "mean".' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, description: '100 where it is left out.' })),
  },
  { additionalProperties: false },
)

const Band = Type.Object(
  { low: OrNull(Type.Number()), high: OrNull(Type.Number()) },
  { title: 'Band', description: 'null where that side is open.' },
)

const CheckResult = Type.Object(
  {
    checkedAt: Moment,
    check: Type.String(),
    table: Type.String(),
    column: OrNull(Type.String()),
    value: OrNull(Type.Number()),
    expected: OrNull(Type.Number()),
    threshold: Band,
    isBeyondThreshold: Type.Boolean(),
    calibratedBand: OrNull(Band),
    pValue: OrNull(Type.Number()),
    adjustedPValue: OrNull(Type.Number()),
    isSignificant: Type.Boolean(),
    meanRule: OrNull(Type.Object({ stdDevs: Type.Number(), band: Band, holds: Type.Boolean() })),
    historyUsed: OrNull(
      Type.Object({
        dayCount: Count,
        setAsideDayCount: Count,
        isByWeekday: Type.Boolean(),
        testedDayCount: Count,
      }),
    ),
    verdict: Type.String({ description: 'pass, warn, fail, or notEnoughHistory.' }),
    severity: Type.String({ description: 'What an alarm leads to: warn, hold, or stop.' }),
    owner: Type.String(),
    message: Type.String({ description: 'What was found and what was expected.' }),
    tableVersion: Type.Optional(Type.Integer()),
  },
  { title: 'CheckResult' },
)
export const ChecksAnswer = Type.Object(
  { results: Type.Array(CheckResult, { description: 'Newest first; those of one run in its order.' }) },
  { title: 'ChecksAnswer' },
)

const Spread = Type.Object({ median: Type.Number(), max: Type.Number() })

const ShownReading = Type.Object(
  { status: Type.String(), value: Type.Optional(Type.Unknown()) },
  { title: 'ShownReading' },
)

const SkewExample = Type.Object(
  {
    moment: Moment,
    userId: Type.Optional(Type.String()),
    itemId: Type.Optional(Type.String()),
    difference: Type.String({ description: 'mismatch, missingOnline, or extraOnline.' }),
    cause: Type.String({ description: 'lag, unexplained, or unjudged.' }),
    served: ShownReading,
    recomputed: ShownReading,
  },
  { title: 'SkewExample' },
)

const FeatureSkew = Type.Object(
  {
    name: Type.String(),
    version: Type.String(),
    owner: Type.String(),
    comparedCount: Count,
    equalCount: Count,
    differenceCounts: Type.Object({ mismatch: Count, missingOnline: Count, extraOnline: Count }),
    causeCounts: Type.Object(
      { lag: Count, unexplained: Count, unjudged: Count },
      { description: 'lag: right for the events that the stream engine had taken by then.' },
    ),
    size: Type.Optional(Spread),
    examples: Type.Array(SkewExample),
  },
  { title: 'FeatureSkew' },
)

export const SkewAnswer = Type.Object(
  {
    report: Type.Optional(
      Type.Object(
        {
          measuredAt: Moment,
          from: Moment,
          to: Moment,
          rowCount: Count,
          otherVersionCount: Type.Integer({
            description: 'Readings of definitions that the system file no longer has.',
          }),
          firstOffset: Type.Integer({
            description: 'Above 0, retention has removed events that the features may still know.',
          }),
          lagMs: Type.Optional(Spread),
          features: Type.Array(FeatureSkew),
        },
        { title: 'SkewReport', description: 'Left out before "millrace skew" has run.' },
      ),
    ),
  },
  { title: 'SkewAnswer' },
)
