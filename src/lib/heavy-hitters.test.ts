import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  HEAVY_HITTER_CAPACITY,
  type HeavyHitters,
  HeavyHittersBuilder,
  mergeHeavyHitters,
  noHeavyHitters,
} from './heavy-hitters.ts'
import { seededRng } from './rng.ts'

const of = (labels: readonly string[]): HeavyHitters => {
  const builder = new HeavyHittersBuilder()
  for (const label of labels) builder.add(label)
  return builder.finish()
}
const labels = fc.array(fc.oneof(fc.constantFrom('a', 'b', '__proto__', 'constructor', '7', '10', ''), fc.string()), {
  maxLength: 50,
})

describe('heavy hitters', () => {
  test('of few labels are exact, and merged parts are the whole, in either order and after JSON', () => {
    fc.assert(
      fc.property(labels, labels, (a, b) => {
        const whole = of([...a, ...b])
        expect(mergeHeavyHitters(of(a), of(b))).toEqual(whole)
        expect(mergeHeavyHitters(of(b), of(a))).toEqual(whole)
        expect(mergeHeavyHitters(noHeavyHitters, whole)).toEqual(whole)
        expect(JSON.parse(JSON.stringify(whole))).toEqual(whole)
        expect(whole.undercount).toBe(0)
        expect(Object.values(whole.counts).reduce((x, y) => x + y, 0)).toBe(whole.total)
      }),
    )
  })

  test('of many labels keep within their bound, however they were merged', () => {
    // Zipf-like: label k comes about as often as 1 / k, over 20,000 labels.
    const rng = seededRng(11)
    const rows = Array.from({ length: 60_000 }, () => `l${Math.floor(20_000 ** rng.next())}`)
    const exact = new Map<string, number>()
    for (const label of rows) exact.set(label, (exact.get(label) ?? 0) + 1)
    const parts = Array.from({ length: 12 }, (_, i) => of(rows.slice(i * 5000, (i + 1) * 5000)))
    const merges = [
      of(rows),
      parts.reduce(mergeHeavyHitters),
      [...parts].reverse().reduce(mergeHeavyHitters),
      mergeHeavyHitters(parts.slice(0, 3).reduce(mergeHeavyHitters), parts.slice(3).reduce(mergeHeavyHitters)),
    ]
    for (const found of merges) {
      expect(found.total).toBe(rows.length)
      expect(Object.keys(found.counts).length).toBeLessThanOrEqual(HEAVY_HITTER_CAPACITY)
      expect(found.undercount).toBeLessThanOrEqual(rows.length / (HEAVY_HITTER_CAPACITY + 1))
      for (const [label, count] of exact) {
        const kept = found.counts[label] ?? 0
        expect(kept).toBeLessThanOrEqual(count)
        expect(kept).toBeGreaterThanOrEqual(count - found.undercount)
      }
    }
  })
})
