// An item index among the arrays of a model: under one prefix, so that the model's own names stay free.
import type { ItemIndexArtifacts } from '../kernels/item-index-artifacts.ts'
import type { Artifacts } from '../ports/candidate-generator.ts'

const PREFIX = 'index-'

/** The index's arrays, to be stored beside the model's own. */
export function storedIndex(index: ItemIndexArtifacts): Artifacts {
  return Object.fromEntries(Object.entries(index).map(([name, array]) => [`${PREFIX}${name}`, array]))
}

/** The index among a model's arrays. */
export function indexIn(artifacts: Artifacts): ItemIndexArtifacts {
  const own = Object.entries(artifacts).filter(([name]) => name.startsWith(PREFIX))
  return Object.fromEntries(own.map(([name, array]) => [name.slice(PREFIX.length), array])) as ItemIndexArtifacts
}
