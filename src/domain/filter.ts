// The filter language's tree: what `category = 'x' and price < 20` says once it has been read and checked against the items' attributes.
//
//   filter  = any
//   any     = all { "or" all }
//   all     = one { "and" one }
//   one     = "not" one | "(" filter ")" | attribute test
//   test    = ("=" | "!=" | "<" | "<=" | ">" | ">=") value | "in" "(" value { "," value } ")" | "has" text
//
// A missing attribute makes every comparison with it false, `!=` too; `not (price < 20)` therefore holds for an item without a price.

/** Types of attributes, as the system file names them. */
export type FilterableType = 'category' | 'tags' | 'text' | 'number' | 'integer' | 'boolean' | 'timestamp'

/** What items have, by name; the item entity of a plan is one. */
export type FilterableAttributes = Readonly<Record<string, { readonly type: FilterableType }>>

export type Comparison = '=' | '!=' | '<' | '<=' | '>' | '>='

/** A value to compare with. Times are milliseconds since 1970. */
export type FilterValue = string | number | boolean

export interface ComparisonTerm {
  readonly kind: 'compare'
  readonly attribute: string
  readonly comparison: Comparison
  readonly value: FilterValue
}

/** The attribute is one of the values. */
export interface OneOfTerm {
  readonly kind: 'oneOf'
  readonly attribute: string
  readonly values: readonly FilterValue[]
}

/** The item carries the tag. */
export interface TagTerm {
  readonly kind: 'has'
  readonly attribute: string
  readonly tag: string
}

/** A test of one attribute: what bitmaps are kept for. */
export type FilterTerm = ComparisonTerm | OneOfTerm | TagTerm

export type Filter =
  | FilterTerm
  | { readonly kind: 'and' | 'or'; readonly operands: readonly Filter[] }
  | { readonly kind: 'not'; readonly operand: Filter }

/** Characters in a filter. */
export const MAX_FILTER_LENGTH = 4_096
/** Parentheses and `not` inside each other. */
export const MAX_FILTER_DEPTH = 32
/** Tests of an attribute in one filter. */
export const MAX_FILTER_TERM_COUNT = 100

/** Equal for terms that say the same, so that work done for one serves the other. */
export const termKey = (term: FilterTerm): string => JSON.stringify(term)
