/** A relation whose rows are dealt out to the parts of a stage by its column `part`, from 0. */
export interface PartedQuery {
  readonly name: string
  readonly query: string
}

/** Work that is done in parts, each of which has nothing to do with the others. */
export interface Stage {
  readonly partCount: number
  /** Made from tables that are there; within a part, a view of that name holds its rows. */
  readonly inputs: readonly PartedQuery[]
  /** Made by earlier stages, for this one alone. */
  readonly taken?: readonly string[]
  /** For each part. The tables that they make go with it. */
  readonly statements: readonly string[]
  /** What each part adds to a relation for a later stage. */
  readonly output: PartedQuery & { readonly partCount: number }
}
