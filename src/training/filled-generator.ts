import type { CandidateGenerator, Candidates, History, ItemSet } from '../ports/candidate-generator.ts'

/**
 * Several generators as one, as a placement uses them: the first one orders the list, those after it fill what it leaves open. Scores are places,
 * descending, because scores of different generators do not compare.
 */
export function filledGenerator(generators: readonly CandidateGenerator[]): CandidateGenerator {
  let scratch: Candidates = { itemIndexes: new Int32Array(0), scores: new Float32Array(0) }
  return {
    supportsEmptyHistory: generators.some((generator) => generator.supportsEmptyHistory),
    generate(history: History, k: number, allowed: ItemSet | undefined, out: Candidates): number {
      if (scratch.itemIndexes.length < k) scratch = { itemIndexes: new Int32Array(k), scores: new Float32Array(k) }
      const taken = new Set<number>()
      for (const generator of generators) {
        if (taken.size >= k) break
        if (history.itemIndexes.length === 0 && !generator.supportsEmptyHistory) continue
        const count = generator.generate(history, k, allowed, scratch)
        for (let i = 0; i < count && taken.size < k; i++) {
          const item = scratch.itemIndexes[i]!
          if (taken.has(item)) continue
          out.itemIndexes[taken.size] = item
          out.scores[taken.size] = k - taken.size
          taken.add(item)
        }
      }
      return taken.size
    },
  }
}
