// A rule that is code: what filters and counts cannot say.
import type { AttributeValue } from './event.ts'

/** An item as a rule sees it. Good during the call only: the next item is told of in the same object. */
export interface RuleItem<Values extends object = Readonly<Record<string, AttributeValue | undefined>>> {
  readonly itemId: string
  /** What is known of the item; undefined where an attribute is missing. Times are milliseconds since 1970. */
  readonly attributes: Readonly<Partial<Values>>
  /** The ranker's, else the generator's, such as it is: comparable within one of them only. 0 for a pinned item. */
  readonly score: number
  /** Among the candidates, from 1, before any rule; for items that only fill up, and for pins, one behind the last of them. */
  readonly place: number
  /** What proposed it. */
  readonly generator: string
}

/** Of the request. */
export interface RuleContext {
  /** Undefined for an anonymous visitor. */
  readonly userId: string | undefined
  readonly placement: string
  /** Items asked for. */
  readonly limit: number
  readonly nowMs: number
}

/**
 * `false`: the item is not shown. `true`: nothing changes. A number from 0.01 to 100: as a boost by that factor. Anything else is a failure, and so is throwing; the answer is
 * made without the rule then. Called for every candidate, so it should be quick; it is not waited for.
 */
export type RuleFunction<Values extends object = Readonly<Record<string, AttributeValue | undefined>>> = (
  item: RuleItem<Values>,
  context: RuleContext,
) => boolean | number
