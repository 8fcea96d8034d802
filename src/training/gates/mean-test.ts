// What a gate can say of a mean over users. Gates judge fifty users or more, where the mean is close enough to normal for Student's t; unlike resampling, it has far tails at no cost, and
// a family of many slices decides there.
import { studentTQuantile, studentTTail } from '../../lib/tail-probabilities.ts'

/**
 * The chance that a sound model is refused by one family of tests, all of its slices or groups together. Five families may refuse by chance: accuracy with its slices, the ranked
 * list, bias of users, bias of items, calibration. So a model that is as good, as fair and as calibrated as it must be is refused for at most 2.5 % of all trainings.
 */
export const FALSE_REFUSALS_PER_FAMILY = 0.005

export interface MeanTest {
  readonly mean: number
  readonly standardError: number
  readonly count: number
}

/** @param values at least one */
export function meanTest(values: ArrayLike<number>): MeanTest {
  const count = values.length
  let sum = 0
  for (let i = 0; i < count; i++) sum += values[i]!
  const mean = sum / count
  let squares = 0
  for (let i = 0; i < count; i++) squares += (values[i]! - mean) ** 2
  return { mean, standardError: count < 2 ? 0 : Math.sqrt(squares / (count - 1) / count), count }
}

/** Of the differences candidate - scale * reference, user by user. @param reference as long as `candidate` */
export function pairedTest(candidate: ArrayLike<number>, reference: ArrayLike<number>, scale = 1): MeanTest {
  return meanTest(Float64Array.from(candidate, (value, user) => value - scale * reference[user]!))
}

/** Low and high. @param confidence default 0.95 */
export function intervalOf({ mean, standardError, count }: MeanTest, confidence = 0.95): readonly [number, number] {
  const reach = count < 2 ? 0 : studentTQuantile(1 - confidence, count - 1) * standardError
  return [mean - reach, mean + reach]
}

/** How often chance gives a mean this far below 0, or farther, where it is 0. In [0, 1]; 0 where every user says the same and it is below 0. */
export function pValueBelowZero({ mean, standardError, count }: MeanTest): number {
  if (standardError === 0) return mean < 0 ? 0 : 1
  const twoSided = studentTTail(mean / standardError, Math.max(1, count - 1))
  return mean < 0 ? twoSided / 2 : 1 - twoSided / 2
}
