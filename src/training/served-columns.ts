// Rows as they were served, brought to the columns that a ranker is trained with now. They are used only where every column means what it meant then: a value that is
// missing for no other reason than its age would teach the ranker to tell the age.
import type { FeatureDefinition, FeatureReading } from '../domain/feature.ts'
import { HISTORY_COLUMNS } from '../domain/ranking-columns.ts'
import { canonicalJson } from '../lib/canonical-json.ts'
import type { BundledRanker, GeneratorManifest } from '../models/bundle.ts'
import { poolColumnNames } from '../models/ranking/candidate-pool.ts'
import type { FeatureEncoder } from '../models/ranking/feature-encoder.ts'

/** What a bundle says of the rows that its ranker was asked with. */
export interface ServedModel
  extends Pick<
    BundledRanker,
    'featureNames' | 'leftOutNames' | 'features' | 'generatorNames' | 'perGenerator' | 'dictionaries'
  > {
  readonly generators: Readonly<Record<string, Pick<GeneratorManifest, 'kind' | 'options'>>>
  /** It learned from what happened before, and served nothing earlier than this. */
  readonly asOfMs: number
}

/** What a ranker is trained with now. */
export interface RankerColumns {
  readonly generators: ServedModel['generators']
  readonly perGenerator: number
  /** Of the system; those that a ranker cannot use may be among them. */
  readonly definitions: readonly FeatureDefinition[]
  readonly encoder: FeatureEncoder
}

/** @returns rows x columns of now; undefined for rows that are not as wide as the model's, and where the ranker was not asked about every item of the list */
export type ServedTranslation = (served: Float32Array, itemCount: number) => Float32Array | undefined

/** @returns undefined where a column of now is not what the model was asked with */
export function servedTranslation(
  model: ServedModel,
  { generators, perGenerator, definitions, encoder }: RankerColumns,
): ServedTranslation | undefined {
  if (model.perGenerator !== perGenerator) return undefined
  const names = Object.keys(generators)
  const isSameGenerator = (name: string): boolean =>
    model.generatorNames.includes(name) && sameKind(model.generators[name], generators[name])
  if (!names.every(isSameGenerator)) return undefined

  const versionThen = new Map(model.features.map(({ name, version }) => [name, version]))
  const versionNow = new Map(definitions.map(({ name, version }) => [name, version]))
  const leftOut = new Set(model.leftOutNames)
  const isSameFeature = (name: string): boolean => leftOut.has(name) || versionThen.get(name) === versionNow.get(name)
  if (!encoder.names.every(isSameFeature)) return undefined

  const columnOf = new Map(model.featureNames.map((name, column) => [name, column]))
  const poolColumns = poolColumnNames(names).flatMap((name) => columnOf.get(name) ?? [])
  if (poolColumns.length < poolColumnNames(names).length) return undefined
  const featureColumns = encoder.names.map((name) => columnOf.get(name))
  const texts = encoder.names.map((name) => model.dictionaries[name] ?? [])
  // Of every item that the ranker was asked about; those that filled the list up have nothing there.
  const askedAt = columnOf.get(HISTORY_COLUMNS[0])!
  const width = model.featureNames.length
  const widthNow = poolColumns.length + featureColumns.length

  return (served, itemCount) => {
    if (served.length !== itemCount * width) return undefined
    const rows = new Float32Array(itemCount * widthNow)
    for (let item = 0; item < itemCount; item++) {
      const row = served.subarray(item * width, (item + 1) * width)
      if (Number.isNaN(row[askedAt]!)) return undefined
      for (const [at, column] of poolColumns.entries()) rows[item * widthNow + at] = row[column]!
      const readings = featureColumns.map((column, f) =>
        readingOf(column === undefined ? Number.NaN : row[column]!, texts[f]!),
      )
      encoder.encode(readings, rows, item * widthNow + poolColumns.length)
    }
    return rows
  }
}

const sameKind = (
  then: ServedModel['generators'][string] | undefined,
  now: ServedModel['generators'][string] | undefined,
): boolean => then?.kind === now?.kind && canonicalJson(then?.options) === canonicalJson(now?.options)

/** @param texts of a feature of categories, which were served by their numbers; empty for one of numbers */
function readingOf(served: number, texts: readonly string[]): FeatureReading {
  const value = texts.length === 0 ? served : texts[served]
  return Number.isNaN(served) || value === undefined
    ? { status: 'missing', value: undefined, newestEventTimeMs: undefined }
    : { status: 'present', value, newestEventTimeMs: undefined }
}
