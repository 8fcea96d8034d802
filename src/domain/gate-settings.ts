// `training.gates` of the system file, with its defaults filled in. A gate that is `false` is off.

/** The metric of every user that gates compare. */
export type GateMetric = 'ndcg' | 'recall' | 'reciprocalRank' | 'averagePrecision'

export interface GateSettings {
  /** Against the champion, and on slices of the users and items. */
  readonly accuracy:
    | false
    | {
        readonly metric: GateMetric
        /** Loss that is tolerated, as a share of the champion's mean, in [0, 1). */
        readonly margin: number
      }
  /** Whether the model must beat popularity. */
  readonly popularity: boolean
  /** Whether the ranked list must not be worse than that of the placement's leading generator. */
  readonly ranking: boolean
  readonly bias:
    | false
    | {
        /** Attributes that make groups, such as "user.country" or "item.category". */
        readonly by: readonly string[]
        /** By how much the quality for a group of users may lie below that for all others, as a share of the latter, in (0, 1]. */
        readonly gap: number
        /** By how much the share of the lists that a group of items gets may lie below its share of what users chose, as a share of the latter, in (0, 1]. */
        readonly exposureGap: number
      }
  /** What is too good to be true. */
  readonly leak:
    | false
    | {
        /** A mean of the metric from here on, in (0, 1]. */
        readonly level: number
        /** More than so many times the champion's mean, or that of the best baseline; above 1. */
        readonly jump: number
      }
  readonly sanity:
    | false
    | {
        /** Share of the users with a history who may get no list from the model, in [0, 1]. */
        readonly emptyShare: number
      }
  /** The slowest answer of a hundred may take so long when nothing else interferes. */
  readonly latencyMsP99: number | false
  /** What a process may hold that answers from the model. */
  readonly memoryMb: number | false
  /** Expected calibration error of predicted probabilities, in (0, 1]. */
  readonly calibration: number | false
  readonly staleness:
    | false
    | {
        /** How far the newest interaction that was learned from may lie behind the newest in the log. */
        readonly behindMs: number
        /** How old the newest interaction that was learned from may be; undefined: as old as it is. */
        readonly ageMs: number | undefined
      }
  /** Whether a table that is held back refuses the model. */
  readonly dataChecks: boolean
  /** Whether the model card must be complete. */
  readonly card: 'optional' | 'required'
  /** Fewer users, in all or of a group, judge nothing. */
  readonly usersMin: number
  /** Whether a gate that cannot judge lets the model through. */
  readonly notJudged: 'allow' | 'refuse'
}

const DAY_MS = 86_400_000

/**
 * How the bounds came about is told in docs/decisions/0023-gates.md. The margin is a loss that is worth the trouble of another look; it is not what keeps
 * noise from refusing, which the tests do. The bounds of bias, leak and serving are far from what sound models of the examples show: whoever means it sets them closer.
 */
export const defaultGateSettings: Omit<GateSettings, 'bias'> & { readonly bias: { gap: number; exposureGap: number } } =
  {
    accuracy: { metric: 'ndcg', margin: 0.02 },
    popularity: true,
    ranking: true,
    bias: { gap: 0.5, exposureGap: 0.99 },
    leak: { level: 0.9, jump: 2 },
    sanity: { emptyShare: 0.1 },
    latencyMsP99: 25,
    memoryMb: 4096,
    calibration: 0.05,
    staleness: { behindMs: 7 * DAY_MS, ageMs: undefined },
    dataChecks: true,
    card: 'optional',
    usersMin: 50,
    notJudged: 'allow',
  }

/** `training.card` of the system file: what only people know of a model. */
export interface CardSettings {
  readonly intendedUse?: string
  readonly limits?: string
  readonly contact?: string
}
