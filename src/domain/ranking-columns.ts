// The names of a ranker's columns: what each generator says of a candidate, what is known of the history, and the features of the system.

/** Of each generator its score of the candidate, and the candidate's place in its list, from 0; both missing where it did not propose it. */
export const generatorColumns = (generator: string): readonly string[] => [`${generator}.score`, `${generator}.rank`]

/** Interactions of the visitor, and how many different items they were with. */
export const HISTORY_COLUMNS = ['history.length', 'history.items'] as const

/** Everything that a ranker of a system with these generators and features can be given. */
export type RankingColumnName<Generator extends string, Feature extends string> =
  | `${Generator}.${'score' | 'rank'}`
  | (typeof HISTORY_COLUMNS)[number]
  | Feature
