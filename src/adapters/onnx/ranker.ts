// Rankers trained elsewhere, as ONNX files, run by the package "onnxruntime-node", which is loaded when the first one is opened.
import { existsSync } from 'node:fs'
import type { InferenceSession, Tensor } from 'onnxruntime-node'
import { MillraceError, type Problem } from '../../lib/errors.ts'
import { nearestName } from '../../lib/nearest-name.ts'
import type { Ranker } from '../../ports/ranker.ts'

export interface OnnxRankerOptions {
  /** The ONNX file. */
  readonly path: string
  /** The features that the model was trained with, in its order. */
  readonly features: readonly string[]
  /** The output that holds the scores; needed where the model has several. */
  readonly output?: string
  /** Default 1: requests are answered side by side. */
  readonly threadCount?: number
}

/** What is used of "onnxruntime-node". */
type OnnxRuntime = Pick<typeof import('onnxruntime-node'), 'InferenceSession' | 'Tensor'>

export interface OnnxRanker extends Ranker {
  score(rows: Float32Array, rowCount: number, out: Float64Array): Promise<void>
  close(): Promise<void>
}

/**
 * Opens an ONNX model as a ranker, and tries it on a few rows.
 *
 * The model takes either one matrix, rows x features, or one input a feature, named for it, of shape rows or rows x 1; numbers are float32 or float64, NaN
 * where missing. It gives one float32 or float64 a row.
 * @throws ONNX_RUNTIME_MISSING
 * @throws MODEL_FILE_INVALID with everything that does not fit
 */
export async function openOnnxRanker({ path, ...options }: OnnxRankerOptions): Promise<OnnxRanker> {
  const runtime = await loadRuntime()
  if (!existsSync(path)) throw invalid(`There is no ONNX model at ${path}.`)
  return openOnnxModel(path, { ...options, path, runtime })
}

/**
 * As `openOnnxRanker`, of a file's bytes.
 * @param options.path for messages
 * @throws ONNX_RUNTIME_MISSING, MODEL_FILE_INVALID
 */
export async function openOnnxBytes(bytes: Uint8Array, options: OnnxRankerOptions): Promise<OnnxRanker> {
  return openOnnxModel(bytes, { ...options, runtime: await loadRuntime() })
}

async function openOnnxModel(
  model: string | Uint8Array,
  options: OnnxRankerOptions & { readonly runtime: OnnxRuntime },
): Promise<OnnxRanker> {
  const { runtime, path, features, threadCount = 1 } = options
  const session = await openSession(runtime, model, { path, threadCount })
  try {
    const inputs = inputsOf(session, features)
    const output = outputOf(session, options.output)
    const problems = [...inputs.problems, ...output.problems]
    if (problems.length > 0) throw invalid(`The ONNX model ${path} does not fit what was declared.`, problems)
    const ranker = rankerOf({ session, runtime, path, features, inputs: inputs.inputs, outputName: output.name })
    await tryOut(ranker)
    return ranker
  } catch (error) {
    await session.release()
    throw error
  }
}

async function loadRuntime(): Promise<OnnxRuntime> {
  try {
    const { InferenceSession, Tensor } = await import('onnxruntime-node')
    return { InferenceSession, Tensor }
  } catch (error) {
    throw new MillraceError(
      'ONNX_RUNTIME_MISSING',
      'An ONNX model needs the package "onnxruntime-node", which cannot be loaded.',
      { fix: 'Install it beside Millrace: npm install onnxruntime-node', cause: error },
    )
  }
}

/** Of onnxruntime's levels: its warnings go to standard error past every logger. */
const ERRORS_ONLY = 3

async function openSession(
  { InferenceSession }: OnnxRuntime,
  model: string | Uint8Array,
  { path, threadCount }: { readonly path: string; readonly threadCount: number },
): Promise<InferenceSession> {
  const options = { intraOpNumThreads: threadCount, interOpNumThreads: 1, logSeverityLevel: ERRORS_ONLY } as const
  try {
    // The two are overloads of one function.
    return await (typeof model === 'string'
      ? InferenceSession.create(model, options)
      : InferenceSession.create(model, options))
  } catch (error) {
    throw invalid(`${path} is not an ONNX model that onnxruntime can run: ${firstLine(error)}`, [], error)
  }
}

function invalid(message: string, problems: readonly Problem[] = [], cause?: unknown): MillraceError {
  return new MillraceError('MODEL_FILE_INVALID', message, {
    problems,
    fix: 'Declare the features as the model was trained with them, or export the model again.',
    ...(cause !== undefined && { cause }),
  })
}

const firstLine = (error: unknown): string => (error as Error).message.split('\n')[0]!

// ---- what goes in ----

/** An input of the model: its columns of a row, from `firstColumn`. */
interface ModelInput {
  readonly name: string
  readonly type: 'float32' | 'float64'
  readonly firstColumn: number
  readonly columnCount: number
  /** Shape rows instead of rows x columns. */
  readonly isFlat: boolean
}

function inputsOf(
  { inputMetadata }: InferenceSession,
  features: readonly string[],
): { inputs: ModelInput[]; problems: Problem[] } {
  const names = inputMetadata.map(({ name }) => name)
  const isOneMatrix = names.length === 1 && !(features.length === 1 && features[0] === names[0])
  const problems = isOneMatrix ? [] : nameProblems(names, features)
  const inputs: ModelInput[] = []
  for (const found of inputMetadata) {
    const firstColumn = isOneMatrix ? 0 : features.indexOf(found.name)
    if (firstColumn < 0) continue
    const columnCount = isOneMatrix ? features.length : 1
    const where = `input "${found.name}"`
    const expected = isOneMatrix
      ? `rows x ${columnCount}, a column for each declared feature`
      : 'rows, or rows x 1, as for every feature'
    const type = floatTypeOf(found)
    if (!type) problems.push({ where, message: `found ${typeText(found)}, expected float32 or float64.` })
    const shape = found.isTensor ? found.shape : []
    if (!fits(shape, columnCount, { mayBeFlat: !isOneMatrix })) {
      problems.push({ where, message: `found the shape ${shapeText(shape)}, expected ${expected}.` })
    }
    if (type) inputs.push({ name: found.name, type, firstColumn, columnCount, isFlat: shape.length === 1 })
  }
  return { inputs, problems }
}

function nameProblems(names: readonly string[], features: readonly string[]): Problem[] {
  const unknown = features.filter((feature) => !names.includes(feature))
  const undeclared = names.filter((name) => !features.includes(name))
  return [
    ...unknown.map((feature) => {
      const near = nearestName(feature, undeclared)
      const fix = near === undefined ? undefined : `Did you mean "${near}"?`
      return { where: 'features', message: `found "${feature}", which is no input of the model.`, ...(fix && { fix }) }
    }),
    ...undeclared.map((name) => ({ where: `input "${name}"`, message: 'found no declared feature of that name.' })),
  ]
}

/** A dimension that is not a number above 0 may have any size; a shape without dimensions is not known. */
function fits(
  shape: readonly (number | string)[],
  columnCount: number,
  { mayBeFlat }: { mayBeFlat: boolean },
): boolean {
  if (shape.length === 0) return true
  if (shape.length > 2 || (shape.length === 1 && !mayBeFlat)) return false
  return !isFixed(shape[0]!) && (shape.length === 1 || !isFixed(shape[1]!) || shape[1] === columnCount)
}

const isFixed = (dimension: number | string): boolean => typeof dimension === 'number' && dimension > 0

const floatTypeOf = (value: InferenceSession.ValueMetadata): 'float32' | 'float64' | undefined =>
  value.isTensor && (value.type === 'float32' || value.type === 'float64') ? value.type : undefined

const typeText = (value: InferenceSession.ValueMetadata): string => (value.isTensor ? value.type : 'no tensor')

const shapeText = (shape: readonly (number | string)[]): string =>
  shape.map((dimension) => (isFixed(dimension) ? dimension : 'rows')).join(' x ')

// ---- what comes out ----

function outputOf(
  { outputMetadata }: InferenceSession,
  wanted: string | undefined,
): { name: string; problems: Problem[] } {
  const names = outputMetadata.map(({ name }) => name)
  const all = names.map((name) => `"${name}"`).join(', ')
  const found =
    wanted === undefined && names.length === 1 ? outputMetadata[0] : outputMetadata.find(({ name }) => name === wanted)
  if (!found) {
    const message =
      wanted === undefined
        ? `found ${all}, expected to be told which of them holds the scores.`
        : `found "${wanted}", expected one of the model's: ${all}.`
    return { name: '', problems: [{ where: 'output', message }] }
  }
  const where = `output "${found.name}"`
  const problems: Problem[] = []
  if (!floatTypeOf(found)) problems.push({ where, message: `found ${typeText(found)}, expected float32 or float64.` })
  const shape = found.isTensor ? found.shape : []
  if (!fits(shape, 1, { mayBeFlat: true })) {
    problems.push({ where, message: `found the shape ${shapeText(shape)}, expected one score a row.` })
  }
  return { name: found.name, problems }
}

// ---- the ranker ----

interface OpenModel {
  readonly session: InferenceSession
  readonly runtime: OnnxRuntime
  readonly path: string
  readonly features: readonly string[]
  readonly inputs: readonly ModelInput[]
  readonly outputName: string
}

function rankerOf({ session, runtime, path, features, inputs, outputName }: OpenModel): OnnxRanker {
  const tensorOf = (rows: Float32Array, rowCount: number, input: ModelInput): Tensor => {
    const { type, columnCount, isFlat } = input
    const values = columnsOf(rows, rowCount, features.length, input)
    const shape = isFlat ? [rowCount] : [rowCount, columnCount]
    return type === 'float32'
      ? new runtime.Tensor('float32', values, shape)
      : new runtime.Tensor('float64', Float64Array.from(values), shape)
  }
  return {
    featureNames: features,
    async score(rows, rowCount, out) {
      if (rowCount === 0) return
      const feeds = Object.fromEntries(inputs.map((input) => [input.name, tensorOf(rows, rowCount, input)]))
      const scores = await session
        .run(feeds, [outputName])
        .then((outputs) => outputs[outputName]!.data as Float32Array | Float64Array)
        .catch((error: unknown) => {
          throw invalid(`The ONNX model ${path} fails on ${rowCount} rows: ${firstLine(error)}`, [], error)
        })
      if (scores.length !== rowCount) {
        throw invalid(`The ONNX model ${path} gives ${scores.length} scores for ${rowCount} rows, expected one a row.`)
      }
      out.set(scores)
    },
    close: () => session.release(),
  }
}

/** The input's columns of all rows, row-major; the rows themselves where the input has all of them. */
function columnsOf(
  rows: Float32Array,
  rowCount: number,
  featureCount: number,
  { firstColumn, columnCount }: ModelInput,
): Float32Array {
  if (columnCount === featureCount) return rows.subarray(0, rowCount * featureCount)
  return Float32Array.from({ length: rowCount }, (_, row) => rows[row * featureCount + firstColumn]!)
}

/** Shapes that a model does not tell show in what it answers. */
async function tryOut(ranker: OnnxRanker): Promise<void> {
  const rowCount = 3
  await ranker.score(new Float32Array(rowCount * ranker.featureNames.length), rowCount, new Float64Array(rowCount))
}
