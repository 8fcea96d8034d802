/** How a feature looks among the rows that a ranker learned from. */
export interface FeatureLook {
  readonly name: string
  /** Share of the rows that lack it, in [0, 1]. */
  readonly missingShare: number
  /** Whether all rows that have it have the same value. */
  readonly isConstant: boolean
}
