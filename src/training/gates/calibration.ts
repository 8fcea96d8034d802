// Do predicted probabilities come true? For models whose scores are probabilities.
import type { GateResult } from '../../domain/gate-report.ts'
import { seededRng } from '../../lib/rng.ts'
import { FALSE_REFUSALS_PER_FAMILY } from './mean-test.ts'
import { figure } from './wording.ts'

/** What was predicted, in [0, 1], and what happened, 0 or 1, row by row. */
export interface Probabilities {
  readonly predicted: ArrayLike<number>
  readonly outcomes: ArrayLike<number>
}

const BIN_COUNT = 15
/** Fewer say little of fifteen bins. */
const ROWS_MIN = 1000
const RESAMPLE_COUNT = 400

/**
 * Expected calibration error: rows in bins of equally many by what was predicted, the mean of |predicted - happened| over bins, weighted by their size. Naeini, Cooper & Hauskrecht,
 * "Obtaining well calibrated probabilities using Bayesian binning", AAAI 2015. We differ: bins hold equally many rows, since recommenders predict small numbers only.
 * @returns [0, 1]; 0 for no rows
 */
export function expectedCalibrationError({ predicted, outcomes }: Probabilities): number {
  const order = Int32Array.from({ length: predicted.length }, (_, row) => row).sort(
    (a, b) => predicted[a]! - predicted[b]! || a - b,
  )
  return errorInOrder(
    order,
    (row) => predicted[row]!,
    (row) => outcomes[row]!,
  )
}

function errorInOrder(
  order: Int32Array,
  predictedOf: (row: number) => number,
  outcomeOf: (row: number) => number,
): number {
  let error = 0
  for (let bin = 0; bin < BIN_COUNT; bin++) {
    const start = Math.floor((bin * order.length) / BIN_COUNT)
    const end = Math.floor(((bin + 1) * order.length) / BIN_COUNT)
    let difference = 0
    for (let i = start; i < end; i++) difference += predictedOf(order[i]!) - outcomeOf(order[i]!)
    error += Math.abs(difference) / order.length
  }
  return order.length === 0 ? 0 : error
}

/**
 * Refuses a model whose error is above the bound and larger than that of a calibrated model on as many rows: even that one's is above 0, because bins are finite.
 * @param options.bound in (0, 1]
 */
export function calibrationGate(
  probabilities: Probabilities | undefined,
  options: { readonly bound: number; readonly seed: number },
): GateResult {
  const unjudged = (reason: string): GateResult => ({ gate: 'calibration', verdict: 'notJudged', measured: [], reason })
  if (!probabilities) return unjudged('the scores are no probabilities')
  const { predicted, outcomes } = probabilities
  const rowCount = predicted.length
  if (rowCount < ROWS_MIN) return unjudged(`${rowCount} rows, ${ROWS_MIN} needed`)
  const rng = seededRng(options.seed).fork('calibration')
  const order = Int32Array.from({ length: rowCount }, (_, row) => row).sort((a, b) => predicted[a]! - predicted[b]!)
  const error = errorInOrder(
    order,
    (row) => predicted[row]!,
    (row) => outcomes[row]!,
  )
  const resampled = Float64Array.from({ length: RESAMPLE_COUNT }, () => {
    // Places in the order of what was predicted: sorting them sorts the rows, and is native.
    const drawn = order.map(() => rng.integer(rowCount)).sort()
    const rowAt = (place: number): number => order[place]!
    return errorInOrder(
      drawn,
      (place) => predicted[rowAt(place)]!,
      (place) => outcomes[rowAt(place)]!,
    )
  }).sort()
  const calibrated = Float64Array.from({ length: RESAMPLE_COUNT }, () => {
    const happened = Uint8Array.from(predicted, (probability) => (rng.next() < probability ? 1 : 0))
    return errorInOrder(
      order,
      (row) => predicted[row]!,
      (row) => happened[row]!,
    )
  }).sort()
  const byChance = calibrated[Math.ceil(RESAMPLE_COUNT * (1 - FALSE_REFUSALS_PER_FAMILY)) - 1]!
  const interval = [
    resampled[Math.floor(0.025 * RESAMPLE_COUNT)]!,
    resampled[Math.ceil(0.975 * RESAMPLE_COUNT) - 1]!,
  ] as const
  const isOff = error > options.bound && error > byChance
  return {
    gate: 'calibration',
    verdict: isOff ? 'failed' : 'passed',
    measured: [{ name: 'expected calibration error', value: error, interval, count: rowCount }],
    bound: options.bound,
    reason: `expected calibration error ${figure(error)} [${figure(interval[0])}, ${figure(interval[1])}] over ${rowCount} rows, ${isOff ? 'above' : 'within'} ${figure(options.bound)}; chance alone gives up to ${figure(byChance)}`,
  }
}
