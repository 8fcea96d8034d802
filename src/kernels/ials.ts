// Implicit matrix factorisation: lays out the memory, drives the kernel's threads through the half-steps, and folds new users in.
// The papers, the formulas and where we differ stand at the top of kernels/ials.ts.
import assert from 'node:assert'
import { type Csr, transpose } from '../lib/csr.ts'
import { MillraceError, type Problem } from '../lib/errors.ts'
import { instantiateKernel, KernelMemory } from './memory.ts'
import { KernelThreads } from './threads.ts'

/** The loss that training minimises; all but the first two of its parts are in `IalsLossOptions`. */
export interface IalsLossOptions {
  /** Above 0. A vector's penalty is this times (its entries + unobservedWeight * size of the other side) ^ regularizationExponent. */
  readonly regularization: number
  /** 0: every vector is penalised alike, as in Hu et al.; 1: in proportion to its part of the loss. */
  readonly regularizationExponent: number
  /** Weight of every (user, item) pair's pull to 0, observed or not, where an observed entry of value 1 pulls to 1 with weight 1. Above 0. */
  readonly unobservedWeight: number
}

/** How to train. */
export interface IalsOptions extends IalsLossOptions {
  /** Length of the vectors; they are padded with zeros to a multiple of 4. */
  readonly factors: number
  /** Each solves all items, then all users. */
  readonly iterations: number
  /** Spread of the first vectors' entries, times the root of `factors`. */
  readonly initStdDev: number
  readonly seed: number
  /** The result is the same, bit for bit, for every number of threads. */
  readonly threadCount: number
  /**
   * Steps of conjugate gradients an iteration, from the last vector, for rows of more than 16 entries; shorter ones are solved exactly.
   * Default 2: with 1 or 3 equal NDCG takes about as long. 0 solves every row exactly.
   */
  readonly stepCount?: number
  /** Called after each iteration; training waits for it. */
  readonly onIteration?: (state: IalsIteration) => void | Promise<void>
}

/** The state after an iteration: views, valid until the callback has resolved. */
export interface IalsIteration extends IalsVectors {
  /** 1-based. */
  readonly iteration: number
  /** The training loss; costs about half an iteration. */
  loss(): Promise<number>
}

/** A trained factorisation. The score of a pair is the inner product of its two vectors. */
export interface IalsVectors {
  /** Length of a stored vector: factors rounded up to a multiple of 4; the rest is 0. */
  readonly width: number
  /** users x width, row-major; 0 for a user without entries. */
  readonly userVectors: Float32Array
  /** items x width, row-major; 0 for an item without entries. Rotated so that their Gram matrix is diagonal. */
  readonly itemVectors: Float32Array
  /** The diagonal of that Gram matrix: what fold-in needs to know of all items. */
  readonly itemGramDiagonal: Float32Array
}

/** Users and items must both fit the kernels' memory: about 4 bytes * width each, plus 16 bytes an entry. */
export async function trainIals(itemsByUser: Csr, options: IalsOptions): Promise<IalsVectors> {
  checkTraining(itemsByUser, options)
  const memory = new KernelMemory()
  const threads = new KernelThreads(memory, options.threadCount)
  try {
    const training = new IalsTraining(memory, threads, itemsByUser, options)
    await training.run()
    return training.copyOfVectors()
  } finally {
    await threads.close()
  }
}

/** One half of the data: rows that are solved while the other side's vectors stay fixed. */
interface Side {
  readonly rowCount: number
  readonly offsets: Int32Array
  readonly columns: Int32Array
  readonly values: Float32Array
  readonly penalties: Float32Array
  readonly vectors: Float32Array
}

interface IalsExports {
  sumGram(partials: number, chunkCount: number, width: number, gram: number): void
  diagonalizeGram(
    gram: number,
    factors: number,
    width: number,
    eigenvalues: number,
    basis: number,
    scratch: number,
  ): void
  foldIn(
    fixed: number,
    columns: number,
    values: number,
    count: number,
    width: number,
    diagonal: number,
    penalty: number,
    x: number,
    scratch: number,
  ): void
}

/** Sums over many rows are taken in this many parts, whatever the number of threads, so that their rounding does not depend on it. */
const PART_COUNT = 64
/** Rows that a thread takes at once; small, because some rows have a thousand times the entries of others. */
const SOLVE_CHUNK_ROWS = 32
/** Up to here an exact solution costs no more than conjugate gradients. Measured on Gowalla at 64 and 128 factors: 8 to 24 are alike. */
const EXACT_ENTRIES = 16
const ALL_ENTRIES = 0x7fffffff
const DEFAULT_STEP_COUNT = 2
/** Gowalla and MovieLens-1M, validation part: 2 save one to two iterations to equal NDCG; with 3 the best NDCG falls. */
const START_ROUNDS = 2

class IalsTraining {
  readonly #options: IalsOptions
  readonly #width: number
  readonly #threads: KernelThreads
  readonly #kernel: IalsExports
  readonly #users: Side
  readonly #items: Side
  readonly #counter: Int32Array
  readonly #task: Int32Array
  /** PART_COUNT x width x width. */
  readonly #partials: Float32Array
  readonly #lossPartials: Float64Array
  readonly #gram: Float64Array
  readonly #eigenScratch: Float64Array
  readonly #basis: Float32Array
  readonly #eigenvalues: Float32Array
  readonly #diagonal: Float32Array
  readonly #spread: Float32Array
  readonly #scratches: readonly Float32Array[]

  constructor(memory: KernelMemory, threads: KernelThreads, itemsByUser: Csr, options: IalsOptions) {
    this.#options = options
    this.#threads = threads
    this.#kernel = instantiateKernel<IalsExports>('ials', memory.memory)
    const width = paddedWidth(options.factors)
    this.#width = width
    const usersByItem = transpose(itemsByUser)
    this.#users = placeSide(memory, itemsByUser, width, options)
    this.#items = placeSide(memory, usersByItem, width, options)
    this.#counter = memory.int32(1)
    this.#task = memory.int32(16)
    this.#partials = memory.float32(PART_COUNT * width * width)
    this.#lossPartials = memory.float64(PART_COUNT)
    this.#gram = memory.float64(width * width)
    this.#eigenScratch = memory.float64((width + 2) * width)
    this.#basis = memory.float32(width * width)
    this.#eigenvalues = memory.float32(width)
    this.#diagonal = memory.float32(width)
    this.#spread = memory.float32(width)
    const longestRow = Math.max(longestRowOf(itemsByUser), longestRowOf(usersByItem))
    this.#scratches = Array.from({ length: options.threadCount }, () =>
      memory.float32(solveScratchLength(width, longestRow)),
    )
  }

  async run(): Promise<void> {
    const { iterations, onIteration } = this.#options
    await this.#start()
    for (let iteration = 1; iteration <= iterations; iteration++) {
      const isFirst = iteration === 1
      await this.#halfStep(this.#items, this.#users, { isFirst })
      await this.#halfStep(this.#users, this.#items, { isFirst })
      await onIteration?.({ iteration, ...this.#vectors(), loss: () => this.#loss() })
    }
  }

  copyOfVectors(): IalsVectors {
    const { width, userVectors, itemVectors, itemGramDiagonal } = this.#vectors()
    if (!userVectors.every(Number.isFinite) || !itemVectors.every(Number.isFinite)) {
      throw new MillraceError('TRAINING_DIVERGED', 'Factorisation produced vectors that are not finite numbers.', {
        fix: 'Scale the weights down, or raise "regularization".',
      })
    }
    return {
      width,
      userVectors: Float32Array.from(userVectors),
      itemVectors: Float32Array.from(itemVectors),
      itemGramDiagonal: Float32Array.from(itemGramDiagonal),
    }
  }

  /** After a half-step of users the item side is the one in its eigenbasis. */
  #vectors(): IalsVectors {
    return {
      width: this.#width,
      userVectors: this.#users.vectors,
      itemVectors: this.#items.vectors,
      itemGramDiagonal: this.#eigenvalues,
    }
  }

  /**
   * First user vectors: random ones, smoothed by a random walk over the interactions and made orthogonal again, with the lengths that random
   * ones have. That is subspace iteration towards the leading singular vectors of the interactions (Halko, Martinsson & Tropp, "Finding
   * structure with randomness", 2011, algorithm 4.4), where the papers start at random; a round costs less than half an iteration.
   */
  async #start(): Promise<void> {
    await this.#randomize(this.#users)
    for (let round = 0; round < START_ROUNDS; round++) {
      await this.#average(this.#items, this.#users)
      await this.#average(this.#users, this.#items)
      await this.#whiten(this.#users)
    }
  }

  async #average(solved: Side, fixed: Side): Promise<void> {
    this.#describe(solved, fixed, { chunkRows: SOLVE_CHUNK_ROWS, isWarm: false })
    await this.#run('averageRows', (scratch) => [this.#task.byteOffset, scratch])
  }

  /** Makes the Gram matrix of a side what it is for random vectors on average: a multiple of the identity. */
  async #whiten(side: Side): Promise<void> {
    await this.#diagonalizeGramOf(side)
    const { factors, initStdDev } = this.#options
    const wanted = (side.rowCount * initStdDev ** 2) / factors
    // Directions below float32's resolution are noise, which may stay small, but not vanish: a zero direction would remain zero for good.
    const smallest = this.#eigenvalues.reduce((a, b) => Math.max(a, b), 0) * 1e-6
    if (smallest === 0) return
    for (let j = 0; j < factors; j++) {
      const scale = Math.sqrt(wanted / Math.max(this.#eigenvalues[j]!, smallest))
      for (let i = 0; i < factors; i++) this.#basis[i * this.#width + j]! *= scale
    }
    await this.#turn(side)
  }

  /** Uniform numbers with the wanted spread; the papers draw normal ones, which cost more and change nothing. */
  async #randomize(side: Side): Promise<void> {
    const { factors, initStdDev, seed } = this.#options
    const bound = (initStdDev / Math.sqrt(factors)) * Math.sqrt(3)
    await this.#runInParts('fillRandom', side.rowCount, (partRows) => [
      side.vectors.byteOffset,
      side.rowCount,
      factors,
      this.#width,
      bound,
      seed >>> 0,
      partRows,
      this.#counter.byteOffset,
    ])
  }

  /** Turns the fixed side into its eigenbasis, then solves every row of the other. */
  async #halfStep(solved: Side, fixed: Side, { isFirst }: { isFirst: boolean }): Promise<void> {
    await this.#diagonalizeGramOf(fixed)
    for (let k = 0; k < this.#width; k++) this.#diagonal[k] = this.#options.unobservedWeight * this.#eigenvalues[k]!
    await this.#turn(fixed)
    this.#describe(solved, fixed, { chunkRows: SOLVE_CHUNK_ROWS, isWarm: !isFirst })
    await this.#run('solveRows', (scratch) => [this.#task.byteOffset, scratch])
  }

  /** Leaves the eigenvectors in `#basis`, by columns. */
  async #diagonalizeGramOf(side: Side): Promise<void> {
    await this.#gramOf(side)
    this.#kernel.diagonalizeGram(
      this.#gram.byteOffset,
      this.#options.factors,
      this.#width,
      this.#eigenvalues.byteOffset,
      this.#basis.byteOffset,
      this.#eigenScratch.byteOffset,
    )
  }

  async #gramOf(side: Side): Promise<void> {
    const partCount = await this.#runInParts('gramPartials', side.rowCount, (partRows) => [
      side.vectors.byteOffset,
      side.rowCount,
      this.#width,
      partRows,
      this.#partials.byteOffset,
      this.#counter.byteOffset,
    ])
    this.#kernel.sumGram(this.#partials.byteOffset, partCount, this.#width, this.#gram.byteOffset)
  }

  /** Turns the vectors of a side by `#basis`, and measures `#spread`: the mean over entries of the squares of their vectors. */
  async #turn(side: Side): Promise<void> {
    const width = this.#width
    const partCount = await this.#runInParts('turnRows', side.rowCount, (partRows, scratch) => [
      side.vectors.byteOffset,
      side.rowCount,
      width,
      this.#basis.byteOffset,
      side.offsets.byteOffset,
      partRows,
      this.#partials.byteOffset,
      this.#counter.byteOffset,
      scratch,
    ])
    const entryCount = Math.max(1, side.columns.length)
    for (let k = 0; k < width; k++) {
      let sum = 0
      for (let part = 0; part < partCount; part++) sum += this.#partials[part * width + k]!
      this.#spread[k] = sum / entryCount
    }
  }

  /** Writes the kernel's `HalfStep`, field by field. */
  #describe(solved: Side, fixed: Side, how: { chunkRows: number; isWarm: boolean }): void {
    const { stepCount = DEFAULT_STEP_COUNT } = this.#options
    this.#task.set([
      solved.rowCount,
      this.#width,
      solved.offsets.byteOffset,
      solved.columns.byteOffset,
      solved.values.byteOffset,
      fixed.vectors.byteOffset,
      this.#diagonal.byteOffset,
      solved.penalties.byteOffset,
      this.#spread.byteOffset,
      solved.vectors.byteOffset,
      how.isWarm ? this.#basis.byteOffset : 0,
      stepCount === 0 ? ALL_ENTRIES : EXACT_ENTRIES,
      stepCount,
      how.chunkRows,
      this.#counter.byteOffset,
    ])
  }

  async #loss(): Promise<number> {
    const { unobservedWeight } = this.#options
    await this.#gramOf(this.#items)
    const itemGram = this.#gram.slice()
    await this.#gramOf(this.#users)
    // sum over all pairs of (x . y)^2 = <X^T X, Y^T Y>
    const allPairs = this.#gram.reduce((sum, value, i) => sum + value * itemGram[i]!, 0)
    const partRows = Math.ceil(this.#users.rowCount / PART_COUNT)
    this.#describe(this.#users, this.#items, { chunkRows: partRows, isWarm: false })
    this.#lossPartials.fill(0)
    await this.#run('lossPartials', () => [this.#task.byteOffset, this.#lossPartials.byteOffset])
    const observed = this.#lossPartials.reduce((sum, part) => sum + part, 0)
    return observed + unobservedWeight * allPairs + weightedSquares(this.#items, this.#width)
  }

  /** Runs a function on every thread over PART_COUNT or fewer parts of the rows; returns how many. */
  async #runInParts(
    functionName: string,
    rowCount: number,
    argsOf: (partRows: number, scratch: number) => readonly number[],
  ): Promise<number> {
    const partRows = Math.max(1, Math.ceil(rowCount / PART_COUNT))
    await this.#run(functionName, (scratch) => argsOf(partRows, scratch))
    return Math.ceil(rowCount / partRows)
  }

  async #run(functionName: string, argsOf: (scratch: number) => readonly number[]): Promise<void> {
    this.#counter[0] = 0
    await this.#threads.run('ials', functionName, (thread) => argsOf(this.#scratches[thread]!.byteOffset))
  }
}

function placeSide(memory: KernelMemory, matrix: Csr, width: number, options: IalsLossOptions): Side {
  const penalties = memory.float32(matrix.rowCount)
  for (let row = 0; row < matrix.rowCount; row++) {
    penalties[row] = penaltyOf(matrix.offsets[row + 1]! - matrix.offsets[row]!, matrix.columnCount, options)
  }
  return {
    rowCount: matrix.rowCount,
    offsets: memory.placeInt32(matrix.offsets),
    columns: memory.placeInt32(matrix.columns),
    values: memory.placeFloat32(matrix.values),
    penalties,
    vectors: memory.float32(matrix.rowCount * width),
  }
}

/** lambda_r of Rendle et al. 2022, equation 5. */
function penaltyOf(entryCount: number, otherSideCount: number, options: IalsLossOptions): number {
  const { regularization, regularizationExponent, unobservedWeight } = options
  return regularization * (entryCount + unobservedWeight * otherSideCount) ** regularizationExponent
}

function weightedSquares(side: Side, width: number): number {
  let total = 0
  for (let row = 0; row < side.rowCount; row++) {
    let square = 0
    for (let i = row * width; i < (row + 1) * width; i++) square += side.vectors[i]! ** 2
    total += side.penalties[row]! * square
  }
  return total
}

function longestRowOf(matrix: Csr): number {
  let longest = 0
  for (let row = 0; row < matrix.rowCount; row++) {
    longest = Math.max(longest, matrix.offsets[row + 1]! - matrix.offsets[row]!)
  }
  return longest
}

/** Float32s that one thread of `solveRows` needs: five vectors and the row's list for conjugate gradients, or two matrices to solve exactly. */
function solveScratchLength(width: number, longestRow: number): number {
  return Math.max(5 * width + 2 * (longestRow + 4), exactScratchLength(width))
}

const exactScratchLength = (width: number): number => (2 * width + 40) * width

const paddedWidth = (factors: number): number => Math.ceil(factors / 4) * 4

function checkTraining(itemsByUser: Csr, options: IalsOptions): void {
  const problems: Problem[] = []
  const expect = (isMet: boolean, where: string, found: unknown, expected: string): void => {
    if (!isMet) problems.push({ where, message: `found ${String(found)}, expected ${expected}.` })
  }
  const isCount = (value: number): boolean => Number.isInteger(value) && value >= 1
  const isPositive = (value: number): boolean => Number.isFinite(value) && value > 0
  expect(isCount(options.factors) && options.factors <= 1024, 'factors', options.factors, 'an integer from 1 to 1024')
  expect(isCount(options.iterations), 'iterations', options.iterations, 'an integer of at least 1')
  expect(isPositive(options.regularization), 'regularization', options.regularization, 'a number above 0')
  expect(isPositive(options.unobservedWeight), 'unobservedWeight', options.unobservedWeight, 'a number above 0')
  expect(isPositive(options.initStdDev), 'initStdDev', options.initStdDev, 'a number above 0')
  const exponent = options.regularizationExponent
  expect(Number.isFinite(exponent), 'regularizationExponent', exponent, 'a finite number')
  const wrongEntry = itemsByUser.values.findIndex((value) => !isPositive(value))
  if (wrongEntry >= 0) {
    const item = itemsByUser.columns[wrongEntry]
    expect(false, `weight of item index ${item}`, itemsByUser.values[wrongEntry], 'a finite number above 0')
  }
  if (problems.length === 0) return
  const listed = problems.map((problem) => `${problem.where}: ${problem.message}`).join(' ')
  throw new MillraceError('TRAINING_INPUT_INVALID', `Factorisation cannot start. ${listed}`, { problems })
}

/** What `IalsFoldIn` needs to know of a trained model. */
export interface IalsFoldInModel extends IalsLossOptions {
  readonly width: number
  /** items x width, in the memory of the fold-in, as `trainIals` left them: with a diagonal Gram matrix. */
  readonly itemVectors: Float32Array
  readonly itemGramDiagonal: ArrayLike<number>
}

/**
 * Solves for the vector of a user from a history, exactly, so that a training user's equals the trained one up to the training's own rest.
 * Nothing is allocated per call. Cost: n^2 width for n items up to `width`, beyond that n width^2.
 */
export class IalsFoldIn {
  /** A longer history counts with its newest items only. */
  static readonly maxHistoryItems = 4096

  readonly #kernel: IalsExports
  readonly #model: IalsFoldInModel
  readonly #itemCount: number
  readonly #diagonal: Float32Array
  readonly #columns: Int32Array
  readonly #values: Float32Array
  readonly #vector: Float32Array
  readonly #scratch: Float32Array
  /** Position + 1 in `#columns` of each item of the current history, else 0. */
  readonly #positions: Int32Array

  constructor(memory: KernelMemory, model: IalsFoldInModel) {
    const { width, itemVectors, itemGramDiagonal, unobservedWeight } = model
    assert(itemVectors.buffer === memory.memory.buffer, 'item vectors must lie in the memory of the fold-in')
    this.#kernel = instantiateKernel<IalsExports>('ials', memory.memory)
    this.#model = model
    this.#itemCount = itemVectors.length / width
    this.#diagonal = memory.placeFloat32(Float32Array.from(itemGramDiagonal, (value) => unobservedWeight * value))
    this.#columns = memory.int32(IalsFoldIn.maxHistoryItems)
    this.#values = memory.float32(IalsFoldIn.maxHistoryItems)
    this.#vector = memory.float32(width)
    this.#scratch = memory.float32(exactScratchLength(width))
    this.#positions = new Int32Array(this.#itemCount)
  }

  /**
   * @param itemIndexes oldest first; weights of an item that occurs twice are added up, as in training
   * @param weights     finite, above 0
   * @returns `width` numbers, all 0 for an empty history; a view that the next call overwrites
   */
  vectorOf(itemIndexes: ArrayLike<number>, weights: ArrayLike<number>): Float32Array {
    const count = this.#merge(itemIndexes, weights)
    if (count === 0) return this.#vector.fill(0)
    this.#kernel.foldIn(
      this.#model.itemVectors.byteOffset,
      this.#columns.byteOffset,
      this.#values.byteOffset,
      count,
      this.#model.width,
      this.#diagonal.byteOffset,
      penaltyOf(count, this.#itemCount, this.#model),
      this.#vector.byteOffset,
      this.#scratch.byteOffset,
    )
    assert(!Number.isNaN(this.#vector[0]), 'the weights of a history must be finite and above 0')
    return this.#vector
  }

  /** Fills `#columns` and `#values` with the distinct items and the sums of their weights; returns how many. */
  #merge(itemIndexes: ArrayLike<number>, weights: ArrayLike<number>): number {
    let count = 0
    for (let i = Math.max(0, itemIndexes.length - IalsFoldIn.maxHistoryItems); i < itemIndexes.length; i++) {
      const item = itemIndexes[i]!
      // The message is made only where it is needed: making it took as long as all the rest.
      if (!(item >= 0 && item < this.#itemCount)) assert.fail(`item index ${item} is not below ${this.#itemCount}`)
      const position = this.#positions[item]!
      if (position > 0) {
        this.#values[position - 1]! += weights[i]!
      } else {
        this.#columns[count] = item
        this.#values[count] = weights[i]!
        this.#positions[item] = ++count
      }
    }
    for (let i = 0; i < count; i++) this.#positions[this.#columns[i]!] = 0
    return count
  }
}
