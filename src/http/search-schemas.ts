// Shapes of searches, of lists to be put in order, and of items that say the same.
import { Type } from 'typebox'
import { Exclude, Filter, Id, LIMIT_MAX, Recent, RungSchema, ShortfallSchema } from './schemas.ts'

const QUERY_LENGTH_MAX = 512
const RANKED_COUNT_MAX = 1000

const strict = { additionalProperties: false } as const

export const SearchBody = Type.Object(
  {
    query: Type.String({
      minLength: 1,
      maxLength: QUERY_LENGTH_MAX,
      description: 'Words; the last one may be half-written. The first 32 are read.',
    }),
    filter: Type.Optional(Filter),
    exclude: Type.Optional(Exclude),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: LIMIT_MAX, description: '20 where it is left out.' })),
    userId: Type.Optional(Id),
  },
  { ...strict, title: 'SearchRequest' },
)

const FoundItem = Type.Object(
  {
    itemId: Type.String(),
    score: Type.Number({ description: 'More is better; comparable within one answer only.' }),
    matched: Type.Array(Type.String(), {
      description: 'Words of the item that the query has, as the item has them; none where it is only alike.',
    }),
  },
  { title: 'FoundItem' },
)

const SearchedWord = Type.Object(
  {
    word: Type.String({ description: 'Of the query, in lower case.' }),
    readAs: Type.Array(
      Type.Object(
        {
          word: Type.String({ description: 'As items have it, singular.' }),
          by: Type.Union(
            [Type.Literal('word'), Type.Literal('prefix'), Type.Literal('spelling'), Type.Literal('compound')],
            { description: 'As it is; as its beginning; with one letter wrong; in one word or in two.' },
          ),
        },
        { title: 'Reading' },
      ),
      { description: 'The likeliest first, at most 5; none where no item has anything like it.' },
    ),
  },
  { title: 'SearchedWord' },
)

export const SearchAnswer = Type.Object(
  {
    requestId: Type.String(),
    items: Type.Array(FoundItem, { description: 'Best first.' }),
    words: Type.Array(SearchedWord, { description: 'In the order of the query.' }),
    shortfall: Type.Optional(ShortfallSchema),
  },
  { title: 'SearchAnswer' },
)

export const RankBody = Type.Object(
  {
    itemIds: Type.Array(Id, {
      minItems: 1,
      maxItems: RANKED_COUNT_MAX,
      description: 'What is to be put in order, each once.',
    }),
    userId: Type.Optional(Id),
    recent: Type.Optional(Recent),
  },
  { ...strict, title: 'RankRequest' },
)

export const RankAnswer = Type.Object(
  {
    requestId: Type.String(),
    modelVersion: Type.String(),
    rung: RungSchema,
    items: Type.Array(
      Type.Object(
        {
          itemId: Type.String(),
          score: Type.Optional(
            Type.Number({
              description: 'Left out where nothing could be said of the item. Comparable within one answer only.',
            }),
          ),
        },
        { title: 'RankedListItem' },
      ),
      { description: 'All that were given, best first; unknown ones last.' },
    ),
    unknown: Type.Array(Type.String(), { description: 'Of those: unknown to the catalogue, or deleted.' }),
  },
  { title: 'RankAnswer' },
)

export const DuplicatesAnswer = Type.Object(
  {
    itemId: Type.String(),
    duplicates: Type.Array(
      Type.Object(
        {
          itemId: Type.String(),
          by: Type.Union([Type.Literal('words'), Type.Literal('letters'), Type.Literal('spelling')], {
            description:
              'The same words in whatever order; the same letters with spaces elsewhere; or all the same but for a letter of a word that few items have.',
          }),
          differing: Type.Array(Type.String(), {
            description: 'Attributes in which the two differ all the same: a price or size may be why there are two.',
          }),
        },
        { title: 'Duplicate' },
      ),
    ),
  },
  { title: 'DuplicatesAnswer' },
)
