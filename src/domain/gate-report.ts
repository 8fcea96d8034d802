// What the gates said of a model, as it is kept, printed and sent.

/** What stands between a trained model and an alias, in the order of a report. */
export const gateNames = [
  'sanity',
  'features',
  'leak',
  'popularity',
  'ranking',
  'accuracy',
  'slices',
  'bias',
  'calibration',
  'latency',
  'memory',
  'staleness',
  'data',
  'card',
] as const
export type GateName = (typeof gateNames)[number]

/** `notJudged`: the evidence cannot tell, such as that of twelve users. It refuses nothing, unless the system file says so. */
export type GateVerdict = 'passed' | 'failed' | 'notJudged'

/** One number that was measured. */
export interface GateMeasure {
  readonly name: string
  readonly value: number
  /** 95 %, low and high; left out where chance plays no part. */
  readonly interval?: readonly [number, number]
  /** Of users, rows or requests, as `name` says; left out where nothing is counted. */
  readonly count?: number
}

export interface GateResult {
  readonly gate: GateName
  /** What it looked at, where a gate looks at several things: "user.country", "placement home". */
  readonly subject?: string
  readonly verdict: GateVerdict
  /** What decided, first. */
  readonly measured: readonly GateMeasure[]
  /** What it is held against, in the unit of the first measure; left out where nothing was held against anything. */
  readonly bound?: number
  /** How many users the verdict rests on; left out where users play no part. */
  readonly userCount?: number
  /** What was measured, against what, and what follows: a sentence for people. */
  readonly reason: string
}

/** What the model was compared with, and on what. */
export interface GateComparison {
  /** The version in charge. */
  readonly champion: string
  /** `fresh`: what came after the champion learned. `replayed`: what the champion itself was measured on. */
  readonly on: 'fresh' | 'replayed'
  /** Both learned from what happened before this moment ... */
  readonly splitAtMs: number
  /** ... and were asked about what happened from then until here, which is included. */
  readonly untilMs: number
}

export interface GateReport {
  /** Unique for ever. */
  readonly id: string
  readonly version: string
  readonly judgedAtMs: number
  /** In charge when it was judged; left out where nothing was. */
  readonly champion?: string
  /** Left out where there was no champion, or nothing to compare with it on. */
  readonly comparison?: GateComparison
  /** Whether the model may be given an alias. */
  readonly passed: boolean
  /** By gate, in the order of `gateNames`. */
  readonly results: readonly GateResult[]
}

/** Whether these let a model through. */
export const lettingThrough = (results: readonly GateResult[], notJudged: 'allow' | 'refuse'): boolean =>
  results.every(({ verdict }) => verdict === 'passed' || (verdict === 'notJudged' && notJudged === 'allow'))

/** A gate with what it looked at, such as "bias (user.country)". */
export const gateTitle = ({ gate, subject }: GateResult): string =>
  subject === undefined ? gate : `${gate} (${subject})`

/** What stood in the way: the gates that failed, or, where none did, those that could not judge. */
export function refusalWords(results: readonly GateResult[]): readonly { where: string; message: string }[] {
  const failed = results.filter(({ verdict }) => verdict === 'failed')
  const refusing = failed.length > 0 ? failed : results.filter(({ verdict }) => verdict === 'notJudged')
  return refusing.map((result) => ({ where: gateTitle(result), message: `${result.reason}.` }))
}
