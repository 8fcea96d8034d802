// A ranker that was trained elsewhere: whether the system has the columns that it wants, and says what its texts are.
import type { FeatureDefinition } from '../domain/feature.ts'
import { rankableAs } from '../domain/rankable-feature.ts'
import { generatorColumns, HISTORY_COLUMNS } from '../domain/ranking-columns.ts'
import { suggestName } from '../lib/nearest-name.ts'
import type { ImportedModel } from '../ports/ranker.ts'
import { describe, type Inspection, pathOf } from './inspection.ts'
import type { RankerPlan } from './plan.ts'

/** What a ranker's columns are made of. */
export interface KnownColumns {
  readonly generators: readonly string[]
  readonly features: readonly FeatureDefinition[]
}

/** What a column holds; undefined for a feature that no ranker can use. */
type Columns = ReadonlyMap<string, ReturnType<typeof rankableAs>>

/** Nothing of `imported` is trusted but that it is there. */
export function checkImported(
  imported: ImportedModel,
  inspection: Inspection,
  { generators, features }: KnownColumns,
): Required<Pick<RankerPlan, 'path' | 'features' | 'categories'>> {
  const columns: Columns = new Map([
    ...[...generators.flatMap(generatorColumns), ...HISTORY_COLUMNS].map((name) => [name, 'number'] as const),
    ...features.map((definition) => [definition.name, rankableAs(definition)] as const),
  ])
  const path = inspection.text(imported.path, 'training.ranker.path', 'the path of a file')
  const featureNames = checkNames(imported.featureNames, inspection, columns)
  const categories = checkCategories(imported.categories, inspection, { columns, featureNames })
  for (const [i, name] of featureNames.entries()) {
    if (columns.get(name) !== 'text' || Object.hasOwn(categories, name)) continue
    inspection.report(
      `training.ranker.features[${i}]`,
      `the values of "${name}" are texts, and nothing says which numbers the model knows them as.`,
      `Declare them in its order: categories: { ${name}: ["...", "..."] }.`,
    )
  }
  return { path, features: featureNames, categories }
}

function checkNames(value: unknown, inspection: Inspection, columns: Columns): readonly string[] {
  const where = 'training.ranker.features'
  const names = inspection.list(value, where, 'the names of features, in the order in which the model takes them')
  if (Array.isArray(value) && names.length === 0) inspection.report(where, 'found no feature, expected at least one.')
  const usable = [...columns.keys()].filter((name) => columns.get(name) !== undefined)
  names.forEach((name, i) => {
    const at = `${where}[${i}]`
    if (names.indexOf(name) < i) inspection.report(at, `names ${describe(name)} a second time.`, 'Remove it.')
    else if (typeof name === 'string' && columns.has(name) && columns.get(name) === undefined)
      inspection.report(at, `"${name}" is a map, a list or an id, expected a number or a text.`)
    else inspection.reference(name, at, 'input of a ranker', usable)
  })
  return names.filter((name) => typeof name === 'string')
}

function checkCategories(
  value: unknown,
  inspection: Inspection,
  { columns, featureNames }: { readonly columns: Columns; readonly featureNames: readonly string[] },
): Readonly<Record<string, readonly string[]>> {
  const where = 'training.ranker.categories'
  const found = inspection.record(value, where, 'an object that lists the texts of each feature')
  for (const [name, texts] of Object.entries(found)) {
    const at = pathOf(where, name)
    if (!featureNames.includes(name))
      inspection.report(at, `"${name}" is none of the ranker's features.`, suggestName(name, featureNames))
    else if (columns.get(name) === 'number') inspection.report(at, `the values of "${name}" are numbers, not texts.`)
    checkTexts(texts, at, inspection)
  }
  return found as Readonly<Record<string, readonly string[]>>
}

function checkTexts(value: unknown, where: string, inspection: Inspection): void {
  const texts = inspection.list(value, where, 'a list of texts')
  if (Array.isArray(value) && texts.length === 0) inspection.report(where, 'found no text, expected at least one.')
  const seen = new Set<unknown>()
  for (const [i, text] of texts.entries()) {
    if (typeof text !== 'string') inspection.report(`${where}[${i}]`, `found ${describe(text)}, expected a text.`)
    else if (seen.has(text)) inspection.report(`${where}[${i}]`, `names ${describe(text)} a second time.`)
    seen.add(text)
  }
}
