// Trains every candidate generator of a system on the same data.
import type { TrainingData } from '../domain/training-data.ts'
import { contentHash } from '../lib/canonical-json.ts'
import { dataHash } from '../lib/data-hash.ts'
import { MillraceError } from '../lib/errors.ts'
import type { Artifacts, GeneratorKind, TrainContext } from '../ports/candidate-generator.ts'
import type { Checkpoints } from '../ports/checkpoints.ts'

export interface TrainedGenerator {
  readonly kind: string
  readonly options: GeneratorKind['options']
  readonly artifacts: Artifacts
}

/**
 * One after the other, each with all threads. A generator's seed depends on its name only, so adding one does not change the others.
 * What the checkpoints hold of the same settings, seed and data is not trained again.
 * @returns by name, in the order of `kinds`
 */
export async function trainGenerators(
  data: TrainingData,
  kinds: Readonly<Record<string, GeneratorKind>>,
  { checkpoints, ...context }: TrainContext & { readonly checkpoints?: Checkpoints | undefined },
): Promise<Readonly<Record<string, TrainedGenerator>>> {
  const hashOfData = checkpoints && dataHash(data)
  const trained: Record<string, TrainedGenerator> = {}
  for (const [name, kind] of Object.entries(kinds)) {
    const seed = seedFor(context.seed, name)
    const key = contentHash({ kind: kind.kind, options: kind.options, seed, hashOfData })
    const kept = await checkpoints?.load(name, key)
    context.log(
      kept
        ? `${name} (${kind.kind}) was trained before this run was interrupted`
        : `training ${name} (${kind.kind}) on ${data.itemsByUser.columns.length} user-item pairs`,
    )
    const artifacts = kept ?? (await kind.train(data, { ...context, seed }))
    if (checkpoints && !kept) await keep(checkpoints, { name, key, artifacts }, context.log)
    trained[name] = { kind: kind.kind, options: kind.options, artifacts }
  }
  return trained
}

/** A checkpoint saves time, and the model needs the same room again: where there is none, writing the model will say so. */
async function keep(
  checkpoints: Checkpoints,
  { name, key, artifacts }: { readonly name: string; readonly key: string; readonly artifacts: Artifacts },
  log: TrainContext['log'],
): Promise<void> {
  try {
    await checkpoints.save(name, key, artifacts)
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error
    log(`${name} is trained again if this run is interrupted: ${error.message}`)
  }
}

/** A 32-bit mix of the run's seed and the generator's name (FNV-1a). */
function seedFor(seed: number, name: string): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0
  return hash
}
