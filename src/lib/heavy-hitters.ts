// The frequent ones of many labels, in bounded space: Misra & Gries, "Finding repeated elements", 1982, merged as in Agarwal, Cormode, Huang,
// Phillips, Wei & Yi, "Mergeable summaries", PODS 2012, section 2. Counts are exact up to `HEAVY_HITTER_CAPACITY` labels; beyond, each is low by at
// most `undercount`, which is at most total / (capacity + 1).

/** Plain data: survives JSON. */
export interface HeavyHitters {
  /** How many labels were counted in all. */
  readonly total: number
  /** By label, in the order of their code units. What `total` has beyond them is "other". */
  readonly counts: Readonly<Record<string, number>>
  /** By how much a count may be too low, and how often a label that is not listed may have come. 0: everything is exact. */
  readonly undercount: number
}

export const HEAVY_HITTER_CAPACITY = 256

export const noHeavyHitters: HeavyHitters = { total: 0, counts: {}, undercount: 0 }

/** Both together; the order does not matter. */
export function mergeHeavyHitters(a: HeavyHitters, b: HeavyHitters): HeavyHitters {
  const counts = new Map(Object.entries(a.counts))
  for (const [label, count] of Object.entries(b.counts)) counts.set(label, (counts.get(label) ?? 0) + count)
  const cut = cutToCapacity(counts)
  return heavyHitters(a.total + b.total, counts, a.undercount + b.undercount + cut)
}

/** Counts labels one by one. */
export class HeavyHittersBuilder {
  readonly #counts = new Map<string, number>()
  #total = 0
  #undercount = 0

  add(label: string): void {
    this.#total++
    this.#counts.set(label, (this.#counts.get(label) ?? 0) + 1)
    // Cutting is a sort: do it once for many labels. More room in between only makes the counts better.
    if (this.#counts.size > 16 * HEAVY_HITTER_CAPACITY) this.#undercount += cutToCapacity(this.#counts)
  }

  finish(): HeavyHitters {
    this.#undercount += cutToCapacity(this.#counts)
    return heavyHitters(this.#total, this.#counts, this.#undercount)
  }
}

/** Takes the (capacity + 1)-th largest count off every count, so that at most `capacity` stay above 0. Returns what was taken. */
function cutToCapacity(counts: Map<string, number>): number {
  if (counts.size <= HEAVY_HITTER_CAPACITY) return 0
  const cut = Float64Array.from(counts.values()).sort()[counts.size - HEAVY_HITTER_CAPACITY - 1]!
  for (const [label, count] of counts) {
    if (count > cut) counts.set(label, count - cut)
    else counts.delete(label)
  }
  return cut
}

function heavyHitters(total: number, counts: ReadonlyMap<string, number>, undercount: number): HeavyHitters {
  const entries = [...counts].sort(([a], [b]) => (a < b ? -1 : 1))
  // `fromEntries` defines properties, so that a label "__proto__" is one like any other.
  return { total, counts: Object.fromEntries(entries), undercount }
}
