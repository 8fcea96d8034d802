// Item-item similarities as a filter on the graph of users and items: lays out the memory and drives the kernel's threads.
// The papers, the formula and where we differ stand at the top of kernels/graph-filter.ts.
import { type Csr, transpose } from '../lib/csr.ts'
import { seededRng } from '../lib/rng.ts'
import { KernelMemory } from './memory.ts'
import { KernelThreads } from './threads.ts'

/** Powers of the degrees (how many users an item has, how many items a user has) and the weights of the parts. */
export interface GraphFilterOptions {
  /** At most this many similar items are kept for each item, at least 1. */
  readonly neighbours: number
  /** A user's vote counts as degree ^ -userPower. */
  readonly userPower: number
  /** An item of the history counts as degree ^ -historyPower in the near and the far part. */
  readonly historyPower: number
  /** A candidate's score is multiplied by degree ^ -candidatePower in the near part. */
  readonly candidatePower: number
  /** Weight of the far part, which is subtracted; 0 leaves it out, and with it most of the cost: 2 * entries * items multiply-adds. */
  readonly sharpening: number
  /** An item between the two walks of the far part counts as degree ^ -sharpeningMiddlePower. */
  readonly sharpeningMiddlePower: number
  /** A candidate's far part is multiplied by degree ^ -sharpeningCandidatePower. */
  readonly sharpeningCandidatePower: number
  /** Weight of the smooth part; 0 leaves it out. */
  readonly smoothing: number
  /** How many of the lowest frequencies the smooth part keeps. */
  readonly smoothingRank: number
  /** A candidate's smooth part is multiplied by degree ^ smoothingCandidatePower. */
  readonly smoothingCandidatePower: number
  readonly seed: number
  /** The result is the same, bit for bit, for every number of threads. */
  readonly threadCount: number
}

/**
 * For each item the items to propose to whoever has it. The values of `itemsByUser` are ignored: an entry is an entry.
 * Every part is scaled to a standard deviation of 1 over the scores of a sample of users before the weights apply, so that weights tuned on
 * one shop mean the same on another.
 * @returns items x items, all values above 0; within a row the columns stand best first, ties by the smaller index
 */
export async function filterItemGraph(itemsByUser: Csr, options: GraphFilterOptions): Promise<Csr> {
  const memory = new KernelMemory()
  const threads = new KernelThreads(memory, options.threadCount)
  try {
    const filter = new GraphFilter(memory, threads, itemsByUser, options)
    await filter.prepare()
    return await filter.similarItems()
  } finally {
    await threads.close()
  }
}

/** Users whose scores tell how large the parts are. */
const SAMPLE_USERS = 256
/** Each round applies N^T N once; after six, what leaks across the rank's edge are frequencies that hardly differ. */
const ROUNDS = 6
/** Gram matrices are summed in this many parts, whatever the number of threads, so that rounding does not depend on it. */
const PART_COUNT = 64
const CHUNK_ROWS = 64
/** Items whose neighbours are computed before they are copied out of the kernels' memory. */
const BLOCK_ITEMS = 8192
const LANES = 16

interface Pattern {
  readonly offsets: Int32Array
  readonly columns: Int32Array
}

interface Scratch {
  readonly near: Float32Array
  readonly users: Float32Array
  readonly far: Float32Array
  readonly row: Float32Array
}

class GraphFilter {
  readonly #memory: KernelMemory
  readonly #threads: KernelThreads
  readonly #options: GraphFilterOptions
  readonly #itemCount: number
  readonly #userCount: number
  readonly #itemsByUser: Pattern
  readonly #usersByItem: Pattern
  readonly #itemDegrees: Float64Array
  readonly #userDegrees: Float64Array
  /** Length of a row of `#basis`: the rank, padded with zeros to a multiple of 4. */
  readonly #width: number
  readonly #basis: Float32Array
  readonly #scales: Record<
    'user' | 'source' | 'middle' | 'near' | 'far' | 'smoothSource' | 'smoothTarget',
    Float32Array
  >
  readonly #task: Int32Array
  readonly #counter: Int32Array
  readonly #scratches: readonly Scratch[]

  constructor(memory: KernelMemory, threads: KernelThreads, itemsByUser: Csr, options: GraphFilterOptions) {
    this.#memory = memory
    this.#threads = threads
    this.#options = options
    this.#itemCount = itemsByUser.columnCount
    this.#userCount = itemsByUser.rowCount
    const usersByItem = transpose(itemsByUser)
    this.#itemsByUser = placePattern(memory, itemsByUser)
    this.#usersByItem = placePattern(memory, usersByItem)
    this.#itemDegrees = degreesOf(usersByItem)
    this.#userDegrees = degreesOf(itemsByUser)
    const rank = options.smoothing === 0 ? 0 : Math.min(options.smoothingRank, this.#itemCount, this.#userCount)
    this.#width = Math.ceil(rank / 4) * 4
    this.#basis = memory.float32(this.#itemCount * this.#width)
    const itemScales = (power: number) => memory.placeFloat32(this.#itemDegrees.map((degree) => degree ** power))
    this.#scales = {
      user: memory.placeFloat32(this.#userDegrees.map((degree) => degree ** -options.userPower)),
      source: itemScales(-options.historyPower),
      middle: itemScales(-options.sharpeningMiddlePower),
      near: itemScales(-options.candidatePower),
      far: itemScales(-options.sharpeningCandidatePower),
      smoothSource: itemScales(-0.5),
      smoothTarget: itemScales(options.smoothingCandidatePower),
    }
    this.#task = memory.int32(32)
    this.#counter = memory.int32(1)
    this.#scratches = Array.from({ length: threads.threadCount }, () => ({
      near: memory.float32(this.#itemCount * LANES),
      users: memory.float32(options.sharpening === 0 ? 0 : this.#userCount * LANES),
      far: memory.float32(options.sharpening === 0 ? 0 : this.#itemCount * LANES),
      row: memory.float32(this.#width),
    }))
  }

  /** Finds the low frequencies, then folds the parts' weights into the candidates' scales. */
  async prepare(): Promise<void> {
    if (this.#width > 0) await this.#findBasis()
    const spread = await this.#spreadOfParts()
    const weigh = (scales: Float32Array, weight: number, stdDev: number) => {
      const factor = stdDev > 0 ? weight / stdDev : 0
      for (let item = 0; item < scales.length; item++) scales[item]! *= factor
    }
    weigh(this.#scales.near, 1, spread.near)
    weigh(this.#scales.far, -this.#options.sharpening, spread.far)
    weigh(this.#scales.smoothTarget, this.#options.smoothing, spread.smooth)
  }

  async similarItems(): Promise<Csr> {
    const { neighbours } = this.#options
    const offsets = new Int32Array(this.#itemCount + 1)
    const columnBlocks: Int32Array[] = []
    const valueBlocks: Float32Array[] = []
    const mark = this.#memory.mark()
    for (let first = 0; first < this.#itemCount; first += BLOCK_ITEMS) {
      this.#memory.rewind(mark)
      const count = Math.min(BLOCK_ITEMS, this.#itemCount - first)
      const sources = placePattern(this.#memory, {
        offsets: Int32Array.from({ length: count + 1 }, (_, i) => i),
        columns: Int32Array.from({ length: count }, (_, i) => first + i),
      })
      const counts = this.#memory.int32(count)
      const indexes = this.#memory.int32(count * neighbours)
      const scores = this.#memory.float32(count * neighbours)
      this.#describe(sources, count)
      await this.#run('keepStrongest', ({ near, users, far }) => [
        this.#task.byteOffset,
        neighbours,
        counts.byteOffset,
        indexes.byteOffset,
        scores.byteOffset,
        near.byteOffset,
        users.byteOffset,
        far.byteOffset,
      ])
      for (let i = 0; i < count; i++) offsets[first + i + 1] = offsets[first + i]! + counts[i]!
      columnBlocks.push(
        packRows(indexes, counts, neighbours, new Int32Array(offsets[first + count]! - offsets[first]!)),
      )
      valueBlocks.push(
        packRows(scores, counts, neighbours, new Float32Array(offsets[first + count]! - offsets[first]!)),
      )
    }
    const columns = new Int32Array(offsets[this.#itemCount]!)
    const values = new Float32Array(offsets[this.#itemCount]!)
    let at = 0
    columnBlocks.forEach((block, b) => {
      columns.set(block, at)
      values.set(valueBlocks[b]!, at)
      at += block.length
    })
    return { rowCount: this.#itemCount, columnCount: this.#itemCount, offsets, columns, values }
  }

  /** Standard deviation of each part's scores over a sample of users and all items. */
  async #spreadOfParts(): Promise<{ near: number; far: number; smooth: number }> {
    const { sources, count } = this.#sampleUsers()
    const mark = this.#memory.mark()
    const placed = placePattern(this.#memory, sources)
    const moments = this.#memory.float64(count * 6)
    this.#describe(placed, count)
    await this.#run('scoreMoments', ({ near, users, far, row }) => [
      this.#task.byteOffset,
      moments.byteOffset,
      near.byteOffset,
      users.byteOffset,
      far.byteOffset,
      row.byteOffset,
    ])
    const stdDevOf = (part: number) => {
      let sum = 0
      let squares = 0
      for (let i = 0; i < count; i++) {
        sum += moments[i * 6 + part * 2]!
        squares += moments[i * 6 + part * 2 + 1]!
      }
      const scoreCount = Math.max(1, count * this.#itemCount)
      return Math.sqrt(Math.max(0, squares / scoreCount - (sum / scoreCount) ** 2))
    }
    const spread = { near: stdDevOf(0), far: stdDevOf(1), smooth: stdDevOf(2) }
    this.#memory.rewind(mark)
    return spread
  }

  /** The histories of up to SAMPLE_USERS users who have one. */
  #sampleUsers(): { sources: Pattern; count: number } {
    const rng = seededRng(this.#options.seed).fork('graph-filter/sample')
    const { offsets, columns } = this.#itemsByUser
    const withHistory: number[] = []
    for (let user = 0; user < this.#userCount; user++) if (offsets[user + 1]! > offsets[user]!) withHistory.push(user)
    const count = Math.min(SAMPLE_USERS, withHistory.length)
    const sampledOffsets = new Int32Array(count + 1)
    const sampledItems: number[] = []
    for (let i = 0; i < count; i++) {
      const other = i + rng.integer(withHistory.length - i)
      const user = withHistory[other]!
      withHistory[other] = withHistory[i]!
      sampledItems.push(...columns.subarray(offsets[user]!, offsets[user + 1]!))
      sampledOffsets[i + 1] = sampledItems.length
    }
    return { sources: { offsets: sampledOffsets, columns: Int32Array.from(sampledItems) }, count }
  }

  /**
   * Block power iteration for the leading right singular vectors of N = diag(d_u^-1/2) R diag(d_i^-1/2). Halko, Martinsson & Tropp, "Finding
   * structure with randomness", SIAM Review 2011, algorithm 4.4; we need the subspace only, so its basis is left unrotated.
   */
  async #findBasis(): Promise<void> {
    const rng = seededRng(this.#options.seed).fork('graph-filter/basis')
    const rank = Math.min(this.#options.smoothingRank, this.#itemCount, this.#userCount)
    for (let item = 0; item < this.#itemCount; item++) {
      for (let k = 0; k < rank; k++) this.#basis[item * this.#width + k] = rng.normal()
    }
    const mark = this.#memory.mark()
    const userRows = this.#memory.float32(this.#userCount * this.#width)
    const partials = this.#memory.float32(PART_COUNT * this.#width * this.#width)
    const turn = this.#memory.float32(this.#width * this.#width)
    const userScales = this.#memory.placeFloat32(this.#userDegrees.map((degree) => degree ** -0.5))
    const itemScales = this.#scales.smoothSource
    await this.#orthonormalize(partials, turn)
    for (let round = 0; round < ROUNDS; round++) {
      await this.#multiply(this.#itemsByUser, userScales, itemScales, this.#basis, userRows)
      await this.#multiply(this.#usersByItem, itemScales, userScales, userRows, this.#basis)
      await this.#orthonormalize(partials, turn)
    }
    this.#memory.rewind(mark)
  }

  async #multiply(
    pattern: Pattern,
    rowScales: Float32Array,
    columnScales: Float32Array,
    input: Float32Array,
    out: Float32Array,
  ): Promise<void> {
    await this.#run('sparseTimesDense', () => [
      pattern.offsets.byteOffset,
      pattern.columns.byteOffset,
      rowScales.byteOffset,
      columnScales.byteOffset,
      pattern.offsets.length - 1,
      this.#width,
      input.byteOffset,
      out.byteOffset,
      CHUNK_ROWS,
      this.#counter.byteOffset,
    ])
  }

  /** Cholesky QR: with G = Y^T Y = U^T U the columns of Y U^-1 are orthonormal. */
  async #orthonormalize(partials: Float32Array, turn: Float32Array): Promise<void> {
    const partRows = Math.max(1, Math.ceil(this.#itemCount / PART_COUNT))
    await this.#run('gramPartials', () => [
      this.#basis.byteOffset,
      this.#itemCount,
      this.#width,
      partRows,
      partials.byteOffset,
      this.#counter.byteOffset,
    ])
    const partCount = Math.ceil(this.#itemCount / partRows)
    const gram = new Float64Array(this.#width * this.#width)
    for (let part = 0; part < partCount; part++) {
      const partial = partials.subarray(part * gram.length, (part + 1) * gram.length)
      for (let i = 0; i < gram.length; i++) gram[i]! += partial[i]!
    }
    turn.set(inverseCholesky(gram, this.#width))
    await this.#run('turnRows', ({ row }) => [
      this.#basis.byteOffset,
      this.#itemCount,
      this.#width,
      turn.byteOffset,
      CHUNK_ROWS,
      this.#counter.byteOffset,
      row.byteOffset,
    ])
  }

  /** Writes the kernel's `Filter`, field by field. */
  #describe(sources: Pattern, sourceCount: number): void {
    this.#task.set([
      this.#itemCount,
      this.#userCount,
      this.#itemsByUser.offsets.byteOffset,
      this.#itemsByUser.columns.byteOffset,
      this.#usersByItem.offsets.byteOffset,
      this.#usersByItem.columns.byteOffset,
      this.#scales.user.byteOffset,
      this.#scales.source.byteOffset,
      this.#scales.middle.byteOffset,
      this.#scales.near.byteOffset,
      this.#scales.far.byteOffset,
      this.#scales.smoothSource.byteOffset,
      this.#scales.smoothTarget.byteOffset,
      this.#options.sharpening === 0 ? 0 : 1,
      this.#basis.byteOffset,
      this.#width,
      sources.offsets.byteOffset,
      sources.columns.byteOffset,
      sourceCount,
      this.#counter.byteOffset,
    ])
  }

  async #run(functionName: string, argsOf: (scratch: Scratch) => readonly number[]): Promise<void> {
    this.#counter[0] = 0
    await this.#threads.run('graph-filter', functionName, (thread) => argsOf(this.#scratches[thread]!))
  }
}

function placePattern(memory: KernelMemory, matrix: Pattern): Pattern {
  return { offsets: memory.placeInt32(matrix.offsets), columns: memory.placeInt32(matrix.columns) }
}

/** Entries of each row; 1 where there are none, so that every power of it is finite. */
function degreesOf(matrix: Csr): Float64Array {
  return Float64Array.from({ length: matrix.rowCount }, (_, row) =>
    Math.max(1, matrix.offsets[row + 1]! - matrix.offsets[row]!),
  )
}

/** The used beginnings of rows of `width`, one after the other. */
function packRows<Rows extends Int32Array | Float32Array, Out extends Int32Array | Float32Array>(
  rows: Rows,
  counts: Int32Array,
  width: number,
  out: Out,
): Out {
  let at = 0
  for (let row = 0; row < counts.length; row++) {
    out.set(rows.subarray(row * width, row * width + counts[row]!), at)
    at += counts[row]!
  }
  return out
}

/**
 * U^-1 for the Cholesky factor U^T U of a Gram matrix of which the upper triangle is given (width x width, row-major, overwritten).
 * A column that depends on those before it up to rounding becomes a column of zeros.
 */
export function inverseCholesky(gram: Float64Array, width: number): Float64Array {
  const inverse = new Float64Array(width * width)
  for (let i = 0; i < width; i++) {
    const squaredLength = gram[i * width + i]!
    for (let k = 0; k < i; k++) {
      const u = gram[k * width + i]!
      for (let j = i; j < width; j++) gram[i * width + j]! -= u * gram[k * width + j]!
    }
    const pivot = gram[i * width + i]!
    const isDependent = !(pivot > squaredLength * 1e-9)
    const reciprocal = isDependent ? 0 : 1 / Math.sqrt(pivot)
    for (let j = i; j < width; j++) gram[i * width + j]! *= reciprocal
    // Column i of the inverse, by back substitution over the rows above it.
    inverse[i * width + i] = reciprocal
  }
  for (let column = 0; column < width; column++) {
    for (let row = column - 1; row >= 0; row--) {
      let sum = 0
      for (let k = row + 1; k <= column; k++) sum += gram[row * width + k]! * inverse[k * width + column]!
      inverse[row * width + column] = -sum * inverse[row * width + row]!
    }
  }
  return inverse
}
