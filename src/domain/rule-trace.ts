// What the rules of a placement did to one answer. Plain data, made only for who asks for it.

/** The rules of one answer, in the order in which they acted: what may be shown at all, the order, reserved places, the list. */
export interface RuleTrace {
  /** Candidates that the rules had to choose from; 0 where the placement's rules only say what may be shown. */
  readonly candidateCount: number
  readonly effects: readonly RuleEffect[]
}

/** What one rule did. Lists are in the order in which it happened, and hold at most `TRACED_COUNT_MAX` items. */
export interface RuleEffect {
  /** The rule's place in the placement's `rules`, from 0. */
  readonly position: number
  /** As in the plan, such as "atMost" or "pin". */
  readonly kind: string
  /** The rule in words, such as "at most 4 of each brand". */
  readonly description: string
  /**
   * Items that it kept out: of an `atMost`, a `rotate` or a function those that it turned away; of rules that say what may be shown at all, those that were asked about with
   * the trace.
   */
  readonly removed: readonly string[]
  /** How many it kept out, those not listed too. Of rules that say what may be shown at all: of the whole catalogue, each rule by itself. */
  readonly removedCount: number
  /** Items that it put elsewhere. */
  readonly moved: readonly MovedItem[]
  /** Items that are in the list for its sake. */
  readonly added: readonly AddedItem[]
  /** Of a minimum, how many places it could not fill: there is nothing more that fits. 0 for other rules. */
  readonly missingCount: number
  /** Why it had no say, such as what a function threw, or why a pin is not at its place. */
  readonly failure?: string
}

/** Places count from 1. Of rules about the order they are among the candidates; of `spread`, from among the candidates to the list. */
export interface MovedItem {
  readonly itemId: string
  readonly from: number
  readonly to: number
}

export interface AddedItem {
  readonly itemId: string
  /** In the list, from 1. */
  readonly place: number
  /** Of an item drawn at random: how likely it was to stand there, in (0, 1]. */
  readonly propensity?: number
}

/** Items in each list of an effect. */
export const TRACED_COUNT_MAX = 1000
