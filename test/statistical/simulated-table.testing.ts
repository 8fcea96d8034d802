// Days of a table as they come in real life, drawn directly as profiles: a feature's rows take some twenty values, so that the counts of the values
// are all a profile knows of a day's rows, and drawing the counts (a multinomial) is drawing the rows, exactly.
import type { ProfiledDay } from '../../src/data/checks/measurement.ts'
import type { ColumnProfile, ColumnRules } from '../../src/domain/column-profile.ts'
import type { TableRules } from '../../src/domain/table-profile.ts'
import { bucketOf, histogramOf } from '../../src/lib/log-histogram.ts'
import type { Rng } from '../../src/lib/rng.ts'

/** How a feature's days differ; effects are on the scale on which that kind of feature moves. */
interface Feature {
  readonly name: string
  readonly kind: 'normal' | 'logNormal' | 'zeroInflatedCount' | 'rate' | 'category'
  /** Standard deviation of the day's random effect, and of its weekdays' fixed ones. */
  readonly dayEffectStdDev: number
  readonly weekdayEffects: readonly number[]
  readonly location: number
  readonly spread: number
  readonly nullLogit: number
}

/** What is wrong with the newest days of one feature. */
export interface PlantedShift {
  readonly featureIndex: number
  /** Of the newest this many days. */
  readonly dayCount: number
  /** In standard deviations of the random effect between days, or of the values between rows. */
  readonly size: number
  readonly of: 'days' | 'rows'
}

export interface DayNoise {
  /** Correlation of a day's effects with those of the day before, in [0, 1). */
  readonly autocorrelation: number
  /** Degrees of freedom of the effects' Student t; infinite: normal. */
  readonly tailDegreesOfFreedom: number
}

export const normalDays: DayNoise = { autocorrelation: 0, tailDegreesOfFreedom: Number.POSITIVE_INFINITY }

const kinds: readonly Feature['kind'][] = ['normal', 'logNormal', 'zeroInflatedCount', 'rate', 'category']

export interface SimulatedTable {
  readonly rules: TableRules
  readonly days: (options: {
    readonly dayCount: number
    readonly rng: Rng
    readonly noise?: DayNoise
    readonly shift?: PlantedShift
  }) => ProfiledDay[]
}

/** A table of 50 features (ten of each kind), 20,000 rows on a usual day, with days and weekdays of their own. */
export function simulatedTable(rng: Rng, featureCount = 50): SimulatedTable {
  const features = Array.from({ length: featureCount }, (_, i) => drawFeature(rng, i))
  const columns: Record<string, ColumnRules> = {}
  for (const { name, kind } of features) columns[name] = { type: columnTypes[kind], isRequired: true }
  const volumeByWeekday = Array.from({ length: 7 }, () => 0.3 * rng.normal())
  return {
    rules: { table: 'features', isRealTime: true, owner: 'ml@shop.example', columns },
    days: ({ dayCount, rng: days, noise = normalDays, shift }) => {
      const effects = features.map(() => effectsOf(days, dayCount, noise))
      return Array.from({ length: dayCount }, (_, day) => {
        const rowCount = Math.round(20_000 * Math.exp(volumeByWeekday[day % 7]! + 0.08 * days.normal()))
        const profiles = features.map((feature, i) => {
          const planted = shift && shift.featureIndex === i && day >= dayCount - shift.dayCount ? shift : undefined
          return [
            feature.name,
            drawColumn(days, feature, { rowCount, day, effect: effects[i]![day]!, planted }),
          ] as const
        })
        return {
          dayNumber: FIRST_DAY + day,
          profile: {
            table: 'features',
            rowCount,
            newestEventTimeMs: (FIRST_DAY + day + 1) * DAY_MS - 1000,
            newestAvailableTimeMs: (FIRST_DAY + day + 1) * DAY_MS - 500,
            columns: Object.fromEntries(profiles),
          },
        }
      })
    },
  }
}

export const FIRST_DAY = 20_000
export const DAY_MS = 86_400_000

const columnTypes = {
  normal: 'number',
  logNormal: 'number',
  zeroInflatedCount: 'integer',
  rate: 'boolean',
  category: 'category',
} as const

function drawFeature(rng: Rng, index: number): Feature {
  const kind = kinds[index % kinds.length]!
  // Days move by 2 to 10 % of the rows' spread (of the odds, for rates), weekdays by up to as much again.
  const dayEffectStdDev = 0.02 + 0.08 * rng.next()
  const weekdayStdDev = 2 * dayEffectStdDev * rng.next()
  return {
    name: `f${index}_${kind}`,
    kind,
    dayEffectStdDev,
    weekdayEffects: Array.from({ length: 7 }, () => weekdayStdDev * rng.normal()),
    location: kind === 'rate' || kind === 'zeroInflatedCount' ? -3 + 3 * rng.next() : 20 * rng.normal(),
    spread: 0.5 + rng.next(),
    // 0.03 to 0.4 %: all within the limit that they promise.
    nullLogit: -8 + 2.5 * rng.next(),
  }
}

/** Standardised day effects, AR(1) with the given tails. */
function effectsOf(rng: Rng, dayCount: number, { autocorrelation, tailDegreesOfFreedom }: DayNoise): number[] {
  const effects: number[] = []
  for (let day = 0; day < dayCount; day++) {
    const fresh = Number.isFinite(tailDegreesOfFreedom) ? standardT(rng, tailDegreesOfFreedom) : rng.normal()
    effects.push(day === 0 ? fresh : autocorrelation * effects[day - 1]! + Math.sqrt(1 - autocorrelation ** 2) * fresh)
  }
  return effects
}

/** Student t scaled to variance 1. */
function standardT(rng: Rng, degreesOfFreedom: number): number {
  let chiSquare = 0
  for (let i = 0; i < degreesOfFreedom; i++) chiSquare += rng.normal() ** 2
  return rng.normal() / Math.sqrt(chiSquare / degreesOfFreedom) / Math.sqrt(degreesOfFreedom / (degreesOfFreedom - 2))
}

interface DayOfFeature {
  readonly rowCount: number
  readonly day: number
  readonly effect: number
  readonly planted: PlantedShift | undefined
}

function drawColumn(rng: Rng, feature: Feature, { rowCount, day, effect, planted }: DayOfFeature): ColumnProfile {
  const total =
    feature.dayEffectStdDev * (effect + (planted?.of === 'days' ? planted.size : 0)) + feature.weekdayEffects[day % 7]!
  const nullCount = drawBinomial(rng, rowCount, logistic(feature.nullLogit + 0.1 * rng.normal()))
  const cells = cellsOf(feature, total, rng)
  const counts = drawMultinomial(rng, rowCount - nullCount, cells.probabilities)
  if (planted?.of === 'rows') {
    if (feature.kind === 'rate') {
      // A rate moves by standard deviations of its rows as far as it can: towards the farther end.
      const p = cells.probabilities[1]!
      counts[1] = drawBinomial(rng, rowCount - nullCount, Math.min(0.99, p + planted.size * Math.sqrt(p * (1 - p))))
      counts[0] = rowCount - nullCount - counts[1]
    } else {
      const step = planted.size * Math.sqrt(varianceOfCells(cells))
      cells.values = cells.values.map(
        (value) => value + (feature.kind === 'zeroInflatedCount' ? Math.ceil(step) : step),
      )
    }
  }
  return profileOf(feature, cells, counts, { rowCount, nullCount })
}

interface Cells {
  values: number[]
  readonly probabilities: readonly number[]
}

/** A normal on a grid: a day's effect moves the probabilities, as it would those of bins, and not the values. */
const grid = Array.from({ length: 21 }, (_, i) => (i - 10) * 0.4)
const gridProbabilities = (effect: number): number[] => normalised(grid.map((z) => Math.exp(-((z - effect) ** 2) / 2)))

function cellsOf({ kind, location, spread, dayEffectStdDev }: Feature, effect: number, rng: Rng): Cells {
  switch (kind) {
    case 'normal':
      return { values: grid.map((z) => location + spread * z), probabilities: gridProbabilities(effect) }
    case 'logNormal':
      return { values: grid.map((z) => Math.exp(location / 20 + spread * z)), probabilities: gridProbabilities(effect) }
    case 'rate': {
      const p = logistic(location + effect)
      return { values: [0, 1], probabilities: [1 - p, p] }
    }
    case 'zeroInflatedCount': {
      // Zero, or 1 + geometric up to 12.
      const p = logistic(location + effect)
      const geometric = normalised(Array.from({ length: 12 }, (_, i) => 0.6 ** i))
      return { values: Array.from({ length: 13 }, (_, i) => i), probabilities: [1 - p, ...geometric.map((g) => p * g)] }
    }
    case 'category':
      // Zipf, every category with a day of its own, the first with the shared effect.
      return {
        values: Array.from({ length: 12 }, (_, i) => i),
        probabilities: normalised(
          Array.from({ length: 12 }, (_, i) =>
            Math.exp((i === 0 ? effect : dayEffectStdDev * rng.normal()) - Math.log(i + 1)),
          ),
        ),
      }
  }
}

function profileOf(
  feature: Feature,
  { values }: Cells,
  counts: Float64Array,
  { rowCount, nullCount }: { readonly rowCount: number; readonly nullCount: number },
): ColumnProfile {
  const isCategory = feature.kind === 'category'
  const count = rowCount - nullCount
  const mean = values.reduce((sum, value, i) => sum + value * counts[i]!, 0) / count
  const buckets = new Map<number, number>()
  values.forEach((value, i) => {
    if (counts[i]! > 0) buckets.set(bucketOf(value), (buckets.get(bucketOf(value)) ?? 0) + counts[i]!)
  })
  const present = values.filter((_, i) => counts[i]! > 0)
  return {
    type: columnTypes[feature.kind],
    rowCount,
    nullCount,
    violations: {},
    min: Math.min(...present),
    max: Math.max(...present),
    moments: { count, mean, squares: values.reduce((sum, value, i) => sum + counts[i]! * (value - mean) ** 2, 0) },
    histogram: histogramOf(buckets),
    trueCount: feature.kind === 'rate' ? counts[1]! : 0,
    falseCount: feature.kind === 'rate' ? counts[0]! : 0,
    categories: {
      total: isCategory ? count : 0,
      counts: isCategory ? Object.fromEntries(values.map((value, i) => [`c${value}`, counts[i]!])) : {},
      undercount: 0,
    },
    distinct: '',
  }
}

function varianceOfCells({ values, probabilities }: Cells): number {
  const mean = values.reduce((sum, value, i) => sum + value * probabilities[i]!, 0)
  return values.reduce((sum, value, i) => sum + probabilities[i]! * (value - mean) ** 2, 0)
}

function drawMultinomial(rng: Rng, count: number, probabilities: readonly number[]): Float64Array {
  const counts = new Float64Array(probabilities.length)
  let left = count
  let probabilityLeft = 1
  for (let i = 0; i < probabilities.length - 1 && left > 0; i++) {
    counts[i] = drawBinomial(rng, left, Math.min(1, probabilities[i]! / probabilityLeft))
    left -= counts[i]!
    probabilityLeft -= probabilities[i]!
  }
  counts[probabilities.length - 1]! += left
  return counts
}

/** Exact below a variance of 25 (waiting times between successes); above it the rounded normal, whose error is far below the days' effects. */
function drawBinomial(rng: Rng, count: number, p: number): number {
  if (p > 0.5) return count - drawBinomial(rng, count, 1 - p)
  const variance = count * p * (1 - p)
  if (variance > 25) return Math.min(count, Math.max(0, Math.round(count * p + Math.sqrt(variance) * rng.normal())))
  if (p <= 0) return 0
  let successes = -1
  let trials = 0
  do {
    successes++
    trials += 1 + Math.floor(Math.log(1 - rng.next()) / Math.log1p(-p))
  } while (trials <= count)
  return successes
}

const logistic = (x: number): number => 1 / (1 + Math.exp(-x))

function normalised(weights: readonly number[]): number[] {
  const sum = weights.reduce((a, b) => a + b, 0)
  return weights.map((weight) => weight / sum)
}
