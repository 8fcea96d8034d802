// Trains every candidate generator of a system on the same data.
import type { TrainingData } from '../domain/training-data.ts'
import type { Artifacts, GeneratorKind, TrainContext } from '../ports/candidate-generator.ts'

export interface TrainedGenerator {
  readonly kind: string
  readonly options: GeneratorKind['options']
  readonly artifacts: Artifacts
}

/**
 * One after the other, each with all threads. A generator's seed depends on its name only, so adding one does not change the others.
 * @returns by name, in the order of `kinds`
 */
export async function trainGenerators(
  data: TrainingData,
  kinds: Readonly<Record<string, GeneratorKind>>,
  context: TrainContext,
): Promise<Readonly<Record<string, TrainedGenerator>>> {
  const trained: Record<string, TrainedGenerator> = {}
  for (const [name, kind] of Object.entries(kinds)) {
    context.log(`training ${name} (${kind.kind}) on ${data.itemsByUser.columns.length} user-item pairs`)
    const artifacts = await kind.train(data, { ...context, seed: seedFor(context.seed, name) })
    trained[name] = { kind: kind.kind, options: kind.options, artifacts }
  }
  return trained
}

/** A 32-bit mix of the run's seed and the generator's name (FNV-1a). */
function seedFor(seed: number, name: string): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0
  return hash
}
