// What the system file declares of a model that was trained elsewhere, held against what the model's file says of itself.
import type { Problem } from '../lib/errors.ts'

/** Columns in order, and of those whose values are texts, the texts that are known as 0, 1, … */
export interface ColumnsOfModel {
  readonly featureNames: readonly string[]
  readonly categories: Readonly<Record<string, readonly string[]>>
}

/** What differs, setting by setting; empty where nothing does, and where the file says nothing. */
export function columnProblems(declared: ColumnsOfModel, found: Partial<ColumnsOfModel>): Problem[] {
  const problems = found.featureNames === undefined ? [] : nameProblems(declared.featureNames, found.featureNames)
  // Of columns under other names the categories say nothing.
  if (problems.length > 0) return problems
  return Object.entries(found.categories ?? {}).flatMap(([name, texts]) => {
    const known = declared.categories[name] ?? []
    if (known.length === texts.length && known.every((text, i) => text === texts[i])) return []
    const found = known.length === 0 ? 'none' : textsOf(known)
    return [{ where: `categories.${name}`, message: `found ${found}, expected ${textsOf(texts)}, as in the file.` }]
  })
}

function nameProblems(declared: readonly string[], found: readonly string[]): Problem[] {
  if (declared.length !== found.length) {
    const message = `found ${declared.length}, expected ${found.length}, as in the file: ${found.join(', ')}.`
    return [{ where: 'features', message }]
  }
  return declared.flatMap((name, i) =>
    name === found[i]
      ? []
      : [{ where: `features[${i}]`, message: `found "${name}", expected "${found[i]}", as in the file.` }],
  )
}

const SHOWN_TEXTS = 10

function textsOf(texts: readonly string[]): string {
  const shown = texts.slice(0, SHOWN_TEXTS).map((text) => JSON.stringify(text))
  const rest = texts.length - shown.length
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ')
}
