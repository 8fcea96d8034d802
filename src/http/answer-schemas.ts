// What is told over the wire of one answer that went out.
import { Type } from 'typebox'
import { itemReasons } from '../domain/explained-answer.ts'

const strict = { additionalProperties: false } as const
const ID_LENGTH_MAX = 256

const Place = (description: string) => Type.Optional(Type.Integer({ description }))
const Proposals = Type.Array(
  Type.Object({
    generator: Type.String(),
    rank: Type.Integer({ description: 'In its own list, from 1.' }),
    score: Type.Number(),
  }),
  { description: 'Recomputed: the generators that proposed it.' },
)
const places = {
  proposals: Proposals,
  candidatePlace: Place('Recomputed: among the candidates, from 1, before they were ranked.'),
  rankedPlace: Place(
    'In the order of the ranker, from 1, before rules and new items; recomputed where isRecordedWhole is false.',
  ),
}

export const ExplainAnswerParams = Type.Object(
  { requestId: Type.String({ minLength: 1, maxLength: ID_LENGTH_MAX, description: 'Of an answer.' }) },
  strict,
)

export const ExplainAnswerQuery = Type.Object(
  {
    item: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: ID_LENGTH_MAX,
        description: 'An item, to be told why it is not in the list.',
      }),
    ),
  },
  strict,
)

export const ExplainedAnswer = Type.Object(
  {
    requestId: Type.String(),
    placement: Type.String(),
    userId: Type.Optional(Type.String()),
    at: Type.String({ description: 'ISO 8601.' }),
    latencyMs: Type.Number(),
    modelVersion: Type.String(),
    rung: Type.String(),
    bestRung: Type.Optional(
      Type.String({ description: 'The best rung that it was allowed, because requests waited.' }),
    ),
    rankingFailure: Type.Optional(Type.String({ description: 'Why the ranker had no say though it should.' })),
    after: Type.Optional(Type.String({ description: 'The page before.' })),
    candidateCount: Type.Optional(Type.Integer()),
    isRecordedWhole: Type.Boolean({
      description: 'Whether all candidates were recorded as the ranker saw them, or only the items shown.',
    }),
    recomputed: Type.Object(
      {
        isSame: Type.Boolean({ description: 'Whether the answer came out as it was when it was computed again.' }),
        failure: Type.Optional(Type.String({ description: 'Why it could not be computed again.' })),
        caveats: Type.Array(Type.String()),
      },
      {
        description:
          'What is said to be recomputed is of the answer computed again, from the log as it was known then.',
      },
    ),
    items: Type.Array(
      Type.Object({
        itemId: Type.String(),
        place: Type.Integer({ description: 'In the list that went out, from 1.' }),
        score: Type.Number(),
        generator: Type.String(),
        ...places,
        explanation: Type.Optional(
          Type.Object(
            {
              score: Type.Number(),
              averageScore: Type.Number(),
              contributions: Type.Array(
                Type.Object({
                  featureName: Type.String(),
                  value: Type.Union([Type.Number(), Type.String(), Type.Null()]),
                  contribution: Type.Number(),
                }),
              ),
            },
            { description: 'What moved its score, from the row as it was served.' },
          ),
        ),
      }),
    ),
    rules: Type.Array(
      Type.Object({
        position: Type.Integer({ description: "In the placement's rules, from 0." }),
        kind: Type.String(),
        description: Type.String(),
        removed: Type.Array(Type.String(), {
          description: 'Recomputed: candidates above the last one shown that it turned away.',
        }),
      }),
    ),
    asked: Type.Optional(
      Type.Object(
        {
          itemId: Type.String(),
          reason: Type.String({ description: `One of ${itemReasons.join(', ')}.` }),
          message: Type.String(),
          rule: Type.Optional(Type.Integer()),
          ...places,
          score: Type.Optional(Type.Number()),
        },
        { description: 'Why the item is where it is, or is not there.' },
      ),
    ),
  },
  { title: 'ExplainedAnswer' },
)
