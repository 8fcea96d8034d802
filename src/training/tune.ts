// Random search over the settings that a generator kind declares worth searching. Bergstra & Bengio, "Random search for hyper-parameter
// optimization", JMLR 2012: with few settings that matter, random points find a good region with fewer trials than a grid.
import { type Rng, seededRng } from '../lib/rng.ts'
import type { GeneratorKind, TunableRange } from '../ports/candidate-generator.ts'

export interface Trial {
  readonly options: GeneratorKind['options']
  /** The validation metric, larger is better. */
  readonly value: number
}

export interface TuneOptions {
  readonly seed: number
  /** How many settings to try, the current ones included; at least 1. */
  readonly trialCount: number
  readonly onTrial?: (trial: Trial, number: number) => void
}

/**
 * Tries the kind's current settings first, then random ones; after half of the trials it looks near the best so far.
 * @param assess trains with the settings and returns the metric on a validation part; it must not see the test part
 * @returns best first; trials of equal value keep their order
 */
export async function tune(
  kind: GeneratorKind,
  assess: (candidate: GeneratorKind) => Promise<number>,
  options: TuneOptions,
): Promise<readonly Trial[]> {
  const rng = seededRng(options.seed).fork('tune')
  const trials: Trial[] = []
  for (let number = 0; number < options.trialCount; number++) {
    const best = bestOf(trials)
    const isLocal = best !== undefined && number > options.trialCount / 2
    const candidate =
      number === 0 ? kind : kind.with(sampleOptions(kind.tunable, rng, isLocal ? best.options : undefined))
    const trial = { options: candidate.options, value: await assess(candidate) }
    trials.push(trial)
    options.onTrial?.(trial, number)
  }
  return trials.sort((a, b) => b.value - a.value)
}

function bestOf(trials: readonly Trial[]): Trial | undefined {
  let best: Trial | undefined
  for (const trial of trials) if (!best || trial.value > best.value) best = trial
  return best
}

/** Uniform over the range on its scale, or, near a centre, uniform over a quarter of the range around it. */
function sampleOptions(
  ranges: Readonly<Record<string, TunableRange>>,
  rng: Rng,
  centre: GeneratorKind['options'] | undefined,
): Record<string, number> {
  const sampled: Record<string, number> = {}
  for (const [name, range] of Object.entries(ranges)) {
    const toScale = range.scale === 'log' ? Math.log : (x: number) => x
    const fromScale = range.scale === 'log' ? Math.exp : (x: number) => x
    const [low, high] = [toScale(range.low), toScale(range.high)]
    const near = centre?.[name]
    const from = typeof near === 'number' ? Math.max(low, toScale(near) - (high - low) / 8) : low
    const to = typeof near === 'number' ? Math.min(high, toScale(near) + (high - low) / 8) : high
    const value = fromScale(from + (Math.max(from, to) - from) * rng.next())
    sampled[name] = range.scale === 'integer' ? Math.round(value) : Number(value.toPrecision(3))
  }
  return sampled
}
