// The model bundle: what training leaves on disk and serving loads. An immutable folder whose manifest lists every file with its hash, so that
// one flipped byte is found before a single answer is given from it.
//
//   models/<version>/manifest.json   models/<version>/items.txt   models/<version>/<generator>/<artifact>.bin   models/<version>/_ranker/...
//   models/<version>/held-out-users.txt   models/<version>/held-out-lists.bin   models/<version>/ranked-users.txt   models/<version>/ranked-values.bin
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { FeatureLook } from '../domain/feature-look.ts'
import type { Lineage, ModelMetric, ModelSummary, ModelWeakSlice } from '../domain/registered-model.ts'
import { contentHash } from '../lib/canonical-json.ts'
import { MillraceError } from '../lib/errors.ts'
import type { Artifacts } from '../ports/candidate-generator.ts'
import type { Dictionaries } from './ranking/feature-encoder.ts'

export const BUNDLE_FORMAT_VERSION = 1

/** No generator can have these names: theirs have no dot. */
const HELD_OUT_USERS = 'held-out-users.txt'
const HELD_OUT_LISTS = 'held-out-lists.bin'
const RANKED_USERS = 'ranked-users.txt'
const RANKED_VALUES = 'ranked-values.bin'

const arrayTypes = { Float32Array, Float64Array, Int32Array, Int8Array, Uint8Array } as const
type ArrayTypeName = keyof typeof arrayTypes

export interface GeneratorManifest {
  readonly kind: string
  readonly options: Readonly<Record<string, number | string | boolean>>
  readonly artifacts: Readonly<Record<string, { readonly type: ArrayTypeName; readonly length: number }>>
}

/** What a ranker needs besides its arrays. */
export interface RankerFacts {
  readonly kind: string
  readonly options: GeneratorManifest['options']
  /** The columns of its rows, in order: those of generators, then of features. */
  readonly featureNames: readonly string[]
  /** The features of the system among them, each with the version of its definition. */
  readonly features: readonly { readonly name: string; readonly version: string }[]
  /** Features of texts that it could not use, because they are too many. Left out where there are none. */
  readonly leftOutNames?: readonly string[]
  /** Whose candidates it has learned to order, and how many of each. */
  readonly generatorNames: readonly string[]
  readonly perGenerator: number
  readonly examples: ExampleFacts
  /** Of every column, in order. */
  readonly looks: readonly FeatureLook[]
}

/** What a ranker has learned from. */
export interface ExampleFacts {
  readonly windowCount: number
  readonly fromMs: number
  readonly beforeMs: number
  readonly questionCount: number
  /** With a right answer among the candidates. */
  readonly answeredCount: number
  readonly rowCount: number
  /** Of what was shown; left out where it learned from plain history alone. Those that were asked about are among the questions. */
  readonly impressions?: ImpressionFacts
}

/** What was shown to users, and what became of it. */
export interface ImpressionFacts {
  /** Shown before the end of what was learned from. */
  readonly impressionCount: number
  /** Of them, shown so late that it was not known yet what users would do. */
  readonly unfinishedCount: number
  /** Of the others, followed by an interaction with one of the items. */
  readonly answeredCount: number
  /** Asked about: of a window, and not too many of one user. */
  readonly askedCount: number
  /** Of them, with their rows as they were served. */
  readonly servedCount: number
}

export interface BundledRanker extends RankerFacts {
  readonly artifacts: Artifacts
  readonly dictionaries: Dictionaries
}

export interface RankerManifest extends RankerFacts {
  readonly artifacts: GeneratorManifest['artifacts']
}

/** The lists that the model's own evaluation gave, so that a later model can be compared on the same users. They are not loaded to answer. */
export interface HeldOutLists {
  readonly k: number
  /** Learned from what happened before this moment, and asked about what happened from it on. */
  readonly splitAtMs: number
  readonly userIds: readonly string[]
  /** Indexes into the bundle's items: one row of k per user, best first, filled with -1 behind a short list. */
  readonly rankedItems: Int32Array
}

/** Which moments of users are asked about, and what counts as an answer. */
export interface QuestionRules {
  /** How long after a moment a choice still counts. */
  readonly attributionMs: number
  readonly questionsPerUser: number
  /** The kinds that count, by name, in order. */
  readonly interactions: readonly string[]
}

/** How good the ranked list was in the model's own evaluation, user by user, for the same purpose. */
export interface HeldOutRanking {
  readonly k: number
  readonly splitAtMs: number
  readonly questions: QuestionRules
  readonly userIds: readonly string[]
  /** By metric one value per user, its mean over the questions about the user. */
  readonly values: Readonly<Record<string, Float64Array>>
}

export interface Manifest {
  readonly formatVersion: number
  readonly version: string
  readonly lineage: Lineage
  readonly userCount: number
  readonly itemCount: number
  readonly metrics: readonly ModelMetric[]
  readonly slices?: readonly ModelMetric[]
  readonly weakSlices?: readonly ModelWeakSlice[]
  readonly generators: Readonly<Record<string, GeneratorManifest>>
  /** Left out where the system has none. */
  readonly ranker?: RankerManifest
  /** SHA-256 of what was learned, and from what: the same plan, data and seed give the same, whenever, with however many threads, evaluated or not. Undefined in bundles of before this was noted. */
  readonly contentHash?: string
  /** Left out where the model was not evaluated on a split by time. */
  readonly heldOut?: { readonly k: number; readonly splitAtMs: number; readonly userCount: number }
  /** Left out where its ranked list was not evaluated. `metrics` in the order of the values. */
  readonly heldOutRanking?: Pick<HeldOutRanking, 'k' | 'splitAtMs' | 'questions'> & {
    readonly userCount: number
    readonly metrics: readonly string[]
  }
  /** Path inside the bundle to SHA-256 and size. */
  readonly files: Readonly<Record<string, { readonly sha256: string; readonly bytes: number }>>
}

export interface BundleContent {
  readonly lineage: Lineage
  readonly userCount: number
  readonly itemIds: readonly string[]
  readonly metrics: readonly ModelMetric[]
  readonly slices?: readonly ModelMetric[]
  readonly weakSlices?: readonly ModelWeakSlice[]
  readonly generators: Readonly<
    Record<
      string,
      { readonly kind: string; readonly options: GeneratorManifest['options']; readonly artifacts: Artifacts }
    >
  >
  readonly ranker?: BundledRanker | undefined
  readonly heldOut?: HeldOutLists | undefined
  readonly heldOutRanking?: HeldOutRanking | undefined
}

export interface LoadedBundle {
  readonly manifest: Manifest
  readonly itemIds: readonly string[]
  readonly artifacts: Readonly<Record<string, Artifacts>>
  readonly ranker: BundledRanker | undefined
}

/**
 * Writes a bundle and makes it visible in one step: a crash before the end leaves nothing but a temporary folder, which `removeLeftovers` takes away.
 * @returns the new version, `<date>-<first digits of the content's hash>`
 */
export async function writeBundle(modelsDir: string, content: BundleContent): Promise<Manifest> {
  await mkdir(modelsDir, { recursive: true })
  const temporaryDir = join(modelsDir, `${WRITING}${process.pid}`)
  await rm(temporaryDir, { recursive: true, force: true })
  await mkdir(temporaryDir)
  try {
    const files: Record<string, { sha256: string; bytes: number }> = {}
    const put = async (path: string, bytes: Uint8Array): Promise<void> => {
      await writeDurably(join(temporaryDir, path), bytes)
      files[path] = { sha256: sha256(bytes), bytes: bytes.byteLength }
    }
    await put('items.txt', new TextEncoder().encode(content.itemIds.join('\n')))
    const putArrays = async (folder: string, arrays: Artifacts): Promise<GeneratorManifest['artifacts']> => {
      await mkdir(join(temporaryDir, folder))
      const artifacts: Record<string, { type: ArrayTypeName; length: number }> = {}
      for (const [artifact, array] of Object.entries(arrays)) {
        await put(`${folder}/${artifact}.bin`, new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
        artifacts[artifact] = { type: array.constructor.name as ArrayTypeName, length: array.length }
      }
      return artifacts
    }
    const generators: Record<string, GeneratorManifest> = {}
    for (const [name, { kind, options, artifacts }] of Object.entries(content.generators)) {
      generators[name] = { kind, options, artifacts: await putArrays(name, artifacts) }
      await syncFolder(join(temporaryDir, name))
    }
    let ranker: RankerManifest | undefined
    if (content.ranker) {
      const { dictionaries, artifacts, ...facts } = content.ranker
      ranker = { ...facts, artifacts: await putArrays(RANKER_FOLDER, artifacts) }
      await put(DICTIONARIES_FILE, new TextEncoder().encode(JSON.stringify(dictionaries)))
      await syncFolder(join(temporaryDir, RANKER_FOLDER))
    }
    const { planHash, seed, nextOffset } = content.lineage
    // Before the held-out lists: they say how good it is, not what was learned.
    const learned = contentHash({ planHash, seed, nextOffset, generators, ranker: ranker ?? null, files })
    const { heldOut, heldOutRanking } = content
    if (heldOut) {
      await put(HELD_OUT_USERS, new TextEncoder().encode(heldOut.userIds.join('\n')))
      const { buffer, byteOffset, byteLength } = heldOut.rankedItems
      await put(HELD_OUT_LISTS, new Uint8Array(buffer, byteOffset, byteLength))
    }
    if (heldOutRanking) {
      await put(RANKED_USERS, new TextEncoder().encode(heldOutRanking.userIds.join('\n')))
      const values = Float64Array.from(Object.values(heldOutRanking.values).flatMap((of) => [...of]))
      await put(RANKED_VALUES, new Uint8Array(values.buffer))
    }
    const body = {
      formatVersion: BUNDLE_FORMAT_VERSION,
      lineage: content.lineage,
      userCount: content.userCount,
      itemCount: content.itemIds.length,
      metrics: content.metrics,
      ...(content.slices && { slices: content.slices }),
      ...(content.weakSlices && { weakSlices: content.weakSlices }),
      generators,
      ...(ranker && { ranker }),
      contentHash: learned,
      ...(heldOut && {
        heldOut: { k: heldOut.k, splitAtMs: heldOut.splitAtMs, userCount: heldOut.userIds.length },
      }),
      ...(heldOutRanking && {
        heldOutRanking: {
          k: heldOutRanking.k,
          splitAtMs: heldOutRanking.splitAtMs,
          questions: heldOutRanking.questions,
          userCount: heldOutRanking.userIds.length,
          metrics: Object.keys(heldOutRanking.values),
        },
      }),
      files,
    }
    const version = versionName(content.lineage.trainedAtMs, JSON.stringify(body))
    const manifest: Manifest = { ...body, version }
    await writeDurably(
      join(temporaryDir, 'manifest.json'),
      new TextEncoder().encode(`${JSON.stringify(manifest, null, 2)}\n`),
    )
    await syncFolder(temporaryDir)
    await putInPlace(modelsDir, temporaryDir, version)
    await syncFolder(modelsDir)
    return manifest
  } catch (error) {
    await rm(temporaryDir, { recursive: true, force: true })
    throw asDiskError(error, modelsDir)
  }
}

/** A version's name holds its content's hash: where it is there already, whole, a run that was killed behind this line has written it before. */
async function putInPlace(modelsDir: string, temporaryDir: string, version: string): Promise<void> {
  const place = join(modelsDir, version)
  const isWhole = await checkBundle(modelsDir, version).then(
    () => true,
    () => false,
  )
  if (isWhole) return rm(temporaryDir, { recursive: true, force: true })
  await rm(place, { recursive: true, force: true })
  await rename(temporaryDir, place)
}

/** Reads a bundle and checks every byte of it against the manifest. Costs a SHA-256 of all of it. */
export async function readBundle(modelsDir: string, version: string): Promise<LoadedBundle> {
  const bundleDir = join(modelsDir, version)
  const manifest = await readManifest(modelsDir, version)
  const artifacts: Record<string, Artifacts> = {}
  const itemIds = await readLines(bundleDir, 'items.txt', manifest)
  const readArrays = async (folder: string, described: GeneratorManifest['artifacts']): Promise<Artifacts> => {
    const arrays: Record<string, Artifacts[string]> = {}
    for (const [artifact, { type, length }] of Object.entries(described)) {
      const bytes = await readChecked(bundleDir, `${folder}/${artifact}.bin`, manifest)
      const ArrayType = arrayTypes[type]
      if (!ArrayType || length * ArrayType.BYTES_PER_ELEMENT !== bytes.byteLength) {
        throw corrupt(
          join(bundleDir, 'manifest.json'),
          `${folder}/${artifact} holds ${bytes.byteLength} bytes, expected ${length} x ${type}`,
        )
      }
      arrays[artifact] = new ArrayType(alignedCopy(bytes))
    }
    return arrays
  }
  for (const [name, generator] of Object.entries(manifest.generators)) {
    artifacts[name] = await readArrays(name, generator.artifacts)
  }
  return { manifest, itemIds, artifacts, ranker: manifest.ranker && (await readRanker(manifest.ranker)) }

  async function readRanker({ artifacts: described, ...facts }: RankerManifest): Promise<BundledRanker> {
    const bytes = await readChecked(bundleDir, DICTIONARIES_FILE, manifest)
    const dictionaries = JSON.parse(new TextDecoder().decode(bytes)) as Dictionaries
    return { ...facts, dictionaries, artifacts: await readArrays(RANKER_FOLDER, described) }
  }
}

/**
 * The lists of the model's own evaluation; undefined where it has none.
 * @throws MillraceError MODEL_NOT_FOUND, BUNDLE_CORRUPT, BUNDLE_NEWER
 */
export async function readHeldOutLists(
  modelsDir: string,
  version: string,
): Promise<(HeldOutLists & { readonly itemIds: readonly string[] }) | undefined> {
  const manifest = await readManifest(modelsDir, version)
  if (!manifest.heldOut) return undefined
  const bundleDir = join(modelsDir, version)
  const bytes = await readChecked(bundleDir, HELD_OUT_LISTS, manifest)
  const { k, splitAtMs } = manifest.heldOut
  return {
    k,
    splitAtMs,
    userIds: await readLines(bundleDir, HELD_OUT_USERS, manifest),
    rankedItems: new Int32Array(alignedCopy(bytes)),
    itemIds: await readLines(bundleDir, 'items.txt', manifest),
  }
}

/**
 * What the model's own evaluation found of its ranked list; undefined where it has none.
 * @throws MillraceError MODEL_NOT_FOUND, BUNDLE_CORRUPT, BUNDLE_NEWER
 */
export async function readHeldOutRanking(modelsDir: string, version: string): Promise<HeldOutRanking | undefined> {
  const manifest = await readManifest(modelsDir, version)
  if (!manifest.heldOutRanking) return undefined
  const bundleDir = join(modelsDir, version)
  const { metrics, userCount, ...about } = manifest.heldOutRanking
  const all = new Float64Array(alignedCopy(await readChecked(bundleDir, RANKED_VALUES, manifest)))
  const valuesOf = (m: number) => all.subarray(m * userCount, (m + 1) * userCount)
  return {
    ...about,
    userIds: await readLines(bundleDir, RANKED_USERS, manifest),
    values: Object.fromEntries(metrics.map((metric, m) => [metric, valuesOf(m)])),
  }
}

async function readLines(bundleDir: string, path: string, manifest: Manifest): Promise<readonly string[]> {
  const text = new TextDecoder().decode(await readChecked(bundleDir, path, manifest))
  return text === '' ? [] : text.split('\n')
}

/** What readFile returns may start anywhere inside a pool. */
const alignedCopy = ({ buffer, byteOffset, byteLength }: Uint8Array): ArrayBuffer =>
  buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer

export async function readManifest(modelsDir: string, version: string): Promise<Manifest> {
  if (!/^[\w-]+$/.test(version)) {
    throw new MillraceError('MODEL_NOT_FOUND', `${JSON.stringify(version)} cannot be the version of a model.`, {
      fix: 'Run "millrace models" to see the versions that exist.',
    })
  }
  const path = join(modelsDir, version, 'manifest.json')
  if (!existsSync(path)) {
    throw new MillraceError('MODEL_NOT_FOUND', `There is no model version ${version}: ${path} does not exist.`, {
      fix: 'Run "millrace models" to see the versions that exist.',
    })
  }
  let manifest: Manifest
  try {
    manifest = JSON.parse(await readFile(path, 'utf8')) as Manifest
  } catch (error) {
    throw corrupt(path, `it is not JSON (${(error as Error).message})`)
  }
  if (manifest.formatVersion > BUNDLE_FORMAT_VERSION) {
    throw new MillraceError(
      'BUNDLE_NEWER',
      `${path} has format ${manifest.formatVersion}, and this version of Millrace reads up to ${BUNDLE_FORMAT_VERSION}.`,
      { fix: 'Upgrade Millrace, or train a model with this version: "millrace train".' },
    )
  }
  // The version's name holds a hash of the rest, so the manifest vouches for itself.
  const { version: found, ...body } = manifest
  const expected = versionName(body.lineage?.trainedAtMs ?? Number.NaN, JSON.stringify(body))
  if (found !== version || expected !== version) throw corrupt(path, `its content belongs to version ${expected}`)
  return manifest
}

/**
 * The texts behind the categories of a bundle's ranker, without its arrays.
 * @throws MillraceError MODEL_NOT_FOUND, BUNDLE_CORRUPT, BUNDLE_NEWER
 */
export async function readDictionaries(modelsDir: string, version: string): Promise<Dictionaries> {
  const manifest = await readManifest(modelsDir, version)
  if (!manifest.ranker) return {}
  const bytes = await readChecked(join(modelsDir, version), DICTIONARIES_FILE, manifest)
  return JSON.parse(new TextDecoder().decode(bytes)) as Dictionaries
}

/** Versions on disk, oldest first. Folders without a manifest are not listed. */
export async function listVersions(modelsDir: string): Promise<readonly string[]> {
  if (!existsSync(modelsDir)) return []
  const entries = await readdir(modelsDir)
  return entries.filter((entry) => existsSync(join(modelsDir, entry, 'manifest.json')) && !entry.startsWith('.')).sort()
}

/**
 * Checks every byte of a bundle against its manifest, without loading it.
 * @throws MillraceError MODEL_NOT_FOUND, BUNDLE_CORRUPT, BUNDLE_NEWER
 */
export async function checkBundle(modelsDir: string, version: string): Promise<Manifest> {
  const manifest = await readManifest(modelsDir, version)
  for (const [path, { sha256: expected }] of Object.entries(manifest.files)) {
    const fullPath = join(modelsDir, version, path)
    const hash = createHash('sha256')
    try {
      for await (const chunk of createReadStream(fullPath)) hash.update(chunk as Buffer)
    } catch (error) {
      throw asMissing(fullPath, error)
    }
    assertHash(fullPath, hash.digest('hex'), expected)
  }
  return manifest
}

/**
 * Looks at a bundle without reading its arrays: whether its manifest is in order, and each file as long as it should be. A changed byte in an array is not seen.
 * @throws MillraceError MODEL_NOT_FOUND, BUNDLE_CORRUPT, BUNDLE_NEWER
 */
export async function inspectBundle(modelsDir: string, version: string): Promise<Manifest> {
  const manifest = await readManifest(modelsDir, version)
  for (const [path, { bytes }] of Object.entries(manifest.files)) {
    const fullPath = join(modelsDir, version, path)
    const found = await stat(fullPath).catch(() => undefined)
    if (found === undefined) throw corrupt(fullPath, 'it does not exist')
    if (found.size !== bytes) throw corrupt(fullPath, `it holds ${found.size} bytes, expected ${bytes}`)
  }
  return manifest
}

/** Another text whenever a file of the bundle was written, came or went: a damaged one is worth another look then. */
export async function bundleFingerprint(modelsDir: string, version: string): Promise<string> {
  const folder = join(modelsDir, version)
  const paths = await readdir(folder, { recursive: true }).catch(() => [])
  const states = paths.sort().map(async (path) => {
    const found = await stat(join(folder, path)).catch(() => undefined)
    return `${path} ${found?.size} ${found?.mtimeMs}`
  })
  return (await Promise.all(states)).join('\n')
}

/**
 * Takes a bundle away. It is out of sight at once, and whatever a crash leaves of it is removed by `removeLeftovers`. One that is not there is no error.
 */
export async function removeBundle(modelsDir: string, version: string): Promise<void> {
  const doomed = join(modelsDir, `${DELETING}${version}`)
  await rm(doomed, { recursive: true, force: true })
  try {
    await rename(join(modelsDir, version), doomed)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  await rm(doomed, { recursive: true, force: true })
}

/** Removes what deletions and writers that were killed have left behind. @param isRunning whether the process with this number runs */
export async function removeLeftovers(modelsDir: string, isRunning: (pid: number) => boolean): Promise<void> {
  const entries = existsSync(modelsDir) ? await readdir(modelsDir) : []
  for (const entry of entries) {
    const writer = entry.startsWith(WRITING) ? Number(entry.slice(WRITING.length)) : undefined
    const isLeftover = entry.startsWith(DELETING) || (writer !== undefined && !isRunning(writer))
    if (isLeftover) await rm(join(modelsDir, entry), { recursive: true, force: true })
  }
}

/** What the registry keeps of a model. */
export function summaryOf(manifest: Manifest): ModelSummary {
  const { version, lineage, userCount, itemCount, metrics, slices, weakSlices, generators, files } = manifest
  return {
    version,
    lineage,
    userCount,
    itemCount,
    metrics,
    ...(slices && { slices }),
    ...(weakSlices && { weakSlices }),
    generators: Object.entries(generators).map(([name, { kind }]) => ({ name, kind })),
    bundleBytes: Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

/** No name of a generator begins like this. */
const RANKER_FOLDER = '_ranker'
const DICTIONARIES_FILE = `${RANKER_FOLDER}/dictionaries.json`
const WRITING = '.writing-'
const DELETING = '.deleting-'

async function readChecked(bundleDir: string, path: string, manifest: Manifest): Promise<Uint8Array> {
  const expected = manifest.files[path]
  if (!expected) throw corrupt(join(bundleDir, 'manifest.json'), `it does not list ${path}`)
  const fullPath = join(bundleDir, path)
  const bytes = await readFile(fullPath).catch((error: unknown) => {
    throw asMissing(fullPath, error)
  })
  assertHash(fullPath, sha256(bytes), expected.sha256)
  return bytes
}

function assertHash(path: string, found: string, expected: string): void {
  if (found === expected) return
  throw corrupt(path, `its SHA-256 is ${found.slice(0, 12)}…, expected ${expected.slice(0, 12)}…`)
}

/** Asked of the reading itself: another process may delete the bundle after any look at it. */
const asMissing = (path: string, error: unknown): unknown =>
  (error as NodeJS.ErrnoException).code === 'ENOENT' ? corrupt(path, 'it does not exist') : error

function corrupt(path: string, what: string): MillraceError {
  return new MillraceError('BUNDLE_CORRUPT', `${path} is damaged: ${what}.`, {
    fix: 'Train again with "millrace train", go back with "millrace rollback", or name another version with "millrace promote".',
  })
}

function versionName(trainedAtMs: number, content: string): string {
  const time = Number.isFinite(trainedAtMs) ? new Date(trainedAtMs).toISOString() : 'unknown'
  return `${time.slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')}-${sha256(new TextEncoder().encode(content)).slice(0, 8)}`
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function asDiskError(error: unknown, dir: string): unknown {
  if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') return error
  return new MillraceError('DISK_FULL', `The disk that holds ${dir} is full; the model was not written.`, {
    fix: 'Free some space and train again. The model in charge is unchanged.',
    cause: error,
  })
}
