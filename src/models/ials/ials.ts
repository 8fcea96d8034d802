// Candidates by implicit matrix factorisation. Serving needs the items' vectors only: a user's is solved from the history of the request, so
// that the newest click counts at once and anonymous sessions work like known users.
import { IalsFoldIn, type IalsLossOptions, trainIals } from '../../kernels/ials.ts'
import { ItemIndex } from '../../kernels/item-index.ts'
import { buildItemIndex } from '../../kernels/item-index-build.ts'
import { KernelMemory } from '../../kernels/memory.ts'
import type { Artifacts, CandidateGenerator, GeneratorKind, ItemSet } from '../../ports/candidate-generator.ts'
import { indexIn, storedIndex } from '../stored-index.ts'
import { exactItemSearch, type ItemSearch } from './item-search.ts'

/** Settings of `ials`; see `IalsOptions` of the kernel for the formulas. */
export type IalsSettings = IalsLossOptions & {
  readonly factors: number
  readonly iterations: number
  readonly initStdDev: number
}

/** Best NDCG@20 at 64 factors on a validation part cut from the train part of Gowalla; after more iterations it falls again. */
const defaults: IalsSettings = {
  factors: 64,
  iterations: 4,
  regularization: 0.1,
  regularizationExponent: 0.5,
  unobservedWeight: 0.01,
  initStdDev: 0.1,
}

const tunable = {
  factors: { low: 16, high: 256, scale: 'integer' },
  iterations: { low: 3, high: 16, scale: 'integer' },
  regularization: { low: 0.003, high: 1, scale: 'log' },
  regularizationExponent: { low: 0, high: 1, scale: 'linear' },
  unobservedWeight: { low: 0.003, high: 1, scale: 'log' },
} as const satisfies GeneratorKind['tunable']

/** A kind of candidate generator: matrix factorisation of weighted interactions. Proposes nothing for an empty history. */
export function ials(settings: Partial<IalsSettings> = {}): GeneratorKind {
  const options: IalsSettings = { ...defaults, ...settings }
  return {
    kind: 'ials',
    options: { ...options },
    tunable,
    with: (replaced) => ials({ ...options, ...replaced }),
    async train({ itemsByUser }, { seed, threadCount, log }) {
      const { width, userVectors, itemVectors, itemGramDiagonal } = await trainIals(itemsByUser, {
        ...options,
        seed,
        threadCount,
        onIteration: ({ iteration }) => log(`ials: iteration ${iteration} of ${options.iterations}`),
      })
      log('ials: index of the item vectors')
      const index = await buildItemIndex(itemVectors, width, { seed, threadCount, sampleQueries: userVectors })
      return { itemVectors, itemGramDiagonal, ...storedIndex(index) }
    },
    open: (artifacts, { itemCount }) => openIals(artifacts, itemCount, options),
  }
}

function openIals(artifacts: Artifacts, itemCount: number, options: IalsSettings): CandidateGenerator {
  const memory = new KernelMemory()
  const itemVectors = memory.placeFloat32(artifacts.itemVectors as Float32Array)
  const itemGramDiagonal = artifacts.itemGramDiagonal as Float32Array
  const width = itemGramDiagonal.length
  const foldIn = new IalsFoldIn(memory, { ...options, width, itemVectors, itemGramDiagonal })
  const index = new ItemIndex(new KernelMemory(), indexIn(artifacts))
  let byAngle: { search: ItemSearch; directions: Float32Array } | undefined
  const withoutItem: ItemSet = new Uint32Array(Math.ceil(itemCount / 32))
  return {
    supportsEmptyHistory: false,
    generate({ itemIndexes, weights }, k, allowed, out, { headOf = Math.max(k, USUAL_CANDIDATE_COUNT), steady } = {}) {
      if (itemIndexes.length === 0) return 0
      return index.search(foldIn.vectorOf(itemIndexes, weights), k, allowed, out, { effortK: headOf, steady })
    },
    similar(itemIndex, k, allowed, out) {
      if (!byAngle) {
        // Made on first use: a second copy of the vectors is wasted where nobody asks for similar items.
        const directions = memory.placeFloat32(directionsOf(itemVectors, width))
        byAngle = { search: exactItemSearch(memory, directions, width), directions }
      }
      if (allowed) withoutItem.set(allowed)
      else withoutItem.fill(0xffffffff)
      withoutItem[itemIndex >> 5]! &= ~(1 << (itemIndex & 31))
      const direction = byAngle.directions.subarray(itemIndex * width, (itemIndex + 1) * width)
      return byAngle.search.search(direction, k, withoutItem, out)
    },
  }
}

/** Placements ask for 500 candidates and show the first 20; an evaluation that asks for 20, and says nothing else, must see the same ones. */
const USUAL_CANDIDATE_COUNT = 500
/** Each row divided by its length, so that inner products are cosines; zero rows stay zero. */
function directionsOf(vectors: Float32Array, width: number): Float32Array {
  const directions = new Float32Array(vectors.length)
  for (let start = 0; start < vectors.length; start += width) {
    let square = 0
    for (let k = start; k < start + width; k++) square += vectors[k]! ** 2
    if (square === 0) continue
    const inverseLength = 1 / Math.sqrt(square)
    for (let k = start; k < start + width; k++) directions[k] = vectors[k]! * inverseLength
  }
  return directions
}
