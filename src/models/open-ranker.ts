// From a bundle to a ranker that scores: its arrays meet the ranker and the features of the system file.
import type { FeatureDefinition } from '../domain/feature.ts'
import { MillraceError, type Problem } from '../lib/errors.ts'
import type { Ranker, RankerKind } from '../ports/ranker.ts'
import type { BundledRanker } from './bundle.ts'

/**
 * @param version for messages
 * @throws MillraceError MODEL_MISMATCH where the system file has another kind of ranker, declares other columns of it, or has not the generators or the features that this one has
 * learned with; what the kind's `open` throws
 */
export async function openRanker(
  version: string,
  ranker: BundledRanker,
  system: {
    readonly ranker?: RankerKind | undefined
    readonly generators: Readonly<Record<string, unknown>>
    readonly features: readonly FeatureDefinition[]
  },
): Promise<Ranker> {
  const problems: Problem[] = []
  if (system.ranker?.kind !== ranker.kind) {
    const found = system.ranker === undefined ? 'no ranker' : system.ranker.kind
    problems.push({
      where: 'training.ranker',
      message: `the model's is ${ranker.kind}, and the system file has ${found}.`,
    })
  }
  const declared = system.ranker?.imported?.featureNames
  if (declared !== undefined && declared.join() !== ranker.featureNames.join()) {
    const message = `the model's columns are ${ranker.featureNames.join(', ')}, and the system file has ${declared.join(', ')}.`
    problems.push({ where: 'training.ranker.features', message })
  }
  for (const name of ranker.generatorNames.filter((generator) => !(generator in system.generators))) {
    const message = 'the model orders its candidates, and the system file does not define it.'
    problems.push({ where: `training.candidates.${name}`, message })
  }
  const versions = new Map(system.features.map((feature) => [feature.name, feature.version]))
  for (const { name, version: learned } of ranker.features) {
    const present = versions.get(name)
    if (present === learned) continue
    const message =
      present === undefined
        ? 'the model has learned with it, and the system file does not define it.'
        : 'the system file defines it otherwise than when the model learned with it.'
    problems.push({ where: `data.features.${name}`, message })
  }
  if (problems.length === 0) return system.ranker!.with(ranker.options).open(ranker.artifacts, ranker.featureNames)
  throw new MillraceError('MODEL_MISMATCH', `The ranker of model ${version} does not fit the system file.`, {
    problems,
    fix: 'Train again with "millrace train".',
  })
}
