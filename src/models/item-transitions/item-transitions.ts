// Proposes what people went on to after the visitor's newest items.
import { BestFirst } from '../../lib/best-first.ts'
import { groupByBucket } from '../../lib/counting-sort.ts'
import type { Csr } from '../../lib/csr.ts'
import { GrowingRows } from '../../lib/growing-rows.ts'
import type { Candidates, GeneratorKind } from '../../ports/candidate-generator.ts'
import { ItemItemGenerator, itemItemArtifacts } from '../item-item/item-item-generator.ts'
import { type Sessions, sessionsOf } from '../sessions/sessions.ts'
import { checkSettings } from '../settings-check.ts'

export type ItemTransitionsSettings = {
  /** A session ends after this many minutes without an interaction. */
  readonly gapMinutes: number
  /** At most this many followers are kept for each item. */
  readonly followers: number
  /** Only this many steps ahead count. */
  readonly steps: number
  /** A follower one step further on counts this much of the one before it. */
  readonly stepDecay: number
  /** What came before an item counts this much of what came after it; 0: only the direction of time. */
  readonly backward: number
  /** A follower counts less by the number of its own occurrences to this power. */
  readonly popularityPower: number
  /** An item counts this much of what the one after it in the history counts. */
  readonly historyDecay: number
}

/** Found by `node bench/tune-sessions.ts diginetica item-transitions` on the newest training sessions of Diginetica. */
const defaults: ItemTransitionsSettings = {
  gapMinutes: 30,
  followers: 350,
  steps: 10,
  stepDecay: 0.7,
  backward: 0.6,
  popularityPower: 0.3,
  historyDecay: 0.52,
}

const tunable = {
  followers: { low: 50, high: 1000, scale: 'integer' },
  stepDecay: { low: 0.1, high: 1, scale: 'linear' },
  backward: { low: 0, high: 1, scale: 'linear' },
  popularityPower: { low: 0, high: 1, scale: 'linear' },
  historyDecay: { low: 0.1, high: 1, scale: 'linear' },
} as const satisfies GeneratorKind['tunable']

/**
 * A kind of candidate generator: the sequential rules of Ludewig & Jannach, "Evaluation of session-based recommendation algorithms", UMUAI 2018, with a
 * geometric decay for their harmonic one, and a share for what came before.
 */
export function itemTransitions(settings: Partial<ItemTransitionsSettings> = {}): GeneratorKind {
  const options: ItemTransitionsSettings = { ...defaults, ...settings }
  return {
    kind: 'item-transitions',
    options: { ...options },
    tunable,
    with: (replaced) => itemTransitions({ ...options, ...replaced }),
    async train(data, { log }) {
      checkSettings('item-transitions', options, {
        gapMinutes: { low: 1 },
        followers: { low: 1, isInteger: true },
        steps: { low: 1, isInteger: true },
        stepDecay: { low: 0.01, high: 1 },
        backward: { low: 0, high: 1 },
        popularityPower: { low: 0, high: 3 },
        historyDecay: { low: 0.01, high: 1 },
      })
      const sessions = sessionsOf(data, 'item-transitions', options.gapMinutes)
      const followers = followersOf(sessions, data.itemIds.length, options)
      log(`item-transitions: ${followers.columns.length} pairs of an item and a follower`)
      return itemItemArtifacts(followers)
    },
    open: (artifacts) =>
      new ItemItemGenerator(artifacts, { historyWeightPower: 1, historyDecay: options.historyDecay }),
  }
}

/** items x items, best first within a row: how much the column's item came up around the row's. */
function followersOf(sessions: Sessions, itemCount: number, options: ItemTransitionsSettings): Csr {
  const { offsets, itemIndexes } = sessions
  const { followers, steps, stepDecay, backward, popularityPower } = options
  const places = groupByBucket(itemIndexes, itemCount)
  const sessionAt = new Int32Array(itemIndexes.length)
  for (let session = 0; session + 1 < offsets.length; session++) {
    sessionAt.fill(session, offsets[session], offsets[session + 1])
  }
  const decays = Float64Array.from({ length: steps + 1 }, (_, step) => stepDecay ** (step - 1))
  const sums = new Float64Array(itemCount)
  const touched = new Int32Array(itemCount)
  const row: Candidates = { itemIndexes: new Int32Array(followers), scores: new Float32Array(followers) }
  const best = new BestFirst()
  const kept = new GrowingRows(itemCount)
  for (let item = 0; item < itemCount; item++) {
    let touchedCount = 0
    const add = (other: number, share: number): void => {
      if (other === item || share === 0) return
      if (sums[other] === 0) touched[touchedCount++] = other
      sums[other] = sums[other]! + share
    }
    for (let p = places.offsets[item]!; p < places.offsets[item + 1]!; p++) {
      const place = places.order[p]!
      const session = sessionAt[place]!
      const last = Math.min(place + steps, offsets[session + 1]! - 1)
      for (let i = place + 1; i <= last; i++) add(itemIndexes[i]!, decays[i - place]!)
      const first = Math.max(place - steps, offsets[session]!)
      for (let i = place - 1; i >= first; i--) add(itemIndexes[i]!, backward * decays[place - i]!)
    }
    best.reset(followers, row)
    for (let t = 0; t < touchedCount; t++) {
      const other = touched[t]!
      const occurrenceCount = places.offsets[other + 1]! - places.offsets[other]!
      best.offer(other, Math.fround(sums[other]! / occurrenceCount ** popularityPower))
      sums[other] = 0
    }
    kept.append(row.itemIndexes, row.scores, best.finish())
  }
  return kept.build(itemCount)
}
