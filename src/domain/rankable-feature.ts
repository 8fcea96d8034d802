// What a ranker can make of a feature: rankers compute with numbers.
import type { FeatureDefinition } from './feature.ts'

/**
 * `number`: numbers and truths. `text`: texts, which become categories.
 * @returns undefined for maps, tag lists and ids of entities: they are no numbers and no kinds
 */
export function rankableAs({ formula }: FeatureDefinition): 'number' | 'text' | undefined {
  if (formula.family === 'share') return undefined
  if (formula.family === 'last' && formula.value === undefined) return undefined
  if (formula.family !== 'last' && formula.family !== 'attribute') return 'number'
  if (formula.kind === 'tags') return undefined
  return formula.kind === 'text' ? 'text' : 'number'
}
