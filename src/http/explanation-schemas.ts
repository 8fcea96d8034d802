// What is told over the wire of why a model answers as it does, and for whom it works worse.
import { Type } from 'typebox'

const strict = { additionalProperties: false } as const
const ID_LENGTH_MAX = 256
const LIST_LENGTH_MAX = 1000

const Id = (description: string) => Type.String({ minLength: 1, maxLength: ID_LENGTH_MAX, description })
const Interval = Type.Array(Type.Number(), { minItems: 2, maxItems: 2, description: '95 %.' })
const Moment = Type.String({ description: 'ISO 8601.' })

export const ExplainQuery = Type.Object(
  {
    userId: Id('Whose list.'),
    itemId: Type.Optional(Id('The item to explain; the best one where it is left out.')),
    version: Type.Optional(Id('A model; the one in charge where it is left out.')),
    limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: LIST_LENGTH_MAX,
        description: 'Items of the list; 10 where it is left out.',
      }),
    ),
  },
  strict,
)

export const ExplanationAnswer = Type.Object(
  {
    version: Type.String(),
    userId: Type.String(),
    moment: Moment,
    historyLength: Type.Integer({ description: 'Interactions of the user.' }),
    candidateCount: Type.Integer(),
    items: Type.Array(
      Type.Object({
        itemId: Type.String(),
        score: Type.Number(),
        ranks: Type.Record(Type.String(), Type.Integer(), {
          description: "By generator: the item's place in its list, from 1; without those that did not propose it.",
        }),
      }),
      { description: 'Best first, without the items that the user has chosen, and without the rules of a placement.' },
    ),
    explained: Type.Object({
      itemId: Type.String(),
      place: Type.Integer({ description: 'From 1.' }),
      score: Type.Number(),
      averageScore: Type.Number({ description: 'Of the rows that the ranker learned from.' }),
      contributions: Type.Array(
        Type.Object({
          featureName: Type.String(),
          value: Type.Union([Type.Number(), Type.String(), Type.Null()], { description: 'Null where it is missing.' }),
          contribution: Type.Number({ description: 'How far it moved the score: its SHAP value.' }),
        }),
        { description: 'The largest first, whichever its sign; together score - averageScore.' },
      ),
    }),
  },
  { title: 'Explanation' },
)

const Losses = Type.Object({
  ranker: Type.String({
    description:
      'registered: as it is. trainedAnew: one with the same settings that learned from what came before "from".',
  }),
  from: Type.String({
    description: 'It has learned from nothing that happened from then on, and is asked about nothing before.',
  }),
  k: Type.Integer(),
  questionCount: Type.Integer(),
  userCount: Type.Integer(),
  ndcg: Type.Object({ mean: Type.Number(), interval: Interval }, { description: 'Of the whole ranker.' }),
  losses: Type.Array(
    Type.Object({
      featureName: Type.String(),
      mean: Type.Number({ description: 'NDCG with the feature minus without, user by user.' }),
      interval: Interval,
      adjustedPValue: Type.Number({ description: 'Corrected for the number of features.' }),
    }),
    { description: 'The greatest loss first.' },
  ),
})

export const ImportanceAnswer = Type.Object(
  {
    version: Type.String(),
    gain: Type.Array(
      Type.Object({
        featureName: Type.String(),
        gainShare: Type.Number({ description: 'Its part of all that splits gained on the rows learned from.' }),
        splitCount: Type.Integer(),
      }),
      { description: 'The greatest first.' },
    ),
    measured: Type.Optional(
      Type.Object(
        {
          run: Type.String(),
          at: Moment,
          permutation: Type.Optional(Losses),
          leftOut: Type.Optional(Losses),
        },
        { description: 'Of the newest run of kind importance that has succeeded; without it where there is none.' },
      ),
    ),
  },
  { title: 'ImportanceAnswer' },
)

export const SlicesAnswer = Type.Object(
  {
    version: Type.String(),
    slices: Type.Optional(
      Type.Array(Type.Object({ name: Type.String(), value: Type.Number(), interval: Interval }), {
        description: 'NDCG on held-out interactions; left out where the model was not measured.',
      }),
    ),
    weakSlices: Type.Optional(
      Type.Array(
        Type.Object({
          of: Type.String({ description: 'users, by NDCG, or items, by recall.' }),
          conditions: Type.Array(Type.String(), { description: 'That hold together.' }),
          unitCount: Type.Integer(),
          mean: Type.Number(),
          difference: Type.Number({ description: 'Minus the mean of all others.' }),
          interval: Interval,
          adjustedPValue: Type.Number({ description: 'Corrected for all slices that were looked at.' }),
        }),
        { description: 'Worse than the rest beyond chance; empty where none is, left out where nobody has searched.' },
      ),
    ),
  },
  { title: 'SlicesAnswer' },
)
